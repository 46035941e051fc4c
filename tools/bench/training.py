"""What HEMP adds to a training step, as a ratio, in one run: ``python -m tools.bench.training``.

Blocks of steps with and without HEMP take turns, on random images of the data's shape, and the medians of the blocks'
times are compared, so that a slow moment of the machine meets both.  A refit of the levels is timed by itself and
spread over the steps between two of them.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

import hemp_train
from hemp_train.models.lenet import LeNet5
from hemp_train.models.resnet import ResNet32

BOUND = 0.30
BLOCK = 8  # steps; a multiple of the default interval between two gradients of R
REFIT_EVERY = 500  # the default of HEMP


@dataclass(frozen=True)
class Case:
    name: str
    model: Callable[[], nn.Module]
    shape: tuple[int, int, int]
    batch: int


CASES = (
    Case("LeNet-5", LeNet5, (1, 28, 28), 64),
    Case("LeNet-5", LeNet5, (1, 28, 28), 128),
    Case("ResNet-32", ResNet32, (3, 32, 32), 128),
)
SETTINGS: tuple[tuple[str, dict[str, object]], ...] = (
    ("n = 2", {"order": 2, "objective": "tuples"}),
    ("n = 2, every step", {"order": 2, "objective": "tuples", "every": 1}),
    ("n = 4", {"order": 4, "objective": "tuples"}),
    ("arithmetic", {"order": 2, "coder": "arithmetic"}),
    ("rans", {"order": 1, "coder": "rans"}),
    ("zstd", {"order": 3, "coder": "zstd"}),
)
UNBOUND = ("n = 2, every step", "n = 4")  # for comparison


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.training", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each kind")
    parser.add_argument("--case", default="", metavar="NAME", help="only networks whose name has NAME in it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{'network':10} {'batch':>5} {'setting':18} {'step':>9} {'HEMP':>9} {'overhead':>8}")
    for case in CASES:
        if arguments.case in case.name:
            for line in rows(case, torch.device(arguments.device), arguments.rounds):
                print(line, flush=True)
    return 0


def rows(case: Case, device: torch.device, rounds: int) -> Iterator[str]:
    for name, options in SETTINGS:
        plain, with_hemp = measure(case, device, rounds, options)
        overhead = with_hemp / plain - 1
        verdict = "" if name in UNBOUND else ("  within 30 %" if overhead <= BOUND else "  ABOVE 30 %")
        yield (
            f"{case.name:10} {case.batch:5} {name:18} {plain * 1e3:6.1f} ms {with_hemp * 1e3:6.1f} ms "
            f"{overhead:8.1%}{verdict}"
        )


def measure(case: Case, device: torch.device, rounds: int, options: dict[str, object]) -> tuple[float, float]:
    """Seconds of a step without and with HEMP."""
    torch.manual_seed(0)
    model = case.model().to(device)
    images = torch.randn(case.batch, *case.shape, device=device)
    labels = torch.randint(10, (case.batch,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    hemp = hemp_train.HEMP(model, refit_every=0, **options)  # type: ignore[arg-type]

    def block(with_hemp: bool) -> float:
        start = _now(device)
        for _ in range(BLOCK):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            if with_hemp:
                hemp.step()
            optimizer.step()
        return (_now(device) - start) / BLOCK

    block(True)
    times = [(block(False), block(True)) for _ in range(rounds)]
    start = _now(device)
    hemp.refit()
    refit = (_now(device) - start) / REFIT_EVERY
    return statistics.median(plain for plain, _ in times), statistics.median(both for _, both in times) + refit


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    sys.exit(main())

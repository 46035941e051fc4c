"""The same training in one process, or in each of several: ``torchrun ... parallel.py FOLDER``.

All processes see the same images, so that the mean of their gradients is the gradient of one, to the last bit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))  # torchrun runs this file by its path

from hemp_train import HEMP, LOBSTER, sharding
from tests.train.support import loss_of, network

WRAPPERS = ("ddp", "fsdp")
CASES: dict[str, dict[str, Any]] = {
    "tuples": {"order": 2, "objective": "tuples"},
    "tuples across shards": {"order": 7, "objective": "tuples", "scan": "columns"},
    "sparse": {"order": 4, "objective": "tuples", "levels": 16},
    "contexts": {"coder": "arithmetic"},
    "chords of contexts": {"coder": "arithmetic", "slope": "chord", "order": 1},
    "chords of tuples": {"coder": "lzma", "slope": "chord"},
    "single indices": {"coder": "stored", "reconstruction": "network"},
}


def run(case: str, wrapper: str, folder: Path) -> dict[str, Any]:
    """Train, prune and finish for a few steps; what was measured on the way."""
    model = network()
    wrapped = wrap(model, wrapper)
    prune = LOBSTER(tolerance=0.05)
    hemp = HEMP(wrapped, prune=prune, every=2, refit_every=4, **{"levels": 6, **CASES[case]})
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.05, momentum=0.9)
    results: dict[str, Any] = {"reports": [hemp.report()]}
    for step in range(9):
        optimizer.zero_grad()
        loss_of(wrapped).backward()
        hemp.step()
        if step in (0, 5):
            results[f"gradients {step}"] = [whole(layer.parameter.grad) for layer in hemp.layers]
        optimizer.step()
        hemp.apply()
        if step == 6:
            with torch.no_grad():
                results["threshold"] = prune.threshold(lambda: loss_of(wrapped).item())
            results["density"] = prune.density()
    with hemp.quantized_weights(), torch.no_grad():
        results["quantized loss"] = loss_of(wrapped).item()
    with torch.no_grad():
        results["loss"] = loss_of(wrapped).item()
    results["state"] = {name: whole(part) for name, part in hemp.state_dict()["gradients"].items()}
    results["reports"].append(hemp.report())
    finishing = hemp.finish()
    optimizer = torch.optim.SGD(finishing.parameters(), lr=0.01)
    for _ in range(2):
        finishing.zero_grad()
        loss_of(wrapped).backward()
        finishing.step()
        optimizer.step()
        finishing.apply()
    hemp.save(folder / f"{case}.hemp")
    return results


def wrap(model: nn.Module, wrapper: str) -> nn.Module:
    if wrapper == "ddp":
        return nn.parallel.DistributedDataParallel(model)
    if wrapper == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    return model


def whole(tensor: torch.Tensor | None) -> torch.Tensor:
    assert tensor is not None
    return sharding.full(tensor).clone()


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for wrapper in WRAPPERS:
        results = {case: run(case, wrapper, folder / wrapper) for case in CASES}
        torch.save(results, folder / wrapper / f"results-{dist.get_rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

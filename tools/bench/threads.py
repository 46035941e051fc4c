"""One thread against two: ``python -m tools.bench.threads [--megabytes N] [--rounds N]``.

Encodes and decodes a synthetic checkpoint with one thread and with two in turn, round after round, and states the
median of the ratios and the best.  Each pair waits a while for a quiet machine (on Linux).  Where it does other work as
well, two threads cannot get two cores; the processor's time by the clock's, also stated, says how far that was so.

First comes the same for the mere copying of all tensors into memory that is new: what the machine itself gains by a
second thread, where the making of pages and the way to memory are what takes time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import hemp_codec
from hemp_codec import _native, checkpoints
from tools.bench import synthetic

_KINDS = (
    ("lossless", "arithmetic"),
    ("lossless", "rans"),
    ("lossless", "stored"),
    ("lloyd-max:16", "arithmetic"),
    ("lloyd-max:16", "rans"),
    ("uniform:16", "arithmetic"),
)
_COUNTS = (1, 2)
_WAITS, _MOMENT, _QUIET = 60, 0.5, 0.9


@dataclass(frozen=True)
class Took:
    """Seconds of the clock and of the processor."""

    clock: float
    processor: float


def timed(call: Callable[[], object]) -> Took:
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return Took(time.perf_counter() - clock, time.process_time() - processor)


def wait_for_quiet() -> None:
    """Wait until the machine has been idle for a moment, but not for long."""
    for _ in range(_WAITS):
        before = _idle_seconds()
        time.sleep(_MOMENT)
        if before is None or _idle_seconds() - before > _QUIET * _MOMENT * (os.cpu_count() or 1):
            return


def _idle_seconds() -> float | None:
    """Of all processors since the start of the system."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    return int(fields[4]) / os.sysconf("SC_CLK_TCK")


def compare(what: str, call: Callable[[int], object], rounds: int, nbytes: int) -> None:
    """Print one line for ``call(threads)``."""
    pairs = []
    for _ in range(rounds):
        wait_for_quiet()
        pairs.append([timed(lambda count=count: call(count)) for count in _COUNTS])
    ratios = [one.clock / two.clock for one, two in pairs]
    speeds = [nbytes / 1e6 / median(pair[i].clock for pair in pairs) for i in range(len(_COUNTS))]
    shares = [median(pair[i].processor / pair[i].clock for pair in pairs) for i in range(len(_COUNTS))]
    print(
        f"{what:38} {speeds[0]:7.0f} {speeds[1]:7.0f} MB/s   x {median(ratios):.2f}, at best {max(ratios):.2f}"
        f"   cores in use {shares[0]:.2f} {shares[1]:.2f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.threads", description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        synthetic.write(path, arguments.megabytes * 1_000_000)
        tensors = dict(checkpoints.load(path).tensors)
        nbytes = sum(array.nbytes for array in tensors.values())
        pieces: list[_native.Data] = [array.reshape(-1).view("uint8") for array in tensors.values()]
        compare("copy", lambda n: _native.join(pieces, n), arguments.rounds, nbytes)
        for quantizer, coder in _KINDS:
            blobs = [hemp_codec.encode(tensors, quantizer=quantizer, coder=coder, threads=n) for n in _COUNTS]
            if blobs[0] != blobs[1]:
                raise SystemExit(f"{quantizer} {coder}: one thread and two give different bytes")
            compare(
                f"encode {quantizer} {coder}",
                lambda n, q=quantizer, c=coder: hemp_codec.encode(tensors, quantizer=q, coder=c, threads=n),
                arguments.rounds,
                nbytes,
            )
            compare(
                f"decode {quantizer} {coder}",
                lambda n, blob=blobs[0]: hemp_codec.decode(blob, threads=n),
                arguments.rounds,
                nbytes,
            )


if __name__ == "__main__":
    main()

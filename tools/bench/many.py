"""Many small tensors: ``python -m tools.bench.many [--tensors N]``.

States the best of several rounds of: opening the file and listing its names; loading it; reading every tensor with one
call through one open file, in order and shuffled; and reading a tensor through a file opened for it alone, from a
sample, times the number of tensors.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import hemp_codec

_SAMPLE = 100


def model(count: int) -> dict[str, np.ndarray]:
    """``count`` tensors of 8 to 400 elements of float32, with names like those of checkpoints."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(8, 400, count)
    return {
        f"model.layers.{number // 100}.block.{number % 100}.weight": rng.standard_normal(size, np.float32)
        for number, size in enumerate(sizes)
    }


def best(call: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of the quickest of ``rounds`` calls."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def read(path: Path, names: list[str]) -> None:
    """Each of ``names`` by one call, through one open file."""
    with hemp_codec.safe_open(path) as file:
        for name in names:
            file.get_tensor(name)


def read_alone(path: Path, names: list[str]) -> None:
    """Each of ``names`` through a file opened for it."""
    for name in names:
        read(path, [name])


def names_of(path: Path) -> list[str]:
    with hemp_codec.safe_open(path) as file:
        return file.keys()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.many", description=__doc__.splitlines()[0])
    parser.add_argument("--tensors", type=int, default=30_000)
    parser.add_argument("--coder", default="arithmetic")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.hemp"
        hemp_codec.save_file(model(arguments.tensors), path, coder=arguments.coder)
        names = names_of(path)
        shuffled = [str(name) for name in np.random.default_rng(1).permutation(names)]
        print(f"{len(names)} tensors, {path.stat().st_size} bytes, coder {arguments.coder}")
        print(f"open and keys()                   {1e3 * best(lambda: names_of(path)):9.1f} ms")
        for threads in (1, 2):
            seconds = best(lambda n=threads: hemp_codec.load_file(path, threads=n))
            print(f"load_file, threads: {threads}             {1e3 * seconds:9.1f} ms")
        print(f"get_tensor of each, in order      {1e3 * best(lambda: read(path, names), 2):9.1f} ms")
        few = shuffled[:_SAMPLE]
        scale = 1e3 * len(names) / len(few)
        print(f"get_tensor of each, shuffled      {scale * best(lambda: read(path, few), 2):9.1f} ms (from {len(few)})")
        alone = scale * best(lambda: read_alone(path, few), 2)
        print(f"a file opened for each            {alone:9.1f} ms (from {len(few)})")


if __name__ == "__main__":
    main()

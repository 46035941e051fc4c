"""The first load of a process: ``python -m tools.bench.first_load [--rounds N] [--threads 1 2]``.

Decodes each checkpoint of the part `lossless` once in a new process, which has yet to get all its memory from the
system, with HEMP and with ZipNN in turn, and states the median times and the ratio.  The bytes are in memory, the
modules imported, and a few numbers decoded before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

from tools.bench import datasets
from tools.bench.codecs import FloatCodec, hemp_lossless, zipnn_codec
from tools.bench.measure import pinned


def codecs(threads: int, dtype: str) -> list[FloatCodec]:
    """HEMP with rANS, and ZipNN if it is installed."""
    found = [hemp_lossless(threads, "rans"), zipnn_codec(threads, dtype)]
    return [codec for codec in found if codec is not None]


def seconds(number: int, threads: int, dtype: str, path: Path) -> float:
    """Of decoding the file at ``path`` with the codec of this number; to be called in a new process."""
    codec = codecs(threads, dtype)[number]
    few = datasets.cast({"few": np.ones(8, np.float32)}, dtype)
    codec.decode(codec.encode(codec.prepare(few)))
    payload = path.read_bytes()
    start = time.perf_counter()
    decoded = codec.decode(payload)
    took = time.perf_counter() - start
    del decoded
    return took


def medians(tensors: Mapping[str, np.ndarray], threads: int, dtype: str, rounds: int) -> list[float]:
    """Seconds for each codec, which take turns."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, pinned(threads):
        found = codecs(threads, dtype)
        paths = [Path(folder) / str(number) for number in range(len(found))]
        for path, codec in zip(paths, found, strict=True):
            path.write_bytes(codec.encode(codec.prepare(tensors)))
        times: list[list[float]] = [[] for _ in found]
        for _ in range(rounds):
            for number, path in enumerate(paths):
                with ProcessPoolExecutor(1, mp_context=context) as pool:
                    times[number].append(pool.submit(seconds, number, threads, dtype, path).result())
    return [median(row) for row in times]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.first_load", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args(arguments)
    for source in datasets.SOURCES:
        path = source.find()
        if path is None:
            print(f"{source.name}: left out, {source.package} is not installed")
            continue
        for dtype in source.dtypes:
            tensors = datasets.cast(datasets.load(path), dtype)
            for threads in options.threads:
                took = medians(tensors, threads, dtype, options.rounds)
                peer = f"   ZipNN {took[1] * 1e3:6.1f} ms   x {took[1] / took[0]:.2f}" if len(took) > 1 else ""
                print(f"{source.name:20} {dtype:9} x{threads}   HEMP {took[0] * 1e3:6.1f} ms{peer}", flush=True)


if __name__ == "__main__":
    main()

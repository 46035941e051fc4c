"""``hemp bench``: size and speed of every coder on a checkpoint."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hemp_codec import coders, dtypes, quantizers
from hemp_codec.checkpoints import Checkpoint
from hemp_codec.cli import options, text
from hemp_codec.cli.failures import DONE, Failure, concerning
from hemp_codec.cli.files import open_checkpoint
from hemp_codec.coders.base import Coder

_DEFAULTS = ("lossless", "lloyd-max:4", "lloyd-max:16", "lloyd-max:256")
_HEADER = ("quantizer", "coder", "bytes", "of original", "bits/weight", "of H0", "encode", "decode", "encode", "decode")
_UNITS = ("", "", "", "", "", "", "M indices/s", "M indices/s", "MB/s", "MB/s")


@dataclass(frozen=True)
class Sequence:
    """The indices of one tensor, or of one plane of it."""

    indices: np.ndarray
    num_levels: int


@dataclass(frozen=True)
class Result:
    """One coder on the indices of one quantizer.

    Attributes:
        quantizer: as ``lloyd-max:16``.
        coder: its name.
        weights: tensor elements that were coded.
        indices: indices that were coded; for lossless, one for each byte of an element.
        original_size: bytes of the tensors.
        coded_size: bytes of all payloads, without levels and directory.
        entropy_size: zero-order entropy H0 of the indices, each tensor (and plane) by itself, in bytes.
        encode_seconds: on one thread.
        decode_seconds: on one thread.
    """

    quantizer: str
    coder: str
    weights: int
    indices: int
    original_size: int
    coded_size: int
    entropy_size: float
    encode_seconds: float
    decode_seconds: float


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "bench",
        help="size and speed of every coder on a checkpoint",
        description="Code the indices of each tensor of a checkpoint by themselves with every coder, on one thread, "
        "and decode them again. Sizes are those of the coded indices, without levels and names. H0 is the zero-order "
        "entropy: what a coder without contexts can reach at best. MB/s are of the original tensors.",
        epilog=f"Without --quantizer: {', '.join(_DEFAULTS)}. A lossy quantizer is run on floating-point tensors of "
        "rank 2 and more, lossless on all.",
    )
    parser.add_argument("input", type=Path, metavar="IN")
    options.add_quantizer(parser)
    parser.add_argument("--coder", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    specs = _specs(arguments.quantizer, arguments.levels)
    chosen = [coders.get(options.coder(name)) for name in arguments.coder or coders.names()]
    checkpoint = open_checkpoint(arguments.input)
    results: list[Result] = []
    with concerning(arguments.input):
        for spec in specs:
            results += measure_all(checkpoint, spec, chosen)
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        print(text.table(_HEADER, [_UNITS, *map(_row, results)], left=2))
    return DONE


def _specs(quantizer: str | None, levels: int | None) -> tuple[str, ...]:
    if quantizer is None and levels is None:
        return _DEFAULTS
    return (options.quantizer_spec(quantizer, levels, default=options.LOSSY[0]),)


def measure_all(checkpoint: Checkpoint, spec: str, chosen: list[Coder]) -> Iterator[Result]:
    """A result for each coder.  The tensors are quantized once."""
    names = [name for name, array in checkpoint.tensors.items() if _applies(spec, array)]
    sequences = {name: _sequences(spec, checkpoint.tensors[name]) for name in names}
    weights = sum(checkpoint.tensors[name].size for name in names)
    original = sum(checkpoint.tensors[name].nbytes for name in names)
    flat = [sequence for group in sequences.values() for sequence in group]
    entropy = sum(map(entropy_size, flat))
    for coder in chosen:
        size, encoding, decoding = _measure(coder, flat)
        indices = sum(sequence.indices.size for sequence in flat)
        yield Result(spec, coder.name, weights, indices, original, size, entropy, encoding, decoding)


def _applies(spec: str, array: np.ndarray) -> bool:
    if not array.size:
        return False
    return spec == options.LOSSLESS or (array.ndim >= 2 and dtypes.of(array).quantizable)


def _sequences(spec: str, array: np.ndarray) -> list[Sequence]:
    """The indices that the quantizer makes of ``array``, one plane after the other."""
    indices, params = quantizers.get(spec).quantize(array)
    if spec == options.LOSSLESS:
        levels = dtypes.of(array).plane_levels
        return [Sequence(np.asarray(plane).reshape(array.shape), levels) for plane in indices]
    return [Sequence(indices, len(params.levels))]


def entropy_size(sequence: Sequence) -> float:
    """Zero-order entropy of the indices, in bytes."""
    counts = np.bincount(sequence.indices.reshape(-1))
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / counts.sum())).sum() / 8)


def _measure(coder: Coder, sequences: list[Sequence]) -> tuple[int, float, float]:
    """Bytes, seconds of encoding, seconds of decoding; what is decoded is compared."""
    size, encoding, decoding = 0, 0.0, 0.0
    for sequence in sequences:
        start = time.perf_counter()
        payload = coder.encode(sequence.indices, sequence.num_levels)
        encoded = time.perf_counter()
        decoded = coder.decode(payload, sequence.indices.shape, sequence.num_levels)
        decoding += time.perf_counter() - encoded
        encoding += encoded - start
        size += len(payload)
        if not np.array_equal(decoded, sequence.indices):
            raise Failure(f"coder {coder.name!r} does not give back what it was given: report it to its author")
    return size, encoding, decoding


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.quantizer,
        result.coder,
        f"{result.coded_size:,}",
        _share(result.coded_size, result.original_size),
        f"{8 * result.coded_size / result.weights:.4f}" if result.weights else "-",
        _share(result.coded_size, result.entropy_size),
        _rate(result.indices, result.encode_seconds),
        _rate(result.indices, result.decode_seconds),
        _rate(result.original_size, result.encode_seconds),
        _rate(result.original_size, result.decode_seconds),
    )


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def _rate(count: Any, seconds: float) -> str:
    """Millions a second."""
    return f"{count / seconds / 1e6:,.1f}" if seconds else "-"

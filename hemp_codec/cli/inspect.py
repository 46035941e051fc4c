"""``hemp inspect``: what is in a ``.hemp`` file."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import hemp_codec
from hemp_codec import dtypes
from hemp_codec.cli import text
from hemp_codec.cli.failures import DONE, concerning

_HEADER = ("tensor", "dtype", "shape", "quantizer", "levels", "coder", "bits/weight", "share")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "inspect",
        help="a table of what is in a .hemp file",
        description="List the tensors of a .hemp file. Only the front of the file is read; to check all of it, see "
        "hemp validate.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.hemp")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    with concerning(arguments.file), hemp_codec.safe_open(arguments.file) as file:
        content = describe(file)
    print(json.dumps(content, indent=2) if arguments.json else report(arguments.file, content))
    return DONE


def describe(file: Any) -> dict[str, Any]:
    """What the file says of itself, as plain data; sizes in bytes."""
    tensors = [_tensor(file.get_info(name)) for name in file.keys()]  # noqa: SIM118 - a reader is no mapping
    original = sum(tensor["original_size"] for tensor in tensors)
    weights = sum(math.prod(tensor["shape"]) for tensor in tensors)
    return {
        "file_size": file.file_size,
        "original_size": original,
        "ratio": original / file.file_size,
        "weights": weights,
        "bits_per_weight": 8 * file.file_size / weights if weights else None,
        "source_sha256": file.source_hash.hex() if file.source_hash else None,
        "metadata": dict(file.metadata()),
        "tensors": tensors,
    }


def _tensor(info: Any) -> dict[str, Any]:
    elements = math.prod(info.shape)
    return {
        "name": info.name,
        "dtype": info.dtype,
        "shape": list(info.shape),
        "quantizer": info.quantizer,
        "num_levels": info.num_levels,
        "coder": info.coder,
        "coded_size": info.coded_size,
        "bits_per_weight": info.bits_per_weight if elements else None,
        "segments": info.segments,
        "tied_to": info.tied_to,
        "original_size": elements * dtypes.BY_NAME[info.dtype].size,
    }


def report(path: Path, content: dict[str, Any]) -> str:
    """The table, totals and metadata, for a person."""
    size = content["file_size"]
    rows = [_row(tensor, size) for tensor in content["tensors"]]
    lines = [text.table(_HEADER, rows, left=2), "", _totals(path, content)]
    if content["source_sha256"]:
        lines.append(f"made from a file with SHA-256 {content['source_sha256']}")
    if content["metadata"]:
        pairs = content["metadata"].items()
        lines += ["metadata:", *(f"  {text.escape(key)}: {text.escape(value)}" for key, value in pairs)]
    return "\n".join(lines)


def _row(tensor: dict[str, Any], file_size: int) -> tuple[str, ...]:
    tied, bits = tensor["tied_to"], tensor["bits_per_weight"]
    return (
        text.escape(tensor["name"]),
        tensor["dtype"],
        text.shape(tensor["shape"]),
        tensor["quantizer"] if tied is None else f"as {text.escape(tied)}",
        str(tensor["num_levels"]) if tensor["quantizer"] in ("codebook", "uniform") else "-",
        tensor["coder"] or "-",
        "-" if bits is None or tied is not None else f"{bits:.3f}",
        f"{tensor['coded_size'] / file_size:.1%}",
    )


def _totals(path: Path, content: dict[str, Any]) -> str:
    count, weights, bits = len(content["tensors"]), content["weights"], content["bits_per_weight"]
    return (
        f"{text.escape(str(path))}: {count:,} tensor{'s' * (count != 1)}, {weights:,} weights, "
        f"{text.size(content['original_size'])} -> {text.size(content['file_size'])}, "
        f"{text.ratio(content['original_size'], content['file_size'])} smaller"
        + (f", {bits:.3f} bits/weight" if bits is not None else "")
    )

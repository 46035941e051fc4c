"""``hemp decompress``: a ``.hemp`` file to a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

import hemp_codec
from hemp_codec import checkpoints
from hemp_codec.cli import options, text
from hemp_codec.cli.failures import DONE, check_output, concerning, usage
from hemp_codec.cli.files import note
from hemp_codec.cli.progress import progress


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    endings = " ".join(checkpoints.writable())
    parser = commands.add_parser(
        "decompress",
        help="a .hemp file to a checkpoint",
        description=f"Restore a checkpoint from a .hemp file; the ending of OUT chooses the format: {endings}",
    )
    parser.add_argument("input", type=Path, metavar="IN.hemp")
    parser.add_argument("output", type=Path, metavar="OUT", help=endings)
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    source, target = arguments.input, arguments.output
    if target.suffix not in checkpoints.writable():
        raise usage(f"{str(target)!r}: unknown ending: use one of {' '.join(checkpoints.writable())}")
    with concerning(source), hemp_codec.safe_open(source) as file:
        check_output(target)
        with concerning(source, output=target), progress("decompressing") as report:
            checkpoints.convert(file, target, threads=arguments.threads, progress=report)
        count, metadata = len(file.keys()), file.metadata()
    if metadata and not checkpoints.holds_metadata(target):
        note(target, f"{target.suffix} has no place for metadata, which was left out; .safetensors has")
    with concerning(target):
        before, after = source.stat().st_size, target.stat().st_size
    print(f"{text.escape(str(target))}: {text.size(before)} -> {text.size(after)}, {count} tensors")
    return DONE

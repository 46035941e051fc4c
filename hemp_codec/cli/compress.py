"""``hemp compress``: a checkpoint to a ``.hemp`` file."""

from __future__ import annotations

import argparse
from pathlib import Path

import hemp_codec
from hemp_codec import checkpoints
from hemp_codec.cli import options, text
from hemp_codec.cli.failures import DONE, check_output, concerning, usage
from hemp_codec.cli.files import checkpoint_size, open_checkpoint
from hemp_codec.cli.progress import progress

ENDING = ".hemp"
_SMALL = 1 << 22  # bytes of a checkpoint up to which nobody waits for any coder


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "compress",
        help="a checkpoint to a .hemp file; lossless unless a quantizer is named",
        description="Compress a checkpoint into a .hemp file. Without options nothing is lost.",
        epilog="A lossy quantizer applies to floating-point tensors of rank 2 and more; all others stay lossless "
        "unless a rule says otherwise. The first rule that matches a name wins.",
    )
    parser.add_argument("input", type=Path, metavar="IN", help=f"{' '.join(checkpoints.readable())}")
    parser.add_argument("output", type=Path, metavar="OUT.hemp")
    options.add_quantizer(parser)
    parser.add_argument(
        "--coder",
        metavar="NAME",
        help="arithmetic (default with a quantizer, and below 4 MiB), rans (default else), arithmetic-max, "
        "arithmetic-plain, zstd, lzma, stored, or a plug-in",
    )
    parser.add_argument(
        "--rule", action="append", default=[], metavar="GLOB=quantizer[:levels][@coder]", help="may be repeated"
    )
    options.add_segment_bits(parser)
    options.add_threads(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    quantizer = options.quantizer_spec(arguments.quantizer, arguments.levels)
    rules = [options.rule(text) for text in arguments.rule]
    source, target = arguments.input, arguments.output
    if target.suffix != ENDING:
        raise usage(f"{str(target)!r} does not end in {ENDING}: name the output OUT{ENDING}")
    checkpoint = open_checkpoint(source)
    if arguments.coder:
        coder = options.coder(arguments.coder)
    else:
        coder, rules = _default_coders(quantizer, rules, checkpoint_size(source))
    options.check_rules(rules, checkpoint.tensors)
    check_output(target)
    with concerning(source, output=target), progress("compressing") as report:
        hemp_codec.save_file(
            checkpoint.tensors,
            target,
            quantizer=quantizer,
            coder=coder,
            rules=rules,
            metadata=checkpoint.metadata,
            source_sha256=checkpoint.source_sha256,
            threads=arguments.threads,
            segment_bits=arguments.segment_bits,
            progress=report,
        )
    with concerning(target):
        before, after = checkpoint_size(source), target.stat().st_size
    print(f"{text.escape(str(target))}: {text.size(before)} -> {text.size(after)}, {text.ratio(before, after)} smaller")
    return DONE


def _default_coders(quantizer: str, rules: list[tuple[str, str]], size: int) -> tuple[str, list[tuple[str, str]]]:
    """The coder where none is named, and the rules, of which lossy ones name theirs.

    The planes of large lossless tensors get about as small with `rans` as with `arithmetic`, many times quicker; the
    indices of quantized ones, and whatever is small, do not.
    """
    if quantizer != options.LOSSLESS or size <= _SMALL:
        return "arithmetic", rules
    return "rans", [(pattern, _with_coder(choice)) for pattern, choice in rules]


def _with_coder(choice: str) -> str:
    return choice if "@" in choice or choice == options.LOSSLESS else f"{choice}@arithmetic"

"""Options of commands, many of them shared: quantizer, levels, coder, rules, segments, threads."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterable

from hemp_codec import _front, coders
from hemp_codec.cli.failures import usage
from hemp_codec.cli.text import escape
from hemp_codec.writer import SEGMENT_BITS

LOSSLESS = "lossless"
LOSSY = ("lloyd-max", "uniform")
QUANTIZERS = (LOSSLESS, *LOSSY)
MAX_LEVELS = 65536


def add_quantizer(parser: argparse.ArgumentParser) -> None:
    """``--quantizer`` and ``--levels``."""
    parser.add_argument("--quantizer", choices=QUANTIZERS, metavar="|".join(QUANTIZERS))
    parser.add_argument("--levels", type=levels, metavar="N", help=f"reconstruction levels, 1 to {MAX_LEVELS}")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--threads``."""
    parser.add_argument("--threads", type=_positive, metavar="N", help="threads to use (default: one for each core)")


def add_segment_bits(parser: argparse.ArgumentParser) -> None:
    """``--segment-bits``."""
    parser.add_argument(
        "--segment-bits",
        type=_segment_bits,
        default=SEGMENT_BITS,
        metavar="N",
        help=f"elements that can be decoded alone are 2^N, N being 10, 12 ... 24 (default: {SEGMENT_BITS}); a small N "
        "is for devices of little memory, and costs some bytes for each segment",
    )


def _segment_bits(text: str) -> int:
    if text not in map(str, _front.SEGMENT_BITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not an even number from 10 to 24")
    return int(text)


def levels(text: str) -> int:
    """A number of levels."""
    number = _positive(text)
    if number > MAX_LEVELS:
        raise argparse.ArgumentTypeError(f"{text} is more than {MAX_LEVELS}")
    return number


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def quantizer_spec(name: str | None, number_of_levels: int | None, default: str = LOSSLESS) -> str:
    """``lloyd-max:16`` and the like, from ``--quantizer`` and ``--levels``."""
    chosen = name or default
    if number_of_levels is None:
        return chosen
    if chosen == LOSSLESS:
        raise usage(f"--levels has no effect on {LOSSLESS}: add --quantizer {' or '.join(LOSSY)}, or leave it out")
    return f"{chosen}:{number_of_levels}"


def coder(name: str) -> str:
    """The name of a coder that is installed."""
    if name not in coders.names():
        raise usage(f"unknown coder {name!r}: use one of {', '.join(coders.names())}")
    return name


def rule(text: str) -> tuple[str, str]:
    """Pattern and ``quantizer[:levels][@coder]`` of a ``--rule``."""
    # A name may hold "=", what follows may not.
    pattern, separator, choice = text.rpartition("=")
    if not separator or not pattern:
        raise usage(f"--rule {text!r} is not GLOB=quantizer[:levels][@coder]: write e.g. '*.weight=lloyd-max:16'")
    quantizer, at, coder_name = choice.partition("@")
    name, colon, number = quantizer.partition(":")
    if name not in QUANTIZERS:
        raise usage(f"--rule {text!r}: unknown quantizer {name!r}: use one of {', '.join(QUANTIZERS)}")
    if colon:
        try:
            quantizer_spec(name, levels(number))
        except argparse.ArgumentTypeError as error:
            raise usage(f"--rule {text!r}: {error}") from None
    if at:
        coder(coder_name)
    return pattern, choice


def check_rules(rules: Iterable[tuple[str, str]], names: Iterable[str]) -> None:
    """Refuse a rule that would have no effect: no name matches it, or earlier rules match them all."""
    open_names = list(names)
    for pattern, choice in rules:
        left = [name for name in open_names if not fnmatch.fnmatchcase(name, pattern)]
        if len(left) == len(open_names):
            raise usage(f"--rule '{escape(pattern)}={choice}' applies to no tensor: change the pattern or the order")
        open_names = left

"""Text for people: sizes, numbers, tables; text from strangers made harmless."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

# Control and format characters (which reorder text), surrogates, private use, unassigned, line and paragraph ends.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def escape(text: str) -> str:
    """``text`` with every character that could change the terminal, or cannot be shown, as a Python escape."""
    return "".join(_escape_one(char) for char in text)


def _escape_one(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) not in _UNPRINTABLE:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def size(count: int) -> str:
    """A number of bytes, in bytes up to 9,999, then in decimal units: ``12.3 MB``."""
    if count < 10_000:
        return f"{count:,} B"
    value, unit = count / 1000, 0
    while value >= 999.5 and unit + 1 < len(_UNITS):
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def shape(dimensions: Sequence[int]) -> str:
    """``64x3x7x7``; ``scalar`` for rank 0."""
    return "x".join(map(str, dimensions)) if dimensions else "scalar"


def ratio(before: int, after: int) -> str:
    """How many times smaller: ``12.3x``."""
    return f"{before / after:.2f}x" if after else "-"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns as wide as their widest cell; the first ``left`` of them to the left, the others to the right."""
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )

"""Results as rows, a table for people, and the reviewed CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.bench.measure import Timing

HEADER = ("data", "codec", "bytes", "of base", "of peer", "encode", "decode", "encode", "decode")
UNITS = ("", "", "", "", "", "M/s", "M/s", "x peer", "x peer")
CSV_FIELDS = ("data", "codec", "bytes", "of_base", "of_peer", "encode_x_peer", "decode_x_peer")


@dataclass(frozen=True)
class Row:
    """One codec on one data set.

    Attributes:
        data: name of the data set.
        codec: name of the codec.
        bytes: coded size.
        of_base: ``bytes`` as a fraction of the base: the zero-order entropy of indices, the original size of floats.
        of_peer: ``bytes`` as a fraction of the peer's; None without the peer.
        encode_rate: millions of indices, or MB, a second.
        decode_rate: likewise.
        encode_x_peer: speed as a multiple of the peer's.
        decode_x_peer: likewise.
    """

    data: str
    codec: str
    bytes: int
    of_base: float
    of_peer: float | None = None
    encode_rate: float | None = None
    decode_rate: float | None = None
    encode_x_peer: float | None = None
    decode_x_peer: float | None = None


def timed_rows(data: str, timings: Sequence[Timing], units: int, base: float, peer: str) -> list[Row]:
    """Rows of codecs that were timed on ``units`` indices or bytes."""
    reference = next((timing for timing in timings if timing.codec == peer), None)
    return [_timed_row(data, timing, units, base, reference) for timing in timings]


def _timed_row(data: str, timing: Timing, units: int, base: float, peer: Timing | None) -> Row:
    return Row(
        data,
        timing.codec,
        timing.size,
        timing.size / base,
        timing.size / peer.size if peer else None,
        units / timing.encode_seconds / 1e6,
        units / timing.decode_seconds / 1e6,
        peer.encode_seconds / timing.encode_seconds if peer else None,
        peer.decode_seconds / timing.decode_seconds if peer else None,
    )


def text(rows: Sequence[Row]) -> str:
    """Columns as wide as their widest cell, an empty line between data sets."""
    cells = [HEADER, UNITS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines: list[str] = []
    for number, cell in enumerate(cells):
        if number > 1 and cell[0] != cells[number - 1][0]:
            lines.append("")
        pairs = zip(cell, widths, strict=True)
        lines.append("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(pairs)).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.data,
        row.codec,
        f"{row.bytes:,}",
        f"{row.of_base:.4f}",
        _number(row.of_peer, 4),
        _number(row.encode_rate, 1),
        _number(row.decode_rate, 1),
        _number(row.encode_x_peer, 2),
        _number(row.decode_x_peer, 2),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Sizes and ratios only: they are to be compared between machines."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_FIELDS)
        for row in rows:
            values = asdict(row)
            writer.writerow(_rounded(field, values[field]) for field in CSV_FIELDS)


def _rounded(field: str, value: object) -> object:
    if not isinstance(value, float):
        return "" if value is None else value
    return f"{value:.4f}" if field.startswith("of_") else f"{value:.2g}"

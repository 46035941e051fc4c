"""Section 11 of format.md: one complete file, byte by byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hemp_spec import layout
from hemp_spec.fields import Window
from hemp_spec.reference import outline
from spec.vectors.accepted import Vector, vector
from spec.vectors.encoders import Coder, rans_block, rans_frequencies
from spec.vectors.files import codebook, lossless, metadata_chunk, spans

BEGIN = "<!-- generated: begin -->\n"
END = "<!-- generated: end -->\n"
SYMBOLS = [1, 0, 1, 2, 1, 1, 1, 0, 1, 1, 2, 1, 2, 1, 1, 0, 1, 1, 1, 2]
LEVELS = [0xBF00, 0x0000, 0x3E80]  # bfloat16: -0.5, 0, 0.25
BIAS = bytes.fromhex("0000 803f 0000 80bf")  # float32: 1, -1
_COLUMN = 25


class Line(NamedTuple):
    """Some bytes of the file and what they mean."""

    offset: int
    data: bytes
    meaning: str


def complete() -> Vector:
    """The file."""
    plans = [
        codebook("w", "float32", [4, 5], SYMBOLS, LEVELS, _rans(), level_type="bfloat16"),
        lossless("b", "float32", [2], BIAS),
    ]
    return vector("complete", "the file of format.md, section 11", plans, chunks=[metadata_chunk({"by": "hand"})])


def _rans() -> Coder:
    return Coder(4, lambda indices, parts: rans_block(list(indices[0]), parts[0].num_levels, 0))


def section() -> str:
    """The generated text, markers included."""
    lines = "\n".join(_format(complete().data))
    return f"{BEGIN}\n```text\n{lines}\n```\n\n{_states()}\n{END}"


def replace_section(text: str) -> str:
    """format.md with the generated text brought up to date."""
    start, end = text.index(BEGIN), text.index(END) + len(END)
    return text[:start] + section() + text[end:]


def parse_dump(text: str) -> bytes:
    """The bytes that the dump in format.md shows."""
    data = b""
    for line in text[text.index(BEGIN) : text.index(END)].splitlines():
        match = re.match(r"(\d{3})  ((?:[0-9A-F]{2} )+)", line)
        if match:
            if int(match[1]) != len(data):
                raise ValueError(f"the dump jumps from {len(data)} to {match[1]}")
            data += bytes.fromhex(match[2])
    return data


def _format(data: bytes) -> Iterator[str]:
    yield f"{'':5}{'bytes':{_COLUMN}} field"
    for line in [*_front_lines(data), *_body_lines(data)]:
        for start in range(0, len(line.data), 8):
            shown = line.data[start : start + 8].hex(" ").upper()
            meaning = line.meaning if start == 0 else ""
            yield f"{line.offset + start:03}  {shown:{_COLUMN}} {meaning}".rstrip() + ("" if meaning else " ")


def _front_lines(data: bytes) -> Iterator[Line]:
    fields = spans(data)
    file = layout.parse(layout.File, data, end=layout.BEYOND_FILE)
    front = layout.parse(layout.Front, file.front, end=layout.BEYOND_FRONT)
    elementary = [name for name in fields if name not in ("front", "body")]
    for name in sorted(elementary, key=lambda name: fields[name]):
        start, end = fields[name]
        root = file if name in file else front
        yield Line(start, data[start:end], f"{name}{_show(name, _value(root, name))}")


def _value(root: Any, path: str) -> Any:
    for step in re.findall(r"[a-z_]+|\d+", path):
        root = root[int(step)] if step.isdigit() else root[step]
    return root


def _show(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return ": " + ", ".join(f"{field} {number}" for field, number in value.items() if not field.startswith("_"))
    if isinstance(value, bytes):
        return ""
    if name.endswith("checksum"):
        return f" = {value:08X} (hexadecimal)"
    if ".levels[" in name:
        return f" = {_bfloat16(value)}"
    return f" = {value!r}".replace("'", '"') if isinstance(value, str) else f" = {value}"


def _bfloat16(pattern: int) -> str:
    return {0xBF00: "-0.5", 0x0000: "0", 0x3E80: "0.25"}[pattern]


def _body_lines(data: bytes) -> Iterator[Line]:
    first, second = outline(data).segments()
    payload = Window(data[first[3] : second[3]], first[3], layout.BEYOND_FILE)

    def take(count: int, meaning: str) -> Line:
        offset = payload.base + payload.tell()
        return Line(offset, payload.read(count), meaning)

    yield take(1, "segment of w: rans, mode = 0: one lane")
    for symbol, frequency in enumerate(rans_frequencies(SYMBOLS, 3)):
        yield take(1 if frequency < 128 else 2, f"frequencies[{symbol}] = {frequency}")
    state = take(4, "")
    yield state._replace(meaning=f"states[0] = {int.from_bytes(state.data, 'little')}")
    while payload.tell() < len(payload.getvalue()):
        word = take(2, "")
        yield word._replace(meaning=f"word = {int.from_bytes(word.data, 'little')}")
    for plane in range(4):
        meaning = f"plane {plane}" if plane else "segment of b: stored; plane 0, the most significant bytes"
        yield Line(second[3] + 2 * plane, data[second[3] + 2 * plane : second[3] + 2 * plane + 2], meaning)


def _states() -> str:
    trace: list[tuple[int, ...]] = []
    rans_block(SYMBOLS, 3, 0, trace)
    rows = [f"| {number} | {x} | {x % 4096} | {symbol} | {after} |" for number, _, symbol, x, after in trace]
    return _states_table(rows)


def _states_table(rows: Sequence[str]) -> str:
    head = "The states of the rANS decoder (coders.md, 6.3) and the indices of `w`:\n\n"
    return head + "| i | x | v | symbol | x afterwards |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"

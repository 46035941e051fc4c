"""Each declaration parses, builds and sizes the same bytes, and has the fields of the text."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from construct import Construct, Container, SizeofError, Struct, Subconstruct

from hemp_spec import SpecError, fields, layout
from hemp_spec.directory import Directory, coder_number
from hemp_spec.fields import Violation, Window, build, parse, size

END = Violation("BAD_FRONT", "3.1")
TEXT = (Path(__file__).parents[2] / "spec" / "format.md").read_text("utf-8")
LOSSLESS = {"rank": 1, "quantizer": 0, "has_dtype": 1, "joined": 0, "shared": 0}
CODER = {"number": 4, "has_planes": 0, "private": 0}


def assert_same(declaration: Construct, value: Any, data: bytes, **context: Any) -> None:
    """One declaration, three directions."""
    assert build(declaration, value, **context) == data
    assert size(declaration, value, **context) == len(data)
    parsed = parse(declaration, data, end=END, **context)
    assert build(declaration, parsed, **context) == data
    assert plain(parsed, value) == plain(value, value)
    with contextlib.suppress(SizeofError):
        assert declaration.sizeof() == len(data)
    for cut in range(len(data)):
        with pytest.raises(SpecError):
            parse(declaration, data[:cut], end=END, **context)
    with pytest.raises(SpecError) as caught:
        parse(declaration, data + b"\0", end=END, **context)
    assert caught.value.code in ("BAD_FRONT", "BAD_SIGNATURE")


def plain(value: Any, like: Any) -> Any:
    """The parts of a parsed value that ``like`` gives."""
    if isinstance(like, dict):
        return {name: plain(value[name], inner) for name, inner in like.items()}
    if isinstance(like, list):
        assert len(value) == len(like)
        return [plain(one, inner) for one, inner in zip(value, like, strict=True)]
    return value


class InRecord(Subconstruct):  # type: ignore[misc]
    """Parameters or a stream record, as they stand in a tensor record with these fields."""

    def __init__(self, subcon: Construct, **record: Any) -> None:
        super().__init__(subcon)
        self.record = record

    def _inner(self, context: Any) -> Container:
        return Container(context, **self.record, _=Container(_directory=Directory(5)))

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._parse(stream, self._inner(context), path)

    def _build(self, value: Any, stream: Any, context: Any, path: str) -> Any:
        return self.subcon._build(value, stream, self._inner(context), path)

    def _sizeof(self, context: Any, path: str) -> int:
        raise SizeofError("depends on the record", path=path)


def float_record(**more: Any) -> dict[str, Any]:
    form = Container(rank=1, quantizer=1, has_dtype=0, joined=0, shared=0)
    return {"form": form, "dimensions": [2], "rank_extra": None, **more}


@pytest.mark.parametrize(("value", "data"), [(0, "00"), (127, "7f"), (128, "8001"), (2**63 - 1, "ff" * 8 + "7f")])
def test_varint(value: int, data: str) -> None:
    assert_same(fields.Varint, value, bytes.fromhex(data))


@pytest.mark.parametrize("data", ["8000", "ff80808000", "ff" * 9 + "01", "80" * 10])
def test_varint_that_is_not_minimal_or_bounded(data: str) -> None:
    with pytest.raises(SpecError) as caught:
        fields.Varint.parse_stream(Window(bytes.fromhex(data), 0, END))
    assert caught.value.code == "BAD_VARINT"


@pytest.mark.parametrize(("value", "data"), [(0, "00"), (-1, "01"), (1, "02"), (-64, "7f"), (1 << 23, "80808008")])
def test_zigzag(value: int, data: str) -> None:
    assert_same(fields.Zigzag, value, bytes.fromhex(data))


def test_form() -> None:
    value = {"rank": 2, "quantizer": 1, "has_dtype": 1, "joined": 0, "shared": 1}
    assert_same(layout.Form, value, b"\xaa")


def test_segment_record() -> None:
    assert_same(layout.SegmentRecord, {"size": 300, "checksum": 0x01020304}, bytes.fromhex("ac02 04030201"))


def test_codebook_parameters() -> None:
    value = {"table": {"type": 2, "last_level": 1}, "levels": [0xBF80, 0x3F80]}
    assert_same(InRecord(layout.CodebookParameters, **float_record()), value, bytes.fromhex("06 80bf 803f"))


def test_uniform_parameters() -> None:
    value = {"last_level": 3, "offset": -2, "step": 0x3F800000}
    assert_same(InRecord(layout.UniformParameters, **float_record()), value, bytes.fromhex("03 03 0000803f"))


def test_stream_record() -> None:
    form = Container(rank=1, quantizer=0, has_dtype=0, joined=0, shared=0)
    declaration = InRecord(layout.StreamRecord, **float_record(form=form))
    segments = [{"size": 3, "checksum": 5}]
    for coder, coded_planes, data in (
        (CODER, None, "04 03 05000000"),
        ({**CODER, "has_planes": 1}, 15, "440f 03 05000000"),
        ({"number": 63, "has_planes": 1, "private": 1}, 2, "ff02 03 05000000"),
    ):
        value = {"coder": coder, "coded_planes": coded_planes, "segments": segments}
        assert_same(declaration, value, bytes.fromhex(data))


def test_coder_numbers() -> None:
    assert coder_number(Container(CODER)) == 4
    assert coder_number(Container(number=63, has_planes=1, private=1)) == 191


def test_tensor_record() -> None:
    stream = {"coder": {**CODER, "number": 0}, "coded_planes": None, "segments": [{"size": 3, "checksum": 5}]}
    value = {"name": "a", "form": LOSSLESS, "dtype": 1, "dimensions": [3], "parameters": None, "stream": stream}
    data = bytes.fromhex("0161 21 01 03 00 03 05000000")
    assert_same(layout.TensorRecord, value, data, _directory=Directory(5))


def test_shared_and_extended_parameters() -> None:
    form = {"rank": 1, "quantizer": 1, "has_dtype": 0, "joined": 0, "shared": 0}
    owner = {
        "name": "a",
        "form": form,
        "dimensions": [0],
        "parameters": {"table": {"type": 1, "last_level": 0}, "levels": [0x3C00]},
    }
    shared = {"name": "b", "form": {**form, "shared": 1}, "dimensions": [0], "parameters": {"source": 0}}
    tie = {
        "name": "c",
        "form": {**form, "quantizer": 3},
        "dimensions": [0],
        "parameters": {"extension": 0, "source": 1},
    }
    value = {"layout": {"segment_code": 5, "tensor_count": 3}, "tensors": [owner, shared, tie], "chunks": []}
    data = build(layout.Front, value)
    parsed = parse(layout.Front, data, end=END)
    assert plain(parsed, value) == value
    assert build(layout.Front, parsed) == data
    assert size(layout.Front, value) == len(data)


def test_chunks() -> None:
    pairs = [{"key": "a", "value": "b"}, {"key": "é", "value": ""}]
    assert_same(layout.Metadata, {"pairs": pairs}, bytes.fromhex("02 0161 0162 02c3a9 00"))
    assert_same(layout.Source, {"hash_type": 1, "hash": bytes(32)}, b"\1" + bytes(32))
    chunks = [{"tag": 0x81, "content": {"pairs": pairs[:1]}}, {"tag": 0xFF, "content": b"??"}]
    value = {"layout": {"segment_code": 5, "tensor_count": 0}, "tensors": [], "chunks": chunks}
    data = bytes.fromhex("05 8105 01 0161 0162 ff02") + b"??"
    assert build(layout.Front, value) == data
    assert plain(parse(layout.Front, data, end=END), value) == value


def test_file() -> None:
    value = {"major": 0, "minor": 1, "front": b"\x05", "body": b"xyz"}
    data = build(layout.File, value)
    assert size(layout.File, value) == len(data)
    assert data == layout.SIGNATURE + bytes.fromhex("0001 01 05") + data[12:16] + b"xyz"
    assert plain(parse(layout.File, data, end=layout.BEYOND_FILE), value) == value


def test_building_checks_too() -> None:
    with pytest.raises(SpecError) as caught:
        build(layout.Source, {"hash_type": 2, "hash": bytes(32)})
    assert caught.value.code == "BAD_CHUNK"


def tables(section: str) -> list[list[str]]:
    """Names of the fields in each table of a section of the text."""
    body = re.split(r"^##+ ", TEXT, flags=re.M)
    text = next(part for part in body if part.startswith(section))
    found: list[list[str]] = []
    column: int | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if "field" in cells:
            column = cells.index("field")
            found.append([])
        elif not cells:
            column = None
        elif column is not None and cells[column].startswith("`"):
            found[-1].append(cells[column].strip("`"))
    return found


def names(declaration: Struct) -> list[str]:
    return [field.name for field in declaration.subcons if field.name and not field.name.startswith("_")]


@pytest.mark.parametrize(
    ("section", "declarations"),
    [
        ("2. Structure of a file", [layout.File]),
        ("3. Front", [layout.Front]),
        ("4. Tensor record", [layout.TensorRecord]),
        ("5.2 `codebook`", [layout.CodebookParameters, layout.SharedParameters]),
        ("5.3 `uniform`", [layout.UniformParameters]),
        ("5.4 Extended", [layout.ExtendedParameters]),
        ("6. Streams", [layout.StreamRecord, layout.SegmentRecord]),
        ("7. Chunks", [layout.Chunk, layout.Metadata, layout.MetadataPair, layout.Source]),
    ],
)
def test_fields_are_those_of_the_text(section: str, declarations: list[Struct]) -> None:
    assert tables(section) == [names(declaration) for declaration in declarations]


def bits(begin: str, end: str) -> dict[str, int]:
    """Width of each field in the table of bits between two passages of the text."""
    table = TEXT[TEXT.index(begin) : TEXT.index(end)]
    rows = re.findall(r"^\| ([0-7])(?:-([0-7]))? \| `([a-z_]+)` \|", table, flags=re.M)
    return {name: int(last or first) - int(first) + 1 for first, last, name in rows}


def test_bits_are_those_of_the_text() -> None:
    assert layout.Form.subcon.widths == bits("4.2 `form`", "`has_dtype` MUST")
    assert layout.StreamRecord.coder.subcon.subcon.widths == bits("`coder`:", "`coded_planes`:")

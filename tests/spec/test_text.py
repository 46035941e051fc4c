"""The tables and the example of the text are those of the executable specification."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from hemp_spec import ERRORS, reference
from hemp_spec.coders import NAMES
from hemp_spec.dtypes import DTYPES
from hemp_spec.errors import SECTIONS
from spec.vectors import dump

SPEC = Path(__file__).parents[2] / "spec"
TEXT = (SPEC / "format.md").read_text("utf-8")
CODERS = (SPEC / "coders.md").read_text("utf-8")


def test_errors() -> None:
    rows = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \| (\w+) \| (.+) \|$", TEXT, flags=re.M)
    assert [(int(number), name, kind) for number, name, kind, _ in rows] == list(ERRORS)
    assert {name: sections.replace("coders.md, ", "coders ") for _, name, _, sections in rows} == SECTIONS


def test_every_error_that_is_used_is_listed() -> None:
    names = {name for _, name, _ in ERRORS}
    used = set(re.findall(r"`([A-Z]+_[A-Z_]+|TRUNCATED)`", TEXT + CODERS))
    assert used == names | {"OK"} - {"OK"}


def test_dtypes() -> None:
    found = {}
    for number, name, size, planes in re.findall(r"\| (\d+) \| `(\w+)` \| (\d+) \| ([^|]+) (?=\|)", TEXT):
        found[int(number)] = (name, int(size), planes)
    assert sorted(found) == sorted(DTYPES)
    for dtype in DTYPES.values():
        kind = "rotated" if dtype.rotated else "plain"
        count = f"2 x {dtype.size // 2}" if dtype.components == 2 else str(dtype.planes)
        assert found[dtype.number] == (dtype.name, dtype.size, f"{count}, {kind}")


def test_coders() -> None:
    section = TEXT[TEXT.index("6.6 Coders") : TEXT.index("| 5-63")]
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|$", section, flags=re.M)
    assert {int(number): name for number, name in rows} == NAMES
    headings = re.findall(r"^## \d\. `(\w+)` \((\d)\)$", CODERS, flags=re.M)
    assert {int(number): name for name, number in headings} == NAMES


def test_the_complete_file_is_the_one_in_the_text() -> None:
    data = dump.parse_dump(TEXT)
    assert data == (SPEC / "vectors" / "accept" / "complete.hemp").read_bytes()
    assert len(data) < 200
    assert dump.replace_section(TEXT) == TEXT


def test_the_complete_file_decodes() -> None:
    file = reference.read(dump.parse_dump(TEXT))
    assert file.indices["w"] == dump.SYMBOLS
    assert file.tensors["w"].shape == (4, 5)
    assert file.tensors["b"] == ("float32", (2,), dump.BIAS)
    assert file.metadata == {"by": "hand"}


def test_the_states_in_the_text_follow_the_rule() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d) \| (\d+) \|$", TEXT[TEXT.index("## 11.") :], flags=re.M)
    states = [tuple(map(int, row)) for row in rows]
    assert [symbol for _, _, _, symbol, _ in states] == dump.SYMBOLS
    assert all(v == x % 4096 for _, x, v, _, _ in states)
    assert all(after == following[1] for (*_, after), following in itertools.pairwise(states))
    assert states[-1][-1] == 1 << 16


def test_the_check_values_of_the_checksum() -> None:
    import zlib

    assert "The CRC-32 of the nine ASCII bytes `123456789` is 0xCBF43926; that of no bytes is 0." in TEXT.replace(
        "\n", " "
    )
    assert zlib.crc32(b"123456789") == 0xCBF43926

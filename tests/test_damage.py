"""Never silently wrong, on a part of the changes of ``python -m tools.fuzz damage``; native against reference."""

from __future__ import annotations

import random

import pytest

from tools.fuzz import damage
from tools.fuzz.changes import KINDS, change
from tools.fuzz.differential import of_file, of_payload
from tools.fuzz.seeds import payloads

SMALL = dict(damage.small_files())
LARGE = dict(damage.large_files())


@pytest.mark.parametrize("name", SMALL)
def test_any_bit_of_any_byte(name: str) -> None:
    found = damage.change_every_byte(SMALL[name], iter((1, 16, 0x80, 0xFF)))
    assert sum(found.values()) == 4 * len(SMALL[name])
    assert {"BAD_SIGNATURE", "BAD_VERSION", "FRONT_CHECKSUM", "SEGMENT_CHECKSUM"} <= set(found)


@pytest.mark.parametrize("name", LARGE)
def test_changes_at_random(name: str) -> None:
    assert sum(damage.change_at_random(LARGE[name], list(LARGE.values()), 400, random.Random(1)).values()) > 300


@pytest.mark.parametrize("name", LARGE)
def test_changes_behind_checksums(name: str) -> None:
    found = damage.change_behind_checksums(LARGE[name], 300, random.Random(1))
    assert sum(found.values()) == 300
    assert "FRONT_CHECKSUM" not in found and found["SEGMENT_CHECKSUM"] < 150  # in the front a size may have changed


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_changes(kind: str) -> None:
    chance = random.Random(0)
    results = {change(bytes(range(50)), kind, chance, bytes(range(100, 150))) for _ in range(50)}
    assert len(results) > 20 and results != {bytes(range(50))}


@pytest.mark.parametrize("name", SMALL)
def test_native_and_reference_agree(name: str) -> None:
    from tools.fuzz.changes import change_front, change_segment, segments

    chance = random.Random(2)
    for number in range(24):
        kind, data = KINDS[number % len(KINDS)], SMALL[name]
        changed = change_segment(data, segments(data), kind, chance) if number % 3 else change_front(data, kind, chance)
        native, expected = of_file(changed)
        assert native == expected


@pytest.mark.parametrize("coder", ["stored", "lzma", "zstd", "arithmetic", "rans"])
def test_native_and_reference_agree_on_payloads(coder: str) -> None:
    chance = random.Random(3)
    known = [data for _, data in payloads(coder) if len(data) < 600]
    for number in range(20):
        data = chance.choice(known)
        changed = data[:8] + change(data[8:], KINDS[number % len(KINDS)], chance, data[8:])
        native, expected = of_payload(coder, changed)
        assert native == expected

"""Both readers on random valid files, and on the same files with damage that the checksums do not show."""

from __future__ import annotations

import hashlib
import random
import zlib
from typing import Any

import pytest
from spec_support import by_codec, by_reference

from hemp_spec import SpecError, reference
from hemp_spec.validate import faults
from spec.vectors.files import close, spans
from spec.vectors.random_files import random_file


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_both_readers_give_what_was_written(first: int) -> None:
    for seed in range(first, first + 20):
        made = random_file(seed)
        found = by_reference(made.data)
        assert by_codec(made.data) == found, f"seed {seed}"
        assert not isinstance(found, str), f"seed {seed}: {found}"
        for name, (dtype, shape, data) in found["tensors"].items():
            expected = made.expected["tensors"][name]
            assert (dtype, list(shape)) == (expected["dtype"], expected["shape"])
            assert hashlib.sha256(data).hexdigest() == expected["sha256"]
        assert found["metadata"] == made.expected["metadata"]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert random_file(5).data == random_file(5).data


def without_order(found: dict[str, Any] | str) -> dict[str, Any] | str:
    """The outcome, with one name for the errors of a payload: their order is up to the reader (section 9)."""
    return "BAD_PAYLOAD" if found in ("BAD_PAYLOAD", "BAD_INDEX") else found


def damage(data: bytes, generator: random.Random) -> bytes:
    """The file with some bytes of `front` changed, removed or put in, and its checksum repaired."""
    start, end = spans(data)["front"]
    front = bytearray(data[start:end])
    for _ in range(generator.choice([1, 1, 2, 5])):
        at = generator.randrange(len(front))
        choice = generator.randrange(4)
        if choice < 2:
            front[at] = generator.choice([0, 1, 127, 128, 255, front[at] ^ 1 << generator.randrange(8)])
        elif choice == 2 and len(front) > 1:
            del front[at]
        else:
            front.insert(at, generator.randrange(256))
    return close(bytes(front), data[end + 4 :])


def test_both_readers_agree_on_damaged_fronts() -> None:
    generator = random.Random(0)
    for seed in range(80):
        data = random_file(seed % 50).data
        damaged = damage(data, generator)
        expected = by_reference(damaged)
        found = by_codec(damaged)
        if expected == "DUPLICATE_NAME":  # may be reported after any other error (section 9)
            assert isinstance(found, str), damaged.hex()
        else:
            assert without_order(found) == without_order(expected), damaged.hex()
        assert [fault.code for fault in faults(damaged)][:1] == ([expected] if isinstance(expected, str) else [])


def test_both_readers_agree_on_damaged_segments() -> None:
    generator = random.Random(1)
    outcomes = set()
    for seed in range(80):
        data = bytearray(random_file(seed % 50).data)
        file = reference.outline(bytes(data))
        segments = [(segment, offset) for _, _, segment, offset in file.segments() if segment.size]
        if not segments:
            continue
        segment, offset = generator.choice(segments)
        data[offset + generator.randrange(segment.size)] ^= 1 << generator.randrange(8)
        checksum = zlib.crc32(bytes(data[offset : offset + segment.size]))
        start, end = spans(bytes(data))[f"{segment.field}.checksum"]
        data[start:end] = checksum.to_bytes(4, "little")
        front_start, front_end = spans_of_front(bytes(data), file.body_offset)
        repaired = close(bytes(data[front_start:front_end]), bytes(data[file.body_offset :]))
        expected = by_reference(repaired)
        assert without_order(by_codec(repaired)) == without_order(expected), repaired.hex()
        outcomes.add(expected if isinstance(expected, str) else "accepted")
    assert {"BAD_PAYLOAD", "accepted"} <= outcomes


def spans_of_front(data: bytes, body_offset: int) -> tuple[int, int]:
    """Offsets of `front` in a file whose checksum may be wrong."""
    start = 10
    while data[start] & 128:
        start += 1
    return start + 1, body_offset - 4


def test_one_flipped_bit_is_always_seen() -> None:
    data = random_file(7).data
    for offset in range(len(data)):
        damaged = bytearray(data)
        damaged[offset] ^= 1 << offset % 8
        with pytest.raises(SpecError):
            reference.read(bytes(damaged))


def test_every_cut_is_seen() -> None:
    data = random_file(7).data
    for length in range(len(data)):
        with pytest.raises(SpecError):
            reference.read(data[:length])

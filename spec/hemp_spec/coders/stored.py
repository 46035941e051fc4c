"""coders.md, section 2: ``stored``."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.coders.common import bad_payload, check_index
from hemp_spec.directory import Part


def width(num_levels: int) -> int:
    """w: bits of an index."""
    return (num_levels - 1).bit_length()


def part_size(part: Part) -> int:
    """Bytes of a part."""
    return -(-part.size * width(part.num_levels) // 8)


def payload_size(parts: Sequence[Part]) -> int:
    """Bytes of a payload, which follow from its parts."""
    return sum(part_size(part) for part in parts)


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """The indices of each part."""
    if len(payload) != payload_size(parts):
        raise bad_payload(0, f"{len(payload)} bytes where the parts take {payload_size(parts)}", "2", len(payload))
    result, start = [], 0
    for part in parts:
        end = start + part_size(part)
        result.append(_decode_part(payload[start:end], part, start))
        start = end
    return result


def _decode_part(data: bytes, part: Part, start: int) -> list[int]:
    w = width(part.num_levels)
    indices = []
    bits, held, position = 0, 0, 0  # `held` bits are read and not yet used
    for _ in range(part.size):
        while held < w:
            bits |= data[position] << held
            held += 8
            position += 1
        index = bits & ((1 << w) - 1)
        check_index(index, part, start + position - 1)
        indices.append(index)
        bits >>= w
        held -= w
    if bits:
        raise bad_payload(start + len(data) - 1, "the bits that fill the last byte are not zero", "2", bits)
    return indices

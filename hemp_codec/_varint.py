"""Integers of the format (spec/format.md, section 1)."""

from __future__ import annotations

_SHORT = [bytes([number]) for number in range(0x80)]


def varint(number: int) -> bytes:
    """A number from 0 to 2^63 - 1 in base 128, least significant first."""
    if 0 <= number <= 0x7F:
        return _SHORT[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zigzag(number: int) -> bytes:
    """A signed number as the varint of its interleaving with the others: 0, -1, 1, -2, ..."""
    return varint(2 * number if number >= 0 else -2 * number - 1)

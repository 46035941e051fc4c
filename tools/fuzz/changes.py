"""Changes of files: damage of every kind, and making the checksums right again afterwards."""

from __future__ import annotations

import random
import zlib

import hemp_codec

HEAD_SIZE = 10
CHECKSUM_SIZE = 4
KINDS = ("flip", "insert", "delete", "duplicate", "swap", "truncate", "splice", "overwrite")


def change(data: bytes, kind: str, chance: random.Random, other: bytes = b"") -> bytes:
    """``data`` after one change.

    Args:
        data: at least one byte.
        kind: one of ``KINDS``.
        chance: where and what.
        other: a second file, for ``splice``: the beginning of one is followed by the end of the other.
    """
    at = chance.randrange(len(data))
    length = min(chance.choice((1, 1, 1, 2, 4, 9, 33)), len(data) - at)
    end = at + length
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == "insert":
        return data[:at] + chance.randbytes(length) + data[at:]
    if kind == "delete":
        return data[:at] + data[end:]
    if kind == "duplicate":
        return data[:end] + data[at:end] + data[end:]
    if kind == "swap":
        to = chance.randrange(len(data) - length + 1)
        first, second = sorted((at, to))
        if second < first + length:
            return data[:first] + data[first : second + length][::-1] + data[second + length :]
        middle = data[first + length : second]
        return (
            data[:first]
            + data[second : second + length]
            + middle
            + data[first : first + length]
            + data[second + length :]
        )
    if kind == "truncate":
        return data[:at]
    if kind == "splice":
        return data[:at] + other[chance.randrange(len(other) + 1) :]
    return data[:at] + bytes(chance.choice((0, 1, 0x7F, 0x80, 0xFF)) for _ in range(length)) + data[end:]


def varint(value: int) -> bytes:
    """``value`` as the format writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def take_apart(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Head, front and body; None if there is no ``front_size`` or the file is too short for it."""
    size = shift = 0
    for at in range(HEAD_SIZE, min(HEAD_SIZE + 9, len(data))):
        size |= (data[at] & 0x7F) << shift
        shift += 7
        if data[at] < 0x80:
            end = at + 1 + size
            if end + CHECKSUM_SIZE > len(data):
                return None
            return data[:HEAD_SIZE], data[at + 1 : end], data[end + CHECKSUM_SIZE :]
    return None


def put_together(head: bytes, front: bytes, body: bytes) -> bytes:
    """The file of these pieces, with the size of the front and its checksum."""
    start = head + varint(len(front)) + front
    return start + zlib.crc32(start).to_bytes(CHECKSUM_SIZE, "little") + body


def change_front(data: bytes, kind: str, chance: random.Random) -> bytes:
    """A change within the front, whose checksum is right again."""
    pieces = take_apart(data)
    if pieces is None or not pieces[1]:
        return data
    head, front, body = pieces
    return put_together(head, change(front, kind, chance, front), body)


def segments(data: bytes) -> list[tuple[int, int]]:
    """Offset and size of each segment of a file; none if its front is not right."""
    try:
        with hemp_codec.safe_open(data) as file:
            directory = file._directory
            streams = [directory.stream(number) for number in range(directory.stream_count)]
            records = [
                directory.segment(stream.first_segment + number)
                for stream in streams
                for number in range(stream.segment_count)
            ]
    except hemp_codec.HempError:
        return []
    return [(record.offset, record.size) for record in records]


def change_segment(data: bytes, segments: list[tuple[int, int]], kind: str, chance: random.Random) -> bytes:
    """A change within a segment, whose record tells its new size and checksum.

    Args:
        data: a valid file.
        segments: offset in the file and size of each of its segments.
        kind: of change.
        chance: which segment, where and what.
    """
    pieces = take_apart(data)
    full = [(offset, size) for offset, size in segments if size > 0]
    if pieces is None or not full:
        return data
    head, front, _ = pieces
    offset, size = chance.choice(full)
    old = data[offset : offset + size]
    new = change(old, kind, chance, old)
    front = front.replace(_record(old), _record(new), 1)
    body_offset = min(start for start, _ in segments)
    return put_together(head, front, data[body_offset:offset] + new + data[offset + size :])


def _record(segment: bytes) -> bytes:
    return varint(len(segment)) + zlib.crc32(segment).to_bytes(CHECKSUM_SIZE, "little")

"""Files made by hand, byte by byte, so that any rule can be broken."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89HMP\r\n\x1a\n"

LOSSLESS, CODEBOOK, UNIFORM, EXTENDED = (kind << 3 for kind in range(4))
HAS_DTYPE, JOINED, SHARED = 1 << 5, 1 << 6, 1 << 7
HAS_PLANES = 1 << 6
FLOAT32 = 11


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def make_file(front: bytes, body: bytes = b"", *, version: bytes = b"\x00\x01") -> bytes:
    head = SIGNATURE + version + varint(len(front)) + front
    return head + struct.pack("<I", zlib.crc32(head)) + body


def make_front(*records: bytes, chunks: bytes = b"", segment_bits: int = 10, count: int | None = None) -> bytes:
    layout = (len(records) if count is None else count) << 3 | (segment_bits - 10) // 2
    return varint(layout) + b"".join(records) + chunks


def make_record(
    name: bytes,
    *shape: int,
    form: int = LOSSLESS,
    dtype: bytes = b"",
    parameters: bytes = b"",
    stream: bytes = b"",
) -> bytes:
    """A tensor record; ``dtype`` is the byte of that field, if it is there."""
    flags = form | len(shape) | (HAS_DTYPE if dtype else 0)
    return varint(len(name)) + name + bytes([flags]) + dtype + b"".join(map(varint, shape)) + parameters + stream


def make_segments(*payloads: bytes) -> bytes:
    return b"".join(varint(len(payload)) + struct.pack("<I", zlib.crc32(payload)) for payload in payloads)


def make_stream(*payloads: bytes, coder: int = 0, coded_planes: int | None = None) -> bytes:
    """A stream record; ``coded_planes`` is that field, if it is there."""
    planes = b"" if coded_planes is None else varint(coded_planes)
    return bytes([coder | (0 if coded_planes is None else HAS_PLANES)]) + planes + make_segments(*payloads)


def make_codebook(*levels: float, kind: int = 0) -> bytes:
    """Parameters of a codebook of float32 levels; ``kind`` is the number of another type to claim."""
    return varint((len(levels) - 1) << 2 | kind) + struct.pack(f"<{len(levels)}f", *levels)


def make_uniform(num_levels: int, zigzag_offset: int, step: float) -> bytes:
    return varint(num_levels - 1) + varint(zigzag_offset) + struct.pack("<f", step)


def make_chunk(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content


def make_text(text: bytes) -> bytes:
    return varint(len(text)) + text


def stored_float32(name: bytes, values: bytes, *, joined: bool = False) -> tuple[bytes, bytes]:
    """Record and body of a lossless float32 vector whose planes, one after the other, are ``values``."""
    stream = b"" if joined else make_stream(values)
    return make_record(name, len(values) // 4, form=LOSSLESS | (JOINED if joined else 0), stream=stream), values

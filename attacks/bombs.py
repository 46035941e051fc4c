"""Files of `.hemp` that ask for more time or memory than they are worth: small, and each with right checksums.

They are made field by field, since the writer of this project would not make them."""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable

import numpy as np

from hemp_codec import _native
from hemp_codec.tensors import Part

Bomb = Callable[..., bytes]

LOSSLESS, CODEBOOK, UNIFORM, EXTENDED = (kind << 3 for kind in range(4))
HAS_DTYPE, JOINED, SHARED, HAS_PLANES = 1 << 5, 1 << 6, 1 << 7, 1 << 6
BOOL, UINT8, FLOAT32, FLOAT64 = 0, 1, 11, 12
STORED, LZMA, ZSTD, ARITHMETIC, RANS = range(5)
LONGEST_SEGMENT = 1 << 24


def varint(number: int) -> bytes:
    """Seven bits a byte."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def record(name: bytes, *shape: int, form: int, dtype: int | None = None, rest: bytes = b"") -> bytes:
    """A tensor record; ``rest`` is what follows the dimensions."""
    is_other = dtype is not None
    flags = form | min(len(shape), 7) | (HAS_DTYPE if is_other else 0)
    extra = varint(len(shape) - 7) if len(shape) >= 7 else b""
    kind = bytes([dtype]) if dtype is not None else b""
    return varint(len(name)) + name + bytes([flags]) + extra + kind + b"".join(map(varint, shape)) + rest


def stream(coder: int, *segments: bytes, planes: int = 0) -> bytes:
    """A stream record; ``planes`` is `coded_planes`, if it is to be there."""
    coded = varint(planes) if planes else b""
    head = bytes([coder | (HAS_PLANES if planes else 0)]) + coded
    return head + b"".join(varint(len(data)) + struct.pack("<I", zlib.crc32(data)) for data in segments)


def file(*records: bytes, body: bytes = b"", count: int | None = None, code: int = 7) -> bytes:
    """A whole file; ``count`` is the number of tensors that it claims, ``code`` that of the size of its segments."""
    front = varint((len(records) if count is None else count) << 3 | code) + b"".join(records)
    start = b"\x89HMP\r\n\x1a\n\x00\x01" + varint(len(front)) + front
    return start + struct.pack("<I", zlib.crc32(start)) + body


def one_stream(elements: int, coder: int, payload: bytes, *, levels: int = 256) -> bytes:
    """A file with one quantized vector of one segment."""
    uniform = varint(levels - 1) + varint(0) + struct.pack("<f", 1.0)
    return file(record(b"x", elements, form=UNIFORM, rest=uniform + stream(coder, payload)), body=payload)


# ------------------------------------------------------------------------------------------------------- directories


def million_empty_tensors(count: int = 1_000_000) -> bytes:
    """A million tensors without elements."""
    records = [record(b"%x" % number, 0, form=LOSSLESS) for number in range(count)]
    return file(*records)


def claimed_tensors() -> bytes:
    """16 million tensors claimed, of which not one is there."""
    return file(count=(1 << 24) - 1)


def one_level() -> bytes:
    """2^59 elements of one level: 40 bytes for 2 exabytes."""
    return file(record(b"x", 1 << 59, form=CODEBOOK, rest=varint(0) + struct.pack("<f", 1.5)))


def one_level_small_segments() -> bytes:
    """The same in 2^49 segments."""
    return file(record(b"x", 1 << 59, form=CODEBOOK, rest=varint(0) + struct.pack("<f", 1.5)), code=0)


def deep_rank() -> bytes:
    """A tensor of rank 2^40."""
    return file(varint(1) + b"x" + bytes([LOSSLESS | 7]) + varint((1 << 40) - 7))


def long_name() -> bytes:
    """A name of 4 GB, of which 5 bytes are there."""
    return file(varint(1 << 32) + b"nanas")


def huge_front() -> bytes:
    """A directory of 2^60 bytes."""
    return b"\x89HMP\r\n\x1a\n\x00\x01" + varint(1 << 60) + bytes(30)


def overlapping() -> bytes:
    """Two segments, each as long as the body: offsets are sums of sizes, so they cannot overlap, only be too long."""
    data = bytes(64)
    first = record(b"a", 16, form=LOSSLESS, rest=stream(STORED, data))
    return file(first, record(b"b", 16, form=LOSSLESS, rest=stream(STORED, data)), body=data)


def cycle() -> bytes:
    """Two tensors, each tied to the other."""
    return file(*(record(name, 4, form=EXTENDED, rest=b"\x00" + varint(to)) for name, to in ((b"a", 1), (b"b", 0))))


def ties() -> bytes:
    """2 MB in one tensor, and 99 more of the same size tied to it."""
    data = bytes([0xFF, 0])  # rans: a constant block
    source = record(b"a", 2_000_000, form=LOSSLESS, dtype=UINT8, rest=stream(RANS, data))
    tied = [record(b"t%x" % number, 2_000_000, form=EXTENDED, rest=b"\x00\x00") for number in range(1, 100)]
    return file(source, *tied, body=data)


def tables(count: int = 2000) -> bytes:
    """Many tensors of one element, each with 65,536 levels of its own."""
    uniform = varint(65535) + varint(0) + struct.pack("<f", 1.0)
    rest = uniform + stream(STORED, bytes(2))
    records = [record(b"%x" % number, 1, form=UNIFORM, rest=rest) for number in range(count)]
    return file(*records, body=bytes(2 * count), code=0)


def many_solid_streams(count: int = 50_000) -> bytes:
    """Many streams of two tensors each."""
    records = []
    for number in range(count):
        dtype = UINT8 if number == 0 else None
        records.append(record(b"%x" % number, 1, form=LOSSLESS, dtype=dtype, rest=stream(STORED, b"ab")))
        records.append(record(b"-%x" % number, 1, form=LOSSLESS | JOINED))
    return file(*records, body=b"ab" * count, code=0)


# ------------------------------------------------------------------------------------------------------------ coders


def arithmetic_beyond() -> bytes:
    """2^40 elements claimed of 10 bytes of an adaptive coder."""
    data = bytes([0b1111_0001]) + bytes(9)
    return one_stream(1 << 40, ARITHMETIC, data)


def arithmetic(elements: int, mode: int, tensors: int = 1) -> bytes:
    """Elements that are almost all the last of 16 levels, coded in a mode of the adaptive coder."""
    indices = np.full(elements, 15, np.uint8)
    indices[::100_000] = 0
    data = _native.arithmetic_encode([indices], [Part(16, indices.shape, 0, elements)], mode)
    uniform = varint(15) + varint(0) + struct.pack("<f", 1.0)
    rest = uniform + stream(ARITHMETIC, data)
    records = [record(b"%x" % number, elements, form=UNIFORM, rest=rest) for number in range(tensors)]
    return file(*records, body=data * tensors)


def arithmetic_plain(elements: int = 4_000_000) -> bytes:
    """As many elements as fit the limit on the output, in the plain mode."""
    return arithmetic(elements, 0)


def arithmetic_wide(elements: int = 4_000_000) -> bytes:
    """The same in the wide mode, which takes longer."""
    return arithmetic(elements, 2)


def arithmetic_mixed(elements: int = 4_000_000) -> bytes:
    """The same in the mixed mode, which takes longest."""
    return arithmetic(elements, 1)


def arithmetic_mixed_allowed() -> bytes:
    """As many elements as are decoded in the mixed mode."""
    return arithmetic(2_000_000, 1)


def arithmetic_mixed_many() -> bytes:
    """Twice as many in a hundred tensors."""
    return arithmetic(40_000, 1, 100)


def arithmetic_columns(columns: int = 4_000_000) -> bytes:
    """4 MB in one row, and a coder that keeps what it has learned of each column."""
    shape = (1, columns)
    indices = np.full(shape[1], 15, np.uint8)
    indices[::100_000] = 0
    data = _native.arithmetic_encode([indices], [Part(256, shape, 0, shape[1])], 2)
    return file(record(b"x", *shape, form=LOSSLESS, dtype=UINT8, rest=stream(ARITHMETIC, data)), body=data)


def rans_constant() -> bytes:
    """As many elements as fit, all of one level."""
    return one_stream(4_000_000, RANS, bytes([0xFF, 0]))


def zstd_window() -> bytes:
    """A frame that asks for a window of 128 MB for one megabyte."""
    blocks = b"".join(((131072 << 3) | 2 | (number == 7)).to_bytes(3, "little") + b"\x00" for number in range(8))
    return one_stream(1 << 20, ZSTD, bytes([0, 17 << 3]) + blocks)


def zstd_long() -> bytes:
    """One megabyte claimed, 128 MB in the frame."""
    blocks = b"".join(((131072 << 3) | 2 | (number == 999)).to_bytes(3, "little") + b"\x00" for number in range(1000))
    return one_stream(1 << 20, ZSTD, bytes([0, 17 << 3]) + blocks)


def lzma_dictionary() -> bytes:
    """A dictionary of 256 MB for a thousand bytes."""
    raw = lzma.compress(bytes(1000), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 0, "pb": 0}])
    return one_stream(1000, LZMA, bytes([0, 28]) + raw)


def lzma_long() -> bytes:
    """As many bytes as fit, in 3 kB."""
    filters = [{"id": lzma.FILTER_LZMA1, "lc": 0, "lp": 0, "pb": 0, "dict_size": 1 << 24}]
    raw = lzma.compress(bytes(4_000_000), lzma.FORMAT_RAW, filters=filters)
    return one_stream(4_000_000, LZMA, bytes([0, 24]) + raw)


def all_planes() -> bytes:
    """2 million numbers of 8 bytes whose planes are all of one constant."""
    plane = bytes([0xFF, 0])
    data = (varint(len(plane)) + plane) * 7 + plane
    return file(record(b"x", 2_000_000, form=LOSSLESS, dtype=FLOAT64, rest=stream(RANS, data, planes=255)), body=data)


BOMBS: dict[str, Bomb] = {
    make.__name__: make
    for make in (
        million_empty_tensors,
        claimed_tensors,
        one_level,
        one_level_small_segments,
        deep_rank,
        long_name,
        huge_front,
        overlapping,
        cycle,
        ties,
        tables,
        many_solid_streams,
        arithmetic_beyond,
        arithmetic_plain,
        arithmetic_wide,
        arithmetic_mixed,
        arithmetic_mixed_allowed,
        arithmetic_mixed_many,
        arithmetic_columns,
        rans_constant,
        zstd_window,
        zstd_long,
        lzma_dictionary,
        lzma_long,
        all_planes,
    )
}

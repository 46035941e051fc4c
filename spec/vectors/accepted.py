"""Files that every reader must accept."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hemp_spec.coders.neighbors import Header
from hemp_spec.coders.rans import RAW, Strips
from hemp_spec.dtypes import DTYPES
from hemp_spec.fields import encode_varint
from spec.vectors.arithmetic_encoder import (
    arithmetic,
    even_bins,
    mixed_header,
    simple_header,
    wide_header,
    with_classes,
)
from spec.vectors.encoders import (
    STORED,
    ZSTD,
    Coder,
    lzma,
    rans,
    rans_block,
    rans_frequencies,
    rans_table,
    raw,
    zstd_block,
)
from spec.vectors.files import (
    Plan,
    codebook,
    join,
    lossless,
    make_file,
    metadata_chunk,
    source_chunk,
    tied,
    uniform,
)

ONE, MINUS_ONE, HALF = 0x3F800000, 0xBF800000, 0x3F000000  # float32
MINUS_ZERO = 0x80000000
CODERS: dict[str, Coder] = {"stored": STORED, "lzma": lzma(), "zstd": ZSTD, "arithmetic": arithmetic(), "rans": rans()}


class Vector(NamedTuple):
    """A file and what it holds."""

    name: str
    about: str
    data: bytes
    expected: Mapping[str, Any]


def numbers(seed: int, count: int, below: int, skew: float = 2.0) -> list[int]:
    """Integers below ``below``, small ones more often."""
    generator = random.Random(seed)
    return [int(below * generator.random() ** skew) for _ in range(count)]


def grid(count: int) -> list[int]:
    """Ascending float32 patterns: 0.5, and on in steps of one in the eighth bit of the mantissa."""
    return [HALF + (k << 15) for k in range(count)]


def vector(
    name: str, about: str, plans: Sequence[Plan], segment_code: int = 5, chunks: Sequence[Mapping[str, Any]] = ()
) -> Vector:
    """A file of these tensors."""
    metadata: dict[str, str] = {}
    source_hash = None
    for chunk in chunks:
        if chunk["tag"] == 0x81:
            metadata = {pair["key"]: pair["value"] for pair in chunk["content"]["pairs"]}
        if chunk["tag"] == 0x82:
            source_hash = chunk["content"]["hash"].hex()
    expected = {
        "metadata": metadata,
        "source_hash": source_hash,
        "tensors": {plan.name: plan.expected() for plan in plans},
    }
    return Vector(name, about, make_file(plans, chunks, segment_code), expected)


def vectors() -> Iterator[Vector]:
    """All of them."""
    yield from _containers()
    yield from _names_and_shapes()
    yield from _dtypes()
    yield from _planes()
    yield from _codebooks()
    yield from _uniforms()
    yield from _ties()
    yield from _solid()
    yield from _segments()
    yield from _coders()


def _containers() -> Iterator[Vector]:
    small = lossless("a", "uint8", [3], b"\x01\x02\x03")
    digest = hashlib.sha256(b"the source").digest()
    yield vector("empty", "no tensors and no chunks", [])
    yield vector("one-byte-tensor", "one uint8 tensor", [small])
    pairs = {"format": "pt", "": "empty key", "ключ": "значение", "z": ""}
    yield vector("metadata", "metadata with empty and non-ASCII strings", [small], chunks=[metadata_chunk(pairs)])
    yield vector("metadata-only", "metadata and no tensor", [], chunks=[metadata_chunk({"a": "b"})])
    long = {"k" * 200: "v" * 300}
    yield vector("metadata-long", "strings whose sizes take two bytes", [], chunks=[metadata_chunk(long)])
    yield vector("source-hash", "the SHA-256 of the source", [small], chunks=[source_chunk(digest)])
    yield vector("all-chunks", "both known chunks", [small], chunks=[source_chunk(digest), metadata_chunk({"a": "b"})])


def _names_and_shapes() -> Iterator[Vector]:
    def three(name: str) -> Plan:
        return lossless(name, "uint8", [3], b"\x01\x02\x03")

    yield vector("name-empty", "a tensor named by no characters", [three("")])
    names = ["layer.0.weight", "слой", "層", "\U0001f33f", "a\0b", "/etc/../x"]
    yield vector(
        "names-unicode", "names of one to four bytes a character, with NUL and slashes", [three(n) for n in names]
    )
    yield vector("name-long", "a name of 300 bytes", [three("n" * 300)])
    yield vector(
        "rank-0",
        "scalars of two dtypes",
        [lossless("f", "float32", [], ONE.to_bytes(4, "little")), lossless("i", "int64", [], bytes(8))],
    )
    yield vector("rank-6", "the highest rank that fits the form", [lossless("r", "uint8", [1, 2, 1, 2, 1, 1], b"abcd")])
    yield vector("rank-7", "the lowest rank with rank_extra", [lossless("r", "uint8", [1, 2, 1, 2, 1, 1, 1], b"abcd")])
    yield vector("rank-32", "the highest rank", [lossless("r", "uint8", [1] * 30 + [2, 2], b"abcd")])
    empty = [lossless("e", "float32", [0], b""), lossless("f", "float32", [3, 0, 1 << 40], b"")]
    empty.append(codebook("c", "float32", [0, 2], [], [ONE, ONE]))
    yield vector("empty-dimension", "tensors without elements have no stream", [*empty, three("after")])
    yield vector("no-dtype-byte", "records that take the dtype of the one before", [three("a"), three("b"), three("c")])


def _dtypes() -> Iterator[Vector]:
    for dtype in DTYPES.values():
        shape = [2, 5]
        data = bytes(numbers(dtype.number, 10 * dtype.size, 2 if dtype.name == "bool" else 256, 1.0))
        for coder in ("stored", "arithmetic"):
            plan = lossless("x", dtype.name, shape, data, CODERS[coder])
            yield vector(f"lossless-{dtype.name}-{coder}", f"random patterns of {dtype.name}", [plan])


def _planes() -> Iterator[Vector]:
    patterns = [0x00000000, MINUS_ZERO, 0x7F800000, 0xFF800000, 0x7FC00001, 0xFFFFFFFF, 0x7F800001, 0x00000001]
    data = b"".join(pattern.to_bytes(4, "little") for pattern in patterns)
    for name, coder in CODERS.items():
        about = f"zeros of both signs, infinities, NaN payloads, a subnormal number; {name}"
        yield vector(f"float32-specials-{name}", about, [lossless("x", "float32", [8], data, coder)])
    halves = bytes.fromhex("0000 0080 007c 00fc 017e ffff 0100 003c")
    yield vector("float16-specials", "the same kinds of float16", [lossless("x", "float16", [8], halves, arithmetic())])
    data = bytes(numbers(1, 40, 256, 3.0))
    for planes in (1, 2, 8, 9, 15):
        plan = lossless("x", "float32", [10], data, rans(), coded_planes=planes)
        yield vector(f"coded-planes-{planes}", "some planes coded and others stored", [plan])
    bools = bytes(numbers(2, 19, 2, 1.0))
    for name, coder in CODERS.items():
        yield vector(f"bool-{name}", "planes of two levels", [lossless("x", "bool", [19], bools, coder)])


def _codebooks() -> Iterator[Vector]:
    for num_levels in (2, 3, 16, 255, 256, 257, 300):
        for name, coder in CODERS.items():
            indices = numbers(num_levels, 48, num_levels)
            plan = codebook("w", "float32", [6, 8], indices, grid(num_levels), coder)
            if num_levels in (2, 16, 257) or name in ("arithmetic", "rans"):
                yield vector(f"codebook-{num_levels}-{name}", f"{num_levels} levels", [plan])
    yield vector("one-level", "one level: no stream", [codebook("w", "float32", [3, 2], [0] * 6, [HALF])])
    pairs = [MINUS_ONE, MINUS_ZERO, 0, MINUS_ZERO, ONE, ONE]
    plan = codebook("w", "float32", [6], [0, 1, 2, 3, 4, 5], pairs)
    yield vector("levels-zeros", "zeros of both signs and equal neighbors", [plan])
    bfloat16 = [0xBF80, 0x8000, 0x3F80, 0x4049]
    float16 = [0xBC00, 0x0001, 0x3C00, 0x7BFF]
    float64 = [0xBFF0000000000001, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF]
    plans = [
        codebook("b-as-f32", "float32", [4], [0, 1, 2, 3], bfloat16, level_type="bfloat16"),
        codebook("h-as-f32", "float32", [4], [0, 1, 2, 3], float16, level_type="float16"),
        codebook("b", "bfloat16", [4], [0, 1, 2, 3], bfloat16),
        codebook("h", "float16", [4], [3, 2, 1, 0], float16),
        codebook("d", "float64", [3], [0, 1, 2], float64),
        codebook("h-as-f64", "float64", [4], [0, 1, 2, 3], float16, level_type="float16"),
        codebook("b-as-f64", "float64", [4], [0, 1, 2, 3], bfloat16, level_type="bfloat16"),
        codebook("f-as-f64", "float64", [3], [0, 1, 2], [0x00000001, 0x3FC90FDB, 0x7F7FFFFF], level_type="float32"),
    ]
    yield vector("level-types", "every type of levels in every dtype that holds it", plans)
    levels16 = grid(16)
    owner = codebook("first", "float32", [8], numbers(3, 8, 16), levels16, rans())
    shared = codebook("second", "float32", [3, 3], numbers(4, 9, 16), levels16, rans(), source=0)
    yield vector("shared-codebook", "a codebook used by two tensors", [owner, shared])
    one = codebook("first", "bfloat16", [2], [0, 0], [0x3F80])
    wide = codebook("second", "float32", [2], [0, 0], [0x3F80], source=0, level_type="bfloat16")
    yield vector("shared-one-level", "a shared codebook of one level, in another dtype", [one, wide])
    wide_coders = {**CODERS, "arithmetic": _wide_arithmetic()}
    for name, coder in wide_coders.items():
        plan = uniform("w", "float32", [6], [0, 65535, 1, 32768, 256, 255], 65536, -2, HALF, coder)
        yield vector(f"levels-65536-{name}", "the most levels that a tensor can have", [plan])


def _wide_arithmetic() -> Coder:
    return arithmetic(lambda num_levels: simple_header(num_levels, 0))


def _uniforms() -> Iterator[Vector]:
    for name, coder in CODERS.items():
        plan = uniform("w", "float32", [5, 5], numbers(7, 25, 11, 1.0), 11, -5, 0x3DCCCCCD, coder)
        yield vector(f"uniform-{name}", "a grid through zero", [plan])
    for dtype, step in (("float16", 0x3DCCCCCD), ("bfloat16", 0x3DCCCCCD), ("float64", 0x3FB999999999999A)):
        plan = uniform("w", dtype, [2, 8], numbers(8, 16, 16, 1.0), 16, -8, step, rans())
        yield vector(f"uniform-{dtype}", "rounded twice" if dtype[-2:] == "16" else "a step of 64 bits", [plan])
    plan = uniform("w", "float32", [4], [0, 1, 2, 3], 4, -(1 << 23), 0x3F8CCCCD)
    yield vector("uniform-lowest-offset", "offset -2^23", [plan])
    plan = uniform("w", "float64", [4], [0, 1, 2, 3], 4, 1 << 23, 0x3FB999999999999A)
    yield vector("uniform-highest-offset", "offset 2^23", [plan])
    plan = uniform("w", "float32", [3], [0, 1, 2], 3, -1, 1)
    yield vector("uniform-smallest-step", "the smallest subnormal step", [plan])
    plan = uniform("w", "float16", [3], [0, 1, 2], 3, -1, 0x32000000)
    yield vector("uniform-underflow", "levels that round to zero in float16 are +0.0, of either side", [plan])
    plan = uniform("w", "float32", [3], [0, 1, 2], 3, -1, 0x7F7FFFFF)
    yield vector("uniform-largest-step", "the largest step", [plan])
    plan = uniform("w", "bfloat16", [2, 2], [0, 0, 0, 0], 1, 3, HALF)
    yield vector("uniform-one-level", "a grid of one level: no stream", [plan])


def _ties() -> Iterator[Vector]:
    first = lossless("a", "int16", [2, 3], bytes(range(12)), rans())
    grids = uniform("q", "float32", [4], [0, 1, 2, 3], 4, 0, ONE)
    empty = lossless("e", "float32", [0, 3], b"")
    plans = [first, tied("b", [3, 2], 0, first), grids, tied("c", [2, 2], 2, grids), empty, tied("d", [0], 4, empty)]
    yield vector("tied", "tied to lossless, quantized and empty tensors, in other shapes", plans)
    constant = codebook("k", "float32", [3], [0, 0, 0], [ONE])
    yield vector("tied-to-one-level", "tied to a tensor without a stream", [constant, tied("t", [3, 1], 0, constant)])


def _solid() -> Iterator[Vector]:
    for name, coder in CODERS.items():
        plans = [
            codebook("a", "float32", [4, 3], numbers(1, 12, 16), grid(16), coder),
            lossless("bias", "float32", [2], bytes(8), coder),
            join(codebook("b", "bfloat16", [5], numbers(2, 5, 16), [0x3F80 + k for k in range(16)])),
            join(uniform("c", "float16", [2, 2], numbers(3, 4, 5), 5, -2, HALF)),
            join(lossless("bias2", "float32", [3], bytes(range(12)))),
            join(uniform("d", "float32", [7], numbers(4, 7, 300, 1.0), 300, 0, HALF)),
        ]
        yield vector(f"solid-{name}", "two solid streams, interleaved in the records; parts of several widths", plans)
    data = [bytes(numbers(k, 12, 256, 4.0)) for k in range(3)]
    plans = [lossless("a", "float32", [3], data[0], rans(), coded_planes=5)]
    plans += [join(lossless(name, "float32", [3], values)) for name, values in zip("bc", data[1:], strict=True)]
    yield vector("solid-planes", "a solid lossless stream with stored planes", plans)
    plans = [lossless("a", "uint8", [1000], bytes(numbers(1, 1000, 4)), rans())]
    plans.append(join(lossless("b", "uint8", [24], bytes(24))))
    yield vector("solid-full", "a solid stream that fills its segment", plans, segment_code=0)
    plans = [
        codebook("a", "float32", [3], [1, 0, 1], [0, ONE], rans()),
        codebook("b", "float32", [2], [0, 1], [0, ONE], STORED),
    ]
    plans.append(join(codebook("c", "float32", [2], [1, 1], [0, ONE])))
    yield vector("solid-nearest", "the stream that is continued is the last one opened", plans)


def _segments() -> Iterator[Vector]:
    for name, coder in CODERS.items():
        plan = codebook("w", "float32", [50, 61], numbers(5, 3050, 4, 3.0), grid(4), coder)
        yield vector(f"segments-{name}", "three segments, cut within rows", [plan], segment_code=0)
    data = bytes(numbers(6, 4 * 1025, 256, 8.0))
    plan = lossless("w", "float32", [1025], data, rans(), coded_planes=1)
    yield vector("segments-planes", "two segments of four planes, the last of one element", [plan], segment_code=0)
    plan = lossless("w", "bool", [2048], bytes(numbers(9, 2048, 2, 5.0)), rans())
    yield vector("segments-whole", "exactly two segments", [plan], segment_code=0)
    for code in (1, 7):
        about = f"segments of 2^{10 + 2 * code} elements"
        yield vector(f"segment-code-{code}", about, [lossless("a", "uint8", [2], b"ab")], segment_code=code)
    with_neighbors = arithmetic(lambda num_levels: with_classes(simple_header(num_levels, 0), 8))
    plan = codebook("w", "float32", [50, 41], numbers(5, 2050, 8, 3.0), grid(8), with_neighbors)
    yield vector("segments-neighbors", "arithmetic with neighbors, cut within rows", [plan], segment_code=0)


def _rans_classes() -> Iterator[Vector]:
    small, large = numbers(1, 128, 16, 4.0), numbers(2, 128, 16)
    rows = [*small[:64], *large[:64], *small[64:], *large[64:], *[7] * 64]
    plan = codebook("w", "float32", [5, 64], rows, grid(16), rans(0, Strips(64, 64), [0, 1, 0, 1, 2]))
    yield vector("rans-classes", "three classes of rows, one of them constant", [plan])
    plan = codebook("w", "float32", [5, 64], rows, grid(16), rans(3, Strips(70, 3), [0, 1, 0, 1, 1, 0]))
    yield vector("rans-classes-lanes", "two classes of strips that do not follow the rows, eight lanes", [plan])
    plan = codebook("w", "float32", [320], rows, grid(16), rans(5, Strips(40000, 319), [0, 1]))
    yield vector("rans-classes-one-symbol", "two strips, the last of one symbol", [plan])
    wide = [3 * index for index in rows]
    wide[5] = 299
    plan = codebook("w", "float32", [5, 64], wide, grid(300), rans(1, Strips(64, 64), [1, 0, 1, 0, 0]))
    yield vector("rans-classes-wide", "classes in the high and in the low sequence", [plan])
    plan = codebook("w", "float32", [20, 64], rows * 4, grid(16), rans(2, Strips(64, 64), list(range(8)) * 2))
    yield vector("rans-classes-segments", "eight classes and four, in two segments", [plan], segment_code=0)
    symbols = numbers(3, 128, 4)
    table = rans_table(rans_frequencies(symbols, 4))
    rest = rans_block(symbols, 4, 0)[1 + len(table) :]
    payload = b"\x08\x40\x40\x02\xff\x00" + table + encode_varint(4096) + rest
    plan = codebook("w", "float32", [128], symbols, grid(4), raw(4, payload))
    yield vector("rans-classes-unused", "two classes, of which one has no strip", [plan])


def _coders() -> Iterator[Vector]:
    for mode in range(6):
        plan = codebook("w", "float32", [50], numbers(mode, 50, 16), grid(16), rans(mode))
        yield vector(f"rans-lanes-{1 << mode}", f"mode {mode}", [plan])
    plan = codebook("w", "float32", [3], [0, 1, 2], grid(3), rans(5))
    yield vector("rans-idle-lanes", "more lanes than symbols", [plan])
    symbols = [0, 7, 7, 0, 7, 0, 0, 7]
    block = rans_block(symbols, 8, 0)
    half = encode_varint(2048)
    assert block.startswith(b"\x00" + half + b"\x00\x05" + half)
    payload = b"\x00" + half + b"\x00\x00\x00\x04" + half + block[7:]
    plan = codebook("w", "float32", [8], symbols, grid(8), raw(4, payload))
    yield vector("rans-zeros-apart", "six frequencies of 0, written as one and five", [plan])
    plan = codebook("w", "float32", [9], [2] * 9, grid(3), rans())
    yield vector("rans-constant", "a constant block", [plan])
    plan = codebook("w", "float32", [9], [5, 6, 7] * 3, grid(300), rans())
    yield vector("rans-constant-high", "a constant block of high bytes before a block of low bytes", [plan])
    plan = codebook("w", "float32", [4], [299] * 4, grid(300), rans())
    yield vector("rans-two-constants", "two constant blocks", [plan])
    plan = codebook("w", "float32", [5], [3, 1, 255, 1, 0], grid(256), rans(RAW))
    yield vector("rans-raw", "a raw block", [plan])
    plan = codebook("w", "float32", [5], [3, 1, 299, 1, 256], grid(300), rans(RAW))
    yield vector("rans-raw-low", "a raw block of low bytes behind a coded one of high bytes", [plan])
    plan = lossless("w", "float32", [1025], bytes(numbers(2, 4100, 256)), rans(RAW), coded_planes=5)
    yield vector("rans-raw-planes", "raw planes in two segments", [plan], segment_code=0)
    yield from _rans_classes()
    for lc, lp, pb in ((0, 0, 0), (4, 0, 4), (0, 4, 0), (2, 2, 2)):
        plan = codebook("w", "float32", [40], numbers(lc, 40, 200), grid(200), lzma(lc, lp, pb))
        yield vector(f"lzma-lc{lc}-lp{lp}-pb{pb}", "other properties", [plan])
    repeats = [(i % 13) * (i // 40 % 3 + 1) % 16 for i in range(300)]
    for name, number, payload in _library_payloads():
        plan = codebook("w", "float32", [300], repeats, grid(16), raw(number, payload))
        yield vector(name, "made by the library, with matches", [plan])
    frame = b"\x00\x08" + zstd_block(0, 2, bytes([1, 2]), 0) + zstd_block(1, 3, bytes([5]), 0) + zstd_block(0, 0, b"")
    plan = codebook("w", "float32", [5], [1, 2, 5, 5, 5], grid(16), raw(2, frame))
    yield vector("zstd-blocks", "several blocks, the last one empty, and no content size", [plan])
    frame = b"\x30\x05" + zstd_block(0, 5, bytes([1, 2, 5, 5, 5]))
    plan = codebook("w", "float32", [5], [1, 2, 5, 5, 5], grid(6), raw(2, frame))
    yield vector("zstd-unused-bit", "the bit of the descriptor that means nothing", [plan])
    yield from _arithmetic()
    yield from _arithmetic_wide()


def _library_payloads() -> Iterator[tuple[str, int, bytes]]:
    yield (
        "lzma-matches",
        1,
        bytes.fromhex(
            "030c00000054e82a601c696d6e8c1906bf6d825137a44172797b36525f55b0125aca5617f1704d629cb84691e0ab9d936647c3a2fe22"
            "9e433afffea6e800"
        ),
    )
    entropy = (
        "fd01002402000102030405060708090a0b0c020406080a0c0e06090c0f0205080b0e010400030e0da080975bee9017b61892a123fc0839"
        "24b41e0c0dcbfa32842405"
    )
    yield "zstd-compressed", 2, bytes.fromhex("602c00" + entropy)
    yield "zstd-without-size", 2, bytes.fromhex("0000" + entropy)


def _arithmetic() -> Iterator[Vector]:
    headers: dict[str, tuple[str, Header]] = {
        "order-0": ("no history", simple_header(4, 0)),
        "order-2": ("two previous bins", simple_header(4, 2)),
        "order-3": ("three previous bins", simple_header(4, 3)),
        "classes-2": ("two classes and one previous bin", with_classes(simple_header(4), 2)),
        "classes-16": ("sixteen classes", with_classes(simple_header(4, 1), 16)),
        "prior-0": ("two bins, little forgotten", Header(0, 0, 0, (1, 3), 0, prior=0, limit=0)),
        "uneven-bins": ("bins of two, one and one levels", Header(0, 0, 0, (2, 1, 1), 1, 1, prior=7, limit=3)),
    }
    for name, (about, header) in headers.items():
        plan = codebook("w", "float32", [9, 4, 5], numbers(11, 180, 4), grid(4), arithmetic(_always(header)))
        yield vector(f"arithmetic-{name}", about, [plan])
        coder = arithmetic(_always(header), lanes=8)
        plan = codebook("w", "float32", [21, 4, 3], numbers(11, 252, 4), grid(4), coder)
        yield vector(f"arithmetic-lanes-{name}", f"{about}; eight lanes, and rows that are left", [plan])
    header = Header(0, 0, 0, even_bins(300, 5), 2, 2, prior=3, limit=0)
    plan = codebook("w", "float32", [20, 30], numbers(12, 600, 300), grid(300), arithmetic(_always(header)))
    yield vector("arithmetic-residuals", "residuals with equally likely low bits, and counts that are halved", [plan])
    coder = arithmetic(_always(with_classes(header)), lanes=8)
    plan = codebook("w", "float32", [40, 30], numbers(12, 1200, 300), grid(300), coder)
    yield vector("arithmetic-lanes-residuals", "residuals in eight lanes", [plan])
    coder = arithmetic(lambda num_levels: with_classes(simple_header(num_levels, 0), 8), lanes=8)
    plan = codebook("w", "float32", [60, 50], numbers(17, 3000, 9), grid(9), coder)
    yield vector("arithmetic-lanes-segments", "eight lanes, in segments that begin within rows", [plan], segment_code=0)
    plan = codebook("w", "float32", [7, 50], numbers(18, 350, 9), grid(9), coder)
    yield vector("arithmetic-lanes-few-rows", "eight lanes, of which seven are not used", [plan])
    plan = codebook("w", "float32", [2100, 1], numbers(19, 2100, 2), grid(2), coder)
    yield vector("arithmetic-lanes-column", "eight lanes, rows of one element, as many as are counted and more", [plan])
    for num_levels in (2, 4, 7, 300):
        plan = codebook(
            "w", "float32", [20, 33], numbers(14, 660, num_levels), grid(num_levels), arithmetic(mixed_header)
        )
        yield vector(f"arithmetic-mixed-{num_levels}", f"the mixed mode, {num_levels} levels", [plan])
    sparse = [3 if number else (number + i) % 7 for i, number in enumerate(numbers(15, 2000, 9))]
    plan = codebook("w", "float32", [40, 5, 10], sparse, grid(7), arithmetic(mixed_header))
    yield vector("arithmetic-mixed-sparse", "the mixed mode, mostly the center", [plan])
    plan = codebook("w", "float32", [4500, 1], [2] * 4000 + numbers(16, 500, 4), grid(4), arithmetic(mixed_header))
    yield vector("arithmetic-mixed-columns", "the mixed mode, rows of one element, many rows without a count", [plan])
    plans = [
        codebook(n, "float32", [3, 9], numbers(k, 27, 5), grid(5), arithmetic(mixed_header))
        for k, n in enumerate("abc")
    ]
    yield vector("arithmetic-mixed-same", "the mixed mode, three parts of one model", [plans[0], *map(join, plans[1:])])
    plan = codebook("w", "float32", [9], [1] * 9, grid(3), arithmetic())
    yield vector("arithmetic-constant", "a constant part", [plan])
    plan = codebook("w", "float32", [9], [0] * 9, grid(2), arithmetic())
    yield vector("arithmetic-constant-zero", "a constant part, all bits of its header 0 but one", [plan])
    plan = codebook("w", "float32", [3, 1500], numbers(13, 4500, 2, 9.0), grid(2), arithmetic())
    yield vector("arithmetic-long", "counts that are halved", [plan])
    for name, same, lanes in (("same", True, 1), ("anew", False, 1), ("lanes-same", True, 8), ("lanes-anew", False, 8)):
        coder = arithmetic(same=same, lanes=lanes)
        plans = [codebook(n, "float32", [12], numbers(k, 12, 16), grid(16), coder) for k, n in enumerate("abc")]
        plans += [codebook("d", "float32", [3], [7] * 3, grid(16)), codebook("e", "float32", [2], [7] * 2, grid(16))]
        plans += [codebook("f", "float32", [6], numbers(5, 6, 3), grid(3))]
        plans = [plans[0], *map(join, plans[1:])]
        yield vector(f"arithmetic-{name}", f"parts of equal num_levels, `same` = {int(same)} where it can be", plans)


def _arithmetic_wide() -> Iterator[Vector]:
    eight = arithmetic(wide_header, lanes=8)
    for num_levels in (2, 4, 7, 300):
        plan = codebook("w", "float32", [20, 33], numbers(20, 660, num_levels), grid(num_levels), eight)
        yield vector(f"arithmetic-wide-{num_levels}", f"the wide mode, eight lanes, {num_levels} levels", [plan])
    plan = codebook("w", "float32", [6, 5, 4], numbers(21, 120, 5), grid(5), arithmetic(wide_header))
    yield vector("arithmetic-wide-one-lane", "the wide mode, one lane", [plan])
    for name, shape in (("few-rows", [5, 50]), ("few-columns", [50, 3]), ("column", [60, 1])):
        count = shape[0] * shape[1]
        plan = codebook("w", "float32", shape, numbers(22, count, 9), grid(9), eight)
        yield vector(f"arithmetic-wide-{name}", f"the wide mode, {min(8, *shape)} of eight lanes in use", [plan])
    plan = codebook("w", "float32", [60, 50], numbers(23, 3000, 9), grid(9), eight)
    about = "the wide mode, in segments that begin within rows"
    yield vector("arithmetic-wide-segments", about, [plan], segment_code=0)
    coder = arithmetic(_always(Header(0, 2, 0, (1, 3), 0, initial=16)))
    plan = codebook("w", "float32", [1, 4900], numbers(24, 4900, 4, 3.0), grid(4), coder)
    yield vector("arithmetic-wide-long", "the wide mode, counts that are halved, and more than 4096 columns", [plan])
    plans = [codebook(n, "float32", [9, 9], numbers(k, 81, 5), grid(5), eight) for k, n in enumerate("abc")]
    yield vector("arithmetic-wide-same", "the wide mode, three parts of one model", [plans[0], *map(join, plans[1:])])


def _always(header: Header) -> Any:
    return lambda num_levels: header

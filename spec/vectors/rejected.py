"""Files that every reader must refuse, each for one reason; checksums are right unless they are the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hemp_spec.fields import encode_varint
from spec.vectors import rejected_payloads
from spec.vectors.accepted import HALF, MINUS_ONE, ONE, grid
from spec.vectors.encoders import rans, raw
from spec.vectors.files import (
    Change,
    Plan,
    close,
    codebook,
    join,
    lossless,
    make_file,
    metadata_chunk,
    patch,
    source_chunk,
    spans,
    tied,
    uniform,
    with_segment,
)
from spec.vectors.rejected_payloads import Case, indexed


class Rejected(NamedTuple):
    """A file, the error that a reader must report, and the section that states the rule."""

    name: str
    about: str
    error: str
    rule: str
    data: bytes


SMALL = lossless("a", "uint8", [3], b"\x01\x02\x03")
BIAS = lossless("bias", "float32", [2], bytes(range(8)), rans())
WEIGHT = codebook("w", "float32", [2, 3], [0, 1, 2, 3, 2, 1], grid(4), rans())
GRID = uniform("g", "float32", [2, 3], [0, 1, 2, 3, 2, 1], 4, -2, HALF)
HASH = bytes(range(32))

Group = Callable[[], Iterator[tuple[str, Sequence[Case]]]]


def vectors() -> Iterator[Rejected]:
    """All of them."""
    groups: Sequence[tuple[str, Group]] = (
        ("BAD_SIGNATURE", _bad_signature),
        ("BAD_VERSION", _bad_version),
        ("TRUNCATED", _truncated),
        ("TRAILING_BYTES", _trailing_bytes),
        ("FRONT_CHECKSUM", _front_checksum),
        ("SEGMENT_CHECKSUM", _segment_checksum),
        ("LIMIT_EXCEEDED", _limit_exceeded),
        ("BAD_FRONT", _bad_front),
        ("BAD_VARINT", _bad_varint),
        ("BAD_NAME", _bad_name),
        ("DUPLICATE_NAME", _duplicate_name),
        ("BAD_FORM", _bad_form),
        ("BAD_DTYPE", _bad_dtype),
        ("UNSUPPORTED_DTYPE", _unsupported_dtype),
        ("BAD_SHAPE", _bad_shape),
        ("BAD_QUANTIZER", _bad_quantizer),
        ("UNSUPPORTED_QUANTIZER", _unsupported_quantizer),
        ("BAD_LEVELS", _bad_levels),
        ("BAD_STREAM", _bad_stream),
        ("BAD_CHUNK", _bad_chunk),
        ("UNKNOWN_CRITICAL_CHUNK", _unknown_critical_chunk),
        ("BAD_METADATA", _bad_metadata),
        ("UNSUPPORTED_CODER", _unsupported_coder),
        ("BAD_PAYLOAD", rejected_payloads.bad_payload),
        ("BAD_INDEX", rejected_payloads.bad_index),
    )
    for error, group in groups:
        for rule, cases in group():
            for name, about, data in cases:
                yield Rejected(f"{error.lower().replace('_', '-')}-{name}", about, error, rule, data)


def flip(data: bytes, offset: int, bit: int = 0) -> bytes:
    """One bit turned over; offsets below 0 count from the end."""
    changed = bytearray(data)
    changed[offset] ^= 1 << bit
    return bytes(changed)


def patched(plans: Sequence[Plan], field: str, change: Change, chunks: Sequence[Mapping[str, object]] = ()) -> bytes:
    """A file of these tensors with one field of the front changed."""
    return patch(make_file(plans, chunks), {field: change})


def _bad_signature() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL])
    yield (
        "2",
        [
            ("text-mode", "CR LF became LF", file.replace(b"\r\n", b"\n", 1)),
            ("seven-bits", "bit 7 of the first byte is lost", flip(file, 0, 7)),
            ("png", "another format", b"\x89PNG\r\n\x1a\n" + file[8:]),
            ("short", "a file of two bytes", b"PK"),
        ],
    )


def _bad_version() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL])
    yield (
        "2.3",
        [
            ("major-1", "major 1", file[:8] + b"\x01" + file[9:]),
            ("minor-0", "minor 0", file[:9] + b"\x00" + file[10:]),
            ("minor-2", "minor 2", file[:9] + b"\x02" + file[10:]),
            ("short", "major 2, and the file ends", file[:8] + b"\x02"),
        ],
    )


def _truncated() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([WEIGHT])
    front_end = spans(file)["front"][1]
    ends = {"nothing": 0, "signature": 5, "major": 8, "minor": 9, "front-size": 10, "front": 20}
    yield "2.1", [(name, f"the file ends after {end} bytes", file[:end]) for name, end in ends.items()]
    yield "2.1", [("front-checksum", "the file ends within front_checksum", file[: front_end + 3])]
    yield "2.1", [("long-size", "the file ends within a front_size of several bytes", file[:10] + b"\x80\x80")]
    yield (
        "2.2",
        [
            ("no-body", "the file ends with front_checksum", file[: front_end + 4]),
            ("body", "the last byte is missing", file[:-1]),
        ],
    )


def _trailing_bytes() -> Iterator[tuple[str, Sequence[Case]]]:
    yield (
        "2.2",
        [
            ("one", "a zero byte after the last segment", make_file([SMALL]) + b"\0"),
            ("newline", "a line end after a file without segments", make_file([]) + b"\n"),
            ("file", "two files, one after the other", make_file([SMALL]) * 2),
        ],
    )


def _front_checksum() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL], [metadata_chunk({"a": "b"})])
    fields = spans(file)
    cases = [
        (name, f"one bit of {field} is wrong", flip(file, fields[field][0]))
        for name, field in (
            ("name", "tensors[0].name"),
            ("dimension", "tensors[0].dimensions[0]"),
            ("metadata", "chunks[0].content.pairs[0].value"),
            ("itself", "front_checksum"),
        )
    ]
    yield "2.1", cases


def _segment_checksum() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL, WEIGHT])
    yield (
        "6.5",
        [
            ("first", "one bit of the first segment is wrong", flip(file, spans(file)["front_checksum"][1])),
            ("last", "one bit of the last byte is wrong", flip(file, -1, 7)),
            (
                "unknown-coder",
                "one bit of a segment of a coder that is not known is wrong",
                flip(indexed(raw(128, b"private")), -1),
            ),
            (
                "record",
                "the checksum in the record is wrong",
                patched([SMALL], "tensors[0].stream.segments[0].checksum", bytes(4)),
            ),
        ],
    )


def _limit_exceeded() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL])
    yield "2.1", [("front-size", "front_size 2^28 + 1", file[:10] + encode_varint((1 << 28) + 1) + file[11:])]
    many = encode_varint(((1 << 24) + 1) << 3)
    yield "3", [("tensor-count", "2^24 + 1 tensors", patched([SMALL], "layout", many))]
    yield "4", [("name-size", "a name of 65536 bytes", patched([SMALL], "tensors[0].name_size", encode_varint(65536)))]
    deep = lossless("r", "uint8", [1] * 32, b"a")
    yield "4.3", [("rank", "rank 33", patched([deep], "tensors[0].rank_extra", b"\x1a"))]
    many = codebook("k", "float32", [0], [], [ONE])
    huge = patched([many], "tensors[0].dimensions[0]", encode_varint(1 << 40))
    yield (
        "8.1",
        [
            ("output", "2^40 elements of one level, in a file of a few bytes", huge),
            ("work", "2,128,000 elements in the mixed mode of arithmetic, in a file of a few bytes", _slow()),
        ],
    )


def _slow() -> bytes:
    """A file whose work is just above its limit, and its output far below."""
    few = lossless("m", "uint8", [1, 1], b"m", raw(3, b"\x01" + b"\x55" * 7))
    rows, columns = encode_varint(2128), encode_varint(1000)
    shape = {"tensors[0].dimensions[0]": rows, "tensors[0].dimensions[1]": columns}
    return patch(make_file([few], segment_code=6), shape)


def _bad_front() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([WEIGHT], [metadata_chunk({"a": "b"})])
    fields = spans(file)
    start = fields["front"][0]

    def cut(field: str, keep: int = 0) -> bytes:
        return close(file[start : fields[field][0] + keep], file[fields["body"][0] :])

    yield (
        "3.1",
        [
            ("empty", "front has no bytes", close(b"", b"")),
            ("tensor-count", "one tensor more than there are records", patched([SMALL], "layout", b"\x15")),
            ("name", "a name that reaches beyond front", patched([SMALL], "tensors[0].name_size", b"\x7f")),
            ("levels", "front ends within the levels", cut("tensors[0].parameters.levels[2]", 3)),
            ("dimensions", "front ends before the second dimension", cut("tensors[0].dimensions[1]")),
            ("checksum", "front ends within a segment record", cut("tensors[0].stream.segments[0].checksum", 2)),
            ("chunk-size", "front ends after a tag", cut("chunks[0].size")),
            ("chunk", "a chunk that reaches beyond front", cut("chunks[0].content.pairs[0].value")),
            (
                "many-segments",
                "2^35 segment records are due",
                patched([SMALL], "tensors[0].dimensions[0]", encode_varint(1 << 55)),
            ),
        ],
    )


def _bad_varint() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL])
    count = b"\xff" * 9 + b"\x01"
    two_planes = lossless("a", "uint16", [2], b"aaaa", rans())
    yield (
        "1.4",
        [
            ("front-size", "front_size takes a byte too many", file[:10] + bytes([file[10] | 128, 0]) + file[11:]),
            ("front-size-long", "front_size takes more than 9 bytes", file[:10] + count + file[11:]),
            ("layout", "layout takes a byte too many", patched([SMALL], "layout", b"\x8d\x00")),
            ("dimension", "a dimension of 2^63", patched([SMALL], "tensors[0].dimensions[0]", b"\x80" * 9 + b"\x01")),
            (
                "name-size",
                "name_size takes two bytes too many",
                patched([SMALL], "tensors[0].name_size", b"\x81\x80\x00"),
            ),
            (
                "segment-size",
                "size takes a byte too many",
                patched([SMALL], "tensors[0].stream.segments[0].size", b"\x83\x00"),
            ),
            (
                "payload-size",
                "the size of a plane's payload takes a byte too many",
                with_segment(two_planes, _long_size),
            ),
            ("frequency", "a frequency takes a byte too many", indexed(raw(4, b"\x00\x80\x90\x00" + bytes(8)))),
        ],
    )


def _long_size(segment: bytes) -> bytes:
    return bytes([segment[0] | 128, 0]) + segment[1:]


def _bad_name() -> Iterator[tuple[str, Sequence[Case]]]:
    names = {
        "byte": b"\xff",
        "overlong": b"\xc0\x80",
        "overlong-three": b"\xe0\x80\x80",
        "surrogate": b"\xed\xa0\x80",
        "cut": b"a\xe2\x82",
        "continuation": b"\x80",
        "beyond": b"\xf4\x90\x80\x80",
    }
    yield "4.1", [(name, f"the name is {data.hex(' ')}", _named(data)) for name, data in names.items()]


def _named(name: bytes) -> bytes:
    return patch(make_file([SMALL]), {"tensors[0].name_size": encode_varint(len(name)), "tensors[0].name": name})


def _duplicate_name() -> Iterator[tuple[str, Sequence[Case]]]:
    def three(last: str) -> list[Plan]:
        return [lossless(name, "uint8", [1], b"a") for name in ("a", "b", last)]

    empty = [lossless(name, "uint8", [1], b"a") for name in ("", "b")]
    yield (
        "4.1",
        [
            ("apart", "the first and the third tensor", patched(three("c"), "tensors[2].name", b"a")),
            ("neighbors", "the second and the third tensor", patched(three("c"), "tensors[2].name", b"b")),
            (
                "empty",
                "two tensors without names",
                patch(make_file(empty), {"tensors[1].name_size": b"\0", "tensors[1].name": b""}),
            ),
        ],
    )


def _set_bit(bit: int) -> Callable[[bytes], bytes]:
    return lambda form: bytes([form[0] | 1 << bit])


def _bad_form() -> Iterator[tuple[str, Sequence[Case]]]:
    empty = lossless("e", "uint8", [0], b"")
    one = codebook("k", "float32", [3], [0, 0, 0], [ONE])
    yield (
        "4.2",
        [
            (
                "shared-lossless",
                "shared is set and the tensor lossless",
                patched([SMALL], "tensors[0].form", _set_bit(7)),
            ),
            (
                "shared-tied",
                "shared is set and the tensor tied",
                patched([SMALL, tied("t", [3], 0, SMALL)], "tensors[1].form", _set_bit(7)),
            ),
            ("shared-uniform", "shared is set and the tensor uniform", patched([GRID], "tensors[0].form", _set_bit(7))),
            (
                "joined-empty",
                "joined is set and there are no elements",
                patched([SMALL, empty], "tensors[1].form", _set_bit(6)),
            ),
            (
                "joined-one-level",
                "joined is set and there is one level",
                patched([WEIGHT, one], "tensors[1].form", _set_bit(6)),
            ),
            (
                "joined-tied",
                "joined is set and the tensor tied",
                patched([SMALL, tied("t", [3], 0, SMALL)], "tensors[1].form", _set_bit(6)),
            ),
        ],
    )


def _bad_dtype() -> Iterator[tuple[str, Sequence[Case]]]:
    form = "tensors[0].form"
    explicit = patched([BIAS], form, lambda old: _set_bit(5)(old) + b"\x0b")
    again = patched(
        [SMALL, lossless("b", "uint8", [1], b"a")], "tensors[1].form", lambda old: _set_bit(5)(old) + b"\x01"
    )
    yield (
        "4.2",
        [
            ("float32-first", "the first record says float32", explicit),
            ("again", "the second record says uint8, as the first did", again),
        ],
    )


def _unsupported_dtype() -> Iterator[tuple[str, Sequence[Case]]]:
    yield (
        "4.4",
        [
            (f"{number}", f"dtype {number}", patched([SMALL], "tensors[0].dtype", bytes([number])))
            for number in (22, 128, 255)
        ],
    )


def _bad_shape() -> Iterator[tuple[str, Sequence[Case]]]:
    def shaped(dtype: str, *dimensions: int) -> bytes:
        file = make_file([lossless("a", dtype, [0] * len(dimensions), b"")])
        return patch(file, {f"tensors[0].dimensions[{k}]": encode_varint(size) for k, size in enumerate(dimensions)})

    yield (
        "4.3",
        [
            ("elements", "2^62 elements", shaped("uint8", 1 << 62)),
            ("product", "2^31 x 2^31 elements", shaped("uint8", 1 << 31, 1 << 31)),
            ("wrapping", "a product that is 0 modulo 2^64", shaped("uint8", 1 << 32, 1 << 32)),
            ("bytes", "2^60 elements of 4 bytes", shaped("float32", 1 << 60)),
            ("wide", "2^58 elements of 16 bytes", shaped("complex128", 1 << 58)),
            ("with-zero", "2^31 x 0 x 2^31 elements", shaped("uint8", 1 << 31, 0, 1 << 31)),
        ],
    )


def _bad_quantizer() -> Iterator[tuple[str, Sequence[Case]]]:
    half = codebook("h", "float16", [2], [0, 1], [0, 0x3C00])
    brain = codebook("b", "bfloat16", [2], [0, 1], [0, 0x3F80])
    shared = codebook("s", "float32", [2], [0, 1], grid(4), source=0)
    table = "tensors[0].parameters.table"
    as_integers = {"tensors[0].form": lambda old: _set_bit(5)(old) + b"\x06"}
    yield (
        "5.2",
        [
            ("codebook-int32", "a codebook for int32", patch(make_file([WEIGHT]), as_integers)),
            ("uniform-int32", "a grid for int32", patch(make_file([GRID]), as_integers)),
            ("float32-in-float16", "float32 levels of a float16 tensor", patched([half], table, b"\x04")),
            ("float64-in-float32", "float64 levels of a float32 tensor", patched([WEIGHT], table, b"\x0f")),
            ("float16-in-bfloat16", "float16 levels of a bfloat16 tensor", patched([brain], table, b"\x05")),
            ("bfloat16-in-float16", "bfloat16 levels of a float16 tensor", patched([half], table, b"\x06")),
            (
                "shared-self",
                "a codebook of the record itself",
                patched([WEIGHT, shared], "tensors[1].parameters.source", b"\x01"),
            ),
            (
                "shared-later",
                "a codebook of a record that does not exist",
                patched([WEIGHT, shared], "tensors[1].parameters.source", b"\x02"),
            ),
            (
                "shared-lossless",
                "a codebook of a lossless record",
                patched([WEIGHT, BIAS, shared], "tensors[2].parameters.source", b"\x01"),
            ),
            (
                "shared-shared",
                "a codebook of a record that has none of its own",
                patched(
                    [WEIGHT, shared, codebook("t", "float32", [2], [0, 1], grid(4), source=0)],
                    "tensors[2].parameters.source",
                    b"\x01",
                ),
            ),
            (
                "shared-narrow",
                "a float32 codebook for a float16 tensor",
                patched([WEIGHT, shared], "tensors[1].form", lambda old: _set_bit(5)(old) + b"\x09"),
            ),
        ],
    )
    owner, same = SMALL, tied("t", [3], 0, SMALL)
    other = lossless("o", "int8", [3], b"abc")
    longer = lossless("o", "uint8", [4], b"abcd")
    source = "tensors[{}].parameters.source"
    again = tied("u", [3], 0, SMALL)
    after = tied("u", [3], 0, owner)
    yield (
        "5.4",
        [
            ("tied-self", "tied to itself", patched([owner, same], source.format(1), b"\x01")),
            (
                "tied-later",
                "tied to a later record",
                patched([owner, same, lossless("z", "uint8", [3], b"abc")], source.format(1), b"\x02"),
            ),
            ("tied-tied", "tied to a tied record", patched([owner, same, again], source.format(2), b"\x01")),
            (
                "tied-dtype",
                "tied to a record of another dtype",
                patched([owner, other, after], source.format(2), b"\x01"),
            ),
            (
                "tied-elements",
                "tied to a record of more elements",
                patched([owner, longer, after], source.format(2), b"\x01"),
            ),
        ],
    )


def _unsupported_quantizer() -> Iterator[tuple[str, Sequence[Case]]]:
    plans = [SMALL, tied("t", [3], 0, SMALL)]
    yield (
        "5.4",
        [
            (f"{number}", f"extension {number}", patched(plans, "tensors[1].parameters.extension", bytes([number])))
            for number in (1, 2, 255)
        ],
    )


def _bad_levels() -> Iterator[tuple[str, Sequence[Case]]]:
    half = codebook("h", "float16", [2], [0, 1], [0, 0x3C00])
    narrow = uniform("g", "float16", [2], [0, 1], 2, 0, ONE)
    brain = uniform("g", "bfloat16", [2], [0, 1], 2, 0, ONE)
    double = uniform("g", "float64", [2], [0, 1], 2, 0, 0x3FF << 52)
    levels = "tensors[0].parameters.levels"

    def level(number: int, pattern: int) -> bytes:
        return patched([WEIGHT], f"{levels}[{number}]", pattern.to_bytes(4, "little"))

    yield (
        "5.2",
        [
            ("count", "65537 levels", patched([WEIGHT], "tensors[0].parameters.table", encode_varint(65536 << 2))),
            ("nan", "a level that is NaN", level(1, 0x7FC00000)),
            ("infinity", "the last level is infinite", level(3, 0x7F800000)),
            ("minus-infinity", "the first level is minus infinity", level(0, 0xFF800000)),
            ("descending", "a level below the one before", level(2, HALF)),
            ("negative", "the last level is negative", level(3, MINUS_ONE)),
            ("float16-infinity", "an infinite float16", patched([half], f"{levels}[1]", b"\x00\x7c")),
        ],
    )
    step, offset = "tensors[0].parameters.step", "tensors[0].parameters.offset"

    def steps(pattern: int) -> bytes:
        return patched([GRID], step, pattern.to_bytes(4, "little"))

    yield (
        "5.3",
        [
            (
                "uniform-count",
                "65537 levels of a grid",
                patched([GRID], "tensors[0].parameters.last_level", encode_varint(65536)),
            ),
            ("offset-high", "offset 2^23 + 1", patched([GRID], offset, encode_varint((1 << 24) + 2))),
            ("offset-low", "offset -2^23 - 1", patched([GRID], offset, encode_varint((1 << 24) + 1))),
            ("step-zero", "step 0", steps(0)),
            ("step-minus-zero", "step -0.0", steps(0x80000000)),
            ("step-negative", "a negative step", steps(MINUS_ONE)),
            ("step-nan", "a step that is NaN", steps(0x7FC00000)),
            ("step-infinity", "an infinite step", steps(0x7F800000)),
            ("overflow-first", "the first level is infinite", steps(0x7F7FFFFF)),
            (
                "overflow-last",
                "the last level is infinite in float16",
                patched([narrow], step, (0x477FF000).to_bytes(4, "little")),
            ),
            (
                "overflow-bfloat16",
                "the last level is finite in float32 and not in bfloat16",
                patched([brain], step, (0x7F7FFFFF).to_bytes(4, "little")),
            ),
            (
                "step-float64-infinity",
                "an infinite step of 64 bits",
                patched([double], step, (0x7FF << 52).to_bytes(8, "little")),
            ),
        ],
    )


def _bad_stream() -> Iterator[tuple[str, Sequence[Case]]]:
    stored = lossless("a", "float32", [2], bytes(8))
    byte = lossless("a", "uint8", [3], b"\x01\x02\x03", rans())
    planes, coder = "tensors[0].stream.coded_planes", "tensors[0].stream.coder"
    yield (
        "6.2",
        [
            ("plane", "a coded plane that a float32 does not have", patched([BIAS], planes, b"\x1f")),
            ("no-planes", "coded_planes 0", patched([BIAS], planes, b"\x00")),
            ("plane-0", "coded_planes 1, which is what has_planes 0 means", patched([BIAS], planes, b"\x01")),
            ("stored-planes", "coded planes and the coder `stored`", patched([stored], coder, b"\x40\x02")),
            ("stored-one-plane", "has_planes, the coder `stored` and one plane", patched([SMALL], coder, b"\x40\x01")),
            ("one-plane", "coded planes of one plane", patched([byte], coder, b"\x44\x01")),
            ("quantized-planes", "coded planes of a quantized tensor", patched([WEIGHT], coder, b"\x44\x03")),
        ],
    )
    long = lossless("a", "uint8", [1025], bytes(1025))
    full = [lossless("a", "uint8", [1000], bytes(1000)), join(lossless("b", "uint8", [24], bytes(24)))]
    yield (
        "6.3",
        [
            ("joined-first", "the first tensor is joined", patched([SMALL], "tensors[0].form", _set_bit(6))),
            (
                "joined-class",
                "joined, and the stream before is of another dtype",
                patched([SMALL, lossless("b", "int8", [3], b"abc")], "tensors[1].form", _set_bit(6)),
            ),
            (
                "joined-lossless",
                "quantized, joined, and only a lossless stream is there",
                patched([BIAS, WEIGHT], "tensors[1].form", _set_bit(6)),
            ),
            (
                "joined-long",
                "joined to a stream of two segments",
                patch(
                    make_file([long, lossless("b", "uint8", [3], b"abc")], segment_code=0),
                    {"tensors[1].form": _set_bit(6)},
                ),
            ),
            (
                "joined-full",
                "more elements than a segment holds",
                patch(make_file(full, segment_code=0), {"tensors[1].dimensions[0]": b"\x19"}),
            ),
        ],
    )
    sizes = {f"tensors[{k}].stream.segments[0].size": encode_varint(1 << 62) for k in range(2)}
    yield "2.2", [("sum", "segments of 2^63 bytes together", patch(make_file([SMALL, BIAS]), sizes))]


def _bad_chunk() -> Iterator[tuple[str, Sequence[Case]]]:
    pair = metadata_chunk({"a": "b"})
    content = "chunks[0].content."
    two = make_file([SMALL], [pair, source_chunk(HASH)])
    front_start, front_end = spans(two)["front"]
    start = spans(two)["chunks[0].tag"][0]
    middle = spans(two)["chunks[1].tag"][0]
    first, second = two[start:middle], two[middle:front_end]
    before, after = two[front_start:start], two[front_end + 4 :]
    yield (
        "7",
        [
            ("descending", "the chunk 0x82 before 0x81", close(before + second + first, after)),
            ("twice", "two chunks of metadata", close(before + first + first, after)),
            ("metadata-left", "a byte after the last pair", _resized(pair, b"\x01\x01a\x01bc")),
            ("metadata-short", "the last value reaches beyond the chunk", _resized(pair, b"\x01\x01a\x02b")),
            ("metadata-count", "two pairs are due and one is there", _resized(pair, b"\x02\x01a\x01b")),
            ("metadata-empty", "metadata of no bytes", _resized(pair, b"")),
            ("hash-short", "a hash of 31 bytes", _resized(source_chunk(HASH), b"\x01" + HASH[:31])),
            ("hash-long", "a hash of 33 bytes", _resized(source_chunk(HASH), b"\x01" + HASH + b"\0")),
        ],
    )
    unknown = patched([], content + "hash_type", b"\x02", [source_chunk(HASH)])
    yield "7.2", [("hash-type", "a hash of an unknown type", unknown)]


def _resized(chunk: Mapping[str, object], content: bytes) -> bytes:
    """A file of one chunk with other content."""
    file = make_file([], [chunk])
    fields = spans(file)
    start = fields["chunks[0].tag"][0]
    front = file[fields["front"][0] : start]
    return close(front + file[start : start + 1] + encode_varint(len(content)) + content, b"")


def _unknown_critical_chunk() -> Iterator[tuple[str, Sequence[Case]]]:
    file = make_file([SMALL])
    start, end = spans(file)["front"]
    cases = []
    for tag in (0x00, 0x01, 0x7F):
        cases.append(
            (f"{tag:02x}", f"a chunk {tag:#04x}", close(file[start:end] + bytes([tag, 2]) + b"xy", file[end + 4 :]))
        )
    yield "7", cases


def _bad_metadata() -> Iterator[tuple[str, Sequence[Case]]]:
    pair = metadata_chunk({"a": "b"})
    contents = {
        "none": ("no pairs", b"\x00"),
        "equal": ("the same key twice", b"\x02\x01a\x01b\x01a\x01c"),
        "descending": ("keys in descending order", b"\x02\x01b\x00\x01a\x00"),
        "prefix": ("a key before its own prefix", b"\x02\x02ab\x00\x01a\x00"),
        "key": ("a key that is not UTF-8", b"\x01\x01\xff\x01b"),
        "value": ("a value that is not UTF-8", b"\x01\x01a\x02\xc0\x80"),
    }
    yield "7.1", [(name, about, _resized(pair, content)) for name, (about, content) in contents.items()]


def _unsupported_coder() -> Iterator[tuple[str, Sequence[Case]]]:
    yield (
        "6.6",
        [
            *(
                (f"{number}", f"a tensor coded by coder {number}", indexed(raw(number, b"private")))
                for number in (5, 63, 128, 191)
            ),
            ("beyond", "the payload of a plane, and after it one that reaches beyond the segment", _unknown_planes()),
        ],
    )


def _unknown_planes() -> bytes:
    """Three planes of a coder that is not known; the second reaches beyond the segment."""
    planes = lossless("a", "uint32", [2], b"aaaabbbb", raw(5, b"1", b"2", b"3"), coded_planes=7)
    return with_segment(planes, lambda old: old[:4] + b"\x7f" + old[5:])

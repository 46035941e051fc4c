"""Every rule of the front, broken by a file made by hand, gives its error, with its class and place."""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
import pytest
from hand_made import (
    CODEBOOK,
    EXTENDED,
    JOINED,
    SHARED,
    SIGNATURE,
    UNIFORM,
    make_chunk,
    make_codebook,
    make_file,
    make_front,
    make_record,
    make_stream,
    make_text,
    make_uniform,
    stored_float32,
    varint,
)

from hemp_codec.errors import STATUSES, HempError
from hemp_codec.reader import Reader

EIGHT = bytes(range(8))
A_RECORD, A_BODY = stored_float32(b"a", EIGHT)
A = make_front(A_RECORD)
CLASSES = {name: error for _, name, error in STATUSES}

EMPTY = make_file(make_front())
QUANTIZED = make_stream(b"\x02")
TWO_LEVELS = make_codebook(-1.0, 1.0)


def lossless(*shape: int, stream: bytes, dtype: bytes = b"") -> bytes:
    return make_file(make_front(make_record(b"a", *shape, dtype=dtype, stream=stream)))


def codebook(parameters: bytes, *, dtype: bytes = b"") -> bytes:
    return make_file(
        make_front(make_record(b"a", 2, form=CODEBOOK, dtype=dtype, parameters=parameters, stream=QUANTIZED))
    )


def uniform(parameters: bytes, *, dtype: bytes = b"") -> bytes:
    return make_file(
        make_front(make_record(b"a", 2, form=UNIFORM, dtype=dtype, parameters=parameters, stream=QUANTIZED))
    )


def after_a(record: bytes, body: bytes = b"") -> bytes:
    return make_file(make_front(A_RECORD, record), A_BODY + body)


def with_chunks(*chunks: bytes) -> bytes:
    return make_file(make_front(chunks=b"".join(chunks)))


def metadata(*texts: bytes, count: int | None = None) -> bytes:
    pairs = len(texts) // 2 if count is None else count
    return make_chunk(0x81, varint(pairs) + b"".join(map(make_text, texts)))


def shared(number: int, *, stream: bytes = QUANTIZED, dtype: bytes = b"") -> bytes:
    form = CODEBOOK | SHARED
    return make_record(b"b", 2, form=form, dtype=dtype, parameters=varint(number), stream=stream)


def tied(number: int, *shape: int, dtype: bytes = b"") -> bytes:
    return make_record(b"t", *shape, form=EXTENDED, dtype=dtype, parameters=b"\x00" + varint(number))


C_RECORD = make_record(b"c", 2, form=CODEBOOK, parameters=TWO_LEVELS, stream=QUANTIZED)
TWICE = make_file(make_front(A_RECORD, A_RECORD), A_BODY * 2)
NAN, INFINITY = math.nan, math.inf

BROKEN = {
    "signature": ("BAD_SIGNATURE", b"\x88" + EMPTY[1:]),
    "text mode": ("BAD_SIGNATURE", EMPTY.replace(b"\r\n", b"\n", 1)),
    "another file": ("BAD_SIGNATURE", b"PK"),
    "major": ("BAD_VERSION", make_file(make_front(), version=b"\x01\x01")),
    "minor": ("BAD_VERSION", make_file(make_front(), version=b"\x00\x02")),
    "no bytes": ("TRUNCATED", b""),
    "signature only": ("TRUNCATED", SIGNATURE),
    "within front_size": ("TRUNCATED", SIGNATURE + b"\x00\x01\x80"),
    "within front": ("TRUNCATED", EMPTY[:-5]),
    "within front_checksum": ("TRUNCATED", EMPTY[:-1]),
    "within body": ("TRUNCATED", make_file(A, A_BODY[:-1])),
    "body too long": ("TRAILING_BYTES", make_file(A, A_BODY + b"\x00")),
    "front_checksum": ("FRONT_CHECKSUM", EMPTY[:-1] + bytes([EMPTY[-1] ^ 1])),
    "front_size not minimal": ("BAD_VARINT", SIGNATURE + b"\x00\x01\x82\x00" + EMPTY[11:]),
    "front_size of 10 bytes": ("BAD_VARINT", SIGNATURE + b"\x00\x01" + b"\xff" * 9 + b"\x01"),
    "front_size above limit": ("LIMIT_EXCEEDED", SIGNATURE + b"\x00\x01" + varint((1 << 28) + 1)),
    "no front": ("BAD_FRONT", make_file(b"")),
    "layout cut": ("BAD_FRONT", make_file(b"\x85")),
    "layout not minimal": ("BAD_VARINT", make_file(b"\x85\x00")),
    "tensor_count": ("LIMIT_EXCEEDED", make_file(make_front(count=(1 << 24) + 1))),
    "record missing": ("BAD_FRONT", make_file(make_front(A_RECORD, count=2), A_BODY)),
    "name_size": ("LIMIT_EXCEEDED", make_file(make_front(varint(65536)))),
    "name beyond front": ("BAD_FRONT", make_file(make_front(b"\x05abc"))),
    "name not UTF-8": ("BAD_NAME", make_file(make_front(make_record(b"\xff")))),
    "name twice": ("DUPLICATE_NAME", TWICE),
    "no form": ("BAD_FRONT", make_file(make_front(b"\x01a"))),
    "shared lossless": ("BAD_FORM", make_file(make_front(make_record(b"a", 0, form=SHARED)))),
    "shared uniform": ("BAD_FORM", make_file(make_front(make_record(b"a", 0, form=UNIFORM | SHARED)))),
    "joined without elements": ("BAD_FORM", make_file(make_front(make_record(b"a", 0, form=JOINED)))),
    "joined of one level": (
        "BAD_FORM",
        make_file(make_front(make_record(b"a", 2, form=CODEBOOK | JOINED, parameters=make_codebook(1.0)))),
    ),
    "joined and tied": (
        "BAD_FORM",
        after_a(make_record(b"t", 2, form=EXTENDED | JOINED, parameters=b"\x00\x00")),
    ),
    "rank": ("LIMIT_EXCEEDED", make_file(make_front(b"\x01a\x07" + varint(26)))),
    "dtype as implied": ("BAD_DTYPE", lossless(0, dtype=b"\x0b", stream=b"")),
    "dtype unknown": ("UNSUPPORTED_DTYPE", lossless(0, dtype=b"\x16", stream=b"")),
    "elements": ("BAD_SHAPE", lossless(1 << 60, stream=b"")),
    "elements beside a zero": ("BAD_SHAPE", lossless(0, 1 << 31, 1 << 31, stream=b"")),
    "dimension": ("BAD_VARINT", make_file(make_front(b"\x01a\x01\x81\x00"))),
    "codebook of integers": ("BAD_QUANTIZER", codebook(TWO_LEVELS, dtype=b"\x06")),
    "wider levels": ("BAD_QUANTIZER", codebook(TWO_LEVELS, dtype=b"\x09")),
    "float64 levels of float32": ("BAD_QUANTIZER", codebook(varint(3) + struct.pack("<d", 1.0))),
    "65537 levels": ("BAD_LEVELS", codebook(varint(65536 << 2))),
    "levels missing": ("BAD_FRONT", make_file(make_front(make_record(b"a", 2, form=CODEBOOK, parameters=b"\x04\x00")))),
    "levels descend": ("BAD_LEVELS", codebook(make_codebook(1.0, -1.0))),
    "level infinite": ("BAD_LEVELS", codebook(make_codebook(0.0, INFINITY))),
    "level NaN": ("BAD_LEVELS", codebook(make_codebook(NAN, 0.0))),
    "levels descend, one missing": (
        "BAD_LEVELS",
        make_file(make_front(make_record(b"a", 2, form=CODEBOOK, parameters=make_codebook(1.0, -1.0, 1.0)[:-4]))),
    ),
    "shared with a later one": ("BAD_QUANTIZER", make_file(make_front(shared(0)))),
    "shared with a lossless one": ("BAD_QUANTIZER", after_a(shared(0))),
    "shared with a sharing one": (
        "BAD_QUANTIZER",
        make_file(make_front(C_RECORD, shared(0), shared(1)), b"\x02" * 3),
    ),
    "shared by a narrower dtype": ("BAD_QUANTIZER", make_file(make_front(C_RECORD, shared(0, dtype=b"\x09")))),
    "uniform of integers": ("BAD_QUANTIZER", uniform(make_uniform(2, 0, 1.0), dtype=b"\x06")),
    "uniform of 65537 levels": ("BAD_LEVELS", uniform(make_uniform(65537, 0, 1.0))),
    "uniform offset high": ("BAD_LEVELS", uniform(make_uniform(2, (1 << 24) + 2, 1.0))),
    "uniform offset low": ("BAD_LEVELS", uniform(make_uniform(2, (1 << 24) + 1, 1.0))),
    "uniform step zero": ("BAD_LEVELS", uniform(make_uniform(2, 0, 0.0))),
    "uniform step -0.0": ("BAD_LEVELS", uniform(make_uniform(2, 0, -0.0))),
    "uniform step negative": ("BAD_LEVELS", uniform(make_uniform(2, 0, -1.0))),
    "uniform step infinite": ("BAD_LEVELS", uniform(make_uniform(2, 0, INFINITY))),
    "uniform step NaN": ("BAD_LEVELS", uniform(make_uniform(2, 0, NAN))),
    "uniform last level infinite": ("BAD_LEVELS", uniform(make_uniform(3, 0, 3e38))),
    "uniform first level infinite": ("BAD_LEVELS", uniform(make_uniform(2, 3, 3e38))),
    "uniform float16 overflow": ("BAD_LEVELS", uniform(make_uniform(2, 0, 65520.0), dtype=b"\x09")),
    "uniform step missing": (
        "BAD_FRONT",
        make_file(make_front(make_record(b"a", 2, form=UNIFORM, parameters=b"\x01\x00"))),
    ),
    "extended": (
        "UNSUPPORTED_QUANTIZER",
        make_file(make_front(make_record(b"a", 2, form=EXTENDED, parameters=b"\x01"))),
    ),
    "tied to itself": ("BAD_QUANTIZER", make_file(make_front(tied(0, 2)))),
    "tied of another dtype": ("BAD_QUANTIZER", after_a(tied(0, 2, dtype=b"\x06"))),
    "tied of another size": ("BAD_QUANTIZER", after_a(tied(0, 3))),
    "tied to a tied one": (
        "BAD_QUANTIZER",
        make_file(
            make_front(A_RECORD, tied(0, 2), make_record(b"u", 2, form=EXTENDED, parameters=b"\x00\x01")), A_BODY
        ),
    ),
    "joined to nothing": ("BAD_STREAM", make_file(make_front(make_record(b"a", 2, form=JOINED)))),
    "joined to another class": (
        "BAD_STREAM",
        after_a(make_record(b"b", 2, form=JOINED, dtype=b"\x06")),
    ),
    "joined beyond a segment": ("BAD_STREAM", after_a(make_record(b"b", 1023, form=JOINED))),
    "joined to two segments": (
        "BAD_STREAM",
        make_file(make_front(make_record(b"a", 1025, stream=make_stream(b"", b"")), make_record(b"b", 1, form=JOINED))),
    ),
    "coded_planes too high": ("BAD_STREAM", lossless(2, stream=make_stream(EIGHT, coder=4, coded_planes=16))),
    "coded_planes of stored": ("BAD_STREAM", lossless(2, stream=make_stream(EIGHT, coder=0, coded_planes=2))),
    "coded_planes none": ("BAD_STREAM", lossless(2, stream=make_stream(EIGHT, coder=4, coded_planes=0))),
    "coded_planes of plane 0": ("BAD_STREAM", lossless(2, stream=make_stream(EIGHT, coder=4, coded_planes=1))),
    "coded_planes missing": ("BAD_FRONT", lossless(2, stream=bytes([0x44]))),
    "coded_planes of one plane": (
        "BAD_STREAM",
        lossless(2, dtype=b"\x01", stream=make_stream(EIGHT, coder=4, coded_planes=2)),
    ),
    "coded_planes of a quantized tensor": (
        "BAD_STREAM",
        make_file(
            make_front(
                make_record(
                    b"a", 2, form=CODEBOOK, parameters=TWO_LEVELS, stream=make_stream(EIGHT, coder=4, coded_planes=3)
                )
            )
        ),
    ),
    "no stream": ("BAD_FRONT", lossless(2, stream=b"")),
    "segment cut": ("BAD_FRONT", lossless(2, stream=make_stream(EIGHT)[:-1])),
    "segment missing": ("BAD_FRONT", lossless(1025, stream=make_stream(EIGHT))),
    "body of 2^63 bytes": (
        "BAD_STREAM",
        lossless(1025, stream=b"\x00" + (varint(1 << 62) + bytes(4)) * 2),
    ),
    "chunk order": ("BAD_CHUNK", with_chunks(make_chunk(0x90, b""), make_chunk(0x8F, b""))),
    "chunk twice": ("BAD_CHUNK", with_chunks(make_chunk(0x90, b""), make_chunk(0x90, b""))),
    "chunk cut": ("BAD_FRONT", with_chunks(make_chunk(0x90, b"abc")[:-1])),
    "chunk without size": ("BAD_FRONT", with_chunks(b"\x90")),
    "chunk critical": ("UNKNOWN_CRITICAL_CHUNK", with_chunks(make_chunk(0x01, b""))),
    "metadata of none": ("BAD_METADATA", with_chunks(metadata())),
    "metadata not UTF-8": ("BAD_METADATA", with_chunks(metadata(b"k", b"\xff"))),
    "metadata order": ("BAD_METADATA", with_chunks(metadata(b"b", b"", b"a", b""))),
    "metadata twice": ("BAD_METADATA", with_chunks(metadata(b"a", b"", b"a", b""))),
    "metadata order by length": ("BAD_METADATA", with_chunks(metadata(b"aa", b"", b"a", b""))),
    "metadata pair missing": ("BAD_CHUNK", with_chunks(metadata(b"a", b"", count=2))),
    "metadata pair left": ("BAD_CHUNK", with_chunks(metadata(b"a", b"", b"b", b"", count=1))),
    "source kind": ("BAD_CHUNK", with_chunks(make_chunk(0x82, b"\x02" + bytes(32)))),
    "source size": ("BAD_CHUNK", with_chunks(make_chunk(0x82, b"\x01" + bytes(31)))),
    "source of no bytes": ("BAD_CHUNK", with_chunks(make_chunk(0x82, b""))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rule(name: str) -> None:
    code, data = BROKEN[name]
    with pytest.raises(HempError) as caught:
        Reader(data)
    assert caught.value.code == code
    assert type(caught.value) is CLASSES[code]
    assert caught.value.offset is not None and 0 <= caught.value.offset <= len(data)
    assert "\n" not in str(caught.value)


def test_every_status_of_the_front_is_covered() -> None:
    of_segments = {"SEGMENT_CHECKSUM", "UNSUPPORTED_CODER", "BAD_PAYLOAD", "BAD_INDEX"}
    assert {code for code, _ in BROKEN.values()} == set(CLASSES) - of_segments


def test_error_names_the_tensor_and_the_byte() -> None:
    data = after_a(make_record(b"layer", 1 << 60))
    with pytest.raises(HempError) as caught:
        Reader(data)
    assert caught.value.tensor == "layer"
    assert data[caught.value.offset :].startswith(varint(1 << 60))
    assert "'layer'" in str(caught.value)


def test_duplicate_name_is_that_of_the_later_tensor() -> None:
    with pytest.raises(HempError) as caught:
        Reader(TWICE)
    assert caught.value.tensor == "a"
    assert caught.value.offset == TWICE.rindex(b"\x01a") + 1


def test_version_found_is_said() -> None:
    with pytest.raises(HempError, match=r"version 3\.7"):
        Reader(make_file(make_front(), version=b"\x03\x07"))


def test_max_front_is_the_callers() -> None:
    data = with_chunks(make_chunk(0x90, bytes(100)))
    assert Reader(data, max_front=200).keys() == []
    with pytest.raises(HempError, match="max_front") as caught:
        Reader(data, max_front=50)
    assert caught.value.code == "LIMIT_EXCEEDED"


def test_an_unknown_ancillary_chunk_is_skipped() -> None:
    chunks = metadata(b"k", b"v"), make_chunk(0x82, b"\x01" + bytes(32)), make_chunk(0xFF, b"anything")
    reader = Reader(with_chunks(*chunks))
    assert reader.metadata() == {"k": "v"}
    assert reader.source_hash == bytes(32)


def test_a_chunk_before_the_metadata_is_skipped() -> None:
    reader = Reader(with_chunks(make_chunk(0x80, b"x" * 200), metadata(b"k", "ü".encode())))
    assert reader.metadata() == {"k": "ü"}
    assert reader.source_hash is None


def test_ranks_from_0_to_32() -> None:
    records = [make_record(b"0", dtype=b"\x01", stream=make_stream(b"\x05"))]
    for rank in (6, 7, 32):
        form = bytes([min(rank, 7)]) + (varint(rank - 7) if rank >= 7 else b"")
        records.append(make_text(str(rank).encode()) + form + b"\x01" * (rank - 1) + b"\x00")
    reader = Reader(make_file(make_front(*records), b"\x05"))
    assert [reader.get_tensor(name).shape for name in reader.keys()] == [  # noqa: SIM118 - a reader is no mapping
        (),
        (1,) * 5 + (0,),
        (1,) * 6 + (0,),
        (1,) * 31 + (0,),
    ]


def test_limits_of_uniform_levels_are_exact() -> None:
    just_below = struct.unpack("<f", struct.pack("<I", 0x477FEFFF))[0]  # the float32 before 65520
    for dtype, step in ((b"\x09", just_below), (b"", 3.4028234e38)):
        reader = Reader(
            make_file(
                make_front(
                    make_record(
                        b"a", 2, form=UNIFORM, dtype=dtype, parameters=make_uniform(2, 0, step), stream=QUANTIZED
                    )
                ),
                b"\x02",
            )
        )
        assert np.isfinite(reader.get_tensor("a").astype(np.float64)).all()


def test_a_uniform_level_of_zero_is_positive() -> None:
    tiny = 2.0**-30
    record = make_record(
        b"a", 2, form=UNIFORM, dtype=b"\x09", parameters=make_uniform(3, 3, tiny), stream=make_stream(b"\x01")
    )
    reader = Reader(make_file(make_front(record), b"\x01"))
    assert not np.signbit(reader.get_levels("a")).any()
    assert not np.signbit(reader.get_tensor("a")).any()


def test_levels_keep_the_sign_of_zero() -> None:
    record = make_record(b"a", 2, form=CODEBOOK, parameters=make_codebook(-0.0, 0.0), stream=QUANTIZED)
    tensor = Reader(make_file(make_front(record), b"\x02")).get_tensor("a")
    assert np.signbit(tensor).tolist() == [True, False]


def test_thousands_of_colliding_name_lengths_and_prefixes_open() -> None:
    names = [b"x" * 200 + str(number).encode() for number in range(3000)]
    records = [make_record(name, 0) for name in names]
    assert len(Reader(make_file(make_front(*records))).keys()) == 3000
    records[2999] = records[17]
    with pytest.raises(HempError) as caught:
        Reader(make_file(make_front(*records)))
    assert caught.value.code == "DUPLICATE_NAME"
    assert caught.value.tensor == names[17].decode()


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (b"", True),
        ("a\u00e4\u20ac\U0001f600".encode(), True),
        (b"\x00\x7f", True),
        (b"\xc2\x80\xdf\xbf", True),
        (b"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", True),
        (b"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", True),
        (b"\x80", False),
        (b"\xbf", False),
        (b"\xc0\xaf", False),
        (b"\xc1\xbf", False),
        (b"\xe0\x9f\xbf", False),
        (b"\xed\xa0\x80", False),
        (b"\xf0\x8f\xbf\xbf", False),
        (b"\xf4\x90\x80\x80", False),
        (b"\xf5\x80\x80\x80", False),
        (b"\xff", False),
        (b"\xc2", False),
        (b"\xe2\x82", False),
        (b"\xf0\x9f\x98", False),
        (b"\xe2\x82\x28", False),
        (b"\xf0\x9f\x28\x80", False),
        (b"\xc2\x41", False),
    ],
)
def test_utf8_names(text: bytes, valid: bool) -> None:
    data = make_file(make_front(make_record(text, 0)))
    if valid:
        assert Reader(data).keys() == [text.decode()]
        return
    with pytest.raises(HempError) as caught:
        Reader(data)
    assert caught.value.code == "BAD_NAME"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, (1 << 62) - 1])
def test_varint_dimensions(size: int) -> None:
    reader = Reader(make_file(make_front(make_record(b"a", size, 0, dtype=b"\x01"))))
    assert reader.get_info("a").shape == (size, 0)


def test_the_checksum_is_compared_before_anything_is_interpreted() -> None:
    front = b"\xff" * 40
    head = SIGNATURE + b"\x00\x01" + varint(len(front)) + front
    wrong = struct.pack("<I", zlib.crc32(head) ^ 1)
    with pytest.raises(HempError) as caught:
        Reader(head + wrong)
    assert caught.value.code == "FRONT_CHECKSUM"

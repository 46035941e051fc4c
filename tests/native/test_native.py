"""The Python module of the C library: coders, planes, checksum, arguments."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hemp_codec import _native, coders
from hemp_codec.dtypes import DTYPES
from hemp_codec.errors import FormatError
from hemp_codec.tensors import Part, index_dtype

LEVELS = st.sampled_from([1, 2, 3, 4, 5, 16, 17, 128, 129, 255, 256, 257, 300, 4096, 65535, 65536])
CODERS = ["stored", "rans"]


def one_part(num_levels: int, size: int) -> list[Part]:
    return [Part(num_levels, (size,), 0, size)]


@st.composite
def parts_and_indices(draw: Any) -> tuple[list[Part], list[np.ndarray]]:
    """Up to four parts of any levels; their indices uniform, peaked or constant."""
    parts, arrays = [], []
    for _ in range(draw(st.integers(0, 4))):
        num_levels = draw(LEVELS)
        size = draw(st.integers(0, 60) | st.sampled_from([1000, 4096, 5000]))
        random = np.random.default_rng(draw(st.integers(0, 1000)))
        kind = draw(st.sampled_from(["uniform", "peaked", "constant", "last"]))
        values = {
            "uniform": random.integers(0, num_levels, size),
            "peaked": np.minimum(random.geometric(0.4, size) - 1, num_levels - 1),
            "constant": np.full(size, random.integers(0, num_levels)),
            "last": np.full(size, num_levels - 1),
        }[kind]
        parts.append(Part(num_levels, (size,), 0, size))
        arrays.append(values.astype(index_dtype(num_levels)))
    return parts, arrays


@pytest.mark.parametrize("name", CODERS)
@given(case=parts_and_indices())
@settings(max_examples=150, deadline=None)
def test_round_trip(name: str, case: tuple[list[Part], list[np.ndarray]]) -> None:
    parts, arrays = case
    coder = coders.get(name)
    payload = coder.encode_parts(arrays, parts)
    decoded = coder.decode_parts(payload, parts)
    assert [array.tobytes() for array in decoded] == [array.tobytes() for array in arrays]
    assert [array.dtype for array in decoded] == [array.dtype for array in arrays]
    if name == "stored":
        assert len(payload) == _native.stored_size(parts)


@pytest.mark.parametrize("name", CODERS)
@given(case=parts_and_indices(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_longer_or_shorter_payload_is_refused(name: str, case: Any, data: st.DataObject) -> None:
    parts, arrays = case
    coder = coders.get(name)
    payload = coder.encode_parts(arrays, parts)
    cut = data.draw(st.integers(0, len(payload)))
    for wrong in (payload + b"\x00", payload + b"\x00\x00", payload[:cut] if cut < len(payload) else payload + b"\x01"):
        with pytest.raises(FormatError):
            coder.decode_parts(wrong, parts)


@pytest.mark.parametrize("name", CODERS)
@given(payload=st.binary(max_size=80), num_levels=LEVELS, size=st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_any_payload_gives_indices_or_an_error(name: str, payload: bytes, num_levels: int, size: int) -> None:
    try:
        (indices,) = coders.get(name).decode_parts(payload, one_part(num_levels, size))
    except FormatError as error:
        assert error.code in ("BAD_PAYLOAD", "BAD_INDEX", "BAD_VARINT")
        return
    assert indices.shape == (size,)
    assert size == 0 or indices.max() < num_levels


@pytest.mark.parametrize(
    ("indices", "num_levels", "payload"),
    [
        ([1, 0, 1, 1], 2, b"\x0d"),
        ([1, 2, 0], 3, b"\x09"),
        ([255, 1], 256, b"\xff\x01"),
        ([256, 1, 2], 257, b"\x00\x03\x08\x00"),
        ([65535, 1], 65536, b"\xff\xff\x01\x00"),
        ([0, 0], 1, b""),
    ],
)
def test_stored_is_packed_from_the_lowest_bit(indices: list[int], num_levels: int, payload: bytes) -> None:
    array = np.array(indices, index_dtype(num_levels))
    assert _native.stored_encode([array], one_part(num_levels, len(indices))) == payload


@pytest.mark.parametrize(
    ("payload", "num_levels", "size", "code"),
    [
        (b"\x1d", 2, 4, "BAD_PAYLOAD"),
        (b"\x03", 3, 1, "BAD_INDEX"),
        (b"\x01\x01", 257, 1, "BAD_INDEX"),
        (b"\x00", 1, 1, "BAD_PAYLOAD"),
        (b"", 2, 1, "BAD_PAYLOAD"),
    ],
)
def test_stored_refuses(payload: bytes, num_levels: int, size: int, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        _native.stored_decode(payload, one_part(num_levels, size))
    assert caught.value.code == code


HALF = b"\x80\x10" * 2  # frequencies of 2048 and 2048
STATE = (1 << 16).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("payload", "num_levels", "size", "code"),
    [
        (b"\xff\x02", 2, 3, "BAD_PAYLOAD"),  # constant symbol too large
        (b"\xff\x01\x00", 2, 3, "BAD_PAYLOAD"),  # bytes after it
        (b"\xff\x81\x00", 2, 3, "BAD_VARINT"),
        (b"\xff", 2, 3, "BAD_PAYLOAD"),
        (b"\x06" + HALF + STATE * 64, 2, 3, "BAD_PAYLOAD"),  # mode
        (b"\x00\x80\x20" + STATE, 2, 0, "BAD_PAYLOAD"),  # a payload for no elements
        (b"\x00\x80\x20" + STATE, 2, 1, "BAD_PAYLOAD"),  # frequency of 4096
        (b"\x00\x80\x10\x81\x10" + STATE, 2, 1, "BAD_PAYLOAD"),  # sum above 4096
        (b"\x00\x80\x10\xff\x0f" + STATE, 2, 1, "BAD_PAYLOAD"),  # sum below 4096
        (b"\x00" + HALF + STATE[:3], 2, 1, "BAD_PAYLOAD"),
        (b"\x00" + HALF + b"\xff\xff\x00\x00", 2, 1, "BAD_PAYLOAD"),  # state below 2^16
        (b"\x00" + HALF + STATE + b"\x00", 2, 1, "BAD_PAYLOAD"),  # odd number of bytes
        (b"\x00" + HALF + STATE, 2, 1, "BAD_PAYLOAD"),  # a word is missing
        (b"\x00" + HALF + STATE + b"\x00\x00", 2, 1, "BAD_PAYLOAD"),  # final state
        (b"\x00" + HALF + STATE + b"\x00\x00", 2, 0, "BAD_PAYLOAD"),
        (b"\x02\xff\x02\xff\x00", 300, 1, "BAD_PAYLOAD"),  # high symbol too large
        (b"\x02\xff\x01\xff\x2c", 300, 1, "BAD_INDEX"),
        (b"\x09\xff\x01\xff\x2b", 300, 1, "BAD_PAYLOAD"),  # first block longer than the payload
        (b"\x82\x00\xff\x01\xff\x2b", 300, 1, "BAD_VARINT"),
        (b"\x02\xff\x01", 300, 1, "BAD_PAYLOAD"),
    ],
)
def test_rans_refuses(payload: bytes, num_levels: int, size: int, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        _native.rans_decode(payload, one_part(num_levels, size))
    assert caught.value.code == code


def test_rans_decodes_by_hand() -> None:
    """Two symbols of frequency 2048 in one lane: the states before them are 2^17 + 2048 and 2^18 + 2048."""
    parts = one_part(2, 2)
    first = ((1 << 16) // 2048 << 12) + 2048  # symbol 1 coded last, on 2^16
    second = (first // 2048 << 12) + first % 2048  # symbol 0 before it
    payload = b"\x00" + HALF + second.to_bytes(4, "little")
    assert _native.rans_decode(payload, parts)[0].tolist() == [0, 1]
    assert _native.rans_encode([np.array([0, 1], np.uint8)], parts) == payload


def test_rans_high_symbols_of_narrow_parts_are_zero() -> None:
    parts = [Part(2, (1,), 0, 1), Part(300, (1,), 0, 1)]
    arrays = [np.array([1], np.uint8), np.array([256], np.uint16)]
    payload = _native.rans_encode(arrays, parts)
    assert [array.tolist() for array in _native.rans_decode(payload, parts)] == [[1], [256]]
    with pytest.raises(FormatError) as caught:
        _native.rans_decode(b"\x02\xff\x01\xff\x01", parts)
    assert caught.value.code == "BAD_INDEX"


@pytest.mark.parametrize("skew", [0.02, 0.3, 0.9, 0.999])
def test_rans_is_near_the_entropy(skew: float) -> None:
    size = 200_000
    indices = np.minimum(np.random.default_rng(5).geometric(skew, size) - 1, 255).astype(np.uint8)
    counts = np.bincount(indices)
    shares = counts[counts > 0] / size
    entropy = float(-(shares * np.log2(shares)).sum()) * size / 8
    payload = _native.rans_encode([indices], one_part(256, size))
    assert entropy < len(payload) < 1.005 * entropy + 500


def test_rans_lanes_grow_with_the_sequence() -> None:
    modes = []
    for size in (100, 10_000, 20_000, 100_000):
        indices = (np.arange(size) % 3).astype(np.uint8)
        payload = _native.rans_encode([indices], one_part(3, size))
        assert (_native.rans_decode(payload, one_part(3, size))[0] == indices).all()
        modes.append(payload[0])
    assert [mode & 7 for mode in modes] == [0, 2, 3, 5]


def rows_of_scales(rows: int, columns: int, num_levels: int) -> np.ndarray:
    """Indices around the middle, in rows that differ much in scale; every fifth row is constant."""
    generator = np.random.default_rng(8)
    scales = generator.choice([0.0, 0.01, 0.03, 0.1, 0.3], (rows, 1))
    values = (0.5 + generator.laplace(0, 0.2, (rows, columns)) * scales) * num_levels
    return values.clip(0, num_levels - 1).astype(index_dtype(num_levels))


def entropy_bytes(indices: np.ndarray) -> float:
    _, counts = np.unique(indices, return_counts=True)
    return float(-(counts * np.log2(counts / indices.size)).sum()) / 8


@pytest.mark.parametrize("num_levels", [16, 256, 4096])
@pytest.mark.parametrize("rows, columns", [(1500, 200), (3000, 9), (40, 5000)])
@pytest.mark.parametrize("start", [0, 301])
def test_rans_uses_the_scale_of_rows(num_levels: int, rows: int, columns: int, start: int) -> None:
    indices = rows_of_scales(rows, columns, num_levels).reshape(-1)[start:]
    parts = [Part(num_levels, (rows, columns), start, indices.size), Part(1, (3,), 0, 3)]
    zeros = np.zeros(3, np.uint8)
    payload = _native.rans_encode([indices, zeros], parts)
    assert (_native.rans_decode(payload, parts)[0] == indices).all()
    if columns >= 200 and num_levels <= 256:
        assert len(payload) < 0.9 * entropy_bytes(indices)


def test_rans_constant_rows_cost_next_to_nothing() -> None:
    indices = np.full((600, 300), 7, np.uint8)
    indices[::2] = np.random.default_rng(1).integers(0, 16, (300, 300))
    payload = _native.rans_encode([indices.reshape(-1)], [Part(16, indices.shape, 0, indices.size)])
    assert len(payload) < 300 * 300 / 2 + 400


def test_rans_refuses_every_cut_of_a_block_of_classes() -> None:
    indices = rows_of_scales(200, 64, 16).reshape(-1)
    parts = [Part(16, (200, 64), 0, indices.size)]
    payload = _native.rans_encode([indices], parts)
    assert payload[0] >> 3 > 0
    for size in [*range(200), *range(200, len(payload), 97)]:
        with pytest.raises(FormatError):
            _native.rans_decode(payload[:size], parts)


@pytest.mark.parametrize("name", CODERS)
def test_indices_too_large_are_the_callers_fault(name: str) -> None:
    for num_levels, index in ((3, 3), (200, 255), (300, 300), (1, 1)):
        with pytest.raises(ValueError, match="num_levels"):
            coders.get(name).encode_parts([np.array([0, index], index_dtype(num_levels))], one_part(num_levels, 2))


@pytest.mark.parametrize("encode", [_native.stored_encode, _native.rans_encode])
def test_wrong_arguments(encode: Any) -> None:
    right = np.zeros(3, np.uint8)
    for arrays, parts in (
        ([right], one_part(2, 4)),
        ([right], one_part(300, 3)),
        ([], one_part(2, 3)),
        ([right, right], one_part(2, 3)),
        ([right], one_part(0, 3)),
        ([right], one_part(65537, 3)),
    ):
        with pytest.raises(ValueError):
            encode(arrays, parts)
    with pytest.raises((BufferError, ValueError)):
        encode([np.zeros(6, np.uint8)[::2]], one_part(2, 3))


# Planes


def expected_planes(pattern: int, bits: int, rotated: bool) -> list[int]:
    if rotated:
        pattern = (pattern << 1 | pattern >> (bits - 1)) & ((1 << bits) - 1)
    return list(pattern.to_bytes(bits // 8, "big"))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("elements", [0, 1, 2, 37])
def test_planes(dtype: Any, elements: int) -> None:
    data = np.random.default_rng(dtype.number).integers(0, 256, elements * dtype.size, dtype=np.uint8)
    planes = _native.planes_split(dtype.number, data, elements)
    assert [plane.shape for plane in planes] == [(elements,)] * dtype.size
    width = dtype.size // dtype.components
    for element in range(elements):
        expected: list[int] = []
        for component in range(dtype.components):
            start = element * dtype.size + component * width
            pattern = int.from_bytes(data[start : start + width].tobytes(), "little")
            expected += expected_planes(pattern, 8 * width, dtype.rotated)
        assert [plane[element] for plane in planes] == expected
    assert _native.planes_join(dtype.number, planes).tobytes() == data.tobytes()
    out = np.empty_like(data)
    _native.planes_join_into(dtype.number, planes, out)
    assert out.tobytes() == data.tobytes()


def test_planes_of_wrong_sizes() -> None:
    plane = np.zeros(3, np.uint8)
    for call in (
        lambda: _native.planes_split(11, bytes(11), 3),
        lambda: _native.planes_split(11, bytes(12), 4),
        lambda: _native.planes_split(22, bytes(12), 12),
        lambda: _native.planes_join(11, [plane] * 3),
        lambda: _native.planes_join(11, [plane, plane, plane, plane[:2]]),
        lambda: _native.planes_join(300, [plane]),
        lambda: _native.planes_join_into(11, [plane] * 4, np.zeros(13, np.uint8)),
        lambda: _native.planes_join_into(11, [], np.zeros(0, np.uint8)),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(BufferError):
        _native.planes_join_into(11, [plane] * 4, bytes(12))  # type: ignore[arg-type]


# Checksum


@given(data=st.binary(max_size=100), cut=st.integers(0, 100))
def test_crc32_is_zlibs(data: bytes, cut: int) -> None:
    assert _native.crc32(data) == zlib.crc32(data)
    assert _native.crc32(data[cut:], _native.crc32(data[:cut])) == zlib.crc32(data)


def test_crc32_of_the_specification() -> None:
    assert _native.crc32(b"123456789") == 0xCBF43926
    assert _native.crc32(b"") == 0


def test_directory_refuses_numbers_that_are_not_there() -> None:
    data = b"\x89HMP\r\n\x1a\n\x00\x01\x01\x05"
    directory = _native.Directory(data + zlib.crc32(data).to_bytes(4, "little"), None)
    for call in (
        directory.tensor,
        directory.stream,
        directory.segment,
        directory.stream_tensors,
        directory.stream_size,
    ):
        with pytest.raises(IndexError):
            call(0)
    assert directory.decoded_size() == 0
    assert (directory.tensor_count, directory.stream_count, directory.segment_count) == (0, 0, 0)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_segments_come_in_the_order_in_which_they_were_begun(threads: int) -> None:
    arrays = [np.arange(size, dtype="<f4").view(np.uint8) for size in (700_000, 3, 1, 800_000, 12, 400, 9)]
    expected = []
    for array in arrays:
        single = _native.LosslessEncoder(1)
        single.begin([(11, [(array, len(array) // 4, 0)], None)])
        expected.append(single.collect())
    encoder = _native.LosslessEncoder(threads)
    for array in arrays:
        encoder.begin([(11, [(array, len(array) // 4, 0)], None)])
    for coded, data in expected:
        found, found_data = encoder.collect()
        assert found == coded and found[0][1:] == (len(data), _native.crc32(data))
        assert np.array_equal(found_data, data)
    with pytest.raises(ValueError, match="no segments are begun"):
        encoder.collect()


def test_an_encoder_ends_with_segments_that_nobody_collects() -> None:
    array = np.zeros(1 << 20, np.uint8)
    for _ in range(20):
        encoder = _native.LosslessEncoder(3)
        for _ in range(4):
            encoder.begin([(11, [(array, 512, 0)], None)])
        del encoder


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not say where threads may run")
def test_threads_are_placed_but_not_bound() -> None:
    allowed = os.sched_getaffinity(0)
    array = np.zeros(1 << 22, np.uint8)  # so much that another thread begins
    before = set(Path("/proc/self/task").iterdir())
    count = max(2, len(allowed))
    encoder = _native.LosslessEncoder(count)
    for _ in range(count):
        encoder.begin([(11, [(array, 256, 0)], None)])
    made = set(Path("/proc/self/task").iterdir()) - before
    assert len(made) == count - 1, "the caller works too"
    assert all(os.sched_getaffinity(int(task.name)) == allowed for task in made)
    assert os.sched_getaffinity(0) == allowed

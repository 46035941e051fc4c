"""Every coder by itself: round trips, exact consumption, hostile payloads, the registry."""

from __future__ import annotations

import hashlib
import lzma as stdlib_lzma
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from hemp_codec import coders
from hemp_codec.coders import Coder
from hemp_codec.errors import FormatError, HempError, UnsupportedError
from hemp_codec.tensors import Part, index_dtype

CODERS = [kind() for kind in coders.FORMAT_CODERS]
BYTE_CODERS = [coder for coder in CODERS if coder.name in ("lzma", "zstd")]
BY_NAME = {coder.name: coder for coder in CODERS}


def skewed(shape: tuple[int, ...], num_levels: int, seed: int = 0) -> np.ndarray:
    """Indices with a peaked distribution, of a tensor of ``shape``."""
    drawn = np.random.default_rng(seed).normal(num_levels / 2, num_levels / 8, shape)
    return np.clip(np.round(drawn), 0, num_levels - 1).astype(index_dtype(num_levels))


@st.composite
def parts_and_indices(draw: st.DrawFn) -> tuple[list[Part], list[np.ndarray]]:
    parts, indices = [], []
    for _ in range(draw(st.integers(1, 4))):
        num_levels = draw(st.sampled_from([1, 2, 3, 4, 5, 16, 17, 255, 256, 257, 4096, 65535, 65536]))
        shape = tuple(draw(st.lists(st.integers(0, 9), max_size=4)))
        size = int(np.prod(shape, dtype=np.int64))
        start = draw(st.integers(0, size))
        count = draw(st.integers(0, size - start))
        seed = draw(st.integers(0, 2**32 - 1))
        high = draw(st.sampled_from([1, 2, num_levels]))
        rng = np.random.default_rng(seed)
        indices.append(rng.integers(0, min(high, num_levels), count).astype(index_dtype(num_levels)))
        parts.append(Part(num_levels, shape, start, count))
    return parts, indices


@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.name)
@settings(max_examples=60, deadline=None)
@given(case=parts_and_indices())
def test_round_trip_of_parts(coder: Coder, case: tuple[list[Part], list[np.ndarray]]) -> None:
    parts, indices = case
    payload = coder.encode_parts(indices, parts)
    assert coder.encode_parts(indices, parts) == payload
    decoded = coder.decode_parts(payload, parts)
    for part, array, back in zip(parts, indices, decoded, strict=True):
        assert back.dtype == index_dtype(part.num_levels)
        np.testing.assert_array_equal(back, array)
    if not any(part.size and part.num_levels > 1 for part in parts):
        assert payload == b""


@pytest.mark.parametrize("num_levels", [1, 2, 16, 256, 257, 65536])
@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.name)
def test_round_trip_in_shape(coder: Coder, num_levels: int) -> None:
    indices = skewed((7, 5, 3, 3), num_levels)
    payload = coder.encode(indices, num_levels)
    np.testing.assert_array_equal(coder.decode(payload, (7, 5, 3, 3), num_levels), indices)
    np.testing.assert_array_equal(coder.decode(memoryview(payload), [7, 5, 3, 3], num_levels), indices)


@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.name)
def test_encoder_refuses_indices_out_of_range(coder: Coder) -> None:
    with pytest.raises((ValueError, HempError)):
        coder.encode_parts([np.array([0, 5], np.uint8)], [Part(5, (2,), 0, 2)])
    with pytest.raises(ValueError):
        coder.encode(np.array([0, -1]), 5)


@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.name)
def test_trailing_and_missing_bytes_are_refused(coder: Coder) -> None:
    indices = skewed((64, 9), 16)
    payload = coder.encode(indices, 16)
    missing = (payload[:-1], payload[: len(payload) // 2], b"")
    if coder.number == 3:
        missing = ()  # every beginning of a payload is one: the segment's checksum is what finds the loss
    for damaged in (payload + b"\0", payload + b"\xff", *missing):
        with pytest.raises(FormatError):
            coder.decode(damaged, (64, 9), 16)
    with pytest.raises(FormatError):
        coder.decode(b"\0", (0,), 16)


@pytest.mark.parametrize("coder", BYTE_CODERS, ids=lambda coder: coder.name)
def test_another_number_of_indices_is_refused(coder: Coder) -> None:
    payload = coder.encode(skewed((600,), 16), 16)
    for size in (599, 601, 1):
        with pytest.raises(FormatError) as caught:
            coder.decode(payload, (size,), 16)
        assert caught.value.code == "BAD_PAYLOAD"


@pytest.mark.parametrize("coder", BYTE_CODERS, ids=lambda coder: coder.name)
def test_index_beyond_the_levels_is_refused(coder: Coder) -> None:
    payload = coder.encode(np.array([3, 200, 1], np.uint8), 256)
    with pytest.raises(FormatError) as caught:
        coder.decode(payload, (3,), 200)
    assert caught.value.code == "BAD_INDEX"


@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.name)
@settings(max_examples=60, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1, max_size=3), noise=st.binary())
def test_damaged_payload_never_escapes_its_part(coder: Coder, flips: list[tuple[int, int]], noise: bytes) -> None:
    damaged = bytearray(coder.encode(skewed((40, 5), 11), 11))
    for byte, bit in flips:
        damaged[byte % len(damaged)] ^= 1 << bit
    for payload in (bytes(damaged), noise):
        try:
            decoded = coder.decode(payload, (40, 5), 11)
        except FormatError as error:
            assert error.code in ("BAD_PAYLOAD", "BAD_INDEX", "BAD_VARINT")
        else:
            assert decoded.shape == (40, 5) and decoded.max() < 11


def lzma_payload(data: bytes, dictionary_bits: int = 12, **extra: int) -> bytes:
    filters = [{"id": stdlib_lzma.FILTER_LZMA1, "dict_size": 1 << dictionary_bits, "lc": 0, "lp": 0, "pb": 0, **extra}]
    return bytes([0, dictionary_bits]) + stdlib_lzma.compress(data, stdlib_lzma.FORMAT_RAW, filters=filters)


def test_lzma_expansion_is_bounded() -> None:
    bomb = lzma_payload(bytes(1 << 24))
    with pytest.raises(FormatError, match="more than the expected 100 bytes") as caught:
        BY_NAME["lzma"].decode(bomb, (100,), 16)
    assert caught.value.code == "BAD_PAYLOAD"


def test_lzma_dictionary_may_be_larger_than_the_data() -> None:
    data = bytes(range(16)) * 40
    decoded = BY_NAME["lzma"].decode(lzma_payload(data, 28), (640,), 16)
    assert decoded.tobytes() == data


@pytest.mark.parametrize("header", [[225, 12], [0, 11], [0, 29], [4 * 9 + 4, 12], [255, 12]])
def test_lzma_header_is_checked(header: list[int]) -> None:
    payload = bytes(header) + lzma_payload(b"\1\2\3")[2:]
    with pytest.raises(FormatError) as caught:
        BY_NAME["lzma"].decode(payload, (3,), 16)
    assert caught.value.code == "BAD_PAYLOAD"


def zstd_payload(data: bytes, **options: object) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)[4:]


def test_zstd_frame_with_its_size_is_accepted() -> None:
    assert BY_NAME["zstd"].decode(zstd_payload(b"\1\2\3" * 50), (150,), 16).tobytes() == b"\1\2\3" * 50


def test_zstd_expansion_is_bounded() -> None:
    for sized in (True, False):
        bomb = zstd_payload(bytes(1 << 26), write_content_size=sized)
        with pytest.raises(FormatError) as caught:
            BY_NAME["zstd"].decode(bomb, (100,), 16)
        assert caught.value.code == "BAD_PAYLOAD"


def test_zstd_refuses_checksum_wide_window_and_second_frame() -> None:
    checksum = zstd_payload(b"\1" * 99, write_checksum=True)
    parameters = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    wide = (stream.compress(b"\1" * 99) + stream.flush())[4:]
    second = zstd_payload(b"\1" * 50) + zstandard.ZstdCompressor().compress(b"\1" * 49)
    for payload in (checksum, wide, second):
        with pytest.raises(FormatError) as caught:
            BY_NAME["zstd"].decode(payload, (99,), 16)
        assert caught.value.code == "BAD_PAYLOAD"


def test_names_and_numbers() -> None:
    assert coders.names()[:7] == ["stored", "lzma", "zstd", "arithmetic", "rans", "arithmetic-max", "arithmetic-plain"]
    assert coders.get("arithmetic-max").number == coders.get("arithmetic").number
    for number, name in enumerate(coders.names()[:5]):
        assert coders.get(name).number == coders.get(number).number == number
    for unknown in ("brotli", 77, 255):
        with pytest.raises(UnsupportedError) as caught:
            coders.get(unknown)
        assert caught.value.code == "UNSUPPORTED_CODER"


class Reversed(Coder):
    """A private coder: the indices as bytes, backwards."""

    name = "reversed"
    number = 150

    def encode_parts(self, indices, parts):  # type: ignore[no-untyped-def]
        return b"".join(array.tobytes() for array in indices)[::-1]

    def decode_parts(self, payload, parts):  # type: ignore[no-untyped-def]
        data = bytes(payload)[::-1]
        return [np.frombuffer(data, np.uint8)]


class Intruder(Reversed):
    name = "intruder"
    number = 3


NOT_A_CODER = object()


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def install(**objects: str) -> None:
        found = tuple(EntryPoint(name, f"{__name__}:{value}", "hemp_codec.coders") for name, value in objects.items())
        monkeypatch.setattr(coders, "_entries", lambda: found)

    return install


def test_private_coder(entries) -> None:  # type: ignore[no-untyped-def]
    entries(intruder="Intruder", reversed="Reversed")
    assert coders.names()[7:] == ["intruder", "reversed"]
    assert isinstance(coders.get("reversed"), Reversed) and isinstance(coders.get(150), Reversed)
    assert coders.get(3).name == "arithmetic"


@pytest.mark.parametrize(
    "name, value", [("intruder", "Intruder"), ("other", "Reversed"), ("x", "NOT_A_CODER"), ("x", "missing")]
)
def test_private_coder_that_breaks_the_rules(entries, name: str, value: str) -> None:  # type: ignore[no-untyped-def]
    entries(**{name: value})
    with pytest.raises(UnsupportedError, match=name):
        coders.get(name)


# The encoders of the native coders never change their bytes within a version of the format.  (Those of lzma and zstd
# depend on the versions of their libraries.)
GOLDEN = {
    ("stored", 16): "af163a032fd41190",
    ("stored", 300): "b69de7bd51895472",
    ("rans", 16): "51caa96d3aa3f67f",
    ("rans", 300): "ec6dc328df11d3ff",
    ("arithmetic", 16): "d75ed198c60318f4",
    ("arithmetic", 300): "2186f52ccd23af7d",
}


@pytest.mark.parametrize("name, num_levels", GOLDEN)
def test_golden_bytes(name: str, num_levels: int) -> None:
    grid = np.arange(24 * 10 * 9).reshape(24, 10, 3, 3)
    indices = (grid * grid // 7 % 41 * num_levels // 41).astype(index_dtype(num_levels))
    digest = hashlib.sha256(BY_NAME[name].encode(indices, num_levels)).hexdigest()
    assert digest[:16] == GOLDEN[name, num_levels]

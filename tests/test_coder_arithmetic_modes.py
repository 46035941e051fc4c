"""The modes of the arithmetic coder (spec/coders.md, 5.1), each by itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemp_codec import _native
from hemp_codec.coders import get
from hemp_codec.errors import FormatError
from hemp_codec.tensors import Part, index_dtype

PLAIN, MIXED, WIDE = MODES = (0, 1, 2)


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[np.ndarray], list[Part]]:
    """Parts of one number of levels, some of which start and end within rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    num_levels = draw(st.sampled_from([2, 7, 16, 17, 256, 257, 5000]))
    indices, parts = [], []
    for _ in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.integers(1, 30), min_size=1, max_size=3)))
        start = draw(st.integers(0, math.prod(shape) - 1))
        size = draw(st.integers(0, math.prod(shape) - start))
        values = rng.normal(num_levels / 2, draw(st.sampled_from([0.3, 2.0, num_levels / 6])), size)
        indices.append(np.rint(values).clip(0, num_levels - 1).astype(index_dtype(num_levels)))
        parts.append(Part(num_levels, shape, start, size))
    return indices, parts


@pytest.mark.parametrize("mode", MODES)
@given(groups())
def test_round_trip(mode: int, group: tuple[list[np.ndarray], list[Part]]) -> None:
    indices, parts = group
    payload = _native.arithmetic_encode(indices, parts, mode)
    assert not payload or payload[0] & 3 == mode
    for before, after in zip(indices, _native.arithmetic_decode(payload, parts), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("mode", [PLAIN, WIDE])
@pytest.mark.parametrize("shape", [(1, 40_000), (5, 9000), (9, 4099), (4001, 9), (9001, 5), (40_000, 1), (1000, 300)])
@pytest.mark.parametrize("start", [0, 3])
def test_round_trip_in_lanes(mode: int, shape: tuple[int, int], start: int) -> None:
    """Payloads large enough for several lanes; more and fewer rows and columns than those."""
    size = math.prod(shape) - 2 * start
    indices = np.random.default_rng(4).binomial(20, 0.5, size).astype(np.uint8)
    parts = [Part(21, shape, start, size)]
    payload = _native.arithmetic_encode([indices], parts, mode)
    assert payload[0] & 7 == 4 + mode
    np.testing.assert_array_equal(_native.arithmetic_decode(payload, parts)[0], indices)


@given(groups(), st.binary(max_size=200), st.integers(0, 1))
def test_any_bytes_give_an_error_or_indices_in_range(
    group: tuple[list[np.ndarray], list[Part]], rest: bytes, lanes: int
) -> None:
    parts = group[1]
    try:
        decoded = _native.arithmetic_decode(bytes([WIDE + 4 * lanes]) + rest, parts)
    except FormatError:
        return
    for part, indices in zip(parts, decoded, strict=True):
        assert not indices.size or indices.max() < part.num_levels


@given(groups(), st.data())
def test_damage_is_noticed_or_gives_indices_in_range(
    group: tuple[list[np.ndarray], list[Part]], data: st.DataObject
) -> None:
    indices, parts = group
    payload = bytearray(_native.arithmetic_encode(indices, parts, WIDE))
    if payload:
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        decoded = _native.arithmetic_decode(bytes(payload), parts)
    except FormatError:
        return
    for part, found in zip(parts, decoded, strict=True):
        assert not found.size or found.max() < part.num_levels


@pytest.mark.parametrize("mode", MODES)
def test_an_estimate_is_near_the_size(mode: int) -> None:
    indices = np.random.default_rng(5).binomial(40, 0.5, 60_000).astype(np.uint8)
    parts = [Part(41, (300, 200), 0, indices.size)]
    bits = _native.arithmetic_estimate([indices], parts, mode)
    assert bits == pytest.approx(8 * len(_native.arithmetic_encode([indices], parts, mode)), rel=0.01)


def test_positions_are_told_apart_in_the_wide_mode() -> None:
    """Columns with probabilities of their own, which magnitudes do not tell."""
    rng = np.random.default_rng(6)
    chances = rng.dirichlet([0.3] * 16, size=100)
    columns = [rng.choice(16, 2000, p=of_column) for of_column in chances]
    indices = np.stack(columns, axis=1).astype(np.uint8)
    given_column = (
        sum(-np.log2(of_column[column]).sum() for of_column, column in zip(chances, columns, strict=True)) / 8
    )
    parts = [Part(16, indices.shape, 0, indices.size)]
    size = len(_native.arithmetic_encode([indices.reshape(-1)], parts, WIDE))
    assert size < 1.05 * given_column
    assert size < 0.8 * len(_native.arithmetic_encode([indices.reshape(-1)], parts, PLAIN))


def test_arithmetic_max_takes_the_wide_mode() -> None:
    indices = np.random.default_rng(7).binomial(15, 0.5, (300, 200)).astype(np.uint8)
    assert get("arithmetic-max").encode(indices, 16)[0] & 3 == WIDE


def test_arithmetic_plain_takes_no_other_mode() -> None:
    """Short and sparse payloads included, for which `arithmetic` takes the mixed mode if that is smaller."""
    rng = np.random.default_rng(8)
    indices = (rng.random((200, 100)) < np.where(rng.random(100) < 0.05, 0.5, 0.005)).astype(np.uint8)
    payload = get("arithmetic-plain").encode(indices, 16)
    assert payload[0] & 3 == PLAIN and get("arithmetic").encode(indices, 16)[0] & 3 == MIXED
    assert np.array_equal(get("arithmetic").decode(payload, indices.shape, 16), indices)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError):
        _native.arithmetic_encode([np.arange(4, dtype=np.uint8)], [Part(4, (4,), 0, 4)], 3)

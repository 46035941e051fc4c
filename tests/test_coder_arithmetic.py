"""The arithmetic coder: what is particular to it (spec/coders.md, 5)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemp_codec.coders import get
from hemp_codec.errors import FormatError
from hemp_codec.tensors import Part, index_dtype

ARITHMETIC = get("arithmetic")


def entropy_bytes(indices: np.ndarray) -> float:
    """Zero-order entropy of all indices together, in bytes."""
    counts = np.bincount(indices.reshape(-1))
    probabilities = counts[counts > 0] / counts.sum()
    return float(-(probabilities * np.log2(probabilities)).sum() * indices.size / 8)


def laplace(shape: tuple[int, ...], num_levels: int, scale: float, seed: int = 0) -> np.ndarray:
    """Indices around the middle level, as weights give them."""
    noise = np.random.default_rng(seed).laplace(scale=scale, size=shape)
    return np.mod(np.rint(noise + num_levels // 2), num_levels).astype(index_dtype(num_levels))


@st.composite
def solid_groups(draw: st.DrawFn) -> tuple[list[np.ndarray], list[Part]]:
    """Parts of several tensors, often of the same number of levels, some starting inside their tensor."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices, parts = [], []
    for _ in range(draw(st.integers(0, 4))):
        num_levels = draw(st.sampled_from([1, 2, 7, 16, 17, 100, 256, 257, 5000, 65536]))
        shape = tuple(draw(st.lists(st.integers(0, 12), max_size=4)))
        start = draw(st.integers(0, math.prod(shape)))
        size = draw(st.integers(0, math.prod(shape) - start))
        spread = draw(st.sampled_from([0.0, 0.02, 0.3, 1.0]))
        values = rng.integers(0, num_levels, size) if spread == 1.0 else rng.binomial(num_levels - 1, spread, size)
        indices.append(values.astype(index_dtype(num_levels)))
        parts.append(Part(num_levels, shape, start, size))
    return indices, parts


@given(solid_groups())
def test_solid_groups_round_trip(group: tuple[list[np.ndarray], list[Part]]) -> None:
    indices, parts = group
    decoded = ARITHMETIC.decode_parts(ARITHMETIC.encode_parts(indices, parts), parts)
    for before, after in zip(indices, decoded, strict=True):
        np.testing.assert_array_equal(before, after)


@given(solid_groups(), st.binary(min_size=1, max_size=9))
def test_other_payloads_are_other_indices(group: tuple[list[np.ndarray], list[Part]], extra: bytes) -> None:
    """Bytes that follow a payload are refused, or make it that of other indices: zeros at its end are left out."""
    indices, parts = group
    payload = ARITHMETIC.encode_parts(indices, parts)
    for longer in (payload + extra, payload + extra[:-1] + b"\0"):
        try:
            decoded = ARITHMETIC.decode_parts(longer, parts)
        except FormatError:
            continue
        assert any(not np.array_equal(before, after) for before, after in zip(indices, decoded, strict=True))


@given(solid_groups(), st.binary(max_size=200))
def test_any_bytes_give_an_error_or_indices_in_range(
    group: tuple[list[np.ndarray], list[Part]], payload: bytes
) -> None:
    _, parts = group
    try:
        decoded = ARITHMETIC.decode_parts(payload, parts)
    except FormatError:
        return
    for part, indices in zip(parts, decoded, strict=True):
        assert indices.shape == (part.size,)
        assert not indices.size or indices.max() < part.num_levels


@pytest.mark.parametrize("num_levels", [2, 7, 256, 65536])
def test_equal_indices_cost_a_few_bytes(num_levels: int) -> None:
    indices = np.full((1000, 1000), num_levels - 1, index_dtype(num_levels))
    assert len(ARITHMETIC.encode(indices, num_levels)) <= 3


@pytest.mark.parametrize(("num_levels", "scale", "excess"), [(16, 0.6, 1.0015), (16, 2.5, 1.001), (256, 30.0, 1.003)])
def test_without_structure_the_entropy_is_reached(num_levels: int, scale: float, excess: float) -> None:
    indices = laplace((500, 600), num_levels, scale)
    assert len(ARITHMETIC.encode(indices, num_levels)) <= excess * entropy_bytes(indices)


def ideal_adaptive_bytes(indices: np.ndarray, num_levels: int) -> float:
    """What an adaptive coder without contexts takes whose counts begin at a half (Krichevsky and Trofimov 1981)."""
    counts, bits = np.full(num_levels, 0.5), 0.0
    for index in indices.reshape(-1):
        bits -= math.log2(counts[index] / counts.sum())
        counts[index] += 1
    return bits / 8


@pytest.mark.parametrize("scale", [0.35, 0.7, 1.4, 4.0, 15.0])
def test_small_tensors_cost_little_more_than_they_must(scale: float) -> None:
    values = np.rint(np.random.RandomState(5).standard_normal((20, 25)) * scale).astype(np.int64)
    indices = values - values.min()
    num_levels = int(indices.max()) + 1
    assert len(ARITHMETIC.encode(indices, num_levels)) <= ideal_adaptive_bytes(indices, num_levels) + 12


def test_row_scales_are_found() -> None:
    """Rows of different spread: the entropy given the row is far below that of all indices together."""
    rng = np.random.default_rng(1)
    spread = np.exp(rng.normal(size=(300, 1)))
    indices = np.clip(np.rint(rng.laplace(scale=spread, size=(300, 1000)) + 32), 0, 63).astype(np.uint8)
    given_row = sum(entropy_bytes(row) for row in indices)
    size = len(ARITHMETIC.encode(indices, 64))
    assert size < 0.95 * entropy_bytes(indices)
    assert size < 1.05 * given_row


def test_column_scales_are_found() -> None:
    rng = np.random.default_rng(2)
    spread = np.exp(rng.normal(size=(1, 300)))
    indices = np.clip(np.rint(rng.laplace(scale=spread, size=(1000, 300)) + 32), 0, 63).astype(np.uint8)
    assert len(ARITHMETIC.encode(indices, 64)) < 0.95 * entropy_bytes(indices)


def test_the_previous_index_is_used() -> None:
    """A Markov chain that rarely changes its state."""
    rng = np.random.default_rng(3)
    changes = rng.random(200_000) < 0.1
    indices = (np.cumsum(changes * rng.integers(1, 4, 200_000)) % 4).astype(np.uint8).reshape(400, 500)
    ideal = 200_000 * (-0.9 * math.log2(0.9) - 0.1 * math.log2(0.1 / 3)) / 8
    assert len(ARITHMETIC.encode(indices, 4)) < 1.02 * ideal


def test_zero_rows_cost_next_to_nothing() -> None:
    """Half of the rows pruned away: 500 indices each, for about a byte."""
    indices = laplace((400, 500), 7, 0.5)
    dense = len(ARITHMETIC.encode(indices[::2], 7))
    indices[1::2] = 3
    indices = np.concatenate([indices[::2], indices[1::2]])
    assert len(ARITHMETIC.encode(indices, 7)) < dense + 200 * 10 // 8


def test_a_solid_group_is_smaller_than_its_tensors_apart() -> None:
    tensors = [laplace((10, 50), 16, 2.0, seed) for seed in range(8)]
    parts = [Part(16, tensor.shape, 0, tensor.size) for tensor in tensors]
    together = len(ARITHMETIC.encode_parts([tensor.reshape(-1) for tensor in tensors], parts))
    assert together < sum(len(ARITHMETIC.encode(tensor, 16)) for tensor in tensors) - 8 * 6


def test_the_same_bytes_whatever_the_layout_of_the_array() -> None:
    indices = laplace((64, 48), 16, 2.0)
    assert ARITHMETIC.encode(np.asfortranarray(indices), 16) == ARITHMETIC.encode(indices, 16)
    assert ARITHMETIC.encode(indices.astype(np.int64), 16) == ARITHMETIC.encode(indices, 16)

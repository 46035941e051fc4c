"""Levels of a uniform grid are recognized, bit for bit, and stored as a step and an offset."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hemp_codec
from hemp_codec import QuantizedTensor, dtypes
from hemp_codec.quantizers import Uniform, UniformGrid
from hemp_codec.quantizers._find_grid import find_grid
from hemp_codec.quantizers.base import step_dtype

FLOATS = ("float16", "bfloat16", "float32", "float64")


def levels_of(scale: float, first: int, count: int, dtype: str) -> np.ndarray:
    """Trained levels: a scale times integers, in the dtype's own arithmetic."""
    kind = dtypes.BY_NAME[dtype].numpy
    return np.arange(first, first + count).astype(kind) * kind.type(scale)


@settings(max_examples=200, deadline=None)
@given(
    dtype=st.sampled_from(FLOATS),
    scale=st.floats(2.0**-12, 8.0),
    first=st.integers(-200, 50),
    count=st.sampled_from([2, 3, 16, 17, 100]),
)
@example(dtype="bfloat16", scale=3.228515625, first=-179, count=17)
def test_every_grid_is_found(dtype: str, scale: float, first: int, count: int) -> None:
    kind = dtypes.BY_NAME[dtype]
    step = float(step_dtype(kind).type(scale))
    levels = UniformGrid(step, first, count, kind).levels
    found = find_grid(levels, kind)
    if count >= 16 or dtype in ("float32", "float64"):
        assert found is not None or levels[0] == levels[-1]
    assert found is None or found.levels.tobytes() == levels.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scale", [0.1, 1 / 3, 0.0123456789, 3e-39, 2.0**-149, 1e30])
def test_a_scale_times_integers(dtype: str, scale: float) -> None:
    for first, count in ((-8, 16), (-128, 256), (1, 4), (1000, 300), (-15, 16), (0, 2)):
        levels = levels_of(scale, first, count, dtype) + 0.0
        grid = find_grid(levels, dtypes.BY_NAME[dtype])
        assert grid is not None and grid.levels.tobytes() == levels.tobytes()
        assert (grid.offset, grid.num_levels) == (first, count)


@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_no_grid(dtype: str) -> None:
    kind = dtypes.BY_NAME[dtype].numpy
    good = levels_of(0.25, -8, 16, dtype) + kind.type(0)
    assert find_grid(good, dtypes.BY_NAME[dtype]) is not None
    pattern = np.dtype(f"u{kind.itemsize}")
    for position in range(16):
        if good[position] != 0:
            bad = good.copy()
            bad.view(pattern)[position] += 1
            found = find_grid(np.sort(bad.astype(np.float64)).astype(kind), dtypes.BY_NAME[dtype])
            assert found is None or found.levels.tobytes() == bad.tobytes()
            assert found is None or dtype in ("float16", "bfloat16")
    negative = good.copy()
    negative[good == 0] = -0.0
    assert find_grid(negative, dtypes.BY_NAME[dtype]) is None
    for levels in ([1.0], [2.0, 2.0], [-1.0, 1.0, 1.0], [0.0, 1.0, 3.0], [-3.0, -1.0, 1.0, 3.0]):
        assert find_grid(np.array(levels).astype(kind), dtypes.BY_NAME[dtype]) is None


def test_numbers_at_the_ends_of_the_range() -> None:
    kind = dtypes.BY_NAME["float64"]
    assert find_grid(np.array([-1.7e308, 0.0, 1.7e308]), kind) == UniformGrid(1.7e308, -1, 3, kind)
    assert find_grid(np.array([-1.7e308, 1.7e308]), kind) is None
    grid = UniformGrid(0.125, 1 << 23, 50, kind)
    assert find_grid(grid.levels, kind) == grid
    assert find_grid(grid.levels + 0.125, kind) is None


@pytest.mark.parametrize("dtype", FLOATS)
def test_trained_levels_are_stored_as_a_grid(dtype: str) -> None:
    levels = levels_of(0.0371, -8, 16, dtype) + dtypes.BY_NAME[dtype].numpy.type(0)
    if dtype in ("float16", "bfloat16"):
        levels = UniformGrid(float(np.float32(0.0371)), -8, 16, dtypes.BY_NAME[dtype]).levels
    tensor = QuantizedTensor(np.arange(64, dtype=np.uint8).reshape(8, 8) % 16, levels)
    uneven = levels.copy()
    uneven[-1] *= 2
    blob = hemp_codec.encode({"a": tensor})
    table, grid = 1 + 16 * levels.itemsize, 2 + (8 if dtype == "float64" else 4)
    wider_front_size = 1 if dtype == "float64" else 0
    other = hemp_codec.encode({"a": QuantizedTensor(tensor.indices, uneven)})
    assert len(other) - len(blob) == table - grid + wider_front_size
    with hemp_codec.safe_open(blob) as file:
        assert file.get_info("a").quantizer == "uniform" and file.get_info("a").num_levels == 16
        assert file.get_levels("a").tobytes() == levels.tobytes() and file.get_levels("a").dtype == levels.dtype
        np.testing.assert_array_equal(file.get_indices("a"), tensor.indices)
        assert file.get_tensor("a").tobytes() == tensor.dequantize().tobytes()


def test_a_grid_only_where_it_is_smaller() -> None:
    indices = np.arange(64).reshape(8, 8) % 2
    pair = QuantizedTensor(indices, np.array([0.0, 0.5], ml_dtypes.bfloat16))
    many = {str(n): QuantizedTensor((indices * n) % 2 + n % 15, levels_of(0.1, -8, 16, "float32")) for n in range(30)}
    for tensors, quantizer in (({"a": pair}, "codebook"), (many, "codebook"), ({"1": many["1"]}, "uniform")):
        with hemp_codec.safe_open(hemp_codec.encode(tensors)) as file:
            assert {file.get_info(name).quantizer for name in tensors} == {quantizer}
            for name, tensor in tensors.items():
                assert file.get_tensor(name).tobytes() == tensor.dequantize().tobytes()


def test_lloyd_max_of_few_even_values() -> None:
    values = (np.arange(4096).reshape(64, 64) % 15 - 7).astype(np.float32) * np.float32(0.1)
    with hemp_codec.safe_open(hemp_codec.encode({"a": values}, quantizer="lloyd-max:15")) as file:
        assert file.get_info("a").quantizer == "uniform"
        assert file.get_tensor("a").tobytes() == values.tobytes()


def test_grids_of_the_uniform_quantizer_are_found_again() -> None:
    array = np.random.default_rng(0).normal(size=(50, 60)).astype(np.float32)
    _, grid = Uniform(37).quantize(array)
    found = find_grid(grid.levels, grid.dtype)
    assert found is not None and found.levels.tobytes() == grid.levels.tobytes() and found.offset == grid.offset

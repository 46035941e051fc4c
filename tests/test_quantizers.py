"""Quantizers by themselves: optimal, nearest, converged, exact where exactness is possible."""

from __future__ import annotations

import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hemp_codec import quantizers
from hemp_codec.dtypes import DTYPES
from hemp_codec.errors import HempError, QuantizationError, UnsupportedError
from hemp_codec.quantizers import Codebook, LloydMax, Lossless, Uniform, UniformGrid
from hemp_codec.quantizers._distribution import distribution
from hemp_codec.quantizers._nearest import nearest_indices, thresholds
from hemp_codec.quantizers._optimal import optimal_cuts
from hemp_codec.quantizers.lloyd_max import settle
from hemp_codec.tensors import index_dtype

FLOATS = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16), np.dtype(np.float32), np.dtype(np.float64)]


def weights(shape: tuple[int, ...], seed: int = 0, dtype: np.dtype = FLOATS[2]) -> np.ndarray:
    """Heavy-tailed values as in trained layers."""
    return (np.random.default_rng(seed).standard_t(4, shape) * 0.05).astype(dtype)


def squared_error(array: np.ndarray, decoded: np.ndarray) -> float:
    return float(((array.astype(np.float64) - decoded.astype(np.float64)) ** 2).sum())


def finite_arrays(dtype: np.dtype) -> st.SearchStrategy[np.ndarray]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=8)
    patterns = st.builds(
        lambda shape, seed: np.random.default_rng(seed).integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8),
        shapes,
        st.integers(0, 2**32 - 1),
    )
    any_bits = patterns.map(lambda bits: bits.view(dtype)[..., 0])
    return any_bits.map(without_nan_and_infinity)


def without_nan_and_infinity(array: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(array), array, array.dtype.type(0)).astype(array.dtype)


any_float_array = st.sampled_from(FLOATS).flatmap(finite_arrays)
any_lossy = st.one_of(
    st.builds(LloydMax, st.integers(1, 40), st.booleans()),
    st.builds(LloydMax, st.just(300)),
    st.builds(Uniform, st.integers(1, 40)),
)


@settings(max_examples=120, deadline=None)
@given(quantizer=any_lossy, array=any_float_array)
def test_any_values_any_levels(quantizer: LloydMax | Uniform, array: np.ndarray) -> None:
    indices, params = quantizer.quantize(array)
    levels = params.levels
    assert indices.shape == array.shape and indices.dtype == index_dtype(params.num_levels)
    assert levels.dtype == array.dtype and 1 <= len(levels) == params.num_levels <= quantizer.levels
    wide = levels.astype(np.float64)
    assert np.isfinite(wide).all() and (wide[1:] >= wide[:-1]).all()
    decoded = quantizer.dequantize(indices, params)
    assert decoded.dtype == array.dtype and decoded.tobytes() == levels[indices].tobytes()
    again = quantizer.quantize(array)
    assert again[0].tobytes() == indices.tobytes() and again[1].levels.tobytes() == levels.tobytes()
    assert_nearest(array, indices, levels)


def assert_nearest(array: np.ndarray, indices: np.ndarray, levels: np.ndarray) -> None:
    """Exactly: in whole multiples of a number smaller than any float64."""
    exact = [as_integer(level) for level in levels]
    for value, index in zip(array.reshape(-1), indices.reshape(-1), strict=True):
        target = as_integer(value)
        assert abs(exact[index] - target) == min(abs(level - target) for level in exact)


def as_integer(value: np.floating) -> int:
    numerator, denominator = float(value).as_integer_ratio()
    return numerator * (2**1100 // denominator)


@settings(max_examples=200, deadline=None)
@given(levels=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=6, unique=True))
def test_thresholds_are_exact(levels: list[float]) -> None:
    ascending = np.sort(np.array(levels))
    for low, high, bound in zip(ascending, ascending[1:], thresholds(ascending), strict=False):
        assert 2 * as_integer(bound) <= as_integer(low) + as_integer(high)
        with np.errstate(over="ignore"):
            above = np.nextafter(bound, np.inf)
        assert 2 * as_integer(above) > as_integer(low) + as_integer(high)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("num_levels", [2, 16, 256, 5000])
def test_many_values_are_found_as_by_plain_search(dtype: np.dtype, num_levels: int) -> None:
    array = weights((300, 700), dtype=dtype)
    array[0, 0] = 30.0  # an outlier makes the bins of the table coarse
    levels = np.unique(np.random.default_rng(1).choice(array.reshape(-1), num_levels).astype(np.float64))
    indices = nearest_indices(array, levels.astype(dtype))
    plain = np.searchsorted(thresholds(levels), array.astype(np.float64).reshape(-1))
    np.testing.assert_array_equal(indices.reshape(-1), plain)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(-20, 20), min_size=2, max_size=9),
    num_levels=st.integers(1, 4),
    pin_zero=st.booleans(),
)
@example(values=[1, 2, -2], num_levels=2, pin_zero=True)
def test_few_values_get_the_best_levels(values: list[int], num_levels: int, pin_zero: bool) -> None:
    array = np.array(values, np.float32)
    indices, params = LloydMax(num_levels, pin_zero).quantize(array)
    decoded = params.levels[indices]
    assert not pin_zero or 0.0 in params.levels
    assert squared_error(array, decoded) <= best_error(sorted(values), num_levels, pin_zero) * 1.000001 + 1e-4


def best_error(values: list[int], num_levels: int, pin_zero: bool) -> float:
    """By trying all cuts of the sorted values, and each cell as the pinned one."""
    best = float("inf")
    for cuts in itertools.combinations_with_replacement(range(len(values) + 1), num_levels - 1):
        cells = [values[a:b] for a, b in itertools.pairwise((0, *cuts, len(values)))]
        free = [sum((v - sum(cell) / len(cell)) ** 2 for v in cell) if cell else 0.0 for cell in cells]
        if not pin_zero:
            best = min(best, sum(free))
            continue
        for pinned, cell in enumerate(cells):
            best = min(best, sum(free) - free[pinned] + sum(v * v for v in cell))
    return best


@pytest.mark.parametrize("pin_zero", [False, True])
def test_optimal_cuts_are_optimal(pin_zero: bool) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        values = sorted(int(v) for v in rng.integers(-30, 30, 9))
        cuts = optimal_cuts(np.array(values, np.float64), np.ones(9), 3, pin_zero=pin_zero)
        cells = [values[a:b] for a, b in itertools.pairwise(cuts)]
        free = [sum((v - np.mean(cell)) ** 2 for v in cell) if cell else 0.0 for cell in cells]
        pinned = [sum(free) - error + sum(v * v for v in cell) for error, cell in zip(free, cells, strict=True)]
        found = min(pinned) if pin_zero else sum(free)
        assert found == pytest.approx(best_error(values, 3, pin_zero))


@pytest.mark.parametrize("pin_zero", [False, True])
@pytest.mark.parametrize("num_levels", [2, 16, 256])
def test_levels_are_means_of_their_cells(num_levels: int, pin_zero: bool) -> None:
    array = weights((200, 300))
    indices, params = LloydMax(num_levels, pin_zero).quantize(array)
    counts = np.bincount(indices.reshape(-1), minlength=num_levels)
    means = np.bincount(indices.reshape(-1), array.reshape(-1).astype(np.float64), num_levels) / counts
    if pin_zero:
        means[params.levels == 0] = 0.0
        assert (params.levels == 0).sum() == 1
    np.testing.assert_allclose(params.levels, means, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_no_usual_start_is_better(seed: int) -> None:
    array = weights((100, 200), seed)
    values = distribution(array)
    params = LloydMax(16).quantize(array)[1]
    quantiles = np.quantile(array, (np.arange(16) + 0.5) / 16)
    spread = np.linspace(-3, 3, 16) * array.std()
    found = squared_error(array, params.levels[nearest_indices(array, params.levels)])
    for start in (quantiles, spread, np.linspace(array.min(), array.max(), 16)):
        levels = settle(values, start.astype(np.float64), pin_zero=False).astype(np.float32)
        assert found <= squared_error(array, levels[nearest_indices(array, levels)]) * 1.0005


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_few_distinct_values_are_exact(dtype: np.dtype) -> None:
    values = np.array([-1.5, -0.0, 0.0, 0.25, 3.0]).astype(dtype)
    array = np.random.default_rng(0).choice(values, (40, 5))
    for quantizer, size in ((LloydMax(16), 4), (LloydMax(4, pin_zero=True), 4)):
        indices, params = quantizer.quantize(array)
        assert params.num_levels == size
        np.testing.assert_array_equal(params.levels[indices].astype(np.float64), array.astype(np.float64))
        assert not np.signbit(params.levels[1])


def test_constant_and_empty_arrays() -> None:
    for quantizer in (LloydMax(16), LloydMax(1), Uniform(16), Uniform(1)):
        for value in (0.0, -2.5, 1e-30, 3e38):
            indices, params = quantizer.quantize(np.full((3, 4), value, np.float32))
            assert params.num_levels == 1 and not indices.any()
            assert params.levels[0] == np.float32(value)
        indices, params = quantizer.quantize(np.zeros((0, 4), np.float32))
        assert indices.shape == (0, 4) and params.num_levels == 1


@pytest.mark.parametrize("quantizer", [LloydMax(4), Uniform(4)], ids=lambda quantizer: quantizer.name)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(quantizer: LloydMax | Uniform, dtype: np.dtype, bad: float) -> None:
    array = weights((30, 30), dtype=dtype)
    array[3, 4] = array[7, 7] = bad
    with pytest.raises(QuantizationError, match=r"^2 values are NaN or infinite.*lossless") as caught:
        quantizer.quantize(array)
    assert isinstance(caught.value, HempError) and isinstance(caught.value, ValueError)


def test_other_dtypes_are_refused() -> None:
    for array in (np.zeros(3, np.int64), np.zeros(3, bool), np.zeros(3, ml_dtypes.float8_e5m2)):
        with pytest.raises(QuantizationError, match="lossless"):
            LloydMax(4).quantize(array)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_arithmetic_is_that_of_the_format(dtype: str) -> None:
    entry = next(entry for entry in DTYPES if entry.name == dtype)
    work = np.float64 if dtype == "float64" else np.float32
    step = float(work(0.1))
    grid = UniformGrid(step, -3, 7, entry)
    expected = [np.array(work(step) * work(k), work).astype(entry.numpy) for k in range(-3, 4)]
    assert grid.levels.tobytes() == np.array(expected).tobytes()
    assert not np.signbit(grid.levels[3])


@pytest.mark.parametrize("num_levels", [2, 3, 4, 16, 255])
def test_uniform_is_near_the_best_step(num_levels: int) -> None:
    array = weights((60, 200), 3)
    indices, params = Uniform(num_levels).quantize(array)
    assert 0.0 in params.levels
    found = squared_error(array, params.levels[indices])
    for step in array.std() * np.geomspace(0.005, 8, 400):
        for offset in range(-(num_levels // 2) - 1, -(num_levels // 2) + 2):
            if offset <= 0 < offset + num_levels:
                grid = np.clip(np.round(array / step), offset, offset + num_levels - 1) * step
                assert found <= squared_error(array, grid) * 1.002


def test_uniform_finds_a_grid_that_is_there() -> None:
    step = np.float32(0.0123)
    numbers = np.random.default_rng(0).integers(-7, 9, (50, 50))
    array = step * numbers.astype(np.float32)
    indices, params = Uniform(16).quantize(array)
    assert params.step == step and params.offset == -7 and params.num_levels == 16
    assert params.levels[indices].tobytes() == (array + 0.0).tobytes()


def test_uniform_far_from_zero() -> None:
    array = np.random.default_rng(0).uniform(10, 11, (50, 50))
    indices, params = Uniform(16).quantize(array)
    assert squared_error(array, params.levels[indices]) / array.size < (1 / 15) ** 2 / 6


@settings(max_examples=100, deadline=None)
@given(entry=st.sampled_from(DTYPES), shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=5), data=st.randoms())
def test_lossless_is_exact_for_all_bits(entry, shape, data) -> None:  # type: ignore[no-untyped-def]
    array = as_array(entry, shape, data)
    planes, params = Lossless().quantize(array)
    assert len(planes) == entry.planes and all(plane.shape == (array.size,) for plane in planes)
    back = Lossless().dequantize(planes, params)
    assert back.dtype == entry.numpy and back.shape == shape and back.tobytes() == array.tobytes()


def as_array(entry, shape, data):  # type: ignore[no-untyped-def]
    size = int(np.prod(shape, dtype=np.int64))
    high = 2 if entry.name == "bool" else 256
    raw = bytes(data.randrange(high) for _ in range(size * entry.size))
    return np.frombuffer(raw, entry.numpy).reshape(shape)


def test_lossless_takes_any_byte_order_and_layout() -> None:
    array = weights((6, 4))
    array[0, 0] = np.frombuffer(b"\x01\x00\xa0\x7f", "<f4")[0]  # a signalling NaN
    for same in (array.astype(">f4"), np.asfortranarray(array), np.repeat(array, 2, axis=1)[:, ::2]):
        planes, params = Lossless().quantize(same)
        assert Lossless().dequantize(planes, params).tobytes() == array.tobytes()


def test_float32_exponent_is_plane_0() -> None:
    array = np.array([1.0, -1.0, 2.0, 0.5], np.float32)
    planes, _ = Lossless().quantize(array)
    assert planes[0].tolist() == [127, 127, 128, 126]
    assert [byte & 1 for byte in planes[3].tolist()] == [0, 1, 0, 0]


def test_names() -> None:
    assert quantizers.names() == ["lossless", "lloyd-max", "uniform"]
    assert quantizers.get("lloyd-max:16") == LloydMax(16) == quantizers.get("lloyd-max")
    assert quantizers.get("uniform:32") == Uniform(32) != Uniform(16)
    assert quantizers.get("uniform", levels=8) == Uniform(8) and quantizers.get("uniform:4", levels=8) == Uniform(4)
    assert quantizers.get("lossless") == Lossless()
    assert quantizers.get(LloydMax(3)) == LloydMax(3)
    with pytest.raises(UnsupportedError, match="known are lossless"):
        quantizers.get("kmeans:16")
    for wrong in (
        "lloyd-max:",
        "lloyd-max:x",
        "lloyd-max:0",
        "uniform:65537",
        "lossless:16",
        "uniform:-1",
        "uniform:²",
    ):
        with pytest.raises(ValueError):
            quantizers.get(wrong)
    for wrong_levels in (0, 65537, 2.5, True):
        with pytest.raises(ValueError):
            LloydMax(wrong_levels)  # type: ignore[arg-type]


def test_codebook_has_a_size() -> None:
    assert Codebook(np.zeros(3, np.float32)).num_levels == 3

"""The arithmetic on bit patterns against that of numpy and ml_dtypes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from hemp_spec import levels
from hemp_spec.dtypes import BY_NAME, DTYPES, FLOAT32, FLOAT64

NUMPY = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
UNSIGNED = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def random_numbers(count: int, seed: int = 0) -> np.ndarray:
    """Finite float64 of all magnitudes, many of them halfway between narrower numbers."""
    generator = np.random.default_rng(seed)
    wide = np.ldexp(generator.standard_normal(count), generator.integers(-160, 128, count))
    halfway = np.ldexp(generator.integers(1, 2**13, count) * 1.0, generator.integers(-150, 20, count))
    return np.concatenate([wide, halfway, [0.0, -0.0, 65504.0, 65519.9, 65520.0, 2.0**-24, 2.0**-25, 2.0**-149]])


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_convert_from_float64(name: str) -> None:
    check_conversion(random_numbers(3000), FLOAT64, name)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32"])
def test_convert_from_float32(name: str) -> None:
    with np.errstate(over="ignore"):
        numbers = random_numbers(3000).astype(np.float32)
    check_conversion(numbers, FLOAT32, name)


def check_conversion(numbers: np.ndarray, source: object, name: str) -> None:
    numbers = numbers[np.isfinite(numbers)]
    with np.errstate(over="ignore"):
        expected = numbers.astype(NUMPY[name]).view(UNSIGNED[BY_NAME[name].size])
    patterns = numbers.view(UNSIGNED[numbers.itemsize])
    target = levels.float_format(BY_NAME[name])
    assert [levels.convert(int(pattern), source, target) for pattern in patterns] == expected.tolist()


@pytest.mark.parametrize("name", list(NUMPY))
def test_uniform_level(name: str) -> None:
    generator = np.random.default_rng(1)
    work = np.float64 if name == "float64" else np.float32
    steps = np.abs(random_numbers(1000, 2)).astype(work)
    steps = steps[np.isfinite(steps) & (steps > 0)]
    numbers = generator.integers(-(1 << 23), (1 << 23) + 65536, len(steps))
    with np.errstate(over="ignore"):
        expected = (steps * numbers.astype(work)).astype(NUMPY[name])
    for step, number, level in zip(steps.view(UNSIGNED[steps.itemsize]), numbers, expected, strict=True):
        pattern = levels.uniform_level(int(step), int(number), BY_NAME[name])
        found = np.array(pattern, UNSIGNED[BY_NAME[name].size]).view(NUMPY[name])
        assert found == level or not (np.isfinite(found) or np.isfinite(level))
        assert found != 0 or pattern == 0


def test_order_is_that_of_the_numbers() -> None:
    numbers = random_numbers(200)[:200].astype(np.float32)
    keys = [levels.order(int(pattern), FLOAT32) for pattern in numbers.view(np.uint32)]
    assert np.array_equal(np.argsort(keys, kind="stable"), np.argsort(numbers, kind="stable"))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=lambda dtype: dtype.name)
def test_planes_join_to_what_was_split(dtype: levels.DType) -> None:
    data = np.random.default_rng(dtype.number).integers(0, 256, 12 * dtype.size, np.uint8).tobytes()
    planes = levels.split_planes(dtype, data)
    assert [len(plane) for plane in planes] == [12] * dtype.planes
    assert levels.join_planes(dtype, planes) == data


def test_planes_of_float32_and_complex64() -> None:
    minus_one = bytes.fromhex("000080bf")
    assert levels.split_planes(BY_NAME["float32"], minus_one) == [[0x7F], [0], [0], [1]]
    halves = bytes.fromhex("0000003f") + minus_one
    assert levels.split_planes(BY_NAME["complex64"], halves) == [[0x7E], [0], [0], [0], [0x7F], [0], [0], [1]]


def test_planes_of_int32_begin_with_the_most_significant_byte() -> None:
    assert levels.split_planes(BY_NAME["int32"], bytes([4, 3, 2, 1])) == [[1], [2], [3], [4]]

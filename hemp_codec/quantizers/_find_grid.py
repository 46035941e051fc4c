"""Whether levels are those of a uniform grid, so that a step and an offset say them all."""

from __future__ import annotations

import math

import numpy as np

from hemp_codec.dtypes import DType
from hemp_codec.quantizers.base import UniformGrid, step_dtype

MAX_OFFSET = 1 << 23
_MAX_CANDIDATES = 257  # offsets to try, where rounded levels leave the offset open; most are ruled out at once


def find_grid(levels: np.ndarray, dtype: DType) -> UniformGrid | None:
    """The grid that has exactly the bit patterns of ``levels``, or None.

    Args:
        levels: shape (num_levels,), finite, ascending, of ``dtype``.
        dtype: float16, bfloat16, float32 or float64.
    """
    if len(levels) < 2 or np.signbit(levels[levels == 0]).any():
        return None
    for offset in _offsets(levels.astype(np.float64), dtype):
        grid = UniformGrid(_step(levels, offset, dtype), offset, len(levels), dtype)
        if grid.levels.tobytes() == levels.tobytes():
            return grid
    return None


def _offsets(levels: np.ndarray, dtype: DType) -> list[int]:
    """Offsets that may be right as far as the rounding of the levels lets one tell, the likeliest first."""
    distance = float(levels[-1]) / (len(levels) - 1) - float(levels[0]) / (len(levels) - 1)
    if not 0 < distance < math.inf or abs(levels[0]) / distance > 2 * MAX_OFFSET:
        return []
    errors = _errors(levels, dtype)
    center = float(levels[0]) / distance
    error = (errors[0] + abs(center) * (errors[0] + errors[-1]) / (len(levels) - 1)) / distance
    radius = min(math.ceil(error), _MAX_CANDIDATES // 2)
    near = range(round(center) - radius, round(center) + radius + 1)
    offsets = [offset for offset in near if abs(offset) <= MAX_OFFSET and _is_near(levels, errors, offset)]
    return sorted(offsets, key=lambda offset: (abs(offset - center), offset))


def _is_near(levels: np.ndarray, errors: np.ndarray, offset: int) -> bool:
    """Whether the levels are proportional to their numbers, up to their errors."""
    numbers = offset + np.arange(len(levels), dtype=np.float64)
    largest = int(np.argmax(np.abs(numbers)))
    share = numbers / numbers[largest]
    return bool((np.abs(levels - levels[largest] * share) <= errors + errors[largest] * np.abs(share)).all())


def _errors(levels: np.ndarray, dtype: DType) -> np.ndarray:
    """Bounds of what rounding to ``dtype``, and computing with such levels in float64, may have changed."""
    one = np.ones((), dtype.numpy)
    above = np.frombuffer((int.from_bytes(one.tobytes(), "little") + 1).to_bytes(dtype.size, "little"), dtype.numpy)
    smallest = np.frombuffer((1).to_bytes(dtype.size, "little"), dtype.numpy)
    bounds: np.ndarray = np.abs(levels) * (2 * (float(above[0]) - 1)) + float(smallest[0])
    return bounds


def _step(levels: np.ndarray, offset: int, dtype: DType) -> float:
    """The smallest step whose levels are all at least as far from zero as ``levels``.

    Levels grow with the step, so this is the only step to try: if any step gives ``levels``, then this one does.
    Positive numbers are in the order of their bit patterns, which makes for a search by halves.
    """
    work = step_dtype(dtype)
    least = np.abs(levels.astype(np.float64))

    def step(pattern: int) -> float:
        return float(np.frombuffer(pattern.to_bytes(work.itemsize, "little"), work)[0])

    low, high = 1, int.from_bytes(np.array(np.inf, work).tobytes(), "little") - 1
    while low < high:
        middle = (low + high) // 2
        found = UniformGrid(step(middle), offset, len(levels), dtype).levels
        if (np.abs(found.astype(np.float64)) >= least).all():
            high = middle
        else:
            low = middle + 1
    return step(low)

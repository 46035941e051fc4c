"""Optimal partition of a few thousand weighted points into cells."""

from __future__ import annotations

import numpy as np

from hemp_codec import _native


def optimal_cuts(means: np.ndarray, weights: np.ndarray, num_levels: int, *, pin_zero: bool) -> np.ndarray:
    """Cuts of ascending points into ``num_levels`` cells of the least squared error, by dynamic programming.

    Args:
        means: float64 of shape (points,).
        weights: float64 of the same shape, above 0.
        num_levels: 1 to the number of points.
        pin_zero: one of the cells has the level 0.0 instead of its mean; it may be empty.

    Returns:
        Cuts, int64 of shape (num_levels + 1,), from 0 to the number of points; cell k is means[cuts[k]:cuts[k + 1]].
    """
    points = [np.ascontiguousarray(array, dtype=np.float64) for array in (means, weights)]
    return np.array(_native.optimal_cuts(points[0], points[1], num_levels, pin_zero), np.int64)

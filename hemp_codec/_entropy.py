"""Zero-order entropy, to estimate sizes by; its bits are the same on every platform, since files depend on them."""

from __future__ import annotations

import numpy as np

_SQRT_HALF = 0.7071067811865476
_TWO_OVER_LN2 = 2.8853900817779268


def entropy(indices: np.ndarray, num_levels: int) -> float:
    """Zero-order entropy of unsigned 1-D ``indices`` below ``num_levels``, bits per index; 0 for none."""
    return entropy_of_counts(np.bincount(indices, minlength=num_levels)) / max(indices.size, 1)


def entropy_of_counts(counts: np.ndarray) -> float:
    """Bits of all indices together, by how often each occurs; 0 for none."""
    positive = counts[counts > 0].astype(np.float64)
    if not len(positive):
        return 0.0
    bits = positive * (_log2(np.array([float(counts.sum())])) - _log2(positive))
    return float(np.cumsum(bits)[-1])


def _log2(values: np.ndarray) -> np.ndarray:
    """Logarithm to base 2 within 1e-5, from operations that IEEE 754 defines to the last bit (a library's does not)."""
    mantissas, exponents = np.frexp(values)
    ratio = (mantissas - _SQRT_HALF) / (mantissas + _SQRT_HALF)
    square = ratio * ratio
    series = ratio * (1.0 + square * (1.0 / 3 + square * (1.0 / 5 + square / 7)))
    logarithms: np.ndarray = series * _TWO_OVER_LN2 - 0.5 + exponents
    return logarithms

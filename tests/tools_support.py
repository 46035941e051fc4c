"""Helpers of the tests of checkpoints, torch and the command line."""

from __future__ import annotations

import numpy as np

from hemp_codec.dtypes import DTYPES, DType


def random_array(dtype: DType, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Every bit pattern of ``dtype`` may occur: NaN payloads, infinities, -0.0."""
    count = int(np.prod(shape, dtype=np.int64))
    random = np.random.default_rng(seed)
    high = 2 if dtype.name == "bool" else 256
    data = random.integers(0, high, count * dtype.size, dtype=np.uint8).tobytes()
    return np.frombuffer(data, dtype.numpy).reshape(shape)


def every_dtype() -> dict[str, np.ndarray]:
    """A tensor of each dtype, in an order that sorting by name or size would change."""
    ordered = sorted(DTYPES, key=lambda dtype: (dtype.number * 7) % 11)
    return {f"layer.{dtype.name}": random_array(dtype, (3, 2, 2), dtype.number) for dtype in ordered}


def assert_same(left: np.ndarray, right: np.ndarray) -> None:
    """Bit for bit, with shape and dtype."""
    assert (left.dtype, left.shape) == (right.dtype, right.shape)
    assert left.tobytes() == right.tobytes()

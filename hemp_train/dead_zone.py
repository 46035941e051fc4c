"""A uniform quantizer with a wide zone around zero, for weights that training has drawn to zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hemp_codec import QuantizationError
from hemp_codec.quantizers import Codebook
from hemp_codec.tensors import index_dtype


@dataclass(frozen=True)
class DeadZone:
    """Levels ``step * k``; values nearer to zero than ``zone`` steps become zero, others the nearest level but zero.

    Attributes:
        step: as a share of the tensor's largest magnitude, above 0.
        zone: in steps; 0.5 rounds to the nearest level.
    """

    step: float = 0.15
    zone: float = 0.6
    name: ClassVar[str] = "dead-zone"

    def __post_init__(self) -> None:
        if not 1e-4 <= self.step <= 2 or not self.zone >= 0:
            raise ValueError("step must be from 0.0001 to 2 times the largest magnitude, zone not negative")

    def quantize(self, array: np.ndarray) -> tuple[np.ndarray, Codebook]:
        """Indices in the shape of ``array`` and the codebook in its dtype, between the lowest and highest level used.

        Raises:
            QuantizationError: a value is NaN or infinite.
        """
        values = np.asarray(array)
        largest = float(np.abs(values).max()) if values.size else 0.0
        if not np.isfinite(largest):
            raise QuantizationError("a value is NaN or infinite; look at the training that gave it")
        step = self.step * largest if largest else 1.0
        scaled = values.astype(np.float64) / step
        outwards = np.sign(scaled) * np.maximum(np.rint(np.abs(scaled)), 1)
        numbers = np.where(np.abs(scaled) < self.zone, 0, outwards).astype(np.int64)
        low, high = (min(int(numbers.min()), 0), max(int(numbers.max()), 0)) if values.size else (0, 0)
        levels = (np.arange(low, high + 1) * step).astype(values.dtype)
        return (numbers - low).astype(index_dtype(high - low + 1)), Codebook(levels)

    def dequantize(self, indices: np.ndarray, params: Codebook) -> np.ndarray:
        """``params.levels[indices]``."""
        values: np.ndarray = params.levels[indices]
        return values

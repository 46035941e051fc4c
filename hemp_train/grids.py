"""Uniform grids of levels around zero, with a zone around zero that is quantized to zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch

import hemp_codec


@dataclass(frozen=True)
class Grid:
    """Levels ``step * k`` for the integers -most <= k <= most.

    Attributes:
        step: distance of the levels, above 0.
        most: number of levels on either side of zero.
        dead_zone: values nearer to zero than ``dead_zone * step`` become zero; 0.5 rounds to the nearest level.
    """

    step: float
    most: int = 3
    dead_zone: float = 0.6

    @staticmethod
    def of(weights: torch.Tensor, levels: int, dead_zone: float = 0.6, reach: float = 1.0) -> Grid:
        """``levels`` (odd) levels; ``reach`` times the largest magnitude of ``weights`` is half a step beyond the last.

        Raises ``ValueError`` if ``levels`` is even or below 3.
        """
        if levels < 3 or levels % 2 == 0:
            raise ValueError(f"a grid around zero has an odd number of levels, 3 at least, not {levels}")
        largest = float(weights.detach().abs().max()) if weights.numel() else 0.0
        return Grid(max(reach * largest, 1e-6) / (levels // 2 + 0.5), levels // 2, dead_zone)

    def indices(self, weights: torch.Tensor) -> torch.Tensor:
        """The k of each weight, as floating-point numbers in the shape of ``weights``."""
        scaled = weights / self.step
        rounded = scaled.abs().round().clamp(1, self.most) * scaled.sign()
        return rounded.masked_fill(scaled.abs() < self.dead_zone, 0)

    def outside(self, weights: torch.Tensor) -> torch.Tensor:
        """Where ``weights`` lie beyond the outermost levels, by more than half a step."""
        return weights.abs() > (self.most + 0.5) * self.step

    def file_tensor(self, indices: torch.Tensor) -> hemp_codec.QuantizedTensor:
        """What the file holds for ``indices`` (k around zero, any shape): levels as float32, only those between the
        lowest and the highest that are used."""
        used = indices.long().cpu()
        low, high = (int(used.min()), int(used.max())) if used.numel() else (0, 0)
        levels = torch.arange(low, high + 1, dtype=torch.float32) * self.step
        return hemp_codec.QuantizedTensor((used - low).to(torch.int32).numpy(), levels.numpy())

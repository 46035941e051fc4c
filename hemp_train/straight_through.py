"""Straight-through training: forward and backward on the quantized weights, the update on the continuous ones.

The pull towards a short code is added to the gradient, as HEMP adds its own; here it is the chord of the code length
(``hemp_train.code_length``), so that weights leave the outer levels for zero; forward passes see what is in the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from hemp_codec import QuantizedTensor
from hemp_train.code_length import chord_slope, code_length
from hemp_train.grids import Grid


@dataclass
class _Part:
    parameter: nn.Parameter
    grid: Grid
    log_step: nn.Parameter
    pull: torch.Tensor | None = None
    zeros: torch.Tensor | None = None

    def follow_step(self) -> None:
        """Take up the trained step; the weights grow with it, so that their indices stay."""
        step = math.exp(float(self.log_step))
        self.parameter.mul_(step / self.grid.step)
        self.grid = replace(self.grid, step=step)

    def indices(self) -> torch.Tensor:
        return self.grid.indices(self.parameter.detach())


def _log_step(grid: Grid, device: torch.device) -> nn.Parameter:
    return nn.Parameter(torch.tensor(math.log(grid.step), dtype=torch.float64, device=device))


@dataclass
class StraightThrough:
    """Trains the parameters of ``model`` that have a grid in ``grids``, by name.

        shrink = StraightThrough(model, {name: Grid.of(value, levels=7) for name, value in model.named_parameters()})
        with shrink.quantized():
            loss(model(images), labels).backward()
        shrink.step(3e-5)           # adds 3e-5 times the slope of the code length in bits
        optimizer.step()            # may have shrink.step_parameters() too: then the grids' steps are trained
        shrink.apply()

    Attributes:
        every: the pull is computed anew after so many steps.
    """

    model: nn.Module
    grids: Mapping[str, Grid]
    every: int = 8
    _parts: dict[str, _Part] = field(init=False)
    _steps: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        parameters = dict(self.model.named_parameters())
        missing = sorted(set(self.grids) - set(parameters))
        if missing:
            raise ValueError(f"the model has no parameter {', '.join(missing)}")
        self._parts = {
            name: _Part(parameters[name], grid, _log_step(grid, parameters[name].device))
            for name, grid in self.grids.items()
        }

    def step_parameters(self) -> list[nn.Parameter]:
        """Logarithms of the grids' steps, for an optimizer of their own: they want a lower rate than weights.

        A scale for each tensor is all that a network needs of its levels, and takes four bytes.
        """
        return [part.log_step for part in self._parts.values()]

    @contextmanager
    def quantized(self) -> Iterator[None]:
        """Inside, the parameters hold their levels; gradients computed there stay, the continuous values come back."""
        continuous = {name: part.parameter.data for name, part in self._parts.items()}
        for part in self._parts.values():
            part.parameter.data = part.indices() * part.grid.step
        try:
            yield
        finally:
            for name, part in self._parts.items():
                part.parameter.data = continuous[name]

    @torch.no_grad()
    def step(self, strength: float) -> None:
        """Add ``strength`` times the slope of the code length, in bits, to the gradients; after ``backward``.

        Gradients that would drive a weight still further beyond its outermost level, and those of frozen zeros, are
        taken away.
        """
        for part in self._parts.values():
            slope = part.parameter.grad
            if slope is None:
                continue
            part.log_step.grad = ((slope * part.indices()).sum() * part.grid.step).to(torch.float64)
            slope.masked_fill_(part.grid.outside(part.parameter) & (slope * part.parameter < 0), 0)
            if strength:
                if part.pull is None or self._steps % self.every == 0:
                    part.pull = chord_slope(part.parameter.detach(), part.indices(), part.grid.most, part.grid.step)
                slope.add_(part.pull, alpha=strength)
            if part.zeros is not None:
                slope.masked_fill_(part.zeros, 0)
        self._steps += 1

    @torch.no_grad()
    def apply(self) -> None:
        """Take up trained steps, and set frozen zeros, which momentum moved, to zero; after ``optimizer.step()``."""
        for part in self._parts.values():
            part.follow_step()
            if part.zeros is not None:
                part.parameter.masked_fill_(part.zeros, 0)

    @torch.no_grad()
    def freeze_zeros(self) -> None:
        """From now on, weights that are quantized to zero stay there; may be called again as more of them are."""
        for part in self._parts.values():
            zeros = part.indices() == 0
            part.zeros = zeros if part.zeros is None else part.zeros | zeros

    @torch.no_grad()
    def indices(self) -> dict[str, torch.Tensor]:
        """The numbers of the levels, around zero, as floating-point numbers in the parameters' shapes, by name."""
        return {name: part.indices() for name, part in self._parts.items()}

    def current_grids(self) -> dict[str, Grid]:
        """The grids with their steps as trained, by name."""
        return {name: part.grid for name, part in self._parts.items()}

    def bits(self) -> float:
        """The estimated code length of all indices."""
        return sum(float(code_length(part.indices(), part.grid.most)) for part in self._parts.values())

    def tensors(self) -> dict[str, QuantizedTensor]:
        """Indices and levels as they are now, by name: what ``hemp_train.Finishing`` and the file take."""
        return {name: part.grid.file_tensor(part.indices()) for name, part in self._parts.items()}

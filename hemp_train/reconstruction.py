"""The reconstruction error E, which draws weights to their nearest level.

E = sqrt(mean (w - r(q))^2), with q the nearest level; its gradient is (w - r(q)) / (|W| E).  Over the whole network, as
in the paper, |W| is all weights: then the gradient of E, of norm 1 / sqrt(|W|), moves nothing beside that of the loss,
and large layers hide small ones.  By layer, E is the sum of the layers' own errors, and each |W| that of its layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from hemp_train import sharding
from hemp_train.assignment import Assignment, take
from hemp_train.layers import Layer

Scope = Literal["layer", "network"]


def reconstruction(layers: Sequence[Layer], softs: Sequence[Assignment], scope: Scope) -> tuple[Tensor, list[Tensor]]:
    """E (scalar, float64) and its gradients by the local weights of each layer, in their shapes.

    Args:
        layers: all layers.
        softs: the ``soft()`` of each.
        scope: of the means.
    """
    errors = [layer.weights() - take(layer.levels, soft.nearest()) for layer, soft in zip(layers, softs, strict=True)]
    sums = [error.square().sum(dtype=torch.float64) for error in errors]
    squares = [sharding.all_sum(value, layer.parameter) for value, layer in zip(sums, layers, strict=True)]
    sizes = [max(layer.parameter.numel(), 1) for layer in layers]
    if scope == "network":
        value, all_weights = (torch.stack(squares).sum() / sum(sizes)).sqrt(), sum(sizes)
        return value, [_divided(error, value * all_weights) for error in errors]
    values = [(square / size).sqrt() for square, size in zip(squares, sizes, strict=True)]
    return torch.stack(values).sum(), [_divided(e, v * n) for e, v, n in zip(errors, values, sizes, strict=True)]


def _divided(error: Tensor, by: Tensor) -> Tensor:
    """``error / by``, and 0 where there is no error at all."""
    return error * torch.where(by > 0, 1 / by, torch.zeros_like(by)).to(error.dtype)

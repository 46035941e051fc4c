"""The compressibility loss (Aytekin et al. 2019, arXiv:1905.01044)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from hemp_train.layers import Choice, choose


def compressibility(weights: nn.Module | Iterable[Tensor], parameters: Choice = None) -> Tensor:
    """Sum over layers of ||w||_1 / ||w||_2, a differentiable scalar; add it, times a factor, to the loss.

        loss = cross_entropy(model(images), labels) + 1e-3 * hemp_train.compressibility(model)

    Each ratio is between 1 and sqrt(elements), does not change with the scale of w, and counts non-zeros softly: its
    gradient on a non-zero weight is sign(w) / ||w||_2 * (1 - |w| ||w||_1 / ||w||_2^2), which is zero where all
    non-zeros have the same magnitude.  There the vector is ternary, and the ratio is sqrt(number of non-zeros).
    Weights below that magnitude are drawn to zero, those above grow.

    The weights are continuous: quantize them with ``hemp_train.quantize`` afterwards, for instance by ``DeadZone``.

    Args:
        weights: a model, or the weight tensors.
        parameters: of a model, which (``hemp_train.layers.choose``).
    """
    tensors = list(choose(weights, parameters).values() if isinstance(weights, nn.Module) else weights)
    return torch.stack([_ratio(tensor) for tensor in tensors]).sum()


def _ratio(weights: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(weights)
    return weights.abs().sum() / length.clamp_min(torch.finfo(weights.dtype).tiny)

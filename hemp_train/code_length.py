"""What an adaptive coder with row and column contexts pays for each index, and the pull on the weights that follows.

The probability that an index is not zero follows the shares of non-zeros in its row and its column (without itself), as
log-odds that add up; which non-zero level it is follows the shares of the levels in the whole tensor.  Rows are those
of the coder: the first dimension against all others.
"""

from __future__ import annotations

import math

import torch


def _rows(indices: torch.Tensor) -> torch.Tensor:
    return indices.reshape(len(indices), -1) if indices.dim() > 1 else indices.reshape(1, -1)


def _log_odds(hits: torch.Tensor, total: float, prior: torch.Tensor, weight: float) -> torch.Tensor:
    """Log-odds of a hit: ``hits`` of ``total`` were seen, ``weight`` more are imagined at the rate ``prior``."""
    share = (hits + weight * prior) / (total + weight)
    return torch.logit(share.clamp(1e-6, 1 - 1e-6))


def zero_odds(indices: torch.Tensor, weight: float = 4.0) -> torch.Tensor:
    """log2 (P(zero) / P(not zero)) for each of ``indices`` (k around 0, any shape), from its row and column."""
    hits = (_rows(indices) != 0).to(torch.float32)
    height, width = hits.shape
    share = (hits.sum() + 0.5) / (hits.numel() + 1)
    base = torch.logit(share)
    in_row = _log_odds(hits.sum(1, keepdim=True) - hits, width - 1, share, weight) if width > 1 else base
    in_column = _log_odds(hits.sum(0, keepdim=True) - hits, height - 1, share, weight) if height > 1 else base
    return (-(in_row + in_column - base) / math.log(2)).expand(hits.shape).reshape(indices.shape)


def level_bits(indices: torch.Tensor, most: int) -> torch.Tensor:
    """Bits for each k from -most to most (length 2 most + 1) given that it is not zero; 0 for zero itself."""
    counts = torch.bincount((indices.long().flatten() + most), minlength=2 * most + 1).to(torch.float32)
    counts[most] = 0
    counts = counts + 0.5
    counts[most] = 0
    bits = -torch.log2(counts / counts.sum())
    bits[most] = 0
    return bits


def code_length(indices: torch.Tensor, most: int) -> torch.Tensor:
    """Bits of all ``indices`` together, a scalar."""
    odds = zero_odds(indices) * math.log(2)
    is_zero = indices == 0
    zeros = torch.nn.functional.softplus(torch.where(is_zero, -odds, odds)).sum() / math.log(2)
    return zeros + level_bits(indices, most)[indices.long() + most].sum()


def chord_slope(weights: torch.Tensor, indices: torch.Tensor, most: int, step: float) -> torch.Tensor:
    """Gradient of the bits along the chord from each weight's level to zero, (bits(k) - bits(0)) / |w|, outwards.

    The slope between neighbouring levels would let weights rest at the outer ones: rare inner levels repel them.
    Weights at zero feel the chord of the nearest non-zero level, and where zeros are rarer than the rest their cost is
    left out, or dense tensors would stay dense.  Shape of ``weights``, bits per unit of weight.
    """
    outwards = weights.sign()
    level = torch.where(indices == 0, outwards, indices)
    bits = zero_odds(indices).clamp_min(0) + level_bits(indices, most)[level.long() + most]
    return outwards * bits / weights.abs().clamp_min(step)

"""Scan orders: in which order the weights of a tensor follow each other in its n-tuples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

ORDERS = ("rows", "columns", "kernels")


def axes_of(order: str, rank: int) -> tuple[int, ...]:
    """The axes of a tensor from the slowest to the fastest.

    Args:
        order: "rows": C order, as the file has it, the last axis fastest; "columns": the first axis (the output units)
            fastest; "kernels": the positions in a convolution's kernel slowest, then the output, the input fastest.
        rank: of the tensor.
    """
    if order not in ORDERS:
        raise ValueError(f"there is no scan order {order!r}; known are {', '.join(ORDERS)}")
    natural = tuple(range(rank))
    if order == "rows" or rank < 2:
        return natural
    if order == "columns":
        return (*natural[1:], 0)
    return (*natural[2:], 0, 1)


def flatten(tensor: Tensor, order: str) -> Tensor:
    """The elements of ``tensor`` in this order, 1-D."""
    return tensor.permute(axes_of(order, tensor.dim())).reshape(-1)


def restore(flat: Tensor, order: str, shape: Sequence[int]) -> Tensor:
    """The tensor of this shape whose ``flatten`` is ``flat``."""
    axes = axes_of(order, len(shape))
    inverse = [axes.index(axis) for axis in range(len(shape))]
    if math.prod(shape) == 0:
        return torch.zeros(tuple(shape), dtype=flat.dtype, device=flat.device)
    return flat.view([shape[axis] for axis in axes]).permute(inverse).contiguous()

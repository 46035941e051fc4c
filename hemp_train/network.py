"""Rates and errors of all layers together: of each layer by itself, or of the network as one long row of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

import hemp_codec
from hemp_train import scan, sharding
from hemp_train.assignment import Assignment
from hemp_train.layers import Layer
from hemp_train.rates import How, Rate, TupleRate
from hemp_train.reconstruction import Scope, reconstruction
from hemp_train.tuples import entropy_and_gradient
from hemp_train.tuples import hard_entropy as _hard_entropy

_PLAIN = How()

Measure = Callable[[list[Assignment]], tuple[Tensor, list[Tensor]]]


def check(layers: Sequence[Layer], rate: Rate) -> None:
    """ValueError if there can be no histogram of the whole network."""
    if not isinstance(rate, TupleRate):
        raise ValueError('scope="network" is for tuples: choose objective="tuples", or a coder that pays for tuples')
    if any(sharding.is_sharded(layer.parameter) for layer in layers):
        raise ValueError('scope="network" needs the whole of each parameter: use DDP, or scope="layer"')


def measure(
    layers: Sequence[Layer], softs: Sequence[Assignment], rate: Rate, scope: Scope, how: How = _PLAIN
) -> tuple[Tensor, list[Tensor]]:
    """Bits per index (scalar, float64) and its gradient by the local weights of each layer.

    Args:
        layers: all layers.
        softs: the ``soft()`` of each.
        rate: what is measured.
        scope: of the histograms.
        how: phase and slope.
    """
    size = max(sum(layer.parameter.numel() for layer in layers), 1)
    if scope == "network" and isinstance(rate, TupleRate):
        return _measure_network(layers, softs, rate, how.phase)
    measured = [rate.measure(layer, soft, how) for layer, soft in zip(layers, softs, strict=True)]
    bits = sum((bits for bits, _ in measured), torch.zeros((), dtype=torch.float64, device=measured[0][0].device))
    return bits / size, [gradient.div_(size) for _, gradient in measured]


def _measure_network(
    layers: Sequence[Layer], softs: Sequence[Assignment], rate: TupleRate, phase: int
) -> tuple[Tensor, list[Tensor]]:
    """One histogram of the numbers of levels; a tuple may hold the end of one layer and the beginning of the next."""
    flats = [[scan.flatten(part, rate.scan_order) for part in soft] for soft in softs]
    joined = Assignment(*(torch.cat(parts) for parts in zip(*flats, strict=True)))
    num_levels = max(2, *(len(layer.levels) for layer in layers))
    bits, slopes = entropy_and_gradient(joined, num_levels, rate.order, gradient=rate.gradient, phase=phase)
    pieces = torch.split(slopes / rate.order, [soft.lower.numel() for soft in softs])
    restored = [
        scan.restore(piece, rate.scan_order, layer.parameter.shape) for piece, layer in zip(pieces, layers, strict=True)
    ]
    return bits / rate.order, restored


def differentiable(layers: Sequence[Layer], rate: Rate, scope: Scope) -> Tensor:
    """``measure`` as a scalar of float64 from which gradients flow to the parameters."""
    return _with_gradient(layers, lambda softs: measure(layers, softs, rate, scope))


def differentiable_error(layers: Sequence[Layer], scope: Scope) -> Tensor:
    """E as a scalar of float64 from which gradients flow to the parameters."""
    return _with_gradient(layers, lambda softs: reconstruction(layers, softs, scope))


def _with_gradient(layers: Sequence[Layer], measured: Measure) -> Tensor:
    parameters = [layer.parameter for layer in layers]
    result: Tensor = _Measured.apply(layers, measured, *parameters)  # type: ignore[no-untyped-call]
    return result


class _Measured(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layers: Sequence[Layer], measured: Measure, *parameters: Tensor) -> Tensor:
        value, gradients = measured([layer.soft() for layer in layers])
        ctx.gradients = [
            sharding.as_part(gradient.to(layer.parameter.dtype), layer.parameter)
            for gradient, layer in zip(gradients, layers, strict=True)
        ]
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        return None, None, *(gradient * grad.to(gradient.dtype) for gradient in ctx.gradients)


def hard_entropy(tensors: Sequence[hemp_codec.QuantizedTensor], order: int, scan_order: str, scope: Scope) -> float:
    """True entropy of the indices, bits per index: of each tensor by itself, or of all as one long row."""
    flats = [scan.flatten(torch.as_tensor(tensor.indices), scan_order) for tensor in tensors]
    numbers = [len(tensor.levels) for tensor in tensors]
    if scope == "network":
        return _hard_entropy(torch.cat(flats), max(numbers), order)
    bits = sum(len(flat) * _hard_entropy(flat, number, order) for flat, number in zip(flats, numbers, strict=True))
    return bits / max(sum(len(flat) for flat in flats), 1)

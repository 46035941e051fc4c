"""Narrower networks: which units matter, the weights without the others, and back to the full shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from hemp_train.structure import Slices, Units


def select_units(tensors: Mapping[str, Tensor], units: Units, kept: Tensor) -> dict[str, Tensor]:
    """``tensors`` by name with those of the units that ``kept`` (int64, numbers) names, in that order."""
    chosen = dict(tensors)
    for part in units.all():
        if part.name in tensors:
            chosen[part.name] = tensors[part.name].index_select(part.axis, _numbers(part, kept))
    return chosen


def _numbers(part: Slices, kept: Tensor) -> Tensor:
    return (kept[:, None] * part.block + torch.arange(part.block, device=kept.device)).flatten()


def unit_scores(model: nn.Module, layers: Iterable[str], losses: Iterable[Tensor]) -> dict[str, Tensor]:
    """The first-order Taylor criterion (Molchanov et al. 2017, arXiv:1611.06440) of the outputs of ``layers``, by name.

    What the loss changes when a unit's output becomes zero: |sum of gradient * output| for each image, summed over all
    images; shape (units,).  ``losses`` yields the loss of one batch after the other, computed with ``model``.
    """
    modules = dict(model.named_modules())
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            output.retain_grad()
            outputs[name] = output

        handle: torch.utils.hooks.RemovableHandle = modules[name].register_forward_hook(hook)
        return handle

    handles = [keep(name) for name in layers]
    scores: dict[str, Tensor] = {}
    try:
        for loss in losses:
            loss.backward()  # type: ignore[no-untyped-call]
            for name, output in outputs.items():
                assert output.grad is not None
                change = (output.grad * output.detach()).reshape(*output.shape[:2], -1).sum(2).abs().sum(0)
                scores[name] = scores[name] + change if name in scores else change
    finally:
        for handle in handles:
            handle.remove()
        model.zero_grad()
    return scores


def embed(tensors: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Each tensor in the first corner of one of zeros, of the shape given for its name."""
    full = {name: tensors[name].new_zeros(tuple(shape)) for name, shape in shapes.items()}
    for name, small in tensors.items():
        full[name][tuple(slice(size) for size in small.shape)] = small
    return full

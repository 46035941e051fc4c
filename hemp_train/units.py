"""Whole units of chains of layers: which matter, a smaller network without the others, and back to the full shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Link:
    """The hidden units between two layers: outputs of ``source``, inputs of ``target``.

    Attributes:
        source: name of the layer whose rows (and biases) the units are.
        target: name of the layer whose columns they are.
        spread: consecutive columns of ``target`` for each unit; more than 1 where a convolution is flattened.
    """

    source: str
    target: str
    spread: int = 1


Weights = dict[str, torch.Tensor]


def _columns(units: torch.Tensor, spread: int) -> torch.Tensor:
    return (units[:, None] * spread + torch.arange(spread)).flatten()


def select_units(weights: Mapping[str, torch.Tensor], link: Link, units: torch.Tensor) -> Weights:
    """``weights`` with the units of ``link`` that are in ``units`` (numbers, int64) alone, in that order.

    With a permutation of all units this changes nothing in the function of the network.
    """
    chosen = dict(weights)
    for name in (f"{link.source}.weight", f"{link.source}.bias"):
        if name in weights:
            chosen[name] = weights[name][units]
    target = f"{link.target}.weight"
    chosen[target] = weights[target][:, _columns(units, link.spread)]
    return chosen


def unit_scores(model: nn.Module, links: Iterable[Link], losses: Iterable[torch.Tensor]) -> dict[str, torch.Tensor]:
    """The first-order Taylor criterion (Molchanov et al. 2017, arXiv:1611.06440) of each link's units, by source name.

    The change of the loss when a unit's output becomes zero, |sum of gradient * output| for each image, summed over
    all images.  ``losses`` yields the loss of one batch after the other, computed with ``model``.
    """
    modules = dict(model.named_modules())
    outputs: dict[str, torch.Tensor] = {}

    def keep(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, __: object, output: torch.Tensor) -> None:
            output.retain_grad()
            outputs[name] = output

        return modules[name].register_forward_hook(hook)

    handles = [keep(link.source) for link in links]
    scores: dict[str, torch.Tensor] = {}
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
        for name, output in outputs.items():
            assert output.grad is not None
            change = (output.grad * output.detach()).flatten(2).sum(2) if output.dim() > 2 else output.grad * output
            scores[name] = scores.get(name, torch.zeros(change.shape[1])) + change.detach().abs().sum(0)
    for handle in handles:
        handle.remove()
    model.zero_grad()
    return scores


def keep_best(weights: Mapping[str, torch.Tensor], link: Link, scores: torch.Tensor, count: int) -> Weights:
    """``weights`` with the ``count`` units of ``link`` that score highest, in their old order."""
    return select_units(weights, link, scores.topk(count).indices.sort().values)


def sort_units(weights: Mapping[str, torch.Tensor], links: Sequence[Link]) -> Weights:
    """``weights`` with each link's units sorted by their non-zeros, most first: dense and empty rows come together.

    A coder that learns from neighbours pays less then; the function of the network stays.
    """
    ordered = dict(weights)
    for link in links:
        rows = ordered[f"{link.source}.weight"].flatten(1)
        columns = ordered[f"{link.target}.weight"].transpose(0, 1).reshape(len(rows), -1)
        used = (rows != 0).sum(1) + (columns != 0).sum(1)
        ordered = select_units(ordered, link, used.argsort(descending=True, stable=True))
    return ordered


def embed(weights: Mapping[str, torch.Tensor], shapes: Mapping[str, Sequence[int]]) -> Weights:
    """Each tensor in the corner of a larger one of zeros, of the shape given for its name."""
    full = {name: torch.zeros(tuple(shape), dtype=weights[name].dtype) for name, shape in shapes.items()}
    for name, small in weights.items():
        full[name][tuple(slice(size) for size in small.shape)] = small
    return full

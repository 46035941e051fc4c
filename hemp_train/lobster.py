"""LOBSTER: pruning by loss-based sensitivity regularisation (Tartaglione et al. 2020, arXiv:2011.09905)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hemp_train import sharding
from hemp_train.layers import Choice, Layer, choose, to_work


class LOBSTER:
    """Decays the weights that the loss is insensitive to, and prunes the small ones whenever the loss has settled.

        prune = hemp_train.LOBSTER()
        hemp = hemp_train.HEMP(model, prune=prune)     # or prune.attach(model) without HEMP, and prune.step()
        for epoch in ...:
            ...                                        # as with HEMP; hemp.apply() after each optimizer.step()
            if prune.observe(validation_loss()):
                prune.threshold(validation_loss)

    The regularisation adds decay * w * max(0, 1 - |dL/dw|) to the gradient (the paper's equation 8, whose lambda is
    learning rate times ``decay`` for plain gradient descent).  At a plateau, weights of magnitude below T become zero
    for good; T is the largest for which the validation loss grows by no more than the share ``tolerance``.
    """

    def __init__(self, decay: float = 1e-3, tolerance: float = 0.05, patience: int = 20) -> None:
        """
        Args:
            decay: of insensitive weights, per step, in units of the gradient.
            tolerance: growth of the loss that a pruning may cost, as a share of it.
            patience: observations without improvement that make a plateau.
        """
        if decay < 0 or tolerance < 0 or patience < 1:
            raise ValueError("decay and tolerance must not be negative, patience at least 1")
        self.decay = decay
        self.tolerance = tolerance
        self.patience = patience
        self.layers: list[Layer] = []
        self._model = nn.Module()
        self._best = math.inf
        self._waited = 0

    def attach(self, model: nn.Module, layers: Sequence[Layer] | None = None, *, parameters: Choice = None) -> None:
        """Prune ``layers`` of ``model``; without them, ``parameters`` (``hemp_train.layers.choose``).  HEMP does it."""
        self._model = model
        if layers is None:
            none = _NoQuantizer()
            layers = [Layer(name, parameter, none) for name, parameter in choose(model, parameters).items()]
        self.layers = list(layers)

    @torch.no_grad()
    def step(self, grad_scale: float | Tensor = 1.0) -> None:
        """Add the regularisation to the gradients, and take away those of pruned weights; after ``backward``.

        HEMP does it itself.
        """
        for layer in self.layers:
            if layer.parameter.grad is None:
                continue
            slope = sharding.local(layer.parameter.grad)
            insensitivity = (1 - to_work(slope).abs() / grad_scale).clamp_min(0)
            slope.add_(layer.weights() * insensitivity * (self.decay * grad_scale))
            if layer.pruned is not None:
                slope.masked_fill_(layer.pruned, 0)

    @torch.no_grad()
    def apply(self) -> None:
        """Set pruned weights to zero, where an optimizer's momentum moved them; after ``optimizer.step()``."""
        for layer in self.layers:
            if layer.pruned is not None:
                sharding.local(layer.parameter.detach()).masked_fill_(layer.pruned, 0)
        sharding.notice(self._model)

    def observe(self, loss: float) -> bool:
        """Take note of a validation loss, once an epoch; whether it has not improved for ``patience`` of them."""
        if loss < self._best:
            self._best, self._waited = loss, 0
        else:
            self._waited += 1
        return self._waited >= self.patience

    @torch.no_grad()
    def threshold(self, loss: Callable[[], float], *, rounds: int = 12) -> float:
        """Prune as much as the tolerance allows, and begin to wait for the next plateau.

        Args:
            loss: of the model as it is, on validation data; the same in every process.
            rounds: of the bisection for T, with one evaluation of ``loss`` each.

        Returns:
            T; 0 if even the smallest cut costs too much.
        """
        self.apply()
        allowed = (1 + self.tolerance) * loss()
        kept = [layer.weights().clone() for layer in self.layers]
        low, high = 0.0, self._largest()
        for _ in range(rounds):
            middle = (low + high) / 2
            self._cut(kept, middle)
            low, high = (middle, high) if loss() <= allowed else (low, middle)
        self._cut(kept, low)
        for layer, weights in zip(self.layers, kept, strict=True):
            small = (weights.abs() < low) | (weights == 0)
            layer.pruned = small if layer.pruned is None else layer.pruned | small
        self._best, self._waited = math.inf, 0
        return low

    def refresh(self) -> None:
        """Take every weight that is zero as pruned: after whole units were removed, for instance."""
        for layer in self.layers:
            zero = layer.weights() == 0
            layer.pruned = zero if layer.pruned is None else layer.pruned | zero

    def density(self) -> float:
        """The share of weights that are not pruned."""
        kept, total = 0.0, 0
        for layer in self.layers:
            count = torch.tensor(0.0 if layer.pruned is None else float(layer.pruned.sum()))
            device = sharding.local(layer.parameter.detach()).device
            kept += layer.parameter.numel() - float(sharding.all_sum(count.to(device), layer.parameter))
            total += layer.parameter.numel()
        return kept / max(total, 1)

    def state_dict(self) -> dict[str, Any]:
        """What was observed, and what is pruned."""
        masks = {
            layer.name: sharding.as_part(layer.pruned.clone(), layer.parameter)
            for layer in self.layers
            if layer.pruned is not None
        }
        return {"best": self._best, "waited": self._waited, "pruned": masks}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._best, self._waited = float(state["best"]), int(state["waited"])
        for layer in self.layers:
            mask = state["pruned"].get(layer.name)
            layer.pruned = None if mask is None else sharding.local(mask).to(layer.weights().device, copy=True)

    def _largest(self) -> float:
        tops = [
            sharding.all_max(layer.weights().abs().amax(), layer.parameter)
            for layer in self.layers
            if layer.parameter.numel()
        ]
        return max((float(top) for top in tops), default=0.0)

    def _cut(self, kept: Sequence[Tensor], threshold: float) -> None:
        for layer, weights in zip(self.layers, kept, strict=True):
            local = sharding.local(layer.parameter.detach())
            local.copy_(weights.masked_fill(weights.abs() < threshold, 0))
        sharding.notice(self._model)


class _NoQuantizer:
    """For layers that are pruned and not quantized."""

    name = "none"

    def quantize(self, array: object) -> tuple[Any, Any]:
        raise NotImplementedError("these layers have no quantizer")

    def dequantize(self, indices: object, params: object) -> Any:
        raise NotImplementedError("these layers have no quantizer")

"""HEMP: high-order entropy minimisation (Tartaglione et al. 2021, arXiv:2107.05298)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

import hemp_codec
from hemp_codec.coders import Coder
from hemp_codec.quantizers import Quantizer
from hemp_train import layers as _layers
from hemp_train import network, saving, sharding
from hemp_train.finishing import Finishing
from hemp_train.layers import Choice, Layer
from hemp_train.lobster import LOBSTER
from hemp_train.rates import How, Rate, Slope, TupleRate, rate_of
from hemp_train.reconstruction import Scope, reconstruction
from hemp_train.scan import axes_of
from hemp_train.tuples import Gradient

Objective = Literal["coder", "tuples"]


@dataclass
class Options:
    """Of ``HEMP``; see there."""

    lambda_entropy: float
    lambda_reconstruction: float
    scope: Scope
    reconstruction: Scope
    insensitivity: bool
    shift: bool
    slope: Slope
    every: int
    refit_every: int


class HEMP:
    """Adds to the gradients of a loss those of R = lambda_H H + lambda_E E, the rate and the error of quantization.

        hemp = hemp_train.HEMP(model, levels=16, order=2)
        for images, labels in batches:
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            hemp.step()
            optimizer.step()
        hemp.save("model.hemp")

    The weights that the loss sees stay continuous; each layer has levels, fitted by a quantizer and refitted now and
    then, between which its weights are softly assigned (``hemp_train.assignment``), and R draws the weights to levels
    that make the indices cheap.  The network in the file is the quantized one: measure that (``quantized_weights``),
    on a validation split, and stop or lower lambda_H when it gets worse, since there is no equilibrium: H falls on.

    H is in bits per index, averaged over the weights of all layers, so that lambdas of different orders compare (the
    paper's H_n is in bits per tuple, n times as much).  E is sqrt(mean (w - r(q))^2).

    Works with any ``nn.Module`` (also compiled, or in DDP or FSDP2: create it after wrapping) and any optimizer.  With
    gradient accumulation call ``step`` once before ``optimizer.step()``.  With a ``GradScaler`` either unscale the
    gradients first or give ``step`` its scale.
    """

    def __init__(
        self,
        model: nn.Module,
        levels: int | Mapping[str, int] = 16,
        order: int = 2,
        coder: str | Coder = "arithmetic",
        lambda_entropy: float = 1.0,
        lambda_reconstruction: float = 0.1,
        prune: LOBSTER | None = None,
        *,
        objective: Objective = "coder",
        quantizer: str | Quantizer = "lloyd-max",
        parameters: Choice = None,
        scope: Scope = "layer",
        scan: str = "rows",
        shift: bool = True,
        gradient: Gradient = "exact",
        slope: Slope = "local",
        reconstruction: Scope = "layer",
        insensitivity: bool = True,
        every: int = 4,
        refit_every: int = 500,
    ) -> None:
        """
        Args:
            model: its weights are the continuous copy.
            levels: of each layer; a number, or numbers by name pattern.  Levels that a quantizer does not need are left
                out.
            order: n: of the tuples, and of ``entropy`` and ``hard_entropy``.
            coder: that writes the file, and whose rate is minimised (``hemp_train.rates``): zero order for stored, in
                classes of rows for rans, n-tuples for lzma and zstd, contexts for arithmetic.
            lambda_entropy: of H in bits per index.
            lambda_reconstruction: of E.
            prune: with it, zero is a level of each layer, and pruned weights stay there.
            objective: "tuples" minimises H_n whatever the coder pays, as the paper does.
            quantizer: fits the levels; a name, or an object with ``quantize`` as those of ``hemp_codec.quantizers``.
            parameters: which to quantize (``hemp_train.layers.choose``); by default those of rank 2 and more.
            scope: a histogram for each "layer", or one for the "network" (with tuples, and not with FSDP).
            scan: order of the weights in tuples: "rows", "columns" or "kernels" (``hemp_train.scan``).
            shift: tuples begin one weight later at each computation of R's gradient, in turn, so that weights are cheap
                beside either neighbour, as coders see them; else always with the first weight, as in the paper.
            gradient: "exact", or the "paper"'s equation 17.
            slope: "chord" in the place of the gradient (``hemp_train.chord``): it frees weights from the outer levels,
                where neither the gradient nor E moves them.
            reconstruction: E of each "layer", summed, or of the "network", as in the paper; the latter hardly moves
                anything, since the large layers hide the small ones.
            insensitivity: weight R's gradient by 1 - |dL/dw| / max |dL/dw| (equation 27), the layer's maximum.
            every: R's gradient is computed at every so many steps and used again in between.
            refit_every: levels are refitted after so many steps; 0: only when ``refit`` is called.

        Raises:
            ValueError: an option is out of its range, or nothing is there to be quantized.
        """
        axes_of(scan, 1)
        if order < 1 or every < 1 or refit_every < 0:
            raise ValueError("order and every must be at least 1, refit_every at least 0")
        if gradient == "autograd":
            raise ValueError('gradient="autograd" is for hemp_train.entropy; HEMP has "exact" and "paper"')
        self.model = _layers.unwrap(model)
        sharding.notice(self.model)
        self.coder = coder
        self.order = order
        self.prune = prune
        self.options = Options(
            lambda_entropy,
            lambda_reconstruction,
            scope,
            reconstruction,
            insensitivity,
            shift,
            slope,
            every,
            refit_every,
        )
        pin_zero = prune is not None
        self.layers = [
            Layer(name, parameter, _layers.quantizer_of(name, quantizer, levels, pin_zero), pin_zero)
            for name, parameter in _layers.choose(model, parameters).items()
        ]
        self._tuples = TupleRate(order, scan, gradient)
        self._rate: Rate = self._tuples
        if objective == "coder":
            self._rate = rate_of(coder, order, scan_order=scan, gradient=gradient)
        if scope == "network":
            if slope == "chord":
                raise ValueError('slope="chord" is for scope="layer"')
            network.check(self.layers, self._rate)
        self._progress = _Progress()
        self._finishing: Finishing | None = None
        if prune is not None:
            prune.attach(self.model, self.layers)
        self.refit()

    @torch.no_grad()
    def step(self, grad_scale: float | Tensor = 1.0) -> None:
        """Add the insensitivity-weighted gradient of R (and of pruning) to the gradients of the loss.

        Args:
            grad_scale: what the loss was multiplied with before ``backward``, a ``GradScaler``'s ``get_scale()``.
        """
        options, progress = self.options, self._progress
        if options.refit_every and progress.steps and progress.steps % options.refit_every == 0:
            self.refit()
        if progress.steps % options.every == 0 or not progress.gradients:
            progress.gradients = self._gradients()
        if self.prune is not None:
            self.prune.step(grad_scale)
        for layer in self.layers:
            gradient = progress.gradients[layer.name]
            if not isinstance(grad_scale, float) or grad_scale != 1:
                gradient = gradient * grad_scale
            _add(layer, gradient, weighted=options.insensitivity)
        progress.steps += 1

    @torch.no_grad()
    def refit(self) -> None:
        """Fit the levels to the weights as they are now."""
        for layer in self.layers:
            layer.refit()
            sharding.from_first(layer.levels)
            self._rate.refit(layer)
        self._progress.gradients = {}

    def entropy(self) -> Tensor:
        """The proxy H_n in bits per index, a scalar that is differentiable in the weights."""
        return network.differentiable(self.layers, self._tuples, self.options.scope)

    def rate(self) -> Tensor:
        """What is minimised, in bits per index: the proxy of what the coder pays; differentiable."""
        return network.differentiable(self.layers, self._rate, self.options.scope)

    @torch.no_grad()
    def hard_entropy(self, order: int | None = None) -> float:
        """The true entropy of ``order``-tuples (None: the n of this object) of the indices, in bits per index."""
        order = self.order if order is None else order
        scan_order = self._tuples.scan_order
        if self._finishing is not None:
            tensors = self._finishing.tensors()
        else:
            tensors = {layer.name: layer.file_tensor() for layer in self.layers}
        return network.hard_entropy(list(tensors.values()), order, scan_order, self.options.scope)

    def reconstruction_error(self) -> Tensor:
        """E, a scalar that is differentiable in the weights."""
        return network.differentiable_error(self.layers, self.options.reconstruction)

    @contextmanager
    def quantized_weights(self) -> Iterator[None]:
        """Inside, the model has its quantized weights; gradients computed there stay, the continuous weights return."""
        held = [(layer, sharding.local(layer.parameter.detach()).clone()) for layer in self.layers]
        self._put([(layer, layer.quantized()) for layer in self.layers])
        try:
            yield
        finally:
            self._put(held)

    @torch.no_grad()
    def apply(self) -> None:
        """Set pruned weights to zero again, where an optimizer's momentum moved them; after ``optimizer.step()``."""
        if self.prune is not None:
            self.prune.apply()

    def finish(self) -> Finishing:
        """Freeze the indices; what is left to train are levels, biases and norms (``hemp_train.finishing``).

        From then on ``save`` and ``hard_entropy`` are those of the result, and ``step`` must not be called.
        """
        self._finishing = Finishing(self.model, {layer.name: layer.file_tensor() for layer in self.layers})
        return self._finishing

    def file_tensors(self) -> dict[str, Tensor | hemp_codec.QuantizedTensor]:
        """What ``save`` writes, by name: every process of a sharded model must call it."""
        if self._finishing is not None:
            return self._finishing.file_tensors()
        return saving.file_tensors(self.model, {layer.name: layer.file_tensor() for layer in self.layers})

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the file: exactly the indices and levels that were trained, and everything else bit for bit.

        Args:
            path: the file; the first of several processes writes it, all must call this.
            options: ``rules`` (of other tensors, such as ``[("*.bias", "uniform:16")]``), ``metadata``, ``threads`` of
                ``hemp_codec.save_file``.
        """
        saving.write(self.file_tensors(), path, coder=self.coder, **options)

    def coded_bytes(self, **options: Any) -> int:
        """Size of the file that ``save`` would write."""
        return saving.coded_bytes(self.file_tensors(), coder=self.coder, **options)

    def report(self) -> dict[str, float]:
        """Measurements of the network as it is now; every process of a sharded model must call it.

        Returns:
            ``proxy_entropy`` and ``true_entropy`` (H_n, bits per index), ``rate`` (what is minimised, likewise),
            ``reconstruction_error``, ``nonzeros`` of the indices' values, ``coded_bytes`` of the file.
        """
        tensors = self.file_tensors()
        quantized = {id(t): t for t in tensors.values() if isinstance(t, hemp_codec.QuantizedTensor)}
        with torch.no_grad():
            return {
                "proxy_entropy": float(self.entropy()),
                "true_entropy": self.hard_entropy(),
                "rate": float(self.rate()),
                "reconstruction_error": float(self.reconstruction_error()),
                "nonzeros": float(sum(saving.nonzeros(tensor) for tensor in quantized.values())),
                "coded_bytes": float(saving.coded_bytes(tensors, coder=self.coder)),
            }

    def state_dict(self) -> dict[str, Any]:
        """All that a run needs, beside model and optimizer, to go on as if it had not been interrupted."""
        return {
            "steps": self._progress.steps,
            "levels": {layer.name: layer.levels.clone() for layer in self.layers},
            "rate": self._rate.state_dict(),
            "gradients": {
                layer.name: sharding.as_part(self._progress.gradients[layer.name].clone(), layer.parameter)
                for layer in self.layers
                if self._progress.gradients
            },
            "prune": self.prune.state_dict() if self.prune is not None else None,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up the state of an object that was created with the same options.

        Raises:
            ValueError: it is of a model with other layers.
        """
        if set(state["levels"]) != {layer.name for layer in self.layers}:
            raise ValueError(f"the state is of other layers: {', '.join(sorted(state['levels']))}")
        for layer in self.layers:
            layer.levels = state["levels"][layer.name].to(layer.levels).clone()
        self._rate.load_state_dict(state["rate"])
        gradients = {
            layer.name: sharding.local(state["gradients"][layer.name]).to(layer.levels.device, copy=True)
            for layer in self.layers
            if state["gradients"]
        }
        self._progress = _Progress(int(state["steps"]), gradients)
        if self.prune is not None and state["prune"] is not None:
            self.prune.load_state_dict(state["prune"])

    @torch.no_grad()
    def _put(self, values: list[tuple[Layer, Tensor]]) -> None:
        for layer, value in values:
            sharding.local(layer.parameter.detach()).copy_(value)
        sharding.notice(self.model)

    def _gradients(self) -> dict[str, Tensor]:
        """Of R by the local weights, before the weighting, by layer."""
        options = self.options
        softs = [layer.soft() for layer in self.layers]
        phase = self._progress.steps // options.every % self.order if options.shift else 0
        _, rates = network.measure(self.layers, softs, self._rate, options.scope, How(phase, options.slope))
        _, errors = reconstruction(self.layers, softs, options.reconstruction)
        return {
            layer.name: rate.mul_(options.lambda_entropy).add_(error, alpha=options.lambda_reconstruction)
            for layer, rate, error in zip(self.layers, rates, errors, strict=True)
        }


@dataclass
class _Progress:
    """Steps done, and R's gradient by the local weights of each layer, as last computed."""

    steps: int = 0
    gradients: dict[str, Tensor] = field(default_factory=dict)


def _add(layer: Layer, gradient: Tensor, *, weighted: bool) -> None:
    """Add R's gradient to that of the loss, weighted by the insensitivity 1 - |dL/dw| / max |dL/dw|."""
    if layer.parameter.grad is None:  # the loss does not depend on it: insensitive everywhere
        layer.parameter.grad = sharding.as_part(gradient.to(layer.parameter.dtype), layer.parameter)
        return
    loss = sharding.local(layer.parameter.grad)
    if weighted:
        sensitivity = _layers.to_work(loss).abs()
        largest = sensitivity.max() if sensitivity.numel() else sensitivity.new_zeros(())
        largest = sharding.all_max(largest, layer.parameter)
        scale = torch.where(largest > 0, 1 / largest, torch.zeros_like(largest))
        gradient = torch.addcmul(gradient, gradient, sensitivity * scale, value=-1)
    loss.add_(gradient)
    if layer.pruned is not None:
        loss.masked_fill_(layer.pruned, 0)

"""ECT, entropy-constrained training (Wiedemann et al. 2018, arXiv:1812.07520)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hemp_codec import QuantizedTensor
from hemp_codec.coders import Coder
from hemp_codec.quantizers import LloydMax
from hemp_train.assignment import take
from hemp_train.finishing import Finishing
from hemp_train.layers import Choice, choose, to_file_tensor, unwrap

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class ECT:
    """Gives each weight of a model a distribution over few levels, and trains the distributions.

        ect = hemp_train.ECT(model, levels=3, alpha=1e-6)
        optimizer = torch.optim.Adam(model.parameters())     # after ECT, which changes the model
        for images, labels in batches:
            optimizer.zero_grad()
            (cross_entropy(model(images), labels) + ect.penalty()).backward()
            optimizer.step()
        finishing = ect.finish()                             # arg-max: the model is an ordinary one again
        finishing.save("model.hemp")

    Weight i of a layer is omega_k with the probability P_ik.  The expected loss is estimated by the Gaussian mean-field
    pass: with the mean and the variance of each weight, a layer's output is Gaussian, of mean E[W] x + b and variance
    Var[W] x^2, and is sampled as such (local reparametrisation: one random number for each output, not each weight).
    To it come alpha times the bits n H(mean_i P_i) of each layer's n weights, zero-order entropy of the mean
    distribution.

    In training mode the model is that stochastic one; in ``eval`` mode each weight is its most probable level, which
    is the network that is saved.  P_i is the softmax of logits, K of them for each weight: K times the memory.
    """

    def __init__(
        self,
        model: nn.Module,
        levels: int = 3,
        alpha: float = 1e-6,
        *,
        parameters: Choice = None,
        softness: float = 0.35,
        pin_zero: bool = True,
    ) -> None:
        """
        Args:
            model: trained already, best; its linear and convolutional layers are replaced in place.
            levels: K, of each layer, fitted to its weights at first and trained then.
            alpha: loss for each bit.
            parameters: which weights (``hemp_train.layers.choose``); they must be those of such layers.
            softness: of the distributions at first, as a share of the distance of levels: standard deviation of the
                Gaussian at each level by which weights choose.
            pin_zero: one level is zero and stays it.

        Raises:
            ValueError: a chosen parameter is not the weight of a linear or convolutional layer.
        """
        self.model = unwrap(model)
        self.alpha = alpha
        chosen = {id(p): name for name, p in choose(self.model, parameters).items()}
        self._fields: dict[str, _MeanField] = {}
        for parent, key, module in list(_children(self.model)):
            weight = getattr(module, "weight", None)
            if isinstance(module, _LAYERS) and id(weight) in chosen:
                field = _MeanField(module, LloydMax(levels, pin_zero=pin_zero), softness, pin_zero)
                setattr(parent, key, field)
                self._fields[chosen.pop(id(weight))] = field
        if chosen:
            names = ", ".join(sorted(chosen.values()))
            raise ValueError(f"ECT is for weights of linear and convolutional layers, not for {names}")

    def bits(self) -> Tensor:
        """Sum over layers of n H(mean_i P_i), differentiable."""
        return torch.stack([field.bits() for field in self._fields.values()]).sum()

    def penalty(self) -> Tensor:
        """``alpha`` times ``bits()``."""
        return self.alpha * self.bits()

    def tensors(self) -> dict[str, QuantizedTensor]:
        """Most probable levels, by the names that the weights had."""
        return {name: field.file_tensor() for name, field in self._fields.items()}

    def finish(self) -> Finishing:
        """Put the model's own layers back, with the most probable levels as weights, and freeze the indices."""
        tensors = self.tensors()
        for parent, key, module in list(_children(self.model)):
            if isinstance(module, _MeanField):
                setattr(parent, key, module.layer)
                module.layer.weight.requires_grad_()
        self._fields = {}
        return Finishing(self.model, tensors)

    def save(self, path: str | os.PathLike[str], *, coder: str | Coder = "arithmetic", **options: Any) -> None:
        """Finish, and write the file; ``options`` as for ``HEMP.save``."""
        self.finish().save(path, coder=coder, **options)


class _MeanField(nn.Module):
    """A layer whose weights are distributions; ``layer`` has the bias, and the shape and use of the weights."""

    logits: nn.Parameter  # (levels, *shape of the weights)
    omega: nn.Parameter  # (levels,)
    fixed: Tensor

    def __init__(self, layer: nn.Module, quantizer: LloydMax, softness: float, pin_zero: bool) -> None:
        super().__init__()
        self.layer = layer
        weights = cast(Tensor, layer.weight).detach()
        _, params = quantizer.quantize(weights.cpu().float().numpy())
        omega = torch.as_tensor(params.levels).to(weights)
        width = softness * float(omega.diff().mean()) if len(omega) > 1 else 1.0
        distances = weights - omega.view(-1, *[1] * weights.dim())
        self.logits = nn.Parameter(-distances.square() / (2 * width**2))
        self.omega = nn.Parameter(omega)
        self.register_buffer("fixed", (omega == 0) & pin_zero)
        cast(nn.Parameter, layer.weight).requires_grad_(False)

    def levels(self) -> Tensor:
        return self.omega.masked_fill(self.fixed, 0)

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return self._through(inputs, take(self.levels(), self.logits.argmax(0)))
        levels = self.levels().view(-1, *[1] * (self.logits.dim() - 1))
        share = self.logits.softmax(0)
        mean = (share * levels).sum(0)
        variance = (share * (levels - mean).square()).sum(0)
        spread = self._through(inputs.square(), variance, bias=False).clamp_min(1e-12).sqrt()
        return self._through(inputs, mean) + spread * torch.randn_like(spread)

    def _through(self, inputs: Tensor, weights: Tensor, *, bias: bool = True) -> Tensor:
        values = {"weight": weights}
        if not bias and self.layer.bias is not None:
            values["bias"] = torch.zeros_like(cast(Tensor, self.layer.bias))
        return cast(Tensor, functional_call(self.layer, values, inputs))

    def bits(self) -> Tensor:
        share = self.logits.softmax(0).flatten(1)
        mean = share.mean(1)
        nats: Tensor = torch.special.xlogy(mean, mean.clamp_min(1e-30))
        return nats.sum() * (-share.shape[1] / math.log(2))

    def file_tensor(self) -> QuantizedTensor:
        return to_file_tensor(self.logits.detach().argmax(0), self.levels(), self.omega.dtype)


def _children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Each module inside, its parent, and the name that the parent knows it by."""
    for parent in model.modules():
        for key, module in parent.named_children():
            yield parent, key, module

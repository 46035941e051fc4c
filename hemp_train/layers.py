"""The layers whose weights are quantized: their levels, indices and masks."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

import hemp_codec
from hemp_codec.quantizers import Quantizer
from hemp_train import sharding
from hemp_train.assignment import Assignment, assign, nearest, take

Choice = Sequence[str] | Callable[[str, nn.Parameter], bool] | None


@dataclass
class Layer:
    """A parameter that is quantized.

    Attributes:
        name: in the state dict of the unwrapped model.
        parameter: the continuous weights; a DTensor if they are sharded.
        quantizer: fits the levels.
        pin_zero: one level is exactly zero.
        levels: ascending, shape (levels,), float32 or float64, on the parameter's device.
        pruned: bool in the local shape of the parameter: weights that stay zero; None if there are none.
    """

    name: str
    parameter: nn.Parameter
    quantizer: Quantizer
    pin_zero: bool = False
    levels: Tensor = field(default_factory=lambda: torch.zeros(0))
    pruned: Tensor | None = None

    @property
    def zero(self) -> int:
        """Number of the level that is nearest to zero."""
        return int(self.levels.abs().argmin())

    def weights(self) -> Tensor:
        """The local weights, detached, float32 or float64."""
        return to_work(sharding.local(self.parameter.detach()))

    def soft(self) -> Assignment:
        """The assignment of the local weights to the levels."""
        return assign(self.weights(), self.levels)

    def indices(self) -> Tensor:
        """Of the nearest levels (zero's where pruned), int32, in the local shape."""
        indices = nearest(self.weights(), self.levels)
        return indices if self.pruned is None else indices.masked_fill(self.pruned, self.zero)

    def quantized(self) -> Tensor:
        """``levels[indices]`` in the parameter's dtype and local shape."""
        return take(self.levels, self.indices()).to(self.parameter.dtype)

    def refit(self) -> None:
        """Levels by the quantizer on the weights as they are now; every process of a sharded parameter must call it."""
        self.levels = self._fit()

    def _fit(self) -> Tensor:
        weights = to_work(sharding.full(self.parameter.detach()))
        _, params = self.quantizer.quantize(weights.cpu().numpy())
        levels = torch.as_tensor(params.levels, dtype=weights.dtype).clone()
        if self.pin_zero and len(levels):
            levels[levels.abs().argmin()] = 0.0
        # Levels are those that the file holds: of the parameter's own dtype.
        return levels.to(self.parameter.dtype).to(weights.dtype).to(weights.device)

    def file_tensor(self) -> hemp_codec.QuantizedTensor:
        """Indices and levels of the whole tensor for ``hemp_codec.torch.save_file``, only levels that are used."""
        indices = sharding.full(sharding.as_part(self.indices(), self.parameter))
        return to_file_tensor(indices, self.levels, self.parameter.dtype)


def to_work(tensor: Tensor) -> Tensor:
    """As float64 if it is that, else as float32: the precision of levels, histograms and gradients."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def to_file_tensor(indices: Tensor, levels: Tensor, dtype: torch.dtype) -> hemp_codec.QuantizedTensor:
    """Indices and levels as the file holds them: ascending levels of ``dtype``, each of them used."""
    levels, order = levels.detach().to(dtype).cpu().sort()
    numbers = order.argsort()[indices.cpu()]
    used = torch.bincount(numbers.reshape(-1), minlength=len(levels)) > 0
    if not used.any():  # an empty tensor has one level too
        used[:1] = True
    renumbered = take(used.cumsum(0) - 1, numbers)
    return hemp_codec.QuantizedTensor(renumbered, levels[used])  # type: ignore[arg-type]


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside DistributedDataParallel, DataParallel and torch.compile, whose names the file has."""
    wrappers = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    while True:
        if isinstance(model, wrappers):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return model


def choose(model: nn.Module, parameters: Choice) -> dict[str, nn.Parameter]:
    """The parameters to quantize, each once, by name.

    Args:
        model: may be wrapped.
        parameters: name patterns such as ``"fc*.weight"``, or a function of name and parameter; None: every trainable
            floating-point parameter of rank 2 and more.

    Raises:
        ValueError: no parameter is chosen.
    """
    chosen = {
        name: parameter
        for name, parameter in unwrap(model).named_parameters()
        if parameter.is_floating_point() and _is_chosen(name, parameter, parameters)
    }
    if not chosen:
        raise ValueError("no parameter to quantize: the model has none of rank 2, or none matches parameters=")
    return chosen


def _is_chosen(name: str, parameter: nn.Parameter, parameters: Choice) -> bool:
    if parameters is None:
        return parameter.requires_grad and parameter.dim() >= 2
    if callable(parameters):
        return parameters(name, parameter)
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in parameters)


def quantizer_of(name: str, quantizer: str | Quantizer, levels: int | Mapping[str, int], pin_zero: bool) -> Quantizer:
    """The quantizer of the layer ``name``: an object as it is, or by name with its number of levels.

    Raises:
        ValueError: ``levels`` is a mapping and none of its name patterns matches.
    """
    if not isinstance(quantizer, str):
        return quantizer
    number = levels if isinstance(levels, int) else _first_match(name, levels)
    if quantizer == hemp_codec.quantizers.LloydMax.name:
        return hemp_codec.quantizers.LloydMax(number, pin_zero=pin_zero)
    return hemp_codec.quantizers.get(quantizer, levels=number)


def _first_match(name: str, levels: Mapping[str, int]) -> int:
    for pattern, number in levels.items():
        if fnmatch.fnmatchcase(name, pattern):
            return number
    raise ValueError(f"levels= names no number of levels for {name!r}; add a pattern such as '*'")

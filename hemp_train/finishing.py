"""Finishing: with the indices frozen, train the levels, and the biases and norms beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hemp_codec import QuantizedTensor
from hemp_codec.coders import Coder
from hemp_train import saving, sharding
from hemp_train.assignment import take
from hemp_train.layers import to_file_tensor, to_work, unwrap


class Finishing:
    """A quantized model whose indices stay as they are.

        finishing = hemp.finish()                      # or Finishing(model, hemp_train.quantize(model, "uniform:15"))
        optimizer = torch.optim.Adam(finishing.parameters(), lr=1e-4)
        for images, labels in batches:
            optimizer.zero_grad()
            loss(model(images), labels).backward()
            finishing.step()                           # the weights' gradients become those of their levels
            optimizer.step()
            finishing.apply()                          # the levels' new values become those of the weights
        finishing.save("model.hemp")

    A level's gradient is the sum of the gradients of its weights.  A level that is exactly zero stays so: what is
    pruned stays pruned.
    """

    def __init__(self, model: nn.Module, quantized: Mapping[str, QuantizedTensor], *, keep_zero: bool = True) -> None:
        """
        Args:
            model: gets the quantized weights at once.
            quantized: indices and levels of its parameters, by name, as ``hemp_train.quantize`` gives them.
            keep_zero: levels that are exactly zero are not trained.
        """
        self.model = unwrap(model)
        sharding.notice(self.model)
        parameters = dict(self.model.named_parameters())
        self._parts = [_Part(name, parameters[name], tensor, keep_zero) for name, tensor in quantized.items()]
        self.apply()

    def parameters(self, *, levels: bool = True, others: bool = True) -> list[nn.Parameter]:
        """What to give to an optimizer: the levels, and the trainable parameters that are not quantized."""
        own = [part.levels for part in self._parts] if levels else []
        weights = {id(part.parameter) for part in self._parts}
        rest = [p for p in self.model.parameters() if p.requires_grad and id(p) not in weights] if others else []
        return own + rest

    @torch.no_grad()
    def step(self) -> None:
        """Turn the weights' gradients into those of the levels, and drop them; after ``backward``."""
        for part in self._parts:
            part.collect()

    @torch.no_grad()
    def apply(self) -> None:
        """Give the weights the values of their levels; after ``optimizer.step()``."""
        for part in self._parts:
            part.apply()
        sharding.notice(self.model)

    def zero_grad(self) -> None:
        """Forget the gradients of the levels, and of all parameters of the model."""
        for part in self._parts:
            part.levels.grad = None
        self.model.zero_grad()

    def tensors(self) -> dict[str, QuantizedTensor]:
        """The frozen indices and the levels as they are now, by name."""
        return {part.name: part.file_tensor() for part in self._parts}

    def file_tensors(self) -> saving.FileTensors:
        """What ``save`` writes."""
        return saving.file_tensors(self.model, self.tensors())

    def save(self, path: str | os.PathLike[str], *, coder: str | Coder = "arithmetic", **options: Any) -> None:
        """Write the file; ``options`` as for ``HEMP.save``."""
        saving.write(self.file_tensors(), path, coder=coder, **options)

    def state_dict(self) -> dict[str, Tensor]:
        """The levels; the indices are those that it was created with."""
        return {part.name: part.levels.detach().clone() for part in self._parts}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up levels, and give the weights their values."""
        with torch.no_grad():
            for part in self._parts:
                part.levels.copy_(state[part.name])
        self.apply()


class _Part:
    """One parameter: its frozen indices, local and whole, and its levels."""

    def __init__(self, name: str, parameter: nn.Parameter, tensor: QuantizedTensor, keep_zero: bool) -> None:
        self.name = name
        self.parameter = parameter
        device = sharding.local(parameter.detach()).device
        self._indices = torch.as_tensor(tensor.indices).long().to(device)
        levels = to_work(torch.as_tensor(tensor.levels)).to(device)
        self.levels = nn.Parameter(levels.clone())
        self._fixed = (levels == 0) if keep_zero else torch.zeros_like(levels, dtype=torch.bool)
        self._local = sharding.part_of(self._indices, parameter).reshape(-1)

    def collect(self) -> None:
        if self.parameter.grad is None:
            return
        slopes = sharding.local(self.parameter.grad).double().reshape(-1)
        sums = torch.bincount(self._local, weights=slopes, minlength=len(self.levels))
        total = sharding.all_sum(sums, self.parameter).masked_fill(self._fixed, 0).to(self.levels.dtype)
        self.levels.grad = total if self.levels.grad is None else self.levels.grad + total
        self.parameter.grad = None

    def apply(self) -> None:
        # The file has levels in the dtype of the parameter; the model must see those.
        self.levels[self._fixed] = 0.0
        values = take(self.levels.detach().to(self.parameter.dtype), self._local)
        local = sharding.local(self.parameter.detach())
        local.copy_(values.view(local.shape))

    def file_tensor(self) -> QuantizedTensor:
        return to_file_tensor(self._indices, self.levels, self.parameter.dtype)

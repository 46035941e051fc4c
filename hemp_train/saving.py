"""Files of trained models: indices and levels as trained, everything else of the state dict bit for bit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

import hemp_codec
import hemp_codec.torch
from hemp_codec import QuantizedTensor
from hemp_codec.coders import Coder
from hemp_codec.quantizers import Quantizer
from hemp_train import sharding
from hemp_train.layers import Choice, choose, to_file_tensor, unwrap

FileTensors = dict[str, Tensor | QuantizedTensor]


def file_tensors(model: nn.Module, quantized: Mapping[str, QuantizedTensor]) -> FileTensors:
    """The state dict of ``model`` with the ``quantized`` in the place of their parameters; ties are kept."""
    model = unwrap(model)
    sharding.notice(model)
    ties = _ties(model)
    stored = {tied: tensor for name, tensor in quantized.items() for tied in ties.get(name, (name,))}
    return {
        name: stored.get(name, sharding.full(value.detach()))
        for name, value in model.state_dict(keep_vars=True).items()
        if isinstance(value, Tensor)
    }


def _ties(model: nn.Module) -> dict[str, list[str]]:
    """For the name of each parameter, all names that it has."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {name: group for group in names.values() for name in group}


def quantize(
    model: nn.Module, quantizer: str | Quantizer = "lloyd-max", parameters: Choice = None
) -> dict[str, QuantizedTensor]:
    """The weights of ``model`` as they are now, quantized: for methods that train continuous weights.

    Args:
        model: may be wrapped.
        quantizer: a name such as "uniform:15", or an object with ``quantize``.
        parameters: which (``hemp_train.layers.choose``).
    """
    chosen = hemp_codec.quantizers.get(quantizer)
    result = {}
    for name, parameter in choose(model, parameters).items():
        weights = sharding.full(parameter.detach())
        indices, params = chosen.quantize(weights.cpu().float().numpy())
        levels = torch.as_tensor(params.levels)
        result[name] = to_file_tensor(torch.as_tensor(indices).long(), levels, weights.dtype)
    return result


def write(tensors: FileTensors, path: str | os.PathLike[str], *, coder: str | Coder, **options: Any) -> None:
    """Write the file, in the first process; others wait until it is there."""
    if sharding.is_first():
        hemp_codec.torch.save_file(tensors, path, coder=coder, **options)
    sharding.barrier()


def coded_bytes(tensors: FileTensors, *, coder: str | Coder, **options: Any) -> int:
    """Size of the file that ``write`` would make."""
    return len(hemp_codec.torch.save(tensors, coder=coder, **options))


def nonzeros(tensor: QuantizedTensor) -> int:
    """Number of elements that are not zero."""
    return int((torch.as_tensor(tensor.levels)[torch.as_tensor(tensor.indices)] != 0).sum())

"""``.hemp`` files of torch tensors, with the names and the argument order of ``safetensors.torch``.

Tied tensors, which share memory, are stored once.  Loading gives each name memory of its own, so that to change one
tensor changes no other; ``load_model`` keeps the ties of the model.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np
import torch

import hemp_codec
from hemp_codec import torch_arrays
from hemp_codec.errors import UnsupportedError
from hemp_codec.tensors import QuantizedTensor, index_dtype

Source = str | os.PathLike[str] | bytes | BinaryIO
Device = str | int | torch.device

__all__ = ["load", "load_file", "load_model", "safe_open", "save", "save_file", "save_model"]


def save_file(
    tensors: Mapping[str, torch.Tensor | QuantizedTensor],
    filename: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Write ``tensors`` to ``filename``.

    Args:
        tensors: dense tensors on any device; or ``QuantizedTensor`` with torch or numpy indices (any integers) and
            levels.
        filename: the file, which is replaced only once the new one is complete.
        metadata: strings by name.
        options: ``quantizer``, ``coder``, ``rules``, ``threads`` as in ``hemp_codec.save_file``.

    Raises:
        UnsupportedError: a tensor is sparse, without data, or of a dtype that the format lacks.
        ValueError: indices of a ``QuantizedTensor`` are not numbers of its levels.
    """
    hemp_codec.save_file(_to_arrays(tensors), filename, metadata=metadata, **options)


def save(
    tensors: Mapping[str, torch.Tensor | QuantizedTensor], metadata: Mapping[str, str] | None = None, **options: Any
) -> bytes:
    """The bytes that ``save_file`` would write."""
    return hemp_codec.encode(_to_arrays(tensors), metadata=metadata, **options)


def load_file(filename: Source, device: Device = "cpu", *, threads: int | None = None) -> dict[str, torch.Tensor]:
    """All tensors of a file, on ``device``, in the order of the file."""
    with hemp_codec.safe_open(filename) as file:
        return torch_arrays.to_separate_tensors(file.load(threads=threads), device)


def load(data: bytes, device: Device = "cpu") -> dict[str, torch.Tensor]:
    """All tensors of the bytes of a file."""
    return torch_arrays.to_separate_tensors(hemp_codec.decode(data), device)


def save_model(
    model: torch.nn.Module, filename: str | os.PathLike[str], metadata: Mapping[str, str] | None = None, **options: Any
) -> None:
    """Write the state dict of ``model``; every name is kept, and tied parameters are stored once."""
    save_file(model.state_dict(), filename, metadata, **options)


def load_model(
    model: torch.nn.Module, filename: Source, strict: bool = True, device: Device = "cpu"
) -> tuple[list[str], list[str]]:
    """Load a file into ``model``.

    A name that the file lacks is not missing if the model ties it to one that the file has.

    Returns:
        Names of the model that were not loaded, and names of the file that were not used.

    Raises:
        RuntimeError: with ``strict``, if there are such names, or if tensors that the model ties differ in the file.
    """
    tensors = load_file(filename, device)
    ties = _ties(model)
    conflicts = [names for names in ties if not _all_equal([tensors[name] for name in names if name in tensors])]
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    tied_to_loaded = {name for names in ties if any(other in tensors for other in names) for name in names}
    missing = [name for name in missing if name not in tied_to_loaded]
    if strict and (missing or unexpected or conflicts):
        faults = (
            [f"missing: {', '.join(sorted(missing))}"] * bool(missing)
            + [f"unexpected: {', '.join(sorted(unexpected))}"] * bool(unexpected)
            + [f"tied in the model, different in the file: {', '.join(names)}" for names in conflicts]
        )
        raise RuntimeError(f"the file does not fit {type(model).__name__}: {'; '.join(faults)}")
    return missing, list(unexpected)


def _ties(model: torch.nn.Module) -> list[list[str]]:
    """Groups of names that are the same view of the same memory."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, torch.Tensor):
            groups.setdefault(torch_arrays.identity(tensor), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _all_equal(tensors: list[torch.Tensor]) -> bool:
    """Whether all have the same bits."""
    arrays = [torch_arrays.to_array(tensor) for tensor in tensors]
    return all(a.dtype == arrays[0].dtype and a.tobytes() == arrays[0].tobytes() for a in arrays[1:])


def _to_arrays(tensors: Mapping[str, torch.Tensor | QuantizedTensor]) -> dict[str, np.ndarray | QuantizedTensor]:
    """Arrays in the order of ``tensors``."""
    dense = {name: value for name, value in tensors.items() if isinstance(value, torch.Tensor)}
    arrays = torch_arrays.to_arrays(dense)
    quantized: dict[int, QuantizedTensor] = {}
    result: dict[str, np.ndarray | QuantizedTensor] = {}
    for name, value in tensors.items():
        if isinstance(value, QuantizedTensor):
            # The same object under two names is a tie, so it is converted once.
            if id(value) not in quantized:
                quantized[id(value)] = _quantized(name, value)
            result[name] = quantized[id(value)]
        elif name in arrays:
            result[name] = arrays[name]
        else:
            raise UnsupportedError(f"{name!r} is a {type(value).__name__}; give a torch tensor or a QuantizedTensor")
    return result


def _quantized(name: str, value: QuantizedTensor) -> QuantizedTensor:
    """``value`` with numpy arrays, the indices unsigned."""
    indices, levels = (
        torch_arrays.to_array(part) if isinstance(part, torch.Tensor) else np.asarray(part)
        for part in (value.indices, value.levels)
    )
    if indices.dtype.kind not in "iu":
        raise ValueError(f"tensor {name!r}: indices are {indices.dtype}; give integers")
    if indices.size and (indices.min() < 0 or indices.max() >= len(levels)):
        raise ValueError(
            f"tensor {name!r}: indices from {indices.min()} to {indices.max()} are not all below {len(levels)}, "
            "the number of levels"
        )
    return QuantizedTensor(indices.astype(index_dtype(len(levels)), copy=False), levels)


class safe_open:
    """A file whose tensors are decoded one at a time, on ``device``.

    with safe_open("model.hemp") as f:
        weight = f.get_tensor("conv1.weight")
    """

    def __init__(self, filename: Source, device: Device = "cpu") -> None:
        self._file = hemp_codec.safe_open(filename)
        self._device = device

    def __enter__(self) -> safe_open:
        self._file.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.__exit__(*exception)

    def keys(self) -> Iterable[str]:
        """Names in the order of the file."""
        return self._file.keys()

    def metadata(self) -> Mapping[str, str]:
        """Strings by name."""
        return self._file.metadata()

    def get_info(self, name: str) -> Any:
        """The tensor's ``hemp_codec.TensorInfo``."""
        return self._file.get_info(name)

    def get_tensor(self, name: str) -> torch.Tensor:
        """The tensor ``name``."""
        return self._tensor(self._file.get_tensor(name))

    def get_slice(self, name: str) -> TensorSlice:
        """What ``get_slice(name)[...]`` indexes, decoding only the segments it needs."""
        return TensorSlice(self._file.get_slice(name), self._device)

    def get_indices(self, name: str) -> torch.Tensor:
        """Quantization indices of a quantized tensor, in its shape, uint8 or uint16."""
        return self._tensor(self._file.get_indices(name))

    def get_levels(self, name: str) -> torch.Tensor:
        """Reconstruction levels of a quantized tensor, of shape (num_levels,)."""
        return self._tensor(self._file.get_levels(name))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch_arrays.to_tensor(array).to(self._device)


class TensorSlice:
    """A tensor that is decoded where it is indexed."""

    def __init__(self, source: Any, device: Device) -> None:
        self._source = source
        self._device = device

    def __getitem__(self, key: Any) -> torch.Tensor:
        return torch_arrays.to_tensor(np.asarray(self._source[key])).to(self._device)

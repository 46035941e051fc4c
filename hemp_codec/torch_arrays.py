"""torch tensors to numpy arrays and back, for every dtype of the format, without copies where the memory allows.

torch is imported when the first function that needs it is called; importing this module does not need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from hemp_codec import dtypes
from hemp_codec.dtypes import BY_NAME, DType
from hemp_codec.errors import HempError, UnsupportedError
from hemp_codec.tensors import check_shape

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch import dtype as TorchDType

    Device = str | int | device

# Integers of the same size, through which the bits of types pass that torch and numpy do not exchange directly.
_CARRIERS = {1: "uint8", 2: "int16", 4: "int32"}
_DIRECT = frozenset(name for name, dtype in BY_NAME.items() if dtype.numpy.isbuiltin != 2 and not dtype.numpy.names)


def import_torch() -> ModuleType:
    """The torch module; UnsupportedError with what to do if it is not installed."""
    try:
        import torch
    except ImportError:
        raise UnsupportedError("this needs PyTorch, which is not installed: pip install 'hemp-codec[torch]'") from None
    return torch


def to_array(tensor: Tensor) -> np.ndarray:
    """The values of ``tensor`` as an array of the same shape and dtype; a view of its memory if it is contiguous.

    Raises:
        UnsupportedError: the tensor is sparse, quantized by torch, without data (meta), or of a dtype that the format
            lacks; or it is larger than the memory behind it, as after ``expand``.
        HempError: its shape is more than a file can hold.
    """
    torch = import_torch()
    dtype = BY_NAME.get(str(tensor.dtype).removeprefix("torch."))
    if dtype is None or tensor.layout != torch.strided or tensor.is_meta:
        kind = tensor.dtype if tensor.layout == torch.strided else tensor.layout
        raise UnsupportedError(
            f"a tensor {'without data (meta device)' if tensor.is_meta else f'of {kind}'} has no place in a .hemp "
            "file; convert it to a dense tensor of a plain dtype"
        )
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise UnsupportedError("a tensor is larger than the memory behind it (expanded); call .contiguous() first")
    check_shape(tensor.shape, tensor.element_size())
    dense = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    if dtype.name not in _DIRECT:
        dense = dense.view(getattr(torch, _CARRIERS[dtype.size]))
    array: np.ndarray = dense.numpy()
    return array.view(dtype.numpy)


def to_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """``to_array`` for each; tensors that are the same view of the same memory become the same array."""
    arrays: dict[tuple[Any, ...], np.ndarray] = {}
    result: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        try:
            key = identity(tensor)
            result[name] = arrays[key] if key in arrays else arrays.setdefault(key, to_array(tensor))
        except HempError as error:
            raise type(error)(f"tensor {name!r}: {error}", code=error.code, tensor=name) from None
    return result


def identity(tensor: Tensor) -> tuple[Any, ...]:
    """Equal for tensors that are the same view of the same memory."""
    torch = import_torch()
    if tensor.layout != torch.strided or tensor.is_meta or not tensor.numel():
        return (id(tensor),)
    bits = tensor.is_conj(), tensor.is_neg()
    return tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), *bits


def to_tensor(array: np.ndarray) -> Tensor:
    """``array`` as a torch tensor on the CPU; of the same memory if it is writable, contiguous and little-endian.

    Raises:
        UnsupportedError: this version of torch lacks the dtype.
    """
    torch = import_torch()
    dtype = dtypes.of(array)
    torch_dtype = _torch_dtype(torch, dtype)
    shape = array.shape
    usable = array.flags.c_contiguous and array.flags.writeable and array.flags.aligned and array.dtype == dtype.numpy
    flat = (array if usable else np.array(array, dtype.numpy, order="C")).reshape(-1)
    carried = flat if dtype.name in _DIRECT else flat.view(_CARRIERS[dtype.size])
    tensor: Tensor = torch.from_numpy(carried).view(torch_dtype).reshape(shape)
    return tensor


def _torch_dtype(torch: ModuleType, dtype: DType) -> TorchDType:
    found: TorchDType | None = getattr(torch, dtype.name, None)
    if found is None:
        raise UnsupportedError(f"torch {torch.__version__} has no {dtype.name}; install a newer one")
    return found


def to_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """``to_tensor`` for each; arrays of the same memory and dtype become tensors of the same storage."""
    # The arrays stay referenced, because memory that is given back may become that of the next array.
    known: dict[tuple[Any, ...], tuple[np.ndarray, Tensor]] = {}
    result: dict[str, Tensor] = {}
    for name, array in arrays.items():
        key = _address(array) if array.size and array.flags.c_contiguous else name, array.dtype, array.size
        if key not in known:
            known[key] = array, to_tensor(array)
        result[name] = known[key][1].reshape(array.shape)
    return result


def to_separate_tensors(arrays: dict[str, np.ndarray], device: Device = "cpu") -> dict[str, Tensor]:
    """``to_tensor`` for each, on ``device``; no two share memory, even where the arrays do."""
    addresses: set[int] = set()
    result: dict[str, Tensor] = {}
    for name, array in arrays.items():
        result[name] = to_tensor(array.copy() if _address(array) in addresses else array).to(device)
        addresses.add(_address(array))
    return result


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address

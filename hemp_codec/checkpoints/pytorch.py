"""PyTorch checkpoints: ``.pt``, ``.pth``, ``.bin``.

A pickle can run any program, so only what ``torch.load(weights_only=True)`` admits is ever read, and of that only a
plain state dict: names to dense tensors.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hemp_codec import torch_arrays
from hemp_codec.checkpoints.checkpoint import Checkpoint, checked_bool
from hemp_codec.errors import FormatError
from hemp_codec.files import replacing

if TYPE_CHECKING:
    import torch

# Under these keys training scripts commonly keep the state dict, beside the state of the optimizer and the like.
_WRAPPERS = ("state_dict", "model", "model_state_dict", "module")
_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+) ")


def load(path: Path) -> Checkpoint:
    """Open ``path``; the data of zip-based files (torch 1.6 and later) is mapped into memory, that of others read."""
    content = _unpickle(path)
    state, notes = _state_dict(content)
    arrays = torch_arrays.to_arrays(state)
    for name, array in arrays.items():
        try:
            checked_bool(array)
        except FormatError as error:
            raise FormatError(f"tensor {name!r}: {error}", tensor=name) from None
    return Checkpoint(arrays, notes=notes)


def _unpickle(path: Path) -> Any:
    torch = torch_arrays.import_torch()
    try:
        with path.open("rb") as file:
            mappable = zipfile.is_zipfile(file)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mappable)
    except pickle.UnpicklingError as error:
        forbidden = _FORBIDDEN.search(str(error))
        holds = f"holds {forbidden[1]}, which could run code" if forbidden else "not a PyTorch checkpoint, or damaged"
        raise FormatError(f"{holds}; only a plain state dict is read: torch.save(model.state_dict(), ...)") from None
    # A damaged file makes torch fail in many ways; none of them is a fault of this program.
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise FormatError(f"not a PyTorch checkpoint, or damaged ({reason}); check the download") from None


def _state_dict(content: Any) -> tuple[Mapping[str, torch.Tensor], tuple[str, ...]]:
    """The plain dict of tensors in ``content``, and a note if it had to be looked for."""
    if _is_plain(content):
        return content, ()
    if isinstance(content, Mapping):
        found = [key for key in _WRAPPERS if _is_plain(content.get(key))]
        if len(found) == 1:
            others = sorted(_shown(key) for key in content if key != found[0])
            left_out = f"; left out: {', '.join(others)}" if others else ""
            return content[found[0]], (f"the tensors are those under {found[0]!r}{left_out}",)
    raise FormatError(f"not a plain state dict ({_fault(content)}); save one: torch.save(model.state_dict(), ...)")


def _is_plain(content: Any) -> bool:
    torch = torch_arrays.import_torch()
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )


def _fault(content: Any) -> str:
    """What makes ``content`` no plain state dict."""
    torch = torch_arrays.import_torch()
    if not isinstance(content, Mapping):
        return f"it is a {type(content).__name__}"
    for name, value in content.items():
        if not isinstance(name, str):
            return f"a key is {_shown(name)}"
        if not isinstance(value, torch.Tensor):
            return f"{_shown(name)} is a {type(value).__name__}, not a tensor"
    return "it is ambiguous"


def _shown(key: Any) -> str:
    """A key for a message; what is no text may be larger to print than memory."""
    return repr(key) if isinstance(key, str) else f"a {type(key).__name__}"


def save(tensors: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a state dict; tied arrays are stored once.  The format holds no metadata."""
    del metadata
    torch = torch_arrays.import_torch()
    state = torch_arrays.to_tensors(tensors)
    with replacing(path) as file:
        torch.save(state, file)

"""``.safetensors``: u64 size of the header, JSON header, data.

The library of that name sorts the tensors on writing and gives them sorted on reading; here the order of the data is
kept in both directions.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hemp_codec import dtypes
from hemp_codec.checkpoints.checkpoint import Checkpoint, LazyTensors, TensorSpec, checked_bool, checked_shape
from hemp_codec.dtypes import DType
from hemp_codec.elements import Piece
from hemp_codec.errors import FormatError, UnsupportedError
from hemp_codec.files import replacing

MAX_HEADER_SIZE = 100_000_000
_METADATA = "__metadata__"
_ALIGNMENT = 8


@dataclass(frozen=True)
class _Entry:
    """One tensor of a header; ``begin`` and ``end`` count from the first byte of the data."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    begin: int
    end: int


def load(path: Path) -> Checkpoint:
    """Open ``path``; the data is mapped into memory and read when a tensor is asked for."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        prefix = file.read(8)
        if len(prefix) < 8:
            raise FormatError("not a safetensors file: shorter than 8 bytes; check the download", offset=len(prefix))
        header_size = int.from_bytes(prefix, "little")
        if header_size > MAX_HEADER_SIZE:
            raise FormatError(f"not a safetensors file: a header of {header_size} bytes; check the download", offset=0)
        if header_size > size - 8:
            raise FormatError(f"truncated: {size} bytes, the header alone has {header_size}; download it again")
        entries, metadata = parse_header(file.read(header_size), size - 8 - header_size)
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    readers: dict[str, Callable[[], np.ndarray]] = {
        entry.name: partial(_read, data, 8 + header_size, entry) for entry in entries
    }
    return Checkpoint(LazyTensors(readers), metadata)


def parse_header(header: bytes, data_size: int) -> tuple[list[_Entry], dict[str, str]]:
    """Tensors in the order of their data, and the metadata.

    Raises:
        FormatError: the header is not JSON of the right form, a name occurs twice, or the tensors do not fill
            ``data_size`` bytes exactly, without holes and overlaps.
    """
    try:
        content = json.loads(header.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the header is not valid JSON ({error}); check the download", offset=8) from None
    if not isinstance(content, dict):
        raise FormatError("the header is not a JSON object; check the download", offset=8)
    metadata = _metadata(content.pop(_METADATA, {}))
    entries = sorted((_entry(name, value) for name, value in content.items()), key=lambda e: (e.begin, e.end))
    end = 0
    for entry in entries:
        if entry.begin != end:
            fault = "overlaps the tensor before it" if entry.begin < end else "leaves a hole before it"
            raise FormatError(f"tensor {entry.name!r} {fault} in the data; write the file again", tensor=entry.name)
        end = entry.end
    if end != data_size:
        fault = "truncated" if end > data_size else "too long"
        raise FormatError(f"{fault}: the header describes {end} bytes of data, found {data_size}; download it again")
    return entries, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise FormatError(f"duplicate name {name!r} in the header; write the file again", code="DUPLICATE_NAME")
        result[name] = value
    return result


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise FormatError(f"{_METADATA} is not an object of strings; write the file again", offset=8)
    return value


def _entry(name: str, value: Any) -> _Entry:
    """One checked tensor of the header."""
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"tensor {name!r} has not exactly dtype, shape and data_offsets", tensor=name)
    dtype = dtypes.BY_SAFETENSORS.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if dtype is None:
        raise UnsupportedError(f"tensor {name!r} has the unknown dtype {value['dtype']!r}; convert it", tensor=name)
    shape, offsets = value["shape"], value["data_offsets"]
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        raise FormatError(f"tensor {name!r} has a shape or offsets that are no sizes", tensor=name)
    shape = checked_shape(f"tensor {name!r}", _array_shape(name, dtype, shape), dtype.size)
    begin, end = offsets
    if math.prod(shape) * dtype.size != end - begin:
        raise FormatError(f"tensor {name!r}: its shape takes other than its {end - begin} bytes", tensor=name)
    return _Entry(name, dtype, shape, begin, end)


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)


def _array_shape(name: str, dtype: DType, shape: list[int]) -> tuple[int, ...]:
    """The shape in stored elements: the header counts single 4-bit numbers, of which an element holds two."""
    if dtype.name != "float4_e2m1fn_x2":
        return tuple(shape)
    if not shape or shape[-1] % 2:
        raise UnsupportedError(f"tensor {name!r} of F4 has an odd last dimension; pad it to an even one", tensor=name)
    return (*shape[:-1], shape[-1] // 2)


def _header_shape(dtype: DType, shape: tuple[int, ...]) -> list[int]:
    if dtype.name != "float4_e2m1fn_x2":
        return list(shape)
    if not shape:
        raise UnsupportedError("safetensors cannot hold a float4_e2m1fn_x2 tensor of rank 0; write .pt or .npz")
    return [*shape[:-1], shape[-1] * 2]


def _read(data: mmap.mmap, data_start: int, entry: _Entry) -> np.ndarray:
    flat = np.frombuffer(data, entry.dtype.numpy, math.prod(entry.shape), data_start + entry.begin)
    aligned = flat if flat.flags.aligned else flat.copy()
    return checked_bool(aligned.reshape(entry.shape))


def save(tensors: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``tensors`` in their order; tied tensors are written once for each name, as the format wants."""
    specs = [TensorSpec(name, dtypes.of(array), array.shape) for name, array in tensors.items()]
    pieces = (Piece(name, 0, np.asarray(array, order="C").reshape(-1)) for name, array in tensors.items())
    save_pieces(specs, pieces, path, metadata)


def save_pieces(specs: Sequence[TensorSpec], pieces: Iterable[Piece], path: Path, metadata: Mapping[str, str]) -> None:
    """Write the tensors ``specs`` in their order, each element of which is in one of the ``pieces``, in any order."""
    header = _header(specs, metadata)
    begins = dict(zip((spec.name for spec in specs), _begins(specs, 8 + len(header)), strict=True))
    with replacing(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name, start, elements in pieces:
            file.seek(begins[name] + start * elements.itemsize)
            file.write(_bytes(elements))


def _begins(specs: Sequence[TensorSpec], begin: int) -> Iterator[int]:
    """Where in the file each tensor begins, if the first does at ``begin``."""
    for spec in specs:
        yield begin
        begin += spec.nbytes


def _header(specs: Sequence[TensorSpec], metadata: Mapping[str, str]) -> bytes:
    """The JSON header, padded with spaces so that the data begins at a multiple of 8."""
    content: dict[str, Any] = {_METADATA: dict(sorted(metadata.items()))} if metadata else {}
    for spec, begin in zip(specs, _begins(specs, 0), strict=True):
        if spec.name == _METADATA or spec.dtype.safetensors is None:
            what = f"the name {spec.name!r}" if spec.name == _METADATA else f"tensor {spec.name!r} of {spec.dtype.name}"
            raise UnsupportedError(f"safetensors cannot hold {what}; write .pt or .npz", tensor=spec.name)
        content[spec.name] = {
            "dtype": spec.dtype.safetensors,
            "shape": _header_shape(spec.dtype, spec.shape),
            "data_offsets": [begin, begin + spec.nbytes],
        }
    header = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    if len(header) > MAX_HEADER_SIZE:
        raise UnsupportedError(f"safetensors cannot hold a header of {len(header)} bytes; write .npz")
    return header


def _bytes(array: np.ndarray) -> memoryview:
    """The elements as little-endian bytes, without a copy where they already are."""
    stored = np.ascontiguousarray(array, dtypes.of(array).numpy).reshape(-1)
    return stored.view(np.uint8).data

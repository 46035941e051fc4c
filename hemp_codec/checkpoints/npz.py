"""``.npz``: a zip archive with one ``.npy`` member for each tensor.

numpy stores the element types of ml_dtypes as nameless bytes.  Here such a type is stored as a record of one field
whose name is the dtype's and which holds the bit pattern, ``[("bfloat16", "<u2")]``, so that it can be read again.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from hemp_codec import dtypes
from hemp_codec.checkpoints.checkpoint import Checkpoint, LazyTensors, checked_bool, checked_shape
from hemp_codec.dtypes import DTYPES, DType
from hemp_codec.errors import FormatError, UnsupportedError
from hemp_codec.files import replacing

_ENDING = ".npy"
# The earliest time that a zip archive can state: with the time of writing, saving twice would give two files.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
# What deflate can make of one byte at most; a member that claims more is a bomb.
_MAX_INFLATION = 1032
_MAX_NAME_SIZE = 65535 - len(_ENDING)
_MAX_REASON = 200  # characters: numpy may quote the whole header
_HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# With damaged headers, numpy fails in all these ways.
_HEADER_FAULTS = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError)
# With damaged bytes, zipfile fails in all these ways.
_ZIP_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
    *(OverflowError, struct.error),
)


def _record(dtype: DType) -> np.dtype:
    """How the elements are stored: the dtype itself, or a record with its name where numpy has none of its own."""
    registered_by_ml_dtypes = dtype.numpy.isbuiltin == 2
    return np.dtype([(dtype.name, f"<u{dtype.size}")]) if registered_by_ml_dtypes else dtype.numpy


_RECORDS: dict[str, np.dtype] = {dtype.name: _record(dtype) for dtype in DTYPES}
_BY_RECORD: dict[np.dtype, DType] = {_RECORDS[dtype.name]: dtype for dtype in DTYPES}


def load(path: Path) -> Checkpoint:
    """Open ``path``; a member is unpacked when its tensor is asked for.  No pickle is ever read."""
    readers: dict[str, Callable[[], np.ndarray]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = _tensor_name(member)
                if name in readers:
                    raise FormatError(f"duplicate name {name!r}; write the file again", code="DUPLICATE_NAME")
                readers[name] = partial(_read, path, member)
    except _ZIP_FAULTS as error:
        raise _damaged("not an .npz archive", error) from None
    return Checkpoint(LazyTensors(readers))


def _damaged(what: str, error: Exception) -> Exception:
    """What to raise for an error of zipfile; an error of the system that names a file is left as it is."""
    if isinstance(error, OSError) and error.filename is not None:
        return error
    return FormatError(f"{what} ({str(error) or type(error).__name__}); check the download")


def _tensor_name(member: zipfile.ZipInfo) -> str:
    if not member.filename.endswith(_ENDING):
        raise FormatError(f"member {member.filename!r} is no {_ENDING} array; remove it from the archive")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsupportedError(f"member {member.filename!r} is packed in a way numpy never does; write the file again")
    if member.file_size > _MAX_INFLATION * member.compress_size + 64:
        raise FormatError(f"member {member.filename!r} claims {member.file_size} bytes, more than it can hold")
    return member.filename[: -len(_ENDING)]


def _read(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """The array of one member, C-contiguous and little-endian."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            shape, fortran, stored = _read_header(file)
            data = file.read()
    except _ZIP_FAULTS as error:
        raise _damaged(f"member {member.filename!r} is damaged", error) from None
    shape = checked_shape(f"member {member.filename!r}", shape, stored.itemsize)
    if math.prod(shape) * stored.itemsize != len(data):
        raise FormatError(f"member {member.filename!r}: its shape takes other than its {len(data)} bytes")
    array = np.frombuffer(data, stored).reshape(shape, order="F" if fortran else "C")
    return checked_bool(_known(member.filename, array))


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = npy.read_magic(file)
        if version not in _HEADER_READERS:
            raise ValueError(f"unknown version {version}")
        shape, fortran, stored = _HEADER_READERS[version](file)
    except _HEADER_FAULTS as error:
        reason = str(error).split("\n")[0][:_MAX_REASON] or type(error).__name__
        raise FormatError(f"not an {_ENDING} array ({reason}); check the download") from None
    if stored.hasobject:
        raise FormatError("holds Python objects, which are never read; save plain arrays")
    if not stored.itemsize or any(type(size) is not int or size < 0 for size in shape):
        raise FormatError(f"not an {_ENDING} array (dtype {stored}, shape {shape}); check the download")
    return shape, fortran, stored


def _known(filename: str, array: np.ndarray) -> np.ndarray:
    """The array in the dtype that its record means, little-endian and C-contiguous."""
    stored = array.dtype.newbyteorder("<")
    dtype = _BY_RECORD.get(stored)
    if dtype is None:
        raise UnsupportedError(f"member {filename!r} has dtype {array.dtype}, which .hemp cannot hold; convert it")
    return np.ascontiguousarray(array, stored).reshape(array.shape).view(dtype.numpy)


def save(tensors: Mapping[str, np.ndarray], path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``tensors`` uncompressed, as ``numpy.savez`` does, with fixed times.  The format holds no metadata."""
    del metadata
    for name in tensors:
        if "\0" in name or len(name.encode()) > _MAX_NAME_SIZE:
            raise UnsupportedError(f".npz cannot hold the name {name!r}; write .safetensors", tensor=name)
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in tensors.items():
            member = zipfile.ZipInfo(name + _ENDING, _TIMESTAMP)
            with archive.open(member, "w", force_zip64=True) as out:
                _write(array, out)


def _write(array: np.ndarray, out: Any) -> None:
    dtype = dtypes.of(array)
    stored = np.ascontiguousarray(array, dtype.numpy).reshape(array.shape).view(_RECORDS[dtype.name])
    npy.write_array_header_1_0(out, npy.header_data_from_array_1_0(stored))
    out.write(stored.reshape(-1).view(np.uint8).data)

"""Third step of writing: the bytes of the front (spec/format.md, sections 2 to 5 and 7)."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hemp_codec import dtypes
from hemp_codec._prepare import Prepared, Tied
from hemp_codec._varint import varint, zigzag
from hemp_codec.errors import HempError
from hemp_codec.quantizers import Codebook, Planes, UniformGrid
from hemp_codec.quantizers._find_grid import find_grid
from hemp_codec.quantizers.base import step_dtype

SIGNATURE = b"\x89HMP\r\n\x1a\n"
MAJOR, MINOR = 0, 1
SEGMENT_BITS = range(10, 25, 2)  # by `segment_code`

_CODEBOOK, _UNIFORM, _EXTENDED = 1, 2, 3
_TIED = 0
_RANK_FOLLOWS = 7
_QUANTIZER_SHIFT = 3
_HAS_DTYPE, _JOINED, _SHARED = 1 << 5, 1 << 6, 1 << 7
_HAS_PLANES = 1 << 6
_PLANE_0 = 1
_SMALLEST_GRID = 2  # bytes beside the step
_LEVEL_TYPES = ("float32", "float16", "bfloat16", "float64")
_NARROWER = {"float32": ("float16", "bfloat16"), "float64": ("float16", "bfloat16", "float32")}
_METADATA_TAG, _SOURCE_TAG = 0x81, 0x82
_SHA256 = 1


class StreamRecord(NamedTuple):
    """Where and how a stream is coded.

    Attributes:
        coder: its number.
        coded_planes: bit mask.
        segments: size and checksum of each segment.
    """

    coder: int
    coded_planes: int
    segments: list[tuple[int, int]]


@dataclass(eq=False, slots=True)
class RecordedTensor:
    """What the front says of a tensor; where its elements are is known last.

    Attributes:
        name: UTF-8.
        dtype: element type.
        shape: its shape.
        parameters: of its quantizer.
        stream: its record, if the tensor opens one.
        joined: whether it continues one.
    """

    name: bytes
    dtype: dtypes.DType
    shape: tuple[int, ...]
    parameters: Codebook | UniformGrid | Planes | Tied
    stream: StreamRecord | None = None
    joined: bool = False


def recorded(tensor: Prepared) -> RecordedTensor:
    """What the front keeps of a prepared tensor: all but its indices.  Its stream comes later."""
    return RecordedTensor(tensor.name, tensor.dtype, tensor.shape, tensor.parameters)


def front_bytes(tensors: Sequence[RecordedTensor], segment_bits: int, chunks: bytes) -> bytes:
    """The file up to the body: signature, versions, front, checksum."""
    layout = len(tensors) << 3 | SEGMENT_BITS.index(segment_bits)
    records = _Records(tensors)
    front = b"".join((varint(layout), *(records.record(tensor) for tensor in tensors), chunks))
    head = SIGNATURE + bytes([MAJOR, MINOR]) + varint(len(front)) + front
    return head + zlib.crc32(head).to_bytes(4, "little")


def chunk_bytes(metadata: Mapping[str, str] | None, source_sha256: bytes | None) -> bytes:
    """The chunks.

    Raises:
        HempError: ``BAD_METADATA`` for what is not text, ``BAD_CHUNK`` for a hash that has not 32 bytes.
    """
    out = b""
    if metadata:
        out += _chunk(_METADATA_TAG, _metadata_content(metadata))
    if source_sha256 is not None:
        if len(source_sha256) != 32:
            raise HempError(f"a SHA-256 has 32 bytes, not {len(source_sha256)}", code="BAD_CHUNK")
        out += _chunk(_SOURCE_TAG, bytes([_SHA256]) + source_sha256)
    return out


class _Records:
    """Makes the records of ``tensors`` in order, since each depends on those before it."""

    def __init__(self, tensors: Sequence[RecordedTensor]) -> None:
        self._count = 0
        self._dtype = dtypes.BY_NAME["float32"]
        self._tables = [_table(tensor) for tensor in tensors]
        self._uses = Counter(self._tables)
        self._owners: dict[bytes, int] = {}
        self._grids: dict[tuple[bytes, int], bytes | None] = {}

    def record(self, tensor: RecordedTensor) -> bytes:
        number = self._count
        self._count += 1
        form = min(len(tensor.shape), _RANK_FOLLOWS) | (_JOINED if tensor.joined else 0)
        if tensor.dtype.number != self._dtype.number:
            form |= _HAS_DTYPE
        flags, parameters = self._parameters(number, tensor)
        pieces = [varint(len(tensor.name)), tensor.name, bytes([form | flags])]
        if len(tensor.shape) >= _RANK_FOLLOWS:
            pieces.append(varint(len(tensor.shape) - _RANK_FOLLOWS))
        if form & _HAS_DTYPE:
            pieces.append(bytes([tensor.dtype.number]))
        pieces += map(varint, tensor.shape)
        pieces.append(parameters)
        if tensor.stream:
            pieces.append(_stream_bytes(tensor.stream, tensor))
        self._dtype = tensor.dtype
        return b"".join(pieces)

    def _parameters(self, number: int, tensor: RecordedTensor) -> tuple[int, bytes]:
        """The quantizer's bits of ``form``, and its parameters."""
        parameters = tensor.parameters
        if isinstance(parameters, Planes):
            return 0, b""
        if isinstance(parameters, Codebook):
            return self._codebook(number, parameters, tensor.dtype)
        if isinstance(parameters, UniformGrid):
            return _UNIFORM << _QUANTIZER_SHIFT, _uniform_bytes(parameters)
        return _EXTENDED << _QUANTIZER_SHIFT, bytes([_TIED]) + varint(parameters.record)

    def _codebook(self, number: int, codebook: Codebook, dtype: dtypes.DType) -> tuple[int, bytes]:
        """The smallest of a table, a reference to an equal one, and a grid that has the same levels."""
        table = self._tables[number]
        grid = self._grid(table, codebook, dtype)
        if grid is not None:
            return _UNIFORM << _QUANTIZER_SHIFT, grid
        owner = self._owners.setdefault(table, number)
        shared = varint(owner)
        if owner != number and len(shared) < len(table):
            return _CODEBOOK << _QUANTIZER_SHIFT | _SHARED, shared
        return _CODEBOOK << _QUANTIZER_SHIFT, table

    def _grid(self, table: bytes, codebook: Codebook, dtype: dtypes.DType) -> bytes | None:
        """Parameters of the same levels as a grid; None if there is none, or none smaller, all uses considered."""
        key = table, dtype.number
        if key not in self._grids:
            uses = self._uses[table]
            room = (len(table) + (uses - 1) * min(len(table), len(varint(self._count)))) / uses
            possible = _SMALLEST_GRID + step_dtype(dtype).itemsize < room
            grid = find_grid(codebook.levels, dtype) if possible else None
            parameters = None if grid is None else _uniform_bytes(grid)
            self._grids[key] = parameters if parameters is not None and len(parameters) < room else None
        return self._grids[key]


def _table(tensor: RecordedTensor) -> bytes:
    """Parameters of the tensor's codebook; empty if it has none."""
    return _codebook_bytes(tensor.parameters.levels, tensor.dtype) if isinstance(tensor.parameters, Codebook) else b""


def _codebook_bytes(levels: np.ndarray, dtype: dtypes.DType) -> bytes:
    """The table in the narrowest type that has every level exactly.  It depends on the tensor's dtype, so that equal
    bytes are valid for both tensors only if both may have levels of that type, which is how the type was chosen."""
    for name in (*_NARROWER.get(dtype.name, ()), dtype.name):
        with np.errstate(over="ignore"):
            narrow = levels.astype(dtypes.BY_NAME[name].numpy)
        if narrow.astype(levels.dtype).tobytes() == levels.tobytes():
            break
    return varint((len(levels) - 1) << 2 | _LEVEL_TYPES.index(name)) + narrow.tobytes()


def _uniform_bytes(grid: UniformGrid) -> bytes:
    step = np.array(grid.step, step_dtype(grid.dtype)).tobytes()
    return varint(grid.num_levels - 1) + zigzag(grid.offset) + step


def _stream_bytes(stream: StreamRecord, tensor: RecordedTensor) -> bytes:
    pieces = [bytes([stream.coder])]
    if isinstance(tensor.parameters, Planes) and tensor.dtype.planes > 1 and stream.coded_planes > _PLANE_0:
        pieces = [bytes([stream.coder | _HAS_PLANES]), varint(stream.coded_planes)]
    for size, checksum in stream.segments:
        pieces += [varint(size), checksum.to_bytes(4, "little")]
    return b"".join(pieces)


def _metadata_content(metadata: Mapping[str, str]) -> bytes:
    pairs = sorted((_text(key), _text(value)) for key, value in metadata.items())
    return varint(len(pairs)) + b"".join(varint(len(text)) + text for pair in pairs for text in pair)


def _text(text: str) -> bytes:
    if not isinstance(text, str):
        raise HempError(f"metadata maps text to text; convert {text!r} with str()", code="BAD_METADATA")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise HempError(f"metadata {text!r} has surrogates, which UTF-8 cannot hold", code="BAD_METADATA") from None


def _chunk(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content

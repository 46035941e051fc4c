"""What the front of a file says: typed records of tensors, streams and segments (spec/format.md, 3 to 7)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hemp_codec import _native
from hemp_codec.dtypes import BY_NUMBER, DTYPES, DType
from hemp_codec.errors import LimitError
from hemp_codec.quantizers import UniformGrid
from hemp_codec.sources import Source
from hemp_codec.tensors import Part

_SLOWEST = 8  # what a symbol costs in the slowest mode of `arithmetic`
QUANTIZER_NAMES = ("lossless", "codebook", "uniform", "tied")
LOSSLESS, CODEBOOK, UNIFORM, TIED = range(4)


class TensorRecord(NamedTuple):
    """A tensor record.

    Attributes:
        name: name of the tensor.
        dtype_number: number in the format.
        shape: dimensions.
        elements: their product.
        quantizer: LOSSLESS, CODEBOOK, UNIFORM or TIED.
        num_levels: of the indices; of each plane if lossless; 0 if tied.
        levels_type: dtype number of the stored levels or of the step.
        levels_offset: offset of the first level or of the step in the file.
        uniform_offset: number of the first level of a uniform grid.
        stream: number of the stream, or None if the tensor has none.
        stream_start: elements of the stream that stand before this tensor.
        source: number of the record tied to, or of the owner of a shared codebook, or None.
    """

    name: str
    dtype_number: int
    shape: tuple[int, ...]
    elements: int
    quantizer: int
    num_levels: int
    levels_type: int
    levels_offset: int
    uniform_offset: int
    stream: int | None
    stream_start: int
    source: int | None

    @property
    def dtype(self) -> DType:
        """Element type."""
        return BY_NUMBER[self.dtype_number]

    @property
    def decoded_size(self) -> int:
        """Bytes of the tensor."""
        return self.elements * self.dtype.size

    def part(self, start: int, size: int) -> Part:
        """The part with the elements [start, start + size)."""
        return Part(self.num_levels, self.shape, start, size)


class StreamRecord(NamedTuple):
    """A stream record.

    Attributes:
        coder: number of the coder.
        coded_planes: bit p: plane p is coded by ``coder``, else by ``stored``.
        planes: number of planes; 1 for quantized tensors.
        first_segment: number of the first segment among all of the file.
        segment_count: number of segments.
        elements: of all tensors of the stream.
        opener: number of the first tensor.
        solid: the stream has several tensors, and one segment.
    """

    coder: int
    coded_planes: int
    planes: int
    first_segment: int
    segment_count: int
    elements: int
    opener: int
    solid: bool


class SegmentRecord(NamedTuple):
    """A segment record: offset in the file and size, in bytes, and CRC-32."""

    offset: int
    size: int
    checksum: int


class Directory:
    """The checked front of a file.  Records become Python objects when they are asked for.

    Attributes:
        names: names of all tensors, in the order of the file.
        segment_elements: elements of every segment but the last of a stream.
        max_output: bytes of arrays, and work, that the caller allows (spec/format.md, 8.1).
    """

    def __init__(self, native: _native.Directory, max_output: int) -> None:
        self._native = native
        self.max_output = max_output
        self._numbers: dict[str, int] | None = None
        self.names: list[str] = native.names()
        self.segment_elements: int = native.segment_elements

    def number(self, name: str) -> int:
        """Number of the tensor of this name; KeyError if there is none."""
        if self._numbers is None:  # several threads may make it: of equal ones any will do
            self._numbers = dict(zip(self.names, range(len(self.names)), strict=True))
        return self._numbers[name]

    def tensor(self, number: int) -> TensorRecord:
        """The tensor record of this number."""
        return TensorRecord._make(self._native.tensor(number))

    def stream(self, number: int) -> StreamRecord:
        """The stream record of this number."""
        return StreamRecord(*self._native.stream(number))

    def segment(self, number: int) -> SegmentRecord:
        """The segment record of this number, counted through the file."""
        return SegmentRecord(*self._native.segment(number))

    @property
    def stream_count(self) -> int:
        """Number of streams."""
        return self._native.stream_count

    def stream_tensors(self, number: int) -> list[int]:
        """Numbers of the tensors of a stream, in order."""
        return self._native.stream_tensors(number)

    def stream_size(self, number: int) -> int:
        """Bytes of all segments of a stream."""
        return self._native.stream_size(number)

    @property
    def decoded_size(self) -> int:
        """Bytes of all tensors."""
        return self._native.decoded_size()

    @property
    def is_quick(self) -> bool:
        """Whether all work is within the limit, whatever the modes of the payloads."""
        return self._native.arithmetic_symbols() * _SLOWEST <= self.max_output

    def metadata(self) -> dict[str, str]:
        """Metadata, sorted by key."""
        return self._native.metadata()

    def source_hash(self) -> bytes | None:
        """SHA-256 of the file from which this one was made, if it is noted."""
        return self._native.source_hash()

    def levels(self, record: TensorRecord) -> np.ndarray:
        """Reconstruction levels of a quantized tensor: shape (num_levels,), in the tensor's dtype."""
        stored = BY_NUMBER[record.levels_type].numpy
        if record.quantizer == UNIFORM:
            step = np.frombuffer(self._native.front, stored, 1, record.levels_offset)[0]
            return UniformGrid(float(step), record.uniform_offset, record.num_levels, record.dtype).levels
        values = np.frombuffer(self._native.front, stored, record.num_levels, record.levels_offset)
        return values.astype(record.dtype.numpy)

    def segment_parts(self, stream: StreamRecord, number: int) -> list[Part]:
        """The parts of segment ``number`` of a stream, counted from 0 in that stream."""
        if not stream.solid:
            start = number * self.segment_elements
            opener = self.tensor(stream.opener)
            return [opener.part(start, min(self.segment_elements, stream.elements - start))]
        opener = self.tensor(stream.opener)
        assert opener.stream is not None
        members = [self.tensor(member) for member in self.stream_tensors(opener.stream)]
        return [member.part(0, member.elements) for member in members]

    def allocate(self) -> list[np.ndarray]:
        """An array for each tensor, of its shape and dtype, with any elements; of a large file small ones lie in blocks
        of up to 30 MiB together, and large ones in blocks of their own."""
        return _native.allocate_arrays(self._native, np.empty, np.ndarray, [dtype.numpy for dtype in DTYPES])

    @property
    def all_in_streams(self) -> bool:
        """Whether no tensor that has elements is tied or has one level only."""
        return self._native.all_in_streams()

    def native_load(self, arrays: list[np.ndarray]) -> _native.Load:
        """What decodes all tensors that libhemp can decode by itself into the arrays of ``allocate``."""
        return _native.Load(self._native, arrays)

    def decode_lossless(self, workspace: _native.Workspace, tasks: list[_native.LosslessTask]) -> int:
        """Check and decode segments of lossless tensors, whose dtype is not bool, into elements; how many there were
        before one that is damaged or whose coder is not native."""
        return _native.decode_lossless(self._native, workspace, tasks)


def read_directory(source: Source, max_front: int, max_output: int) -> Directory:
    """Read and check the front of a file, and the length of the file against it.

    Args:
        source: the file.
        max_front: greatest number of bytes of ``front`` that is read.
        max_output: for the directory.

    Raises:
        HempError: the first broken rule, with ``code`` and ``offset``.
    """
    prefix = source.read(0, min(_native.FRONT_PREFIX, source.size))
    size = _front_size(prefix, max_front)
    front = bytes(source.read(0, min(size, source.size)))
    return Directory(_native.Directory(front, source.size), max_output)


def _front_size(prefix: memoryview, max_front: int) -> int:
    try:
        return _native.front_size(prefix, max_front)
    except LimitError as error:
        raise LimitError(
            f"the front of the file is larger than max_front, {max_front} bytes; raise it if you trust the file",
            code=error.code,
            offset=error.offset,
        ) from None

"""From the bytes of a file to its tensors, in plain Python."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from hemp_spec import coders, layout, levels
from hemp_spec.coders.stored import payload_size
from hemp_spec.directory import STORED, Directory, Part, Segment, Stream, Tensor
from hemp_spec.errors import SpecError
from hemp_spec.fields import Varint, Violation, Window

Report = Callable[[SpecError], None]
Trace = Callable[[str, int, int], None]

_BEYOND_SEGMENT = Violation("BAD_PAYLOAD", "6.5")


class Source(Protocol):
    """Where the bytes of a file are."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    def read(self, offset: int, size: int) -> bytes | memoryview:
        """The bytes [offset, offset + size), which lie within ``self.size``."""
        ...


class _Bytes:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


class Values(NamedTuple):
    """The elements of a tensor.

    Attributes:
        dtype: name, as in 4.4.
        shape: dimensions.
        data: little-endian elements in row-major order.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True)
class File:
    """What a file holds.

    Attributes:
        tensors: by name, in the order of the records.
        indices: of the tensors with a codebook or a uniform quantizer, in row-major order.
        levels: of the same tensors: bit patterns in the tensor's dtype.
        metadata: empty if there is none.
        source_hash: content of the chunk `source`, or None.
    """

    tensors: dict[str, Values]
    indices: dict[str, list[int]]
    levels: dict[str, list[int]]
    metadata: dict[str, str]
    source_hash: bytes | None


@dataclass(frozen=True)
class Outline:
    """A file whose front was understood.

    Attributes:
        source: its bytes.
        directory: what the records say.
        chunks: values of `layout.Chunk`.
        front_size: bytes of the front.
        body_offset: offset of the first segment.
    """

    source: Source
    directory: Directory
    chunks: Sequence[Any]
    front_size: int
    body_offset: int

    def segments(self) -> list[tuple[Stream, int, Segment, int]]:
        """All segments in the order of the body: stream, number in it, record, offset in the file (2.2)."""
        found, offset = [], self.body_offset
        for stream in self.directory.streams:
            for number, segment in enumerate(stream.segments):
                found.append((stream, number, segment, offset))
                offset += segment.size
        return found

    @property
    def end(self) -> int:
        """Offset at which the file must end (2.2)."""
        return self.body_offset + sum(segment.size for _, _, segment, _ in self.segments())

    @property
    def metadata(self) -> dict[str, str]:
        """Content of the chunk `metadata`."""
        content = self._content(layout.METADATA)
        return {} if content is None else {pair.key: pair.value for pair in content.pairs}

    @property
    def source_hash(self) -> bytes | None:
        """Content of the chunk `source`."""
        content = self._content(layout.SOURCE)
        return None if content is None else bytes(content.hash)

    def _content(self, tag: int) -> Any:
        return next((chunk.content for chunk in self.chunks if chunk.tag == tag), None)


def outline(
    data: bytes | Source,
    *,
    front_limit: int = layout.FRONT_LIMIT,
    report: Report | None = None,
    trace: Trace | None = None,
) -> Outline:
    """Check and read everything that stands before the body (sections 2 to 7).

    Args:
        data: the whole file, of which no more than that is read.
        front_limit: greatest `front_size` that is read.
        report: takes faults after which reading can go on; by default they are raised.
        trace: see `hemp_spec.fields`.

    Raises:
        SpecError: the first rule that is broken.
    """
    source = _Bytes(data) if isinstance(data, bytes) else data
    size = _head_size(source, front_limit)
    data = bytes(source.read(0, min(size, source.size)))
    head = layout.parse(layout.Head, data, end=layout.BEYOND_FILE, front_limit=front_limit, report=report, trace=trace)
    if trace is not None:
        trace("body", size, source.size)
    base = size - 4 - len(head.front)
    front = layout.parse(layout.Front, head.front, base=base, end=layout.BEYOND_FRONT, report=report, trace=trace)
    return Outline(source, front._directory, front.chunks, len(head.front), size)


def _head_size(source: Source, front_limit: int) -> int:
    """Bytes of the file before the body."""
    window = Window(bytes(source.read(0, min(layout.PREFIX_SIZE, source.size))), 0, layout.BEYOND_FILE)
    # Faults after which reading goes on are found again when the head is read.
    prefix = layout.Prefix.parse_stream(window, front_limit=front_limit, report=lambda fault: None)
    return window.tell() + int(prefix.front_size) + 4


def check_end(file: Outline) -> None:
    """Section 2.2: the file ends with its last segment."""
    if file.end - file.body_offset >= 1 << 63:
        size = file.end - file.body_offset
        raise SpecError("BAD_STREAM", file.body_offset, "body", "the segments have 2^63 bytes or more", "2.2", size)
    size = file.source.size
    if size < file.end:
        message = f"the file ends and the segments do not; bytes missing: {file.end - size}"
        raise SpecError("TRUNCATED", size, "body", message, "2.2", size)
    if size > file.end:
        message = f"bytes behind the last segment: {size - file.end}"
        raise SpecError("TRAILING_BYTES", file.end, "body", message, "2.2", size)


def output_limit(file_size: int) -> int:
    """Section 8.1: the default limit, in bytes of tensors and in work."""
    return (1 << 24) + 4096 * file_size


def check_output(file: Outline, limit: int) -> None:
    """Section 8.1: all tensors together take at most ``limit`` bytes."""
    total = sum(tensor.elements * tensor.dtype.size for tensor in file.directory.tensors)
    if total > limit:
        message = f"the tensors take {total} bytes, more than the limit of {limit}"
        raise SpecError("LIMIT_EXCEEDED", 0, "tensors", message, "8.1", total)


def segment_data(source: Source, segment: Segment, offset: int) -> bytes | memoryview:
    """The bytes of a segment, after their checksum was compared (6.5)."""
    data = source.read(offset, segment.size)
    found = zlib.crc32(data)
    if found != segment.checksum:
        message = f"the checksum of these bytes is not {segment.checksum:#010x}: the file is damaged"
        raise SpecError("SEGMENT_CHECKSUM", offset, segment.field, message, "6.5", f"{found:#010x}")
    return data


class Payload(NamedTuple):
    """Section 6.5: the indices of one plane of the parts of a segment, coded.

    Attributes:
        plane: number of the plane.
        coder: number of the coder.
        offset: from the first byte of the segment.
        data: its bytes.
    """

    plane: int
    coder: int
    offset: int
    data: bytes

    @property
    def field(self) -> str:
        """Path of the payload within the segment."""
        return f"planes[{self.plane}]"


class Work:
    """Section 8.1: what the payloads that one call decodes cost.

    Args:
        limit: the most that it may be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done = 0

    def add(self, payload: Payload, elements: int) -> None:
        """Count a payload that is about to be decoded; SpecError if it is too much."""
        cost = coders.cost(payload.coder, payload.data) * elements
        self._done += cost
        if cost > 0 and self._done > self._limit:
            message = f"work of {self._done} for all payloads up to this one, more than the limit of {self._limit}"
            raise SpecError("LIMIT_EXCEEDED", payload.offset, payload.field, message, "8.1", self._done)


def payloads(stream: Stream, data: bytes | memoryview, parts: Sequence[Part]) -> Iterator[Payload]:
    """Section 6.5: the payloads of a segment, in the order in which they lie in it; SpecError if one is not in it."""
    stored = [plane for plane in range(stream.planes) if not stream.coded_planes >> plane & 1]
    coded = [plane for plane in range(stream.planes) if stream.coded_planes >> plane & 1]
    window = Window(bytes(data), 0, _BEYOND_SEGMENT)
    for plane in stored:
        yield _next_payload(STORED, window, payload_size(parts), plane)
    for plane in coded:
        rest = len(data) - window.tell()
        size = rest if plane == coded[-1] else int(Varint.parse_stream(window))
        yield _next_payload(stream.coder, window, size, plane)
    if window.tell() < len(data):
        left = len(data) - window.tell()
        raise SpecError("BAD_PAYLOAD", window.tell(), "", f"{left} bytes are left over in the segment", "6.5", left)


def _next_payload(coder: int, window: Window, size: int, plane: int) -> Payload:
    payload = Payload(plane, coder, window.tell(), window.read(size))
    if len(payload.data) < size:
        message = f"a payload of {size} bytes reaches beyond the segment"
        raise SpecError("BAD_PAYLOAD", payload.offset, payload.field, message, "6.5", len(payload.data))
    return payload


def decode_segment(
    stream: Stream, data: bytes | memoryview, parts: Sequence[Part], work: Work | None = None
) -> list[list[list[int]]]:
    """Section 6.5: for each plane, for each part, its indices.

    What it costs is added to ``work``.

    Raises:
        SpecError: with an offset that counts from the first byte of the segment.
    """
    planes: dict[int, list[list[int]]] = {}
    for payload in payloads(stream, data, parts):
        if work is not None:
            work.add(payload, sum(part.size for part in parts))
        try:
            planes[payload.plane] = coders.decode(payload.coder, payload.data, parts)
        except SpecError as error:
            raise error.moved(payload.offset, payload.field) from None
    return [planes[plane] for plane in range(stream.planes)]


def decode_streams(file: Outline, work: Work) -> list[list[list[list[int]]]]:
    """For each stream, for each plane, for each tensor of the stream, its indices."""
    decoded: list[list[list[list[int]]]] = [
        [[[] for _ in stream.tensors] for _ in range(stream.planes)] for stream in file.directory.streams
    ]
    numbers = {id(stream): number for number, stream in enumerate(file.directory.streams)}
    for stream, segment_number, segment, offset in file.segments():
        data = segment_data(file.source, segment, offset)
        try:
            planes = decode_segment(stream, data, file.directory.parts(stream, segment_number), work)
        except SpecError as error:
            raise error.moved(offset, segment.field) from None
        for plane, parts in enumerate(planes):
            for member, indices in enumerate(parts):
                decoded[numbers[id(stream)]][plane][member] += indices
    return decoded


def read(data: bytes, *, front_limit: int = layout.FRONT_LIMIT, limit: int | None = None) -> File:
    """All tensors of a file.

    Args:
        data: the whole file.
        front_limit: greatest `front_size` that is read.
        limit: bytes that the tensors may take together, and work; by default that of section 8.1.

    Raises:
        SpecError: the first rule that is broken.
    """
    file = outline(data, front_limit=front_limit)
    check_end(file)
    limit = output_limit(len(data)) if limit is None else limit
    check_output(file, limit)
    streams = decode_streams(file, Work(limit))
    values: list[Values] = []
    indices: dict[str, list[int]] = {}
    for number, tensor in enumerate(file.directory.tensors):
        planes = _planes(file.directory, number, tensor, streams)
        if tensor.quantizer == "tied":
            assert tensor.source is not None
            content = values[tensor.source].data
        elif tensor.quantizer == "lossless":
            content = levels.join_planes(tensor.dtype, planes)
        else:
            indices[tensor.name] = planes[0]
            content = _lookup(tensor, planes[0])
        values.append(Values(tensor.dtype.name, tensor.shape, content))
    tensors = {tensor.name: value for tensor, value in zip(file.directory.tensors, values, strict=True)}
    all_levels = {tensor.name: tensor.levels() for tensor in file.directory.tensors if tensor.name in indices}
    return File(tensors, indices, all_levels, file.metadata, file.source_hash)


def _planes(
    directory: Directory, number: int, tensor: Tensor, streams: Sequence[Sequence[Sequence[list[int]]]]
) -> list[list[int]]:
    """The indices of a tensor, plane by plane; without a stream all of them are 0."""
    if tensor.stream is None:
        planes = tensor.dtype.planes if tensor.quantizer == "lossless" else 1
        count = 0 if tensor.quantizer == "tied" else tensor.elements
        return [[0] * count for _ in range(planes)]
    member = directory.streams[tensor.stream].tensors.index(number)
    return [plane[member] for plane in streams[tensor.stream]]


def _lookup(tensor: Tensor, indices: Sequence[int]) -> bytes:
    table = levels.level_bytes(tensor.levels(), tensor.dtype)
    output = io.BytesIO()
    for index in indices:
        output.write(table[index])
    return output.getvalue()

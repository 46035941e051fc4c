"""Decoding one segment: checksum, payloads of the planes, coders (spec/format.md, 6.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hemp_codec import _native, coders
from hemp_codec.coders.base import Coder
from hemp_codec.directory import Directory, SegmentRecord, StreamRecord
from hemp_codec.errors import ChecksumError, FormatError, HempError
from hemp_codec.sources import Source
from hemp_codec.tensors import Part, index_dtype
from hemp_codec.work import Work

_STORED = 0
_VARINT_MAX = 9
_FIRST_PRIVATE = 128

Planes = list[np.ndarray]
"""Index arrays of a tensor or of a piece of it: one for each plane if lossless, else one."""


def decode_segment(source: Source, directory: Directory, stream: StreamRecord, number: int, work: Work) -> list[Planes]:
    """Segment ``number`` of a stream, counted from 0 in it: for each part its planes, 1-D, of ``index_dtype``.

    What it costs is added to ``work``.

    Raises:
        HempError: a checksum or a payload is wrong, or the coder is not known here; ``offset`` is that of the segment,
            ``tensor`` the first tensor of the stream.
    """
    segment = directory.segment(stream.first_segment + number)
    parts = directory.segment_parts(stream, number)
    try:
        data = _checked_data(source, segment)
        planes = list(decode_planes(data, stream, parts, work))
    except HempError as error:
        name = directory.names[stream.opener]
        message = f"tensor {name!r}: {error} ({error.code} in the segment at byte {segment.offset})"
        raise type(error)(message, code=error.code, tensor=name, offset=segment.offset) from error
    return [list(part) for part in zip(*planes, strict=True)]


def decode_planes(
    data: memoryview, stream: StreamRecord, parts: Sequence[Part], work: Work
) -> Iterator[list[np.ndarray]]:
    """Of a segment's bytes, plane by plane, the indices of each part; HempError if they break a rule.

    What they cost is added to ``work``.
    """
    elements = sum(part.size for part in parts)
    for coder, payload in _split_payloads(data, stream, parts):
        work.add(coder.number, payload, elements)
        yield _decode_plane(coder, payload, parts)


def _checked_data(source: Source, segment: SegmentRecord) -> memoryview:
    data = source.read(segment.offset, segment.size)
    if _native.crc32(data) != segment.checksum:
        raise ChecksumError("a checksum differs: the file is damaged; fetch it again", code="SEGMENT_CHECKSUM")
    return data


def _split_payloads(
    data: memoryview, stream: StreamRecord, parts: Sequence[Part]
) -> Iterator[tuple[Coder, memoryview]]:
    """Coder and payload of each plane, in the order of planes.

    A coder that is not known here is an error only where a payload of it is there (spec/format.md, 9).
    """
    is_coded = [bool(stream.coded_planes >> plane & 1) for plane in range(stream.planes)]
    payloads = _stored_payloads(data, is_coded.count(False), _native.stored_size(parts))
    rest = data[sum(map(len, payloads)) :]
    if rest and not any(is_coded):
        raise FormatError(f"{len(rest)} bytes are left over after the planes", code="BAD_PAYLOAD")
    stored_payloads, coded_payloads = iter(payloads), _coded_payloads(rest, is_coded.count(True))
    for coded in is_coded:
        payload = next(coded_payloads if coded else stored_payloads)
        yield coders.get(stream.coder if coded else _STORED), payload


def _stored_payloads(data: memoryview, count: int, size: int) -> list[memoryview]:
    return [_take(data, plane * size, size) for plane in range(count)]


def _coded_payloads(data: memoryview, count: int) -> Iterator[memoryview]:
    """The payloads of one plane or more, which fill ``data``: each after its size, the last to the end."""
    at = 0
    for _ in range(count - 1):
        size, at = _read_varint(data, at)
        yield _take(data, at, size)
        at += size
    yield data[at:]


def _take(data: memoryview, at: int, size: int) -> memoryview:
    if size > len(data) - at:
        raise FormatError("a payload reaches beyond its segment", code="BAD_PAYLOAD")
    return data[at : at + size]


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """A varint and the position behind it."""
    value = 0
    encoded = data[at : at + _VARINT_MAX]
    for count, byte in enumerate(encoded):
        value |= (byte & 0x7F) << 7 * count
        if byte == 0 and count > 0:
            break
        if byte < 0x80:
            return value, at + count + 1
    else:
        if len(encoded) < _VARINT_MAX:
            raise FormatError("the segment ends within the size of a payload", code="BAD_PAYLOAD")
    raise FormatError("the size of a payload is not written in its shortest form", code="BAD_VARINT")


def _decode_plane(coder: Coder, payload: memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
    """The indices of one plane of all parts; checked if the coder is another package's."""
    arrays = coder.decode_parts(payload, parts)
    if coder.number < _FIRST_PRIVATE:
        return arrays
    for array, part in zip(arrays, parts, strict=True):
        if array.shape != (part.size,) or array.dtype != index_dtype(part.num_levels):
            found = f"{array.dtype} of shape {array.shape}"
            raise FormatError(f"coder {coder.name} gave {found} for {part.size} elements", code="BAD_PAYLOAD")
        if array.size and array.max() >= part.num_levels:
            raise FormatError(f"index {array.max()} where there are {part.num_levels} levels", code="BAD_INDEX")
    return arrays

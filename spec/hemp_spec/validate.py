"""Every broken rule of a file, as far as one can be told from another.

The search goes on after a fault where the rest can still be understood: within the front, unless the sizes of what
follows are lost, and from segment to segment.  So nothing of a front whose checksum differs is looked at; no segment is
decoded if a record of a stream breaks a rule, or the tensors exceed the limit of section 8.1; and of a file that is cut
off, the segments that are there are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from hemp_spec import reference
from hemp_spec.directory import Part, Segment, Stream
from hemp_spec.errors import SpecError, Value
from hemp_spec.reference import Outline, Source

Decode = Callable[[Stream, bytes | memoryview, Sequence[Part]], object]
"""Decodes a segment; SpecError, whose offset counts from the segment's first byte, if it breaks a rule."""


class Fault(NamedTuple):
    """One broken rule; the fields are those of `SpecError`."""

    code: str
    offset: int
    field: str
    rule: str
    message: str
    value: Value


class Placed(NamedTuple):
    """A segment, where it is, and what it holds.

    Attributes:
        parts: gives the parts (6.4), which nobody needs of a segment that is damaged.
        offset: in the file.
    """

    stream: Stream
    segment: Segment
    parts: Callable[[], Sequence[Part]]
    offset: int


def faults(data: bytes | Source, *, decode: bool = True) -> Iterator[Fault]:
    """The faults of a file, in the order in which they are met; none if it is valid.

    Args:
        data: the whole file.
        decode: decode the segments whose checksums are right.  Without, only structures and checksums, which is fast.
    """
    found: list[SpecError] = []
    file = outline(data, found)
    yield from map(fault, found)
    if file is not None:
        decoder = _decoder(file.source.size) if decode and decodes_after(found) else None
        yield from segment_faults(file.source, segments(file), decoder)


def _decoder(file_size: int) -> Decode:
    work = reference.Work(reference.output_limit(file_size))
    return lambda stream, data, parts: reference.decode_segment(stream, data, parts, work)


def decodes_after(found: Iterable[SpecError]) -> bool:
    """Whether segments can be decoded although there are these faults before the body."""
    return all(error.code not in ("BAD_STREAM", "LIMIT_EXCEEDED") for error in found)


def outline(data: bytes | Source, found: list[SpecError]) -> Outline | None:
    """What a file says before its body, if that can be understood; faults are added to ``found``."""
    try:
        file = reference.outline(data, report=found.append)
    except SpecError as error:
        found.append(error)
        return None
    for check in (reference.check_end, _check_output):
        try:
            check(file)
        except SpecError as error:
            found.append(error)
    return file


def _check_output(file: Outline) -> None:
    reference.check_output(file, reference.output_limit(file.source.size))


def segments(file: Outline) -> Iterator[Placed]:
    """All segments in the order of the body."""
    for stream, number, segment, offset in file.segments():
        yield Placed(stream, segment, lambda s=stream, n=number: file.directory.parts(s, n), offset)  # type: ignore[misc]


def segment_faults(source: Source, placed: Iterable[Placed], decode: Decode | None) -> Iterator[Fault]:
    """The faults of the segments that lie within the file."""
    for stream, segment, parts, offset in placed:
        if offset + segment.size > source.size:
            return
        try:
            data = reference.segment_data(source, segment, offset)
        except SpecError as error:
            yield fault(error)
            continue
        try:
            if decode is not None:
                decode(stream, data, parts())
        except SpecError as error:
            yield fault(error.moved(offset, segment.field))


def fault(error: SpecError) -> Fault:
    """An error as a fault."""
    return Fault(error.code, error.offset, error.field, error.rule, error.message, error.value)

"""All faults of one file: structures by the executable specification, streams by the native decoder.

The executable specification is slow, so by default it decodes no more than ``REFERENCE_INDICES`` indices of a file: all
of a small one, whose streams are then decoded twice and compared; of a larger one, segments that the native decoder
refuses, to find the very byte and rule.  It takes its time too for a large front, so one of more than
``REFERENCE_FRONT`` bytes is left to the native reader, which reports the first fault only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from hemp_codec import segments
from hemp_codec.directory import Directory, StreamRecord, read_directory
from hemp_codec.errors import HempError, LimitError
from hemp_codec.reader import MAX_FRONT, OUTPUT_CONSTANT, OUTPUT_FACTOR
from hemp_codec.sources import Source
from hemp_codec.tensors import Part
from hemp_codec.work import Work
from hemp_spec import SpecError, conformance, reference, validate
from hemp_spec.directory import Part as SpecPart
from hemp_spec.directory import Segment, Stream
from hemp_spec.errors import SECTIONS
from hemp_spec.layout import PREFIX_SIZE
from hemp_spec.validate import Fault, Placed

REFERENCE_FRONT = 1 << 17
REFERENCE_INDICES = 1 << 11
_REFERENCE_BYTES = 1 << 16  # of a segment: an honest one of so few indices is smaller
_FIRST_PRIVATE = 128
_ADVICE = "--reference may find the byte"


class Check:
    """The faults of a file, one after the other, and then its conformance level.

    Args:
        source: the file.
        by_reference: leave nothing to the native decoder alone.
    """

    def __init__(self, source: Source, by_reference: bool) -> None:
        self._source = source
        self._by_reference = by_reference
        self._front_size = _front_size(source)
        self._limit = OUTPUT_CONSTANT + OUTPUT_FACTOR * source.size
        self._extent: Callable[[], conformance.Extent] | None = None

    def level(self) -> str | None:
        """The lowest conformance level (spec/format.md, 8.2) of the file, once it is found valid."""
        return None if self._extent is None else conformance.level_of(self._extent())

    def faults(self) -> Iterator[Fault]:
        """All of them; FormatError if the file becomes shorter meanwhile."""
        if self._by_reference or not REFERENCE_FRONT < self._front_size <= MAX_FRONT:
            yield from self._by_specification()
        else:
            yield from self._by_native_reader()

    def _by_specification(self) -> Iterator[Fault]:
        found: list[SpecError] = []
        file = validate.outline(self._source, found)
        yield from map(validate.fault, found)
        if file is None:
            return
        extent = conformance.extent(file)
        self._extent = lambda: extent
        decode = self._decoder(is_small=extent.indices <= REFERENCE_INDICES) if validate.decodes_after(found) else None
        yield from validate.segment_faults(self._source, validate.segments(file), decode)

    def _by_native_reader(self) -> Iterator[Fault]:
        try:
            directory = read_directory(self._source, MAX_FRONT, self._limit)
        except HempError as error:
            yield _native_fault(error, "front")
            return
        decode = None
        if directory.decoded_size > self._limit:
            size = directory.decoded_size
            message = f"the tensors take {size} bytes, more than the limit"
            yield Fault("LIMIT_EXCEEDED", 0, "tensors", "8.1", message, size)
        else:
            self._extent = lambda: _extent(directory, self._front_size)
            decode = self._decoder(is_small=False)
        yield from validate.segment_faults(self._source, _placed(directory), decode)

    def _decoder(self, is_small: bool) -> Decoder:
        if self._by_reference:
            return Decoder(True, None, Work(self._limit))
        return Decoder(is_small, REFERENCE_INDICES, Work(self._limit))


class Decoder:
    """Decodes segments, natively and as the specification does.

    Args:
        always: decode every segment both ways and compare.
        budget: indices that are decoded by the specification in all; None: any number.
        work: counts what is decoded natively.
    """

    def __init__(self, always: bool, budget: int | None, work: Work) -> None:
        self._always = always
        self._left = budget
        self._work = work

    def __call__(self, stream: Stream, data: bytes | memoryview, parts: Sequence[SpecPart]) -> None:
        """Decode a segment; SpecError if it breaks a rule."""
        refused: HempError | None = None
        planes: list[list[np.ndarray]] = []
        done = 0
        try:
            for plane in _native_planes(stream, data, parts, self._work):
                done += 1
                if self._always:
                    planes.append(plane)
        except HempError as error:
            refused = error
        is_private = stream.coder >= _FIRST_PRIVATE and refused is None
        is_too_long = isinstance(refused, LimitError)
        if (self._always or refused) and not (is_private or is_too_long) and self._may(stream, data, parts):
            expected = reference.decode_segment(stream, data, parts)
            if refused is None and not _same(planes, expected):
                raise RuntimeError("the native decoder gives other indices than the specification")
            if refused is not None:
                raise RuntimeError(f"the native decoder refuses what the specification allows: {refused}")
        if refused is not None:
            raise self._at_payload(refused, reference.payloads(stream, data, parts), done)

    def _at_payload(self, refused: HempError, payloads: Iterator[reference.Payload], plane: int) -> SpecError:
        """The error of the payload of a plane; SpecError is raised if one before it reaches beyond the segment."""
        fault = _native_fault(refused, "")
        payload = next(payload for payload in payloads if payload.plane == plane)
        if isinstance(refused, LimitError):
            return SpecError(fault.code, payload.offset, payload.field, fault.message, "8.1", self._work.done)
        return SpecError(fault.code, payload.offset, payload.field, f"{fault.message}; {_ADVICE}", fault.rule)

    def _may(self, stream: Stream, data: bytes | memoryview, parts: Sequence[SpecPart]) -> bool:
        """Take what decoding this segment by the specification costs from the budget, if that suffices."""
        if self._left is None:
            return True
        cost = stream.planes * sum(part.size for part in parts)
        if cost > self._left or len(data) > _REFERENCE_BYTES:
            return False
        self._left -= cost
        return True


def _native_planes(
    stream: Stream, data: bytes | memoryview, parts: Sequence[SpecPart], work: Work
) -> Iterator[list[np.ndarray]]:
    record = StreamRecord(stream.coder, stream.coded_planes, stream.planes, 0, 1, stream.elements, 0, len(parts) > 1)
    return segments.decode_planes(memoryview(data), record, [Part(*part) for part in parts], work)


def _same(planes: Sequence[Sequence[np.ndarray]], expected: Sequence[Sequence[Sequence[int]]]) -> bool:
    return [[part.tolist() for part in plane] for plane in planes] == [list(map(list, plane)) for plane in expected]


def _native_fault(error: HempError, field: str) -> Fault:
    code = error.code or type(error).__name__
    return Fault(code, error.offset or 0, field, SECTIONS.get(code, "9"), str(error), None)


def _front_size(source: Source) -> int:
    """What the field says, as far as it is there; nothing is checked."""
    value = 0
    for place, byte in enumerate(source.read(0, min(PREFIX_SIZE, source.size))[PREFIX_SIZE - 9 :]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            break
    return value


def _placed(directory: Directory) -> Iterator[Placed]:
    """All segments in the order of the body."""
    for number in range(directory.stream_count):
        record = directory.stream(number)
        field = f"tensors[{record.opener}].stream.segments"
        stream = Stream("", record.coder, record.coded_planes, record.planes, [], [], record.elements)
        for place in range(record.segment_count):
            offset, size, checksum = directory.segment(record.first_segment + place)
            yield Placed(stream, Segment(size, checksum, f"{field}[{place}]"), _parts(directory, record, place), offset)


def _parts(directory: Directory, stream: StreamRecord, number: int) -> Callable[[], Sequence[SpecPart]]:
    return lambda: [
        SpecPart(part.num_levels, part.shape, part.start, part.size) for part in directory.segment_parts(stream, number)
    ]


def _extent(directory: Directory, front_size: int) -> conformance.Extent:
    rank = num_levels = elements = segment = indices = 0
    for number in range(len(directory.names)):
        tensor = directory.tensor(number)
        rank = max(rank, len(tensor.shape))
        num_levels = max(num_levels, tensor.num_levels)
        elements = max(elements, tensor.elements)
    coders = set()
    for number in range(directory.stream_count):
        stream = directory.stream(number)
        segment = max(segment, min(stream.elements, directory.segment_elements))
        indices += stream.elements * stream.planes
        coders.add(stream.coder)
    name_size = max((len(name.encode()) for name in directory.names), default=0)
    return conformance.Extent(
        front=front_size,
        tensors=len(directory.names),
        rank=rank,
        name_size=name_size,
        num_levels=num_levels,
        elements=elements,
        segment=segment,
        indices=indices,
        coders=frozenset(coders),
    )

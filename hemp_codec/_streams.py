"""Second step of writing: which tensors share a stream, and the bytes of its segments (spec/format.md, section 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from hemp_codec import _native, coders
from hemp_codec._entropy import entropy, entropy_of_counts
from hemp_codec._indices import LosslessIndices
from hemp_codec._prepare import Prepared
from hemp_codec._varint import varint
from hemp_codec.coders import Coder
from hemp_codec.quantizers import Planes
from hemp_codec.tensors import Part, columns_of

_SMALL = 1 << 12  # estimated coded bytes up to which a tensor joins its neighbours
_LARGE = 1 << 14  # stored bytes from which elements are not looked at: coding seldom leaves a fourth of them
_MAX_GROUP = 1 << 16  # estimated coded bytes of a solid group of a large file
_MAX_WHOLE = 1 << 21  # stored bytes up to which a whole class is one solid group
_MAX_WHOLE_ELEMENTS = 1 << 20
_OWN_RECORD = 64  # bits that one more stream costs outside of its payload
_STATES = (40, 0.01)  # of a payload of rans: bits at least, and as a part of the entropy
_FREQUENCY = 12  # bits in its table for each symbol that occurs
_BYTE_LEVELS = 256
_CODED_SAMPLE = (4, 1 << 13)  # pieces and elements of each, that are coded to see whether coding a plane pays
_ENTROPY_SAMPLE = (16, 1 << 12)  # ... that stand for the entropy of a plane
_WORTH = 0.995  # a plane is coded if that makes it smaller than this part of its stored size
_SURELY_WORTH = 0.985  # ... of its zero-order entropy: no sample is needed


class CodedSegment(NamedTuple):
    """What coding a segment gives.

    Attributes:
        coder: number of the coder as decided.
        coded_planes: bit mask as decided.
        size: bytes of the segment.
        checksum: their CRC-32.
    """

    coder: int
    coded_planes: int
    size: int
    checksum: int


class CodedSegments(NamedTuple):
    """Segments that were coded together, and their bytes in a row."""

    segments: list[CodedSegment]
    data: bytes | np.ndarray


SegmentTask = Callable[[], CodedSegments]


@dataclass(eq=False)
class Stream:
    """A stream before it is coded.

    Attributes:
        numbers: of the records whose tensors it has, ascending.
        tensors: those tensors.
        elements: of all of them.
        stored_size: bytes of all planes if they are stored.
        estimate: estimated coded bytes; 0 where nobody asked for it.
    """

    numbers: list[int] = field(default_factory=list)
    tensors: list[Prepared] = field(default_factory=list)
    elements: int = 0
    stored_size: int = 0
    estimate: int = 0

    @property
    def coder(self) -> Coder:
        return self.tensors[0].coder

    def add(self, number: int, tensor: Prepared, stored_size: int, estimate: int = 0) -> None:
        """Take one more tensor."""
        self.numbers.append(number)
        self.tensors.append(tensor)
        self.elements += tensor.elements
        self.stored_size += stored_size
        self.estimate += estimate


@dataclass(eq=False)
class _Class:
    """Tensors of one class that wait for their stream to be closed.

    Attributes:
        whole: nothing was closed yet, so that all of the class may become one stream.
        waiting: the open group.
    """

    whole: bool = True
    waiting: Stream = field(default_factory=Stream)


class Grouper:
    """Puts tensors into streams.

    A class of tensors that is small altogether becomes one solid stream.  Otherwise small tensors that follow each
    other are grouped, up to a size at which fetching one of them stays cheap, and others get a stream of their own.
    Groups are parted where one table of ``rans`` would not fit all of them.

    Args:
        segment_elements: most elements of a solid stream.
    """

    def __init__(self, segment_elements: int) -> None:
        self._segment_elements = segment_elements
        self._classes: dict[int, _Class] = {}

    def add(self, number: int, tensor: Prepared) -> Iterator[Stream]:
        """Take the next tensor that has planes; gives the streams that are complete now."""
        state = self._classes.get(_class_of(tensor))
        if state is None:
            state = self._classes[_class_of(tensor)] = _Class()
        size = _stored_size(tensor)
        if not state.whole:
            yield from self._add_by_size(state, number, tensor, size)
            return
        if self._may_be_whole(state.waiting, tensor, size):
            state.waiting.add(number, tensor, size)
            return
        waiting, state.whole, state.waiting = state.waiting, False, Stream()
        for earlier, member in zip(waiting.numbers, waiting.tensors, strict=True):
            yield from self._add_by_size(state, earlier, member, _stored_size(member))
        yield from self._add_by_size(state, number, tensor, size)

    def finish(self) -> Iterator[Stream]:
        """The streams that are still open."""
        for state in self._classes.values():
            if state.waiting.numbers:
                yield from _by_table(state.waiting)

    def _add_by_size(self, state: _Class, number: int, tensor: Prepared, stored_size: int) -> Iterator[Stream]:
        estimate = _estimate(tensor, stored_size)
        small = estimate <= _SMALL
        if small and state.waiting.estimate + estimate <= _MAX_GROUP and self._is_possible(state.waiting, tensor):
            state.waiting.add(number, tensor, stored_size, estimate)
            return
        if state.waiting.numbers:
            yield from _by_table(state.waiting)
        alone = Stream()
        alone.add(number, tensor, stored_size, estimate)
        state.waiting = alone if small else Stream()
        if not small:
            yield alone

    def _may_be_whole(self, stream: Stream, tensor: Prepared, stored_size: int) -> bool:
        small = stream.stored_size + stored_size <= _MAX_WHOLE
        few = stream.elements + tensor.elements <= _MAX_WHOLE_ELEMENTS
        return small and few and self._is_possible(stream, tensor)

    def _is_possible(self, stream: Stream, tensor: Prepared) -> bool:
        """Whether ``tensor`` may continue ``stream``, which may be empty."""
        same_coder = not stream.tensors or tensor.coder.number == stream.coder.number
        return same_coder and stream.elements + tensor.elements <= self._segment_elements


def _by_table(stream: Stream) -> Iterator[Stream]:
    """``stream``, or several: ``rans`` has one table for all tensors of a stream, so that one whose symbols are
    distributed otherwise, as where zero has another number, does better with a stream of its own."""
    if len(stream.tensors) == 1 or stream.coder.number != coders.Rans.number:
        yield stream
        return
    begins: Iterable[bool]
    if _is_elements(stream.tensors[0]):
        begins = _native.lossless_group(_native_segment(stream.tensors, 0, stream.elements, None))
    else:
        begins = _begin_by_indices(stream)
    group = Stream()
    for begin, number, tensor in zip(begins, stream.numbers, stream.tensors, strict=True):
        if begin and group.numbers:
            yield group
            group = Stream()
        group.add(number, tensor, _stored_size(tensor))
    yield group


def _begin_by_indices(stream: Stream) -> Iterator[bool]:
    """Which quantized tensors had better begin a stream."""
    levels = max(tensor.num_levels for tensor in stream.tensors)
    known, cost = np.zeros(levels, np.int64), 0.0
    for tensor in stream.tensors:
        (plane,) = _cut(tensor, 0, tensor.elements)
        own = np.bincount(plane, minlength=levels)
        alone = 8 * len(stream.coder.encode_parts([plane], [_part(tensor, 0, tensor.elements)])) + _OWN_RECORD
        together = _table_bits(known + own)
        begins = not known.any() or together > cost + alone
        known, cost = (own, alone) if begins else (known + own, together)
        yield begins


def _table_bits(counts: np.ndarray) -> float:
    """About what a payload of ``rans`` takes that has one table for all symbols, which occur so often."""
    least, part = _STATES
    return (1 + part) * entropy_of_counts(counts) + least + _FREQUENCY * int(np.count_nonzero(counts))


def is_native(stream: Stream) -> bool:
    """Whether libhemp makes segments of elements, with no arrays of planes on the way."""
    return _is_elements(stream.tensors[0]) and stream.coder.number in (coders.Rans.number, coders.Stored.number)


def native_segments(stream: Stream, segment_elements: int) -> Iterator[_native.LosslessSegment]:
    """The segments of a stream that is native, for a ``LosslessEncoder``."""
    coded = 0 if stream.coder.number == coders.Stored.number else None
    if stream.elements <= segment_elements:
        yield _native_segment(stream.tensors, 0, segment_elements, coded)
        return
    if coded is None:
        coded = _native.lossless_promising(_native_segment(stream.tensors, 0, stream.elements, None))
    for start, stop in _ranges(stream, segment_elements):
        yield _native_segment(stream.tensors, start, stop, coded)


def _native_segment(tensors: list[Prepared], start: int, stop: int, coded: int | None) -> _native.LosslessSegment:
    """The elements [start, stop) of each tensor, or what it has of them."""
    parts: list[tuple[_native.Data, int, int]] = []
    for tensor in tensors:
        assert isinstance(tensor.indices, LosslessIndices), "only lossless tensors come here"
        parts.append((tensor.indices.elements(start, stop), columns_of(tensor.shape, tensor.elements), start))
    return tensors[0].dtype.number, parts, coded


def collect_native(encoder: _native.LosslessEncoder) -> CodedSegments:
    """Wait for the segments that were begun first."""
    coded, data = encoder.collect()
    rans, stored = coders.Rans.number, coders.Stored.number
    return CodedSegments([CodedSegment(rans if mask else stored, mask, *rest) for mask, *rest in coded], data)


def segment_tasks(stream: Stream, segment_elements: int) -> Iterator[SegmentTask]:
    """The work of coding a stream that is not native: one call for each segment, in order.

    They may run in any order and thread."""
    if stream.elements <= segment_elements:
        yield partial(_code_single, stream)
        return
    (tensor,) = stream.tensors
    coded = _decide(tensor)
    for start, stop in _ranges(stream, segment_elements):
        yield partial(_code_segment, tensor, start, stop, coded)


def _ranges(stream: Stream, segment_elements: int) -> Iterator[tuple[int, int]]:
    for start in range(0, stream.elements, segment_elements):
        yield start, min(start + segment_elements, stream.elements)


def _is_elements(tensor: Prepared) -> bool:
    """Whether the tensor is lossless, and its planes are bytes."""
    return isinstance(tensor.indices, LosslessIndices) and tensor.num_levels == _BYTE_LEVELS


def _code_segment(tensor: Prepared, start: int, stop: int, coded: list[bool]) -> CodedSegments:
    """Code the elements [start, stop) of a tensor of several segments."""
    stored, coder = coders.Stored(), tensor.coder
    parts = [_part(tensor, start, stop - start)]
    payloads = [
        (coder if is_coded else stored).encode_parts([plane], parts)
        for plane, is_coded in zip(_cut(tensor, start, stop), coded, strict=True)
    ]
    return _assemble(coder, coded, payloads)


def _code_single(stream: Stream) -> CodedSegments:
    """Code the only segment of a stream: each plane is coded and kept so if that is smaller."""
    stored, coder = coders.Stored(), stream.coder
    parts = [_part(tensor, 0, tensor.elements) for tensor in stream.tensors]
    planes = zip(*(_cut(tensor, 0, tensor.elements) for tensor in stream.tensors), strict=True)
    payloads, coded = [], []
    stored_size = _native.stored_size(parts)
    for indices in planes:
        payload = coder.encode_parts(indices, parts) if _may_pay(coder, indices, parts) else None
        is_coded = payload is not None and len(payload) + len(varint(len(payload))) < _WORTH * stored_size
        coded.append(is_coded)
        payloads.append(payload if is_coded and payload is not None else stored.encode_parts(indices, parts))
    return _assemble(coder, coded, payloads)


def _assemble(coder: Coder, coded: list[bool], payloads: list[bytes]) -> CodedSegments:
    """The bytes of a segment (spec/format.md, 6.5)."""
    mask = sum(1 << plane for plane, is_coded in enumerate(coded) if is_coded)
    pieces = [payload for payload, is_coded in zip(payloads, coded, strict=True) if not is_coded]
    sized = [payload for payload, is_coded in zip(payloads, coded, strict=True) if is_coded]
    for payload in sized[:-1]:
        pieces += [varint(len(payload)), payload]
    data = b"".join(pieces + sized[-1:])
    number = coder.number if mask else coders.Stored.number
    return CodedSegments([CodedSegment(number, mask, len(data), _native.crc32(data))], data)


def _decide(tensor: Prepared) -> list[bool]:
    """For each plane of a tensor of several segments, whether it is coded."""
    part = _part(tensor, 0, tensor.elements)
    if not _needs_sample(tensor.coder, [part]):
        return [tensor.coder.number != coders.Stored.number] * _planes_of(tensor)
    pieces, samples = _spread(part, *_ENTROPY_SAMPLE), _spread(part, *_CODED_SAMPLE)
    planes = zip(*(_cut(tensor, *_range(piece)) for piece in pieces), strict=True)
    coded = zip(*(_cut(tensor, *_range(sample)) for sample in samples), strict=True)
    return [
        _promises(tensor.coder, np.concatenate(plane), sample, samples)
        for plane, sample in zip(planes, coded, strict=True)
    ]


def _may_pay(coder: Coder, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bool:
    """Whether coding this plane promises to make it smaller."""
    if not _needs_sample(coder, parts):
        return coder.number != coders.Stored.number
    (plane,), (part,) = indices, parts
    pieces, samples = _spread(part, *_ENTROPY_SAMPLE), _spread(part, *_CODED_SAMPLE)
    some = np.concatenate([plane[slice(*_range(piece))] for piece in pieces])
    return _promises(coder, some, [plane[slice(*_range(sample))] for sample in samples], samples)


def _needs_sample(coder: Coder, parts: Sequence[Part]) -> bool:
    """Whether to look at a sample first: else the plane is coded, unless it is to be stored anyway."""
    return coder.number != coders.Stored.number and len(parts) == 1 and parts[0].size > 2 * math.prod(_CODED_SAMPLE)


def _promises(coder: Coder, plane: np.ndarray, sample: Sequence[np.ndarray], parts: Sequence[Part]) -> bool:
    """Whether a plane (or enough of it) has low entropy, or else a ``sample`` of it, of ``parts``, gets smaller."""
    width = _width(parts[0].num_levels)
    found = entropy(plane, parts[0].num_levels)
    if coder.number == coders.Rans.number:  # it comes near this entropy, and seldom far below
        return found < _WORTH * width
    if found < _SURELY_WORTH * width:
        return True
    return 8 * len(coder.encode_parts(sample, parts)) < _WORTH * width * math.prod(_CODED_SAMPLE)


def _spread(part: Part, count: int, size: int) -> list[Part]:
    """``count`` parts of ``size`` elements, evenly spread over ``part``; ``part`` itself if it is no larger."""
    if part.size <= count * size:
        return [part]
    gap = (part.size - size) // (count - 1)
    return [replace(part, start=part.start + number * gap, size=size) for number in range(count)]


def _range(part: Part) -> tuple[int, int]:
    return part.start, part.start + part.size


def _cut(tensor: Prepared, start: int, stop: int) -> list[np.ndarray]:
    """The planes of the elements [start, stop)."""
    assert tensor.indices is not None, "a tensor without a stream is in none"
    return tensor.indices.cut(start, stop)


def _planes_of(tensor: Prepared) -> int:
    return tensor.indices.planes if tensor.indices is not None else 0


def _part(tensor: Prepared, start: int, size: int) -> Part:
    return Part(tensor.num_levels, tensor.shape, start, size)


def _class_of(tensor: Prepared) -> int:
    return tensor.dtype.number if isinstance(tensor.parameters, Planes) else -1


def _width(num_levels: int) -> int:
    return (num_levels - 1).bit_length()


def _stored_size(tensor: Prepared) -> int:
    """Bytes of all planes if they are stored."""
    return _planes_of(tensor) * ((tensor.elements * _width(tensor.num_levels) + 7) // 8)


def _estimate(tensor: Prepared, stored_size: int) -> int:
    """Estimated coded bytes of all planes."""
    if stored_size <= _SMALL or tensor.elements * _planes_of(tensor) > 16 * _SMALL * 8:
        return stored_size
    if _is_elements(tensor):
        if stored_size >= _LARGE:
            return stored_size
        return _native.lossless_estimate(_native_segment([tensor], 0, tensor.elements, None))
    planes = _cut(tensor, 0, tensor.elements)
    return math.ceil(sum(plane.size * entropy(plane, tensor.num_levels) / 8 for plane in planes))

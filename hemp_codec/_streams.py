"""Second step of writing: which tensors share a stream, and the bytes of its segments (spec/format.md, section 6)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from hemp_codec import coders
from hemp_codec._entropy import entropy
from hemp_codec._prepare import Prepared
from hemp_codec._varint import varint
from hemp_codec.coders import Coder
from hemp_codec.quantizers import Planes
from hemp_codec.tensors import Part

_SMALL = 1 << 12  # estimated coded bytes up to which a tensor joins its neighbours
_MAX_GROUP = 1 << 16  # estimated coded bytes of a solid group of a large file
_MAX_WHOLE = 1 << 19  # stored bytes up to which a whole class is one solid group
_SAMPLE_PIECES, _SAMPLE_PIECE = 4, 1 << 13  # elements of a plane that are coded to see whether coding pays
_WORTH = 0.995  # a plane is coded if that makes it smaller than this part of its stored size
_SURELY_WORTH = 0.97  # ... of its zero-order entropy: no sample is needed


@dataclass(frozen=True)
class CodedSegment:
    """What coding a segment gives.

    Attributes:
        coder: number of the coder as decided.
        coded_planes: bit mask as decided.
        data: the segment's bytes.
        checksum: their CRC-32.
    """

    coder: int
    coded_planes: int
    data: bytes
    checksum: int


@dataclass(eq=False)
class Stream:
    """A stream before it is coded.

    Attributes:
        numbers: of the records whose tensors it has, ascending.
        tensors: those tensors.
    """

    numbers: list[int]
    tensors: list[Prepared]

    @property
    def coder(self) -> Coder:
        return self.tensors[0].coder

    @property
    def elements(self) -> int:
        return sum(math.prod(tensor.shape) for tensor in self.tensors)


@dataclass(eq=False)
class _Class:
    """Tensors of one class that wait for their stream to be closed.

    Attributes:
        whole: nothing was closed yet, so that all of the class may become one stream.
        waiting: the open group.
    """

    whole: bool = True
    waiting: Stream = field(default_factory=lambda: Stream([], []))


class Grouper:
    """Puts tensors into streams.

    A class of tensors that is small altogether becomes one solid stream.  Otherwise small tensors that follow each
    other are grouped, up to a size at which fetching one of them stays cheap, and others get a stream of their own.

    Args:
        segment_elements: most elements of a solid stream.
    """

    def __init__(self, segment_elements: int) -> None:
        self._segment_elements = segment_elements
        self._classes: dict[int, _Class] = {}

    def add(self, number: int, tensor: Prepared) -> Iterator[Stream]:
        """Take the next tensor that has planes; gives the streams that are complete now."""
        state = self._classes.setdefault(_class_of(tensor), _Class())
        if not state.whole:
            yield from self._add_by_size(state, number, tensor)
            return
        state.waiting.numbers.append(number)
        state.waiting.tensors.append(tensor)
        if not self._may_be_whole(state.waiting):
            waiting, state.whole, state.waiting = state.waiting, False, Stream([], [])
            for earlier, member in zip(waiting.numbers, waiting.tensors, strict=True):
                yield from self._add_by_size(state, earlier, member)

    def finish(self) -> Iterator[Stream]:
        """The streams that are still open."""
        for state in self._classes.values():
            if state.waiting.numbers:
                yield state.waiting

    def _add_by_size(self, state: _Class, number: int, tensor: Prepared) -> Iterator[Stream]:
        small = _estimate(tensor) <= _SMALL
        joined = Stream([*state.waiting.numbers, number], [*state.waiting.tensors, tensor])
        if small and self._fits(joined):
            state.waiting = joined
            return
        if state.waiting.numbers:
            yield state.waiting
        alone = Stream([number], [tensor])
        state.waiting = alone if small else Stream([], [])
        if not small:
            yield alone

    def _may_be_whole(self, stream: Stream) -> bool:
        stored = sum(_stored_size(tensor) for tensor in stream.tensors)
        return stored <= _MAX_WHOLE and self._is_possible(stream)

    def _fits(self, stream: Stream) -> bool:
        return sum(_estimate(tensor) for tensor in stream.tensors) <= _MAX_GROUP and self._is_possible(stream)

    def _is_possible(self, stream: Stream) -> bool:
        same_coder = all(tensor.coder.number == stream.coder.number for tensor in stream.tensors)
        return same_coder and stream.elements <= self._segment_elements


def segment_tasks(stream: Stream, segment_elements: int) -> list[Callable[[], CodedSegment]]:
    """The work of coding a stream: one call for each segment, in order; they may run in any order and thread."""
    elements = stream.elements
    if elements <= segment_elements:
        parts = [_part(tensor, 0, math.prod(tensor.shape)) for tensor in stream.tensors]
        return [lambda: _code_single(stream, parts)]
    coder, coded = _decide(stream.tensors[0], stream.coder)
    return [
        _segment_task(stream.tensors[0], start, min(segment_elements, elements - start), coder, coded)
        for start in range(0, elements, segment_elements)
    ]


def _segment_task(
    tensor: Prepared, start: int, size: int, coder: Coder, coded: list[bool]
) -> Callable[[], CodedSegment]:
    def run() -> CodedSegment:
        parts = [_part(tensor, start, size)]
        payloads = [
            (coder if is_coded else coders.Stored()).encode_parts([plane[start : start + size]], parts)
            for plane, is_coded in zip(tensor.planes, coded, strict=True)
        ]
        return _assemble(coder, coded, payloads)

    return run


def _code_single(stream: Stream, parts: list[Part]) -> CodedSegment:
    """Code the only segment of a stream: each plane is coded and kept so if that is smaller."""
    stored, coder = coders.Stored(), stream.coder
    payloads, coded = [], []
    for plane in range(len(stream.tensors[0].planes)):
        indices = [tensor.planes[plane] for tensor in stream.tensors]
        plain = stored.encode_parts(indices, parts)
        payload = coder.encode_parts(indices, parts) if _may_pay(coder, indices, parts) else plain
        is_coded = len(payload) + len(varint(len(payload))) < _WORTH * len(plain)
        coded.append(is_coded)
        payloads.append(payload if is_coded else plain)
    return _assemble(coder, coded, payloads)


def _assemble(coder: Coder, coded: list[bool], payloads: list[bytes]) -> CodedSegment:
    """The bytes of a segment (spec/format.md, 6.5)."""
    mask = sum(1 << plane for plane, is_coded in enumerate(coded) if is_coded)
    pieces = [payload for payload, is_coded in zip(payloads, coded, strict=True) if not is_coded]
    sized = [payload for payload, is_coded in zip(payloads, coded, strict=True) if is_coded]
    for payload in sized[:-1]:
        pieces += [varint(len(payload)), payload]
    data = b"".join(pieces + sized[-1:])
    return CodedSegment(coder.number if mask else coders.Stored.number, mask, data, zlib.crc32(data))


def _decide(tensor: Prepared, coder: Coder) -> tuple[Coder, list[bool]]:
    """For each plane of a tensor of several segments, whether it is coded."""
    part = _part(tensor, 0, math.prod(tensor.shape))
    return coder, [_may_pay(coder, [plane], [part]) for plane in tensor.planes]


def _may_pay(coder: Coder, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bool:
    """Whether coding this plane promises to make it smaller."""
    if coder.number == coders.Stored.number:
        return False
    size = sum(part.size for part in parts)
    if len(parts) > 1 or size <= 2 * _SAMPLE_PIECES * _SAMPLE_PIECE:
        return True
    (plane,), (part,) = indices, parts
    if entropy(plane, part.num_levels) < _SURELY_WORTH * _width(part.num_levels):
        return True
    pieces = _sample(plane, part)
    payload = coder.encode_parts([piece for piece, _ in pieces], [piece_part for _, piece_part in pieces])
    return 8 * len(payload) < _WORTH * _width(part.num_levels) * _SAMPLE_PIECES * _SAMPLE_PIECE


def _sample(plane: np.ndarray, part: Part) -> list[tuple[np.ndarray, Part]]:
    gap = (part.size - _SAMPLE_PIECE) // (_SAMPLE_PIECES - 1)
    starts = [piece * gap for piece in range(_SAMPLE_PIECES)]
    return [
        (plane[start : start + _SAMPLE_PIECE], Part(part.num_levels, part.shape, start, _SAMPLE_PIECE))
        for start in starts
    ]


def _part(tensor: Prepared, start: int, size: int) -> Part:
    return Part(tensor.num_levels, tensor.shape, start, size)


def _class_of(tensor: Prepared) -> int:
    return tensor.dtype.number if isinstance(tensor.parameters, Planes) else -1


def _width(num_levels: int) -> int:
    return (num_levels - 1).bit_length()


def _stored_size(tensor: Prepared) -> int:
    """Bytes of all planes if they are stored."""
    return sum((plane.size * _width(tensor.num_levels) + 7) // 8 for plane in tensor.planes)


def _estimate(tensor: Prepared) -> int:
    """Estimated coded bytes of all planes."""
    size = _stored_size(tensor)
    if size <= _SMALL or tensor.planes[0].size * len(tensor.planes) > 16 * _SMALL * 8:
        return size
    return math.ceil(sum(plane.size * entropy(plane, tensor.num_levels) / 8 for plane in tensor.planes))

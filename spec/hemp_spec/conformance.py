"""Section 8.2: conformance levels."""

from __future__ import annotations

from typing import NamedTuple

from hemp_spec.reference import Outline


class Extent(NamedTuple):
    """How large a file is, or may be.

    Attributes:
        front: bytes.
        tensors: number of them.
        rank, name_size, num_levels, elements: greatest of any tensor.
        segment: elements of the largest segment.
        indices: of all streams and planes, which is what decoding takes time for.
        coders: numbers of those that are used.
    """

    front: int
    tensors: int
    rank: int
    name_size: int
    num_levels: int
    elements: int
    segment: int
    indices: int
    coders: frozenset[int]

    def within(self, limit: Extent) -> bool:
        """Whether nothing exceeds ``limit``."""
        numbers = zip(self[:-1], limit[:-1], strict=True)
        return self.coders <= limit.coders and all(found <= most for found, most in numbers)


_ALL_CODERS = frozenset(range(5))
LEVELS: dict[str, Extent] = {
    "embedded": Extent(1 << 18, 1 << 12, 8, 255, 256, 1 << 24, 1 << 16, 1 << 26, frozenset({0, 3, 4})),
    "standard": Extent(1 << 26, 1 << 18, 16, 4095, 65536, 1 << 36, 1 << 20, 1 << 40, _ALL_CODERS),
    "large": Extent(1 << 28, 1 << 24, 32, 65535, 65536, (1 << 62) - 1, 1 << 24, 1 << 62, _ALL_CODERS),
}


def extent(file: Outline) -> Extent:
    """How large a valid file is."""
    directory = file.directory
    tensors, streams = directory.tensors, directory.streams
    return Extent(
        front=file.front_size,
        tensors=len(tensors),
        rank=max((len(tensor.shape) for tensor in tensors), default=0),
        name_size=max((len(tensor.name.encode()) for tensor in tensors), default=0),
        num_levels=max((tensor.num_levels for tensor in tensors), default=0),
        elements=max((tensor.elements for tensor in tensors), default=0),
        segment=max((min(stream.elements, directory.segment_elements) for stream in streams), default=0),
        indices=sum(stream.elements * stream.planes for stream in streams),
        coders=frozenset(stream.coder for stream in streams),
    )


def level_of(found: Extent) -> str | None:
    """The lowest level that a file of this extent is within; None if it has coders that are in none."""
    return next((name for name, limit in LEVELS.items() if found.within(limit)), None)

"""What the directory says of a tensor, for people and programs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hemp_codec import coders
from hemp_codec.directory import QUANTIZER_NAMES, TIED, Directory, TensorRecord
from hemp_codec.errors import UnsupportedError


@dataclass(frozen=True)
class TensorInfo:
    """A tensor as the directory describes it; nothing is decoded for it.

    Attributes:
        name: its name.
        dtype: name of the element type, such as ``"float32"``.
        shape: dimensions.
        quantizer: ``"lossless"``, ``"codebook"``, ``"uniform"`` or ``"tied"``.
        num_levels: reconstruction levels; those of each plane if lossless; 0 if tied.
        coder: name of its coder (its number, as text, if that is not known here), or None if the tensor has no stream.
        coded_planes: for each plane, whether ``coder`` codes it; the others are ``stored``.  Empty without a stream.
        coded_size: bytes of its segments.  The bytes of a solid stream are shared out in proportion to elements, so
            that the sizes of all tensors sum to the body of the file.
        segments: number of its segments.
        tied_to: name of the tensor whose elements these are, or None.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantizer: str
    num_levels: int
    coder: str | None = None
    coded_planes: tuple[bool, ...] = ()
    coded_size: int = 0
    segments: int = 0
    tied_to: str | None = None

    @property
    def bits_per_weight(self) -> float:
        """Bits of ``coded_size`` for each element; 0.0 for a tensor without elements."""
        elements = math.prod(self.shape)
        return 8 * self.coded_size / elements if elements else 0.0


def describe(directory: Directory, record: TensorRecord) -> TensorInfo:
    """The description of one tensor of a file."""
    info = TensorInfo(
        name=record.name,
        dtype=record.dtype.name,
        shape=record.shape,
        quantizer=QUANTIZER_NAMES[record.quantizer],
        num_levels=record.num_levels,
        tied_to=directory.names[record.source] if record.quantizer == TIED and record.source is not None else None,
    )
    if record.stream is None:
        return info
    stream = directory.stream(record.stream)
    size = directory.stream_size(record.stream)
    end = record.stream_start + record.elements
    return replace(
        info,
        coder=_coder_name(stream.coder),
        coded_planes=tuple(bool(stream.coded_planes >> plane & 1) for plane in range(stream.planes)),
        coded_size=size * end // stream.elements - size * record.stream_start // stream.elements,
        segments=stream.segment_count,
    )


def _coder_name(number: int) -> str:
    try:
        return coders.get(number).name
    except UnsupportedError:
        return str(number)

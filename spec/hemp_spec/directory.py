"""What the tensor records say together: dtypes, references between records, streams, segments, parts.

A `Directory` grows by one record at a time, because each record is understood by those before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hemp_spec import levels
from hemp_spec.dtypes import DTYPES, FIRST_DTYPE, HOLDERS, DType

LOSSLESS, CODEBOOK, UNIFORM, EXTENDED = range(4)  # `quantizer` in 4.2
TIED = 0  # `extension` in 5.4
STORED = 0  # `coder` in 6.6


class Part(NamedTuple):
    """Section 6.4: what a segment holds of one tensor; ``start`` is the number of its first element."""

    num_levels: int
    shape: tuple[int, ...]
    start: int
    size: int


def coder_number(coder: Any) -> int:
    """Number of the coder (6.6) from the field `coder` (6.2)."""
    return int(coder.number) + 128 * int(coder.private)


class Segment(NamedTuple):
    """Section 6.2; ``offset`` is that in the file, once the body's is known."""

    size: int
    checksum: int
    field: str


@dataclass
class Stream:
    """Section 6.

    Attributes:
        stream_class: name of a dtype, or ``quantized`` (6.1).
        coder: number.
        coded_planes: one bit for each plane; 0 for the coder `stored`.
        planes: number of planes; 1 for quantized tensors.
        segments: in order.
        tensors: numbers of the records whose indices it carries.
        elements: of all of them.
    """

    stream_class: str
    coder: int
    coded_planes: int
    planes: int
    segments: list[Segment]
    tensors: list[int]
    elements: int


@dataclass
class Tensor:
    """One tensor record, understood.

    Attributes:
        name: UTF-8 text.
        dtype: of the elements.
        shape: dimensions.
        quantizer: ``lossless``, ``codebook``, ``uniform`` or ``tied``.
        num_levels: of the indices, or of each plane; 0 for tied tensors.
        parameters: those of the record; for a shared codebook, those of its owner.
        source: tied: number of the record tied to. Shared codebook: number of its owner.
        stream: number of the stream, or None.
        field: path of the record.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    quantizer: str
    num_levels: int
    parameters: Any
    source: int | None
    stream: int | None
    field: str

    @property
    def elements(self) -> int:
        """Number of elements (1.8)."""
        return math.prod(self.shape)

    def levels(self) -> list[int]:
        """Bit patterns of the reconstruction levels in the tensor's dtype (5.2, 5.3)."""
        parameters = self.parameters
        if self.quantizer == "codebook":
            stored = levels.level_type(parameters.table.type)
            return levels.codebook_levels(parameters.levels, stored, self.dtype)
        if self.quantizer == "uniform":
            return levels.uniform_levels(parameters.step, parameters.offset, self.num_levels, self.dtype)
        raise ValueError(f"{self.name} is {self.quantizer} and has no levels")


@dataclass
class Directory:
    """All records so far.

    Attributes:
        segment_code: as in section 3.
        tensors: in the order of the records.
        streams: in the order in which they are opened.
    """

    segment_code: int
    tensors: list[Tensor] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)
    _last_opened: dict[str, int] = field(default_factory=dict)

    @property
    def segment_elements(self) -> int:
        """Elements of a segment, but the last of a stream (3, 6.2)."""
        return 1 << (10 + 2 * self.segment_code)

    def implied_dtype(self) -> DType:
        """Dtype of a record without one (4.2)."""
        return self.tensors[-1].dtype if self.tensors else FIRST_DTYPE

    def has_name(self, name: str) -> bool:
        """Whether an earlier record has this name (4.1)."""
        return name in self._names

    def codebook_owner(self, number: int) -> Tensor | None:
        """The earlier record ``number``, if it has a codebook of its own (5.2)."""
        tensor = self._tensor(number)
        owns = tensor is not None and tensor.quantizer == "codebook" and tensor.source is None
        return tensor if owns else None

    def tie_source(self, number: int) -> Tensor | None:
        """The earlier record ``number``, if another may be tied to it (5.4)."""
        tensor = self._tensor(number)
        return tensor if tensor is not None and tensor.quantizer != "tied" else None

    def _tensor(self, number: int) -> Tensor | None:
        return self.tensors[number] if 0 <= number < len(self.tensors) else None

    def open_stream(self, stream_class: str) -> Stream | None:
        """The stream that a tensor of this class continues (6.3)."""
        number = self._last_opened.get(stream_class)
        return None if number is None else self.streams[number]

    def add(self, record: Any) -> None:
        """Take in the record of the next tensor, in which no rule is broken that keeps it from being understood."""
        number = len(self.tensors)
        view = RecordView(record, self)
        source = view.source
        tensor = Tensor(
            name=record.name,
            dtype=view.dtype,
            shape=tuple(record.dimensions),
            quantizer=view.quantizer,
            num_levels=view.num_levels,
            parameters=view.levels_record,
            source=source,
            stream=None,
            field=f"tensors[{number}]",
        )
        if view.opens_stream:
            tensor.stream = self._open(number, view, record.stream)
        elif view.has_stream:
            tensor.stream = self._join(number, view)
        self.tensors.append(tensor)
        self._names.add(tensor.name)

    def _open(self, number: int, view: RecordView, record: Any) -> int:
        planes = view.dtype.planes if view.quantizer == "lossless" else 1
        coder = coder_number(record.coder)
        coded_planes = record.coded_planes
        if coded_planes is None:
            coded_planes = 0 if coder == STORED else 1
        path = f"tensors[{number}].stream.segments"
        segments = [
            Segment(segment.size, segment.checksum, f"{path}[{index}]") for index, segment in enumerate(record.segments)
        ]
        stream = Stream(view.stream_class, coder, coded_planes, planes, segments, [number], view.elements)
        self._last_opened[view.stream_class] = len(self.streams)
        self.streams.append(stream)
        return len(self.streams) - 1

    def _join(self, number: int, view: RecordView) -> int | None:
        stream = self.open_stream(view.stream_class)
        if stream is None:
            return None
        stream.tensors.append(number)
        stream.elements += view.elements
        return self._last_opened[view.stream_class]

    def parts(self, stream: Stream, segment: int) -> list[Part]:
        """The parts of a segment of a stream (6.4)."""
        tensors = [self.tensors[number] for number in stream.tensors]
        if len(tensors) > 1:
            return [Part(tensor.num_levels, tensor.shape, 0, tensor.elements) for tensor in tensors]
        start = segment * self.segment_elements
        size = min(self.segment_elements, stream.elements - start)
        return [Part(tensors[0].num_levels, tensors[0].shape, start, size)]


@dataclass(frozen=True)
class RecordView:
    """A tensor record, perhaps not yet read to its end, seen with the records before it.

    Attributes:
        record: the fields that are known; those that a property needs must be among them.
        directory: the records before it.
    """

    record: Any
    directory: Directory

    @property
    def dtype(self) -> DType:
        """Section 4.2, `has_dtype`."""
        return DTYPES[self.record.dtype] if self.record.form.has_dtype else self.directory.implied_dtype()

    @property
    def rank(self) -> int:
        """Section 4.2."""
        return int(self.record.form.rank) + (self.record.rank_extra or 0)

    @property
    def elements(self) -> int:
        """Section 1.8."""
        return math.prod(self.record.dimensions)

    @property
    def quantizer(self) -> str:
        """Section 4.2; 5.4 for tied tensors, the only ones of the extended kind."""
        return ("lossless", "codebook", "uniform", "tied")[self.record.form.quantizer]

    @property
    def source(self) -> int | None:
        """Number of the record that a shared codebook or a tied tensor refers to."""
        refers = self.quantizer == "tied" or self.shares_codebook
        return int(self.record.parameters.source) if refers else None

    @property
    def shares_codebook(self) -> bool:
        """Section 4.2, `shared`; it means nothing for other quantizers."""
        return self.quantizer == "codebook" and self.record.form.shared == 1

    @property
    def levels_record(self) -> Any:
        """The parameters; with a shared codebook, those of its owner."""
        if self.shares_codebook:
            owner = self.directory.codebook_owner(self.record.parameters.source)
            return None if owner is None else owner.parameters
        return self.record.parameters

    @property
    def num_levels(self) -> int:
        """Section 5; 0 for tied tensors."""
        if self.quantizer == "lossless":
            return self.dtype.plane_levels
        if self.quantizer == "codebook":
            return int(self.levels_record.table.last_level) + 1
        return int(self.record.parameters.last_level) + 1 if self.quantizer == "uniform" else 0

    @property
    def has_stream(self) -> bool:
        """Section 6.1."""
        one_level = self.quantizer in ("codebook", "uniform") and self.num_levels == 1
        return self.quantizer != "tied" and self.elements > 0 and not one_level

    @property
    def opens_stream(self) -> bool:
        """Section 6.1."""
        return self.has_stream and not self.record.form.joined

    @property
    def stream_class(self) -> str:
        """Section 6.1."""
        return self.dtype.name if self.quantizer == "lossless" else "quantized"

    @property
    def segment_count(self) -> int:
        """Section 6.2, of the stream that this tensor opens."""
        return -(-self.elements // self.directory.segment_elements)

    @property
    def joins_rightly(self) -> bool:
        """Section 6.3."""
        stream = self.directory.open_stream(self.stream_class)
        if stream is None or len(stream.segments) != 1:
            return False
        return stream.elements + self.elements <= self.directory.segment_elements

    @property
    def holds_levels(self) -> bool:
        """Section 5.2: every level of the codebook, whose table is known, is a value of this tensor's dtype."""
        levels_record = self.levels_record
        return levels_record is None or self.holds(levels_record.table.type)

    def holds(self, level_type: int) -> bool:
        """Section 5.2: every number of this type of levels is a value of the tensor's dtype."""
        return self.dtype.name in HOLDERS[levels.level_type(level_type).name]

    @property
    def is_float(self) -> bool:
        """Section 5.2: the dtype may be quantized."""
        return self.dtype.float_format is not None

"""Files from plain descriptions of their tensors."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hemp_spec import layout, levels, reference
from hemp_spec.directory import Part
from hemp_spec.dtypes import BY_NAME, LEVEL_TYPES, DType
from hemp_spec.fields import encode_varint
from spec.vectors.encoders import STORED, Coder

_LEVEL_TYPE_NUMBERS = {name: number for number, name in LEVEL_TYPES.items()}


@dataclass(frozen=True)
class Plan:
    """A tensor to be written.

    Attributes:
        planes: the indices of each plane; one for quantized tensors, none for tied ones.
        data: little-endian elements that a reader must give.
        quantizer: number in 4.2.
        num_levels: of the indices.
        parameters: value of `layout.Parameters`.
        shared: the form bit.
        coded_planes: planes that the coder codes; None: all, or none with `stored`.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]
    planes: list[list[int]]
    data: bytes
    quantizer: int
    num_levels: int
    parameters: dict[str, Any] | None = None
    shared: int = 0
    coder: Coder = STORED
    coded_planes: int | None = None
    joined: int = 0

    @property
    def is_indexed(self) -> bool:
        """Whether it has indices and levels."""
        return self.quantizer in (1, 2)

    @property
    def stream_class(self) -> str:
        """Section 6.1."""
        return "quantized" if self.is_indexed else self.dtype.name

    @property
    def has_stream(self) -> bool:
        """Section 6.1."""
        return self.quantizer != 3 and bool(self.data) and self.num_levels > 1

    def expected(self) -> dict[str, Any]:
        """The tensor's entry in the manifest."""
        entry: dict[str, Any] = {
            "dtype": self.dtype.name,
            "shape": list(self.shape),
            "sha256": hashlib.sha256(self.data).hexdigest(),
        }
        if self.is_indexed:
            entry["num_levels"] = self.num_levels
            entry["indices_sha256"] = hashlib.sha256(index_bytes(self.planes[0], self.num_levels)).hexdigest()
        return entry


def index_bytes(indices: Sequence[int], num_levels: int) -> bytes:
    """Indices as one byte each up to 256 levels, else two, little-endian."""
    width = 1 if num_levels <= 256 else 2
    return b"".join(index.to_bytes(width, "little") for index in indices)


def lossless(name: str, dtype: str, shape: Sequence[int], data: bytes, coder: Coder = STORED, **more: Any) -> Plan:
    """A lossless tensor with these little-endian elements."""
    kind = BY_NAME[dtype]
    planes = levels.split_planes(kind, data)
    return Plan(name, kind, tuple(shape), planes, data, 0, kind.plane_levels, coder=coder, **more)


def codebook(
    name: str,
    dtype: str,
    shape: Sequence[int],
    indices: Sequence[int],
    patterns: Sequence[int],
    coder: Coder = STORED,
    *,
    level_type: str | None = None,
    source: int | None = None,
    **more: Any,
) -> Plan:
    """A tensor with a codebook of these bit patterns of ``level_type``; ``source``: that of an earlier record."""
    kind, stored = BY_NAME[dtype], BY_NAME[level_type or dtype]
    elements = levels.level_bytes(levels.codebook_levels(patterns, stored, kind), kind)
    data = b"".join(elements[index] for index in indices)
    parameters: dict[str, Any] = {
        "table": {"type": _LEVEL_TYPE_NUMBERS[stored.name], "last_level": len(patterns) - 1},
        "levels": list(patterns),
    }
    if source is not None:
        parameters = {"source": source}
    shared = int(source is not None)
    return Plan(
        name, kind, tuple(shape), [list(indices)], data, 1, len(patterns), parameters, shared, coder=coder, **more
    )


def uniform(
    name: str,
    dtype: str,
    shape: Sequence[int],
    indices: Sequence[int],
    num_levels: int,
    offset: int,
    step: int,
    coder: Coder = STORED,
    **more: Any,
) -> Plan:
    """A tensor on the grid of the bit pattern ``step``."""
    kind = BY_NAME[dtype]
    used = {index: levels.uniform_level(step, offset + index, kind) for index in set(indices)}
    data = b"".join(used[index].to_bytes(kind.size, "little") for index in indices)
    parameters = {"last_level": num_levels - 1, "offset": offset, "step": step}
    return Plan(name, kind, tuple(shape), [list(indices)], data, 2, num_levels, parameters, coder=coder, **more)


def tied(name: str, shape: Sequence[int], source: int, to: Plan) -> Plan:
    """A tensor tied to record number ``source``, which is ``to``."""
    return Plan(name, to.dtype, tuple(shape), [], to.data, 3, 0, {"extension": 0, "source": source})


def join(plan: Plan) -> Plan:
    """The same, continuing the open stream of its class."""
    return replace(plan, joined=1)


def metadata_chunk(pairs: Mapping[str, str]) -> dict[str, Any]:
    """The chunk `metadata`."""
    ordered = sorted(pairs.items(), key=lambda pair: pair[0].encode())
    return {"tag": layout.METADATA, "content": {"pairs": [{"key": key, "value": value} for key, value in ordered]}}


def source_chunk(sha256: bytes) -> dict[str, Any]:
    """The chunk `source`."""
    return {"tag": layout.SOURCE, "content": {"hash_type": 1, "hash": sha256}}


def make_file(plans: Sequence[Plan], chunks: Sequence[Mapping[str, Any]] = (), segment_code: int = 5) -> bytes:
    """A file with these tensors and chunks; the chunks stand in the order of their tags."""
    streams = _segments(plans, 1 << (10 + 2 * segment_code))
    records, body, dtype = [], b"", BY_NAME["float32"]
    for number, plan in enumerate(plans):
        segments = streams.get(number, [])
        records.append(_record(plan, dtype, segments))
        body += b"".join(segments)
        dtype = plan.dtype
    ordered = sorted(chunks, key=lambda chunk: int(chunk["tag"]))
    front = layout.build(
        layout.Front, {"layout": {"segment_code": segment_code}, "tensors": records, "chunks": ordered}
    )
    return close(front, body)


def close(front: bytes, body: bytes) -> bytes:
    """A file of this front and body, whatever they hold."""
    return layout.build(layout.File, {"major": layout.MAJOR, "minor": layout.MINOR, "front": front, "body": body})


def _record(plan: Plan, implied: DType, segments: Sequence[bytes]) -> dict[str, Any]:
    has_dtype = plan.dtype != implied
    rank = len(plan.shape)
    stream = None
    if plan.has_stream and not plan.joined:
        coded = _coded_planes(plan)
        has_planes = len(plan.planes) > 1 and coded > 1
        stream = {
            "coder": {
                "number": plan.coder.number % 128,
                "has_planes": int(has_planes),
                "private": int(plan.coder.number >= 128),
            },
            "coded_planes": coded if has_planes else None,
            "segments": [{"size": len(segment), "checksum": zlib.crc32(segment)} for segment in segments],
        }
    return {
        "name": plan.name,
        "form": {
            "rank": min(rank, 7),
            "quantizer": plan.quantizer,
            "has_dtype": int(has_dtype),
            "joined": plan.joined,
            "shared": plan.shared,
        },
        "rank_extra": rank - 7 if rank >= 7 else None,
        "dtype": plan.dtype.number if has_dtype else None,
        "dimensions": list(plan.shape),
        "parameters": plan.parameters,
        "stream": stream,
    }


def _coded_planes(plan: Plan) -> int:
    if plan.coded_planes is not None:
        return plan.coded_planes
    return 0 if plan.coder.number == STORED.number else (1 << len(plan.planes)) - 1


def _segments(plans: Sequence[Plan], room: int) -> dict[int, list[bytes]]:
    """The segments of the stream that each of some tensors opens, by number of the tensor."""
    members: dict[int, list[Plan]] = {}
    opened: dict[str, int] = {}
    for number, plan in enumerate(plans):
        if plan.has_stream:
            opener = opened[plan.stream_class] if plan.joined else number
            opened[plan.stream_class] = opener
            members.setdefault(opener, []).append(plan)
    return {opener: _encode_stream(group, room) for opener, group in members.items()}


def _encode_stream(group: Sequence[Plan], room: int) -> list[bytes]:
    first = group[0]
    count = len(first.planes[0])
    segments = []
    for start in range(0, count, room):
        size = min(room, count - start)
        parts = [Part(plan.num_levels, plan.shape, 0, len(plan.planes[0])) for plan in group]
        if len(group) == 1:
            parts = [Part(first.num_levels, first.shape, start, size)]
        cut = [
            [plan.planes[plane][part.start : part.start + part.size] for plan, part in zip(group, parts, strict=True)]
            for plane in range(len(first.planes))
        ]
        segments.append(_encode_segment(first, cut, parts))
    return segments


def _encode_segment(plan: Plan, planes: Sequence[Sequence[Sequence[int]]], parts: Sequence[Part]) -> bytes:
    coded = _coded_planes(plan)
    stored = plan.coder if plan.coder.number == STORED.number else STORED
    segment = b"".join(stored.encode(plane, parts) for p, plane in enumerate(planes) if not coded >> p & 1)
    payloads = [plan.coder.encode(plane, parts) for p, plane in enumerate(planes) if coded >> p & 1]
    for payload in payloads[:-1]:
        segment += encode_varint(len(payload)) + payload
    return segment + b"".join(payloads[-1:])


Change = bytes | Callable[[bytes], bytes]


def spans(data: bytes) -> dict[str, tuple[int, int]]:
    """First and last offset (exclusive) of each elementary field of a valid file's front."""
    found: dict[str, tuple[int, int]] = {}
    reference.outline(data, trace=lambda field, start, end: found.__setitem__(field, (start, end)))
    return found


def patch(data: bytes, changes: Mapping[str, Change]) -> bytes:
    """A valid file with the bytes of some fields of `front` changed; sizes and checksum of the front are repaired."""
    fields = spans(data)
    front_start, front_end = fields["front"]
    front = data[front_start:front_end]
    for name, change in sorted(changes.items(), key=lambda item: fields[item[0]], reverse=True):
        start, end = fields[name][0] - front_start, fields[name][1] - front_start
        new = change(front[start:end]) if callable(change) else change
        front = front[:start] + new + front[end:]
    return close(front, data[front_end + 4 :])


def with_segment(plan: Plan, change: Callable[[bytes], bytes]) -> bytes:
    """A file of one tensor whose only segment is changed; its record is repaired."""
    file = make_file([plan])
    start = spans(file)["body"][0]
    segment = change(file[start:])
    record = "tensors[0].stream.segments[0]"
    checksum = zlib.crc32(segment).to_bytes(4, "little")
    return patch(
        file[:start] + segment, {f"{record}.size": encode_varint(len(segment)), f"{record}.checksum": checksum}
    )

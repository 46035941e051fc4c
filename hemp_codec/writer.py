"""Writing a `.hemp` file: checkpoint -> arrays -> quantizer -> indices and levels -> coder -> streams -> container.

``write`` writes to any binary file object and holds neither all tensors nor all streams in memory: tensors are taken
from the mapping one after the other, and coded segments beyond 64 MiB wait in a temporary file, since the directory
that says where they are stands in front of them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import IO, BinaryIO, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from hemp_codec import _native, coders, quantizers
from hemp_codec._front import SEGMENT_BITS as SEGMENT_BITS_CHOICES
from hemp_codec._front import RecordedTensor, StreamRecord, chunk_bytes, front_bytes, recorded
from hemp_codec._prepare import Prepared, Preparer
from hemp_codec._spool import Spool
from hemp_codec._streams import (
    CodedSegment,
    CodedSegments,
    Grouper,
    SegmentTask,
    Stream,
    collect_native,
    is_native,
    native_segments,
    segment_tasks,
)
from hemp_codec.coders import Coder
from hemp_codec.errors import HempError, LimitError
from hemp_codec.quantizers import Quantizer
from hemp_codec.rules import RuleLike, parse_rules
from hemp_codec.tensors import QuantizedTensor

SEGMENT_BITS = 20
_MAX_TENSORS = 1 << 24
_SPOOL_MEMORY = 1 << 26
_PREPARED_AHEAD = 1 << 29  # bytes of tensors that are quantized at a time, if there are several
_BATCH_BYTES = 1 << 20  # of elements that one thread of libhemp codes at a time, if several segments have no more
_BATCHES_PER_THREAD = 8  # coded or waiting at a time
_TASKS_PER_THREAD = 4  # quantized, coded or waiting at a time: enough to keep threads busy, few enough to bound memory

Tensors = Mapping[str, np.ndarray] | Mapping[str, QuantizedTensor] | Mapping[str, np.ndarray | QuantizedTensor]
Progress = Callable[[str, int, int], None]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def encode(
    tensors: Tensors,
    *,
    quantizer: str | Quantizer = "lossless",
    coder: str | Coder = "arithmetic",
    rules: Iterable[RuleLike] = (),
    metadata: Mapping[str, str] | None = None,
    threads: int | None = None,
    source_sha256: bytes | None = None,
    progress: Progress | None = None,
    segment_bits: int = SEGMENT_BITS,
) -> bytes:
    """The bytes of a `.hemp` file; arguments and errors as for ``write``."""
    with Spool(memory=None) as spool:
        pieces = _encode(
            tensors, quantizer, coder, rules, metadata, threads, source_sha256, progress, segment_bits, spool
        )
        return _native.join(list(pieces), _thread_count(threads))


def write(
    tensors: Tensors,
    file: BinaryIO | IO[bytes],
    *,
    quantizer: str | Quantizer = "lossless",
    coder: str | Coder = "arithmetic",
    rules: Iterable[RuleLike] = (),
    metadata: Mapping[str, str] | None = None,
    threads: int | None = None,
    source_sha256: bytes | None = None,
    progress: Progress | None = None,
    segment_bits: int = SEGMENT_BITS,
    spool_dir: str | os.PathLike[str] | None = None,
) -> int:
    """Write ``tensors`` as a `.hemp` file; the same input and options give the same bytes.

    Args:
        tensors: names to arrays of any dtype of the format, byte order and memory layout, or to ``QuantizedTensor``s,
            which are stored as they are.  Values are asked for in order, and again where a later one looks the same.
        file: binary file object; nothing is written to it before all tensors are coded.
        quantizer: for tensors that no rule matches.  A lossy one applies to float16, bfloat16, float32 and float64
            tensors of rank 2 and more; all others stay lossless.
        coder: name or coder for tensors whose rule names none.  What it would not make smaller is stored.
        rules: texts ``'GLOB=quantizer[:levels][@coder]'`` or pairs of a name pattern and a quantizer; the first match
            wins, for floating-point tensors of any rank.
        metadata: text to text.
        threads: that code segments; None: one for each CPU that this process may use.
        source_sha256: hash of the file from which the tensors come, 32 bytes.
        progress: called as ``progress(name, done, total)`` after each tensor.
        segment_bits: a stream is cut into segments of 2^segment_bits elements: 10, 12, 14 ... 24.
        spool_dir: folder of the temporary file.

    Returns:
        The number of bytes written.

    Raises:
        HempError: a tensor or metadata cannot be stored; the message names it.  ``QuantizationError``, which is also a
            ValueError: a tensor has NaN or infinite values and a lossy quantizer was asked for.
        ValueError: an argument is out of range.
    """
    with Spool(_SPOOL_MEMORY, spool_dir) as spool:
        pieces = _encode(
            tensors, quantizer, coder, rules, metadata, threads, source_sha256, progress, segment_bits, spool
        )
        return sum(file.write(piece) for piece in pieces)


def _encode(
    tensors: Tensors,
    quantizer: str | Quantizer,
    coder: str | Coder,
    rules: Iterable[RuleLike],
    metadata: Mapping[str, str] | None,
    threads: int | None,
    source_sha256: bytes | None,
    progress: Progress | None,
    segment_bits: int,
    spool: Spool,
) -> Iterator[bytes | memoryview]:
    """The file in pieces, the first of them when everything is coded; arguments and errors as for ``write``."""
    if segment_bits not in SEGMENT_BITS_CHOICES:
        raise ValueError(f"segment_bits must be an even number from 10 to 24, not {segment_bits!r}")
    if len(tensors) > _MAX_TENSORS:
        raise LimitError(f"{len(tensors)} tensors are more than {_MAX_TENSORS}", code="LIMIT_EXCEEDED")
    chunks = chunk_bytes(metadata, source_sha256)
    chosen_coder = coders.resolve(coder)
    preparer = Preparer(quantizers.get(quantizer), chosen_coder, parse_rules(rules), tensors)
    count = _thread_count(threads)
    with ThreadPoolExecutor(count) if count > 1 else nullcontext() as pool:
        body = _Body(spool, pool, count, segment_bits)
        prepared = _prepare_all(tensors, preparer, pool, _TASKS_PER_THREAD * count)
        records = _code_all(prepared, body, len(tensors), progress)
        yield front_bytes(body.place(records), segment_bits, chunks)
        yield from body.segments()


class _Result(Protocol[T_co]):
    """What ``concurrent.futures.Future`` has of use here."""

    def result(self) -> T_co:
        """Wait for it."""
        ...


@dataclass(eq=False, slots=True)
class _Done(Generic[T]):
    """What is there already; much cheaper than a Future."""

    value: T

    def result(self) -> T:
        return self.value


def _prepare_all(
    tensors: Tensors, preparer: Preparer, pool: ThreadPoolExecutor | None, most: int
) -> Iterator[tuple[str, Prepared]]:
    """The tensors in order.  Up to ``most`` are quantized ahead in other threads, if they fit into a bounded memory."""
    ahead: deque[tuple[str, int, _Result[Prepared]]] = deque()
    for name, value in tensors.items():
        size = value.indices.nbytes if isinstance(value, QuantizedTensor) else getattr(value, "nbytes", 0)
        while ahead and (len(ahead) >= most or size + sum(taken for _, taken, _ in ahead) > _PREPARED_AHEAD):
            yield _first_of(ahead)
        prepared = _prepare(preparer, name, value)
        ahead.append((name, size, _Done(prepared) if isinstance(prepared, Prepared) else _submit(pool, prepared)))
        del value, prepared
        while ahead and isinstance(ahead[0][2], _Done):
            yield _first_of(ahead)
    while ahead:
        yield _first_of(ahead)


def _prepare(preparer: Preparer, name: str, value: np.ndarray | QuantizedTensor) -> Prepared | Callable[[], Prepared]:
    """The tensor, or what is left to do; it raises the error of what was done, so that errors come in order."""
    try:
        return preparer.prepare(name, value)
    except HempError as error:
        return partial(_raise, error)


def _raise(error: HempError) -> Prepared:
    raise error


def _first_of(ahead: deque[tuple[str, int, _Result[Prepared]]]) -> tuple[str, Prepared]:
    name, _, result = ahead.popleft()
    return name, result.result()


def _submit(pool: ThreadPoolExecutor | None, task: Callable[[], T]) -> _Result[T]:
    """The result of ``task``; without a pool it is called here and now."""
    return pool.submit(task) if pool else _Done(task())


def _code_all(
    tensors: Iterable[tuple[str, Prepared]], body: _Body, total: int, progress: Progress | None
) -> list[RecordedTensor]:
    """Code all tensors; gives their records without streams."""
    records = []
    grouper = Grouper(body.segment_elements)
    for name, tensor in tensors:
        records.append(recorded(tensor))
        if tensor.indices is not None:
            for stream in grouper.add(len(records) - 1, tensor):
                body.code(stream)
                del stream
        del tensor  # its memory is needed while the next one is prepared
        if progress:
            progress(name, len(records), total)
    for stream in grouper.finish():
        body.code(stream)
    return records


class _Kept(NamedTuple):
    """Coded segments, and the number of the first of their pieces in the spool."""

    segments: list[CodedSegment]
    piece: int


@dataclass(frozen=True)
class _Native:
    """The result of the next segments that libhemp codes, which are kept then."""

    keep: Callable[[CodedSegments], _Kept]
    encoder: _native.LosslessEncoder

    def result(self) -> _Kept:
        return self.keep(collect_native(self.encoder))


class _Body:
    """Codes streams and keeps their segments until the front is known.

    Segments are collected in the order in which they were begun, whichever thread finishes first.  Those that libhemp
    makes are begun several at a time, and in threads of its own, which need not wait for Python.
    """

    def __init__(self, spool: Spool, pool: ThreadPoolExecutor | None, threads: int, segment_bits: int) -> None:
        self.segment_elements = 1 << segment_bits
        self._spool = spool
        self._pool = pool
        self._threads = threads
        self._pending: deque[tuple[list[int], _Result[_Kept]]] = deque()  # with the openers of the streams
        self._batch: list[_native.LosslessSegment] = []
        self._openers: list[int] = []  # of the streams of the segments in the batch
        self._batch_size = 0
        self._streams: dict[int, StreamRecord] = {}
        self._pieces: dict[int, list[int]] = {}  # numbers in the spool
        self._joined: set[int] = set()
        self._encoder = _native.LosslessEncoder(threads)

    def code(self, stream: Stream) -> None:
        """Begin to code a stream."""
        opener = stream.numbers[0]
        self._joined.update(stream.numbers[1:])
        self._pieces[opener] = []
        if is_native(stream):
            for segment in native_segments(stream, self.segment_elements):
                self._add(opener, segment)
        else:
            for task in segment_tasks(stream, self.segment_elements):
                self._pend([opener], _submit(self._pool, partial(self._run, task)), _TASKS_PER_THREAD)

    def _pend(self, openers: list[int], result: _Result[_Kept], most: int) -> None:
        """Note what was begun.  If more than so many for each thread are pending, half of them are waited for."""
        self._pending.append((openers, result))
        if len(self._pending) > most * self._threads:
            while len(self._pending) > most * self._threads // 2:
                self._collect()

    def _add(self, opener: int, segment: _native.LosslessSegment) -> None:
        self._batch.append(segment)
        self._openers.append(opener)
        self._batch_size += sum(len(elements) for elements, _, _ in segment[1])
        if self._batch_size >= _BATCH_BYTES:
            self._begin_batch()

    def _begin_batch(self) -> None:
        if self._batch:
            self._encoder.begin(self._batch)
            self._pend(self._openers, _Native(self._keep, self._encoder), _BATCHES_PER_THREAD)
            self._batch, self._openers, self._batch_size = [], [], 0

    def _run(self, task: SegmentTask) -> _Kept:
        return self._keep(task())

    def _keep(self, coded: CodedSegments) -> _Kept:
        """Put coded segments away."""
        return _Kept(coded.segments, self._spool.put(coded.data, [segment.size for segment in coded.segments]))

    def place(self, records: list[RecordedTensor]) -> list[RecordedTensor]:
        """The records, with their streams when everything is coded."""
        self._begin_batch()
        while self._pending:
            self._collect()
        for number, record in enumerate(records):
            record.stream = self._streams.get(number)
            record.joined = number in self._joined
        return records

    def segments(self) -> Iterator[bytes | memoryview]:
        """The bytes of all segments, in the order of the records that open the streams."""
        for opener in sorted(self._streams):
            yield from map(self._spool.get, self._pieces[opener])

    def _collect(self) -> None:
        """Wait for the segments begun first, and list them."""
        openers, result = self._pending.popleft()
        segments, piece = result.result()
        for number, (opener, segment) in enumerate(zip(openers, segments, strict=True), piece):
            record = self._streams.get(opener)
            if record is None:
                record = self._streams[opener] = StreamRecord(segment.coder, segment.coded_planes, [])
            record.segments.append((segment.size, segment.checksum))
            self._pieces[opener].append(number)


def _thread_count(threads: int | None) -> int:
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return threads

"""Decoded indices to the elements of tensors, one tensor at a time or the whole file."""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders import Arithmetic, Rans, Stored
from hemp_codec.directory import CODEBOOK, LOSSLESS, TIED, UNIFORM, Directory, StreamRecord, TensorRecord
from hemp_codec.errors import FormatError
from hemp_codec.segments import Planes, decode_segment
from hemp_codec.sources import Source
from hemp_codec.work import Work

Progress = Callable[[int, int], None]
T = TypeVar("T")
U = TypeVar("U")
_TASKS_PER_THREAD = 2
_TABLES_KEPT = 16
_BATCH_BYTES = 1 << 20
_NATIVE_BATCH_BYTES = 1 << 26  # of the file, or decoded by each thread, until they wait for each other and report
_BYTE_LEVELS = 256
_NATIVE_CODERS = (Stored.number, Arithmetic.number, Rans.number)


class Piece(NamedTuple):
    """Elements of a tensor that follow each other: the tensor's name, the number of the first, and a 1-D array."""

    name: str
    start: int
    elements: np.ndarray


def write_elements(out: np.ndarray, record: TensorRecord, levels: np.ndarray | None, planes: Planes) -> None:
    """Fill ``out``, 1-D of the tensor's dtype, from as many indices; ``levels`` is None for lossless tensors."""
    if levels is None:
        _native.planes_join_into(record.dtype_number, planes, out.view(np.uint8))
        return
    pattern = np.dtype(f"u{record.dtype.size}")  # levels are bit patterns: nothing may touch the sign of a zero
    np.take(levels.view(pattern), planes[0], out=out.view(pattern), mode="clip")


def write_constant(out: np.ndarray, record: TensorRecord, levels: np.ndarray) -> None:
    """Fill ``out`` with the only level of the tensor."""
    pattern = np.dtype(f"u{record.dtype.size}")
    out.view(pattern)[...] = levels.view(pattern)[0]


def levels_of(directory: Directory, record: TensorRecord) -> np.ndarray | None:
    """Levels of a quantized tensor; None of a lossless one."""
    return None if record.quantizer == LOSSLESS else directory.levels(record)


def load_all(
    source: Source, directory: Directory, *, threads: int | None, progress: Progress | None
) -> dict[str, np.ndarray]:
    """All tensors of a file, in its order.

    Args:
        source: the file.
        directory: its directory.
        threads: segments decoded at the same time; None: one for each processor.
        progress: called with the bytes of tensors that are done and the bytes of all.

    Raises:
        HempError: the first segment of the file that is damaged.
    """
    arrays = directory.allocate()
    loader = _Loader(directory.decoded_size, progress)
    loader.report(0)
    loaded = loader.load_natively(source, directory, arrays, threads)
    if len(loaded) < directory.stream_count or not directory.all_in_streams:
        loader.load_others(source, directory, arrays, threads, loaded)
    return dict(zip(directory.names, arrays, strict=True))


class _Loader:
    """Fills arrays, and says how far it is.

    Args:
        total: bytes of all tensors.
        progress: called with the bytes of tensors that are done and the bytes of all.
    """

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def report(self, nbytes: int) -> None:
        """So many more are done."""
        self._done += nbytes
        if self._progress is not None:
            self._progress(self._done, self._total)

    def load_natively(
        self, source: Source, directory: Directory, arrays: list[np.ndarray], threads: int | None
    ) -> frozenset[int]:
        """Decode what libhemp can decode by itself, many segments in a call; the streams that are done.

        If one of them is damaged none is: which error comes first is for the decoder of single segments to say.
        """
        if not directory.is_quick:
            return frozenset()
        load = directory.native_load(arrays)
        before, count = self._done, _thread_count(threads)
        for begin, end, nbytes, offset, size in load.batches(_NATIVE_BATCH_BYTES, count):
            if not load.run(begin, end, _part_of(source, offset, size), offset, count):
                self._done = before
                return frozenset()
            self.report(nbytes)
        return frozenset(load.streams())

    def load_others(
        self,
        source: Source,
        directory: Directory,
        arrays: list[np.ndarray],
        threads: int | None,
        loaded: frozenset[int],
    ) -> None:
        """Fill the arrays of tensors that are not in the streams ``loaded``."""
        records = [directory.tensor(number) for number in range(len(directory.names))]
        self.report(sum(record.decoded_size for record in records if record.quantizer == TIED))
        flat = [array.reshape(-1) for array in arrays]
        decoder = _Decoder(
            source, directory, records, lambda number, start, size: flat[number][start : start + size], loaded
        )
        for _, _, elements in decoder.run(threads):
            self.report(elements.nbytes)
        _copy_ties(records, arrays)


def load_pieces(
    source: Source, directory: Directory, *, threads: int | None, progress: Progress | None
) -> Iterator[Piece]:
    """All tensors of a file, tied ones too, in pieces of at most a segment; arguments and errors as ``load_all``."""
    records = [directory.tensor(number) for number in range(len(directory.names))]
    names = _names_by_content(records)
    decoder = _Decoder(source, directory, records, lambda number, _, size: np.empty(size, records[number].dtype.numpy))
    done, total = 0, directory.decoded_size
    for number, start, elements in decoder.run(threads):
        for name in names[number]:
            yield Piece(name, start, elements)
            done += elements.nbytes
        _report(progress, done, total)


def _part_of(source: Source, offset: int, size: int) -> memoryview:
    """These bytes of a file; none if it ends before them."""
    try:
        return source.read(offset, size)
    except FormatError:
        return memoryview(b"")


def _copy_ties(records: list[TensorRecord], arrays: list[np.ndarray]) -> None:
    """Fill the arrays of tied tensors.  They are apart, since equal content need not mean that two tensors are one."""
    for record, array in zip(records, arrays, strict=True):
        if record.source is not None and record.quantizer == TIED:
            array[...] = arrays[record.source].reshape(array.shape)


def _names_by_content(records: list[TensorRecord]) -> list[list[str]]:
    """For each record that is not tied its name, and those of the records tied to it."""
    names: list[list[str]] = [[] for _ in records]
    for number, record in enumerate(records):
        tied = record.quantizer == TIED and record.source is not None
        names[record.source if tied and record.source is not None else number].append(record.name)
    return names


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


class _Task(NamedTuple):
    """One segment: its stream, that one's number, its own number in it, the numbers of the tensors it has parts of."""

    stream: StreamRecord
    stream_number: int
    number: int
    members: list[int]


_Written = tuple[int, int, np.ndarray]  # number of a record, number of the first element, elements


class _Decoder:
    """Decodes the segments of a file.

    Args:
        source: the file.
        directory: its directory.
        records: all of its records.
        place: where to put elements: an array for the number of a record, the first element, and how many there are.
        done: numbers of streams that are left out.
    """

    def __init__(
        self,
        source: Source,
        directory: Directory,
        records: list[TensorRecord],
        place: Callable[[int, int, int], np.ndarray],
        done: frozenset[int] = frozenset(),
    ) -> None:
        self._done = done
        self._source = source
        self._directory = directory
        self._records = records
        self._place = place
        # Not those of all tensors at once: a table may be 20,000 times larger than the record that defines it.
        self._levels = functools.lru_cache(_TABLES_KEPT)(lambda number: levels_of(directory, records[number]))
        self._of_thread = threading.local()
        self._work = Work(directory.max_output)

    def run(self, threads: int | None) -> Iterator[_Written]:
        """Decode all tensors but the tied ones: those of one level, then the segments in the order of the file."""
        yield from self._constants()
        for written in _in_order(self._decode, list(self._batches()), threads):
            yield from written

    def _constants(self) -> Iterator[_Written]:
        step = self._directory.segment_elements
        for number, record in enumerate(self._records):
            if record.stream is None and record.elements > 0 and record.quantizer in (CODEBOOK, UNIFORM):
                levels = self._directory.levels(record)
                for start in range(0, record.elements, step):
                    out = self._place(number, start, min(step, record.elements - start))
                    write_constant(out, record, levels)
                    yield number, start, out

    def _batches(self) -> Iterator[list[_Task]]:
        """The segments in order, small ones several at a time; all of a batch are native, or none."""
        for _, tasks in itertools.groupby(self._tasks(), self._is_native):
            batch: list[_Task] = []
            size = 0
            for task in tasks:
                batch.append(task)
                size += min(task.stream.elements, self._directory.segment_elements) * task.stream.planes
                if size >= _BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def _tasks(self) -> Iterator[_Task]:
        members: list[list[int]] = [[] for _ in range(self._directory.stream_count)]
        for number, record in enumerate(self._records):
            if record.stream is not None:
                members[record.stream].append(number)
        for stream_number, numbers in enumerate(members):
            if stream_number in self._done:
                continue
            stream = self._directory.stream(stream_number)
            for number in range(stream.segment_count):
                yield _Task(stream, stream_number, number, numbers)

    def _is_native(self, task: _Task) -> bool:
        """Whether libhemp makes the elements of this segment, with no arrays of indices on the way."""
        record = self._records[task.members[0]]
        return (
            self._directory.is_quick
            and record.quantizer == LOSSLESS
            and record.num_levels == _BYTE_LEVELS
            and task.stream.coder in _NATIVE_CODERS
        )

    def _decode(self, batch: list[_Task]) -> list[_Written]:
        places = [self._places(task) for task in batch]
        done = self._decode_native(batch, places) if self._is_native(batch[0]) else 0
        for task, written in zip(batch[done:], places[done:], strict=True):
            pieces = decode_segment(self._source, self._directory, task.stream, task.number, self._work)
            for (member, _, out), planes in zip(written, pieces, strict=True):
                write_elements(out, self._records[member], self._levels(member), planes)
        return list(itertools.chain.from_iterable(places))

    def _places(self, task: _Task) -> list[_Written]:
        step = self._directory.segment_elements
        start = task.number * step
        return [
            (member, start, self._place(member, start, min(step, self._records[member].elements - start)))
            for member in task.members
        ]

    def _decode_native(self, batch: list[_Task], places: list[list[_Written]]) -> int:
        """How many segments were decoded: the next one is damaged, and ``decode_segment`` says how."""
        if not hasattr(self._of_thread, "workspace"):
            self._of_thread.workspace = _native.Workspace()
        tasks: list[_native.LosslessTask] = [
            (task.stream_number, task.number, self._data(task), [out.view(np.uint8) for _, _, out in written])
            for task, written in zip(batch, places, strict=True)
        ]
        return self._directory.decode_lossless(self._of_thread.workspace, tasks)

    def _data(self, task: _Task) -> memoryview:
        segment = self._directory.segment(task.stream.first_segment + task.number)
        return self._source.read(segment.offset, segment.size)


def _in_order(run: Callable[[T], U], batches: list[T], threads: int | None) -> Iterator[U]:
    """What each batch gives, in order, so that the first error is the same for any number of threads.

    Few of them are ahead of what is given, so that results do not pile up if they are slowly taken.
    """
    workers = min(_thread_count(threads), len(batches))
    if workers <= 1:
        yield from map(run, batches)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[U]] = deque()
        try:
            for batch in batches:
                ahead.append(pool.submit(run, batch))
                if len(ahead) > _TASKS_PER_THREAD * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _thread_count(threads: int | None) -> int:
    if threads is not None:
        return max(1, threads)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

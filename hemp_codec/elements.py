"""Decoded indices to the elements of tensors, one tensor at a time or the whole file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hemp_codec import _native
from hemp_codec.directory import LOSSLESS, TIED, Directory, StreamRecord, TensorRecord
from hemp_codec.segments import Planes, decode_segment
from hemp_codec.sources import Source

Progress = Callable[[int, int], None]
_TASKS_PER_THREAD = 2


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
    records = [directory.tensor(number) for number in range(len(directory.names))]
    arrays = _allocate(records)
    decoder = _Decoder(source, directory, records, lambda number, start, size: arrays[number][start : start + size])
    done, total = sum(record.decoded_size for record in records if record.quantizer == TIED), directory.decoded_size
    _report(progress, done, total)
    for _, _, elements in decoder.run(threads):
        done += elements.nbytes
        _report(progress, done, total)
    _copy_ties(records, arrays)
    return {record.name: array.reshape(record.shape) for record, array in zip(records, arrays, strict=True)}


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


def _allocate(records: list[TensorRecord]) -> list[np.ndarray]:
    """A 1-D array for each tensor."""
    return [np.empty(record.elements, record.dtype.numpy) for record in records]


def _copy_ties(records: list[TensorRecord], arrays: list[np.ndarray]) -> None:
    """Fill the arrays of tied tensors.  They are apart, since equal content need not mean that two tensors are one."""
    for record, array in zip(records, arrays, strict=True):
        if record.source is not None and record.quantizer == TIED:
            array[...] = arrays[record.source]


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


@dataclass(frozen=True)
class _Task:
    """One segment: its stream, its number in it, the numbers of the tensors it has parts of."""

    stream: StreamRecord
    number: int
    members: tuple[int, ...]


_Written = tuple[int, int, np.ndarray]  # number of a record, number of the first element, elements


class _Decoder:
    """Decodes the segments of a file.

    Args:
        source: the file.
        directory: its directory.
        records: all of its records.
        place: where to put elements: an array for the number of a record, the first element, and how many there are.
    """

    def __init__(
        self,
        source: Source,
        directory: Directory,
        records: list[TensorRecord],
        place: Callable[[int, int, int], np.ndarray],
    ) -> None:
        self._source = source
        self._directory = directory
        self._records = records
        self._place = place
        self._levels = [levels_of(directory, record) if record.quantizer != TIED else None for record in records]

    def run(self, threads: int | None) -> Iterator[_Written]:
        """Decode all tensors but the tied ones: those of one level, then the segments in the order of the file."""
        yield from self._constants()
        for written in _in_order(self._decode, list(self._tasks()), threads):
            yield from written

    def _constants(self) -> Iterator[_Written]:
        step = self._directory.segment_elements
        for number, (record, levels) in enumerate(zip(self._records, self._levels, strict=True)):
            if record.stream is None and levels is not None:
                for start in range(0, record.elements, step):
                    out = self._place(number, start, min(step, record.elements - start))
                    write_constant(out, record, levels)
                    yield number, start, out

    def _tasks(self) -> Iterator[_Task]:
        members: list[list[int]] = [[] for _ in range(self._directory.stream_count)]
        for number, record in enumerate(self._records):
            if record.stream is not None:
                members[record.stream].append(number)
        for stream_number, numbers in enumerate(members):
            stream = self._directory.stream(stream_number)
            for number in range(stream.segment_count):
                yield _Task(stream, number, tuple(numbers))

    def _decode(self, task: _Task) -> list[_Written]:
        written: list[_Written] = []
        start = task.number * self._directory.segment_elements
        pieces = decode_segment(self._source, self._directory, task.stream, task.number)
        for member, planes in zip(task.members, pieces, strict=True):
            out = self._place(member, start, len(planes[0]))
            write_elements(out, self._records[member], self._levels[member], planes)
            written.append((member, start, out))
        return written


def _in_order(
    decode: Callable[[_Task], list[_Written]], tasks: list[_Task], threads: int | None
) -> Iterator[list[_Written]]:
    """What each task gives, in order, so that the first error is the same for any number of threads.

    Few tasks are ahead of what is given, so that results do not pile up if they are slowly taken.
    """
    workers = min(_processors() if threads is None else max(1, threads), len(tasks))
    if workers <= 1:
        yield from map(decode, tasks)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[list[_Written]]] = deque()
        try:
            for task in tasks:
                ahead.append(pool.submit(decode, task))
                if len(ahead) > _TASKS_PER_THREAD * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

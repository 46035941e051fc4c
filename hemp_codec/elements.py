"""Decoded indices to the elements of tensors, one tensor at a time or the whole file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hemp_codec import _native
from hemp_codec.directory import LOSSLESS, TIED, Directory, StreamRecord, TensorRecord
from hemp_codec.segments import Planes, decode_segment
from hemp_codec.sources import Source

Progress = Callable[[int, int], None]


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
    done = sum(array.nbytes for array, record in zip(arrays, records, strict=True) if record.stream is None)
    total = sum(record.decoded_size for record in records)
    _report(progress, done, total)
    loader = _Loader(source, directory, records, arrays)
    for size in _run(loader, list(loader.tasks()), threads):
        done += size
        _report(progress, done, total)
    return {record.name: array.reshape(record.shape) for record, array in zip(records, arrays, strict=True)}


def _allocate(records: list[TensorRecord]) -> list[np.ndarray]:
    """A 1-D array for each tensor; tied tensors have that of their source."""
    arrays: list[np.ndarray] = []
    for record in records:
        if record.quantizer == TIED and record.source is not None:
            arrays.append(arrays[record.source])
        else:
            arrays.append(np.empty(record.elements, record.dtype.numpy))
    return arrays


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


@dataclass(frozen=True)
class _Task:
    """One segment: its stream, its number in it, the numbers of the tensors it has parts of."""

    stream: StreamRecord
    number: int
    members: tuple[int, ...]


class _Loader:
    """Decodes the segments of a file into ``arrays``, one for each record; different tasks write different elements."""

    def __init__(
        self, source: Source, directory: Directory, records: list[TensorRecord], arrays: list[np.ndarray]
    ) -> None:
        self._source = source
        self._directory = directory
        self._records = records
        self._arrays = arrays
        self._levels = [levels_of(directory, record) if record.quantizer != TIED else None for record in records]
        for record, array, levels in zip(records, arrays, self._levels, strict=True):
            if record.stream is None and levels is not None:
                write_constant(array, record, levels)

    def tasks(self) -> Iterator[_Task]:
        """All segments, in the order of the file."""
        members: list[list[int]] = [[] for _ in range(self._directory.stream_count)]
        for number, record in enumerate(self._records):
            if record.stream is not None:
                members[record.stream].append(number)
        for stream_number, numbers in enumerate(members):
            stream = self._directory.stream(stream_number)
            for number in range(stream.segment_count):
                yield _Task(stream, number, tuple(numbers))

    def run(self, task: _Task) -> int:
        """Decode a segment; the bytes of tensors written."""
        pieces = decode_segment(self._source, self._directory, task.stream, task.number)
        start = task.number * self._directory.segment_elements
        written = 0
        for member, planes in zip(task.members, pieces, strict=True):
            out = self._arrays[member][start : start + len(planes[0])]
            write_elements(out, self._records[member], self._levels[member], planes)
            written += out.nbytes
        return written


def _run(loader: _Loader, tasks: list[_Task], threads: int | None) -> Iterator[int]:
    """What each task gives, in order, so that the first error is the same for any number of threads."""
    workers = min(_processors() if threads is None else max(1, threads), len(tasks))
    if workers <= 1:
        yield from map(loader.run, tasks)
        return
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(loader.run, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

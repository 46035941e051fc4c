"""Reading a ``.hemp`` file: the directory at once, tensors when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import NoReturn

import numpy as np

from hemp_codec.directory import LOSSLESS, TIED, TensorRecord, read_directory
from hemp_codec.elements import Piece, Progress, levels_of, load_all, load_pieces, write_constant, write_elements
from hemp_codec.errors import LimitError
from hemp_codec.info import TensorInfo, describe
from hemp_codec.segments import Planes, decode_segment
from hemp_codec.slices import Key, select
from hemp_codec.solid import SolidCache
from hemp_codec.sources import File, Source, open_source
from hemp_codec.tensors import index_dtype
from hemp_codec.work import Work

MAX_FRONT = 1 << 28
OUTPUT_CONSTANT = 1 << 24
OUTPUT_FACTOR = 4096


class Reader:
    """An open ``.hemp`` file, for any number of threads.

    with Reader("model.hemp") as file:
        weight = file.get_tensor("conv1.weight")

    Only the front and the segments that are needed are read.  A file that is changed while it is open gives errors and
    no wrong tensors; to rename another over it is safe.  A child process that was forked may go on reading if the file
    was opened by its path; to give it to another process in any other way, give the path.

    Args:
        file: a path, bytes, or a seekable binary file, which is read from its beginning and not closed.
        max_front: greatest size of the directory in bytes.
        max_output: greatest number of bytes of the arrays that one call decodes, and of symbols that a slow coder
            decodes for it (spec/format.md, 8.1); 2**24 + 4096 times the size of the file if None.

    Raises:
        OSError: the path cannot be opened.
        HempError: the front breaks a rule; ``code``, ``tensor`` and ``offset`` say which and where.
    """

    def __init__(self, file: File, *, max_front: int = MAX_FRONT, max_output: int | None = None) -> None:
        source = open_source(file)
        limit = OUTPUT_CONSTANT + OUTPUT_FACTOR * source.size if max_output is None else max_output
        try:
            self._directory = read_directory(source, max_front, limit)
        except BaseException:
            source.close()
            raise
        self._source: Source | None = source
        self._file_size = source.size
        self._solid = SolidCache()
        self._process = os.getpid()

    def __enter__(self) -> Reader:
        self._require_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; later calls that decode raise ValueError."""
        source, self._source = self._source, None
        self._solid.clear()
        if source is not None:
            source.close()

    @property
    def file_size(self) -> int:
        """Bytes of the file."""
        return self._file_size

    @property
    def source_hash(self) -> bytes | None:
        """SHA-256 of the file from which this one was made, if it is noted."""
        return self._directory.source_hash()

    def keys(self) -> list[str]:
        """Names of the tensors, in the order of the file."""
        return list(self._directory.names)

    def metadata(self) -> dict[str, str]:
        """Metadata, sorted by key; empty if there is none."""
        return self._directory.metadata()

    def get_info(self, name: str) -> TensorInfo:
        """What the directory says of the tensor; KeyError if there is none of this name."""
        return describe(self._directory, self._record(name))

    def get_tensor(self, name: str) -> np.ndarray:
        """The tensor: a new array of its shape and dtype.

        Raises:
            KeyError: there is no tensor of this name.
            HempError: a segment is damaged, its coder is not known here, or more than ``max_output`` would be decoded.
        """
        record = self._content(name)
        return self._elements(record, 0, record.elements).reshape(self._record(name).shape)

    def get_slice(self, name: str) -> TensorSlice:
        """The tensor, to be indexed: ``get_slice(name)[2:5]`` decodes only the segments that hold these rows."""
        self._record(name)
        return TensorSlice(self, name)

    def get_indices(self, name: str) -> np.ndarray:
        """Quantization indices of a quantized tensor, in its shape: uint8 up to 256 levels, else uint16.

        Raises:
            KeyError: there is no tensor of this name.
            ValueError: the tensor is lossless and has no levels.
            HempError: as for ``get_tensor``.
        """
        record = self._quantized(name)
        out = np.zeros(self._bounded(record, record.elements), index_dtype(record.num_levels))
        for start, planes in self._pieces(record, 0, record.elements):
            out[start : start + len(planes[0])] = planes[0]
        return out.reshape(self._record(name).shape)

    def get_levels(self, name: str) -> np.ndarray:
        """Reconstruction levels of a quantized tensor: shape (num_levels,), in the tensor's dtype.

        ``get_levels(name)[get_indices(name)]`` is exactly ``get_tensor(name)``.

        Raises:
            KeyError: there is no tensor of this name.
            ValueError: the tensor is lossless and has no levels.
        """
        return self._directory.levels(self._quantized(name))

    def load(self, *, threads: int | None = None, progress: Progress | None = None) -> dict[str, np.ndarray]:
        """All tensors, in the order of the file, each an array of its own, tied ones too.

        Arrays of less than 8 MiB, if there are 1.5 MiB of them, lie in blocks of up to 30 MiB, which is quicker; a
        block stays in memory as long as one of them.  Each larger array has a block of its own, which takes up to a
        sixteenth more.  ``get_tensor`` gives single tensors that stand alone.

        Args:
            threads: how many segments are decoded at the same time; None: one for each processor.  The result is the
                same for any number.
            progress: called with the bytes of tensors that are done and the bytes of all.

        Raises:
            HempError: the first segment of the file that is damaged, or more than ``max_output`` would be decoded.
        """
        source = self._require_open()
        self._check_output(self._directory.decoded_size, "all tensors")
        return load_all(source, self._directory, threads=threads, progress=progress)

    def pieces(self, *, threads: int | None = None, progress: Progress | None = None) -> Iterator[Piece]:
        """All tensors in pieces as they are decoded, for whoever need not hold all of them: (name, start, elements).

        ``elements`` is a 1-D array of at most one segment, and ``start`` the number of the first in its tensor.  Each
        element of each tensor is given once, in no particular order of tensors; one without elements gives no piece.
        Memory is taken for a few segments for each thread.  Arguments and errors as for ``load``.
        """
        source = self._require_open()
        self._check_output(self._directory.decoded_size, "all tensors")
        return load_pieces(source, self._directory, threads=threads, progress=progress)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open .hemp file cannot be pickled: give the path to the other process and open it there")

    def _require_open(self) -> Source:
        source = self._source
        if source is None:
            raise ValueError("the file is closed")
        if os.getpid() != self._process:
            source.after_fork()
            self._solid = SolidCache()
            self._process = os.getpid()
        return source

    def _record(self, name: str) -> TensorRecord:
        try:
            return self._directory.tensor(self._directory.number(name))
        except KeyError:
            raise KeyError(f"there is no tensor {name!r} in the file") from None

    def _content(self, name: str) -> TensorRecord:
        """The record that holds the tensor's elements: if it is tied, that of its source."""
        record = self._record(name)
        if record.quantizer == TIED and record.source is not None:
            return self._directory.tensor(record.source)
        return record

    def _quantized(self, name: str) -> TensorRecord:
        record = self._content(name)
        if record.quantizer == LOSSLESS:
            raise ValueError(f"tensor {name!r} is lossless: it has neither indices nor levels")
        return record

    def _check_output(self, size: int, what: str) -> None:
        if size > self._directory.max_output:
            raise LimitError(
                f"{what}: decoding takes {size} bytes, more than max_output, {self._directory.max_output}; "
                "raise that limit if you trust the file",
                code="LIMIT_EXCEEDED",
            )

    def _bounded(self, record: TensorRecord, elements: int) -> int:
        """``elements``, after checking that they and the segments on the way to them are within the limit."""
        self._require_open()
        size = elements * record.dtype.size
        if record.stream is not None and elements > 0:
            stream = self._directory.stream(record.stream)
            index_size = stream.planes if record.quantizer == LOSSLESS else 2
            size = max(size, min(stream.elements, self._directory.segment_elements) * index_size)
        self._check_output(size, f"tensor {record.name!r}")
        return elements

    def _elements(self, record: TensorRecord, start: int, stop: int) -> np.ndarray:
        """The elements [start, stop) as a 1-D array."""
        out = np.empty(self._bounded(record, stop - start), record.dtype.numpy)
        levels = levels_of(self._directory, record)
        if record.stream is None and levels is not None:
            write_constant(out, record, levels)
        for at, planes in self._pieces(record, start, stop):
            write_elements(out[at : at + len(planes[0])], record, levels, planes)
        return out

    def _pieces(self, record: TensorRecord, start: int, stop: int) -> Iterator[tuple[int, Planes]]:
        """The planes of the elements [start, stop), segment by segment, each with its distance from ``start``."""
        if record.stream is None or start >= stop:
            return
        stream = self._directory.stream(record.stream)
        if stream.solid:
            yield 0, _cut(self._solid_part(record), start, stop)
            return
        size = self._directory.segment_elements
        work = Work(self._directory.max_output)
        for number in range(start // size, (stop - 1) // size + 1):
            (planes,) = decode_segment(self._require_open(), self._directory, stream, number, work)
            first = max(start, number * size)
            yield first - start, _cut(planes, first - number * size, stop - number * size)

    def _solid_part(self, record: TensorRecord) -> Planes:
        """The planes of a tensor in a solid stream."""
        number = record.stream
        assert number is not None
        return self._solid.get(number, lambda: self._decode_solid(number))[record.name]

    def _decode_solid(self, number: int) -> dict[str, Planes]:
        work = Work(self._directory.max_output)
        pieces = decode_segment(self._require_open(), self._directory, self._directory.stream(number), 0, work)
        names = [self._directory.names[member] for member in self._directory.stream_tensors(number)]
        return dict(zip(names, pieces, strict=True))


class TensorSlice:
    """A tensor that is decoded where it is indexed, with integers, slices of any step and ``...`` as in numpy."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._record = reader._content(name)
        self._shape = reader._record(name).shape

    def get_shape(self) -> list[int]:
        """Dimensions of the whole tensor."""
        return list(self._shape)

    def get_dtype(self) -> str:
        """Name of the element type, such as ``"float32"``."""
        return self._record.dtype.name

    def __getitem__(self, key: Key) -> np.ndarray:
        """What numpy would give for this key, as a new array.

        Raises:
            IndexError: an integer is out of range, or there are too many.
            TypeError: the key holds anything but integers, slices and ``...``.
            HempError: as for ``Reader.get_tensor``.
        """
        selection = select(self._shape, key)
        block = self._reader._elements(self._record, selection.start, selection.stop).reshape(selection.shape)
        return np.asarray(block[selection.index] if selection.index else block, order="C")


def _cut(planes: Planes, start: int, stop: int) -> Planes:
    return [plane[start:stop] for plane in planes]

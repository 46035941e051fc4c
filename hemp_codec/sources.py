"""Where the bytes of a file come from: a path, bytes, or a file object."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import BinaryIO, Protocol

from hemp_codec.errors import FormatError

File = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


class Source(Protocol):
    """Random access to the bytes of a file, from many threads."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    def read(self, offset: int, size: int) -> memoryview:
        """The bytes [offset, offset + size), which lie within ``self.size``."""
        ...

    def close(self) -> None:
        """Give back what was taken to open the file."""
        ...

    def after_fork(self) -> None:
        """Called in a child process before it reads; ValueError if it must not."""
        ...


def open_source(file: File) -> Source:
    """The source of a path, of bytes, or of a seekable binary file object, which stays the caller's to close.

    Raises:
        OSError: the path cannot be opened.
        TypeError: ``file`` is none of these.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        return _BytesSource(file)
    if isinstance(file, (str, os.PathLike)):
        return _FileSource(file)
    if hasattr(file, "read") and hasattr(file, "seek"):
        return _StreamSource(file)
    raise TypeError(f"a path, bytes or a seekable binary file is needed, not {type(file).__name__}")


class _BytesSource:
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B").toreadonly()

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, size: int) -> memoryview:
        return self._data[offset : offset + size]

    def close(self) -> None:
        self._data.release()

    def after_fork(self) -> None:
        """Nothing: each process has bytes of its own."""


class _FileSource:
    """A file that is opened by its path and read by offset, for any number of threads and forked processes.

    It is not mapped into memory: pages of a mapped file that somebody else has cut off end the process when they are
    touched, while reading says how much is left.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self._size = os.fstat(self._file.fileno()).st_size
        self._readers = 0
        self._is_closing = False
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, size: int) -> memoryview:
        with self._lock:
            if self._is_closing:
                raise ValueError("the file is closed")
            self._readers += 1
        try:
            return _complete(self._read(offset, size), offset, size)
        finally:
            with self._lock:
                self._readers -= 1
                self._close_if_idle()

    def _read(self, offset: int, size: int) -> bytes:
        if not hasattr(os, "pread"):  # on Windows
            with self._lock:
                self._file.seek(offset)
                return _read_all(self._file, size)
        file, position = self._file.fileno(), offset
        pieces = []
        while position < offset + size and (piece := os.pread(file, offset + size - position, position)):
            pieces.append(piece)
            position += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Close the file when no thread reads from it any more: its number may then be another file's."""
        with self._lock:
            self._is_closing = True
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._is_closing and self._readers == 0:
            self._file.close()

    def after_fork(self) -> None:
        """What a thread of the parent held or had begun is of no concern here."""
        self._lock = threading.Lock()
        self._readers = 0


class _StreamSource:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()  # the position belongs to one reader at a time
        self._size = file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        return self._size

    def read(self, offset: int, size: int) -> memoryview:
        with self._lock:
            self._file.seek(offset)
            data = _read_all(self._file, size)
        return _complete(data, offset, size)

    def close(self) -> None:
        """The file is the caller's."""

    def after_fork(self) -> None:
        """A file that is open in the system has one position for both processes."""
        self._lock = threading.Lock()
        with contextlib.suppress(OSError, AttributeError):  # one in memory has no number
            self._file.fileno()
            raise ValueError("a file object is not to be read in a forked process too: open the file there")


def _complete(data: bytes, offset: int, size: int) -> memoryview:
    """``data``, if they are ``size`` bytes; FormatError if the file has become shorter."""
    if len(data) < size:
        raise FormatError(
            f"the file ends at byte {offset + len(data)}, earlier than when it was opened; fetch it again",
            code="TRUNCATED",
            offset=offset + len(data),
        )
    return memoryview(data)


def _read_all(file: BinaryIO, size: int) -> bytes:
    """``size`` bytes, or fewer at the end of the file; a raw file may give fewer at a time."""
    pieces = []
    while size > 0:
        piece = file.read(size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)

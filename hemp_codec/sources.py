"""Where the bytes of a file come from: a path (mapped into memory), bytes, or a file object."""

from __future__ import annotations

import contextlib
import mmap
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

    @property
    def whole(self) -> memoryview | None:
        """All bytes of the file, if they need not be read first."""
        ...

    def read(self, offset: int, size: int) -> memoryview:
        """The bytes [offset, offset + size), which lie within ``self.size``."""
        ...

    def close(self) -> None:
        """Give back what was taken to open the file."""
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
        return _MappedSource(file)
    if hasattr(file, "read") and hasattr(file, "seek"):
        return _StreamSource(file)
    raise TypeError(f"a path, bytes or a seekable binary file is needed, not {type(file).__name__}")


class _BytesSource:
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B").toreadonly()

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def whole(self) -> memoryview:
        return self._data

    def read(self, offset: int, size: int) -> memoryview:
        return self._data[offset : offset + size]

    def close(self) -> None:
        self._data.release()


class _MappedSource:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        with open(path, "rb") as file:
            self._size = os.fstat(file.fileno()).st_size
            # An empty file cannot be mapped.
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._size else None

    @property
    def size(self) -> int:
        return self._size

    @property
    def whole(self) -> memoryview | None:
        return memoryview(self._map) if self._map else None

    def read(self, offset: int, size: int) -> memoryview:
        return memoryview(self._map)[offset : offset + size] if self._map else memoryview(b"")

    def close(self) -> None:
        if self._map is None:
            return
        # While another thread still decodes from it, the map cannot be closed; the last view that goes unmaps it.
        with contextlib.suppress(BufferError):
            self._map.close()


class _StreamSource:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()  # the position belongs to one reader at a time
        self._size = file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        return self._size

    @property
    def whole(self) -> None:
        return None

    def read(self, offset: int, size: int) -> memoryview:
        with self._lock:
            self._file.seek(offset)
            data = _read_all(self._file, size)
        if len(data) < size:
            raise FormatError(
                f"the file ends at byte {offset + len(data)}, earlier than when it was opened; fetch it again",
                code="TRUNCATED",
                offset=offset + len(data),
            )
        return memoryview(data)

    def close(self) -> None:
        """The file is the caller's."""


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

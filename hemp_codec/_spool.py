"""Where coded segments wait until the front of the file is written."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from typing import IO

import numpy as np


class Spool:
    """Keeps pieces of bytes, from any number of threads: the first in memory, what goes beyond that in a file.

    Args:
        memory: bytes that are kept in memory; None: all.
        folder: of the temporary file; None: the system's.
    """

    def __init__(self, memory: int | None, folder: str | os.PathLike[str] | None = None) -> None:
        self._memory = memory
        self._folder = folder
        self._lock = threading.Lock()
        self._pieces: list[memoryview | tuple[int, int]] = []  # the bytes, or where in the file they are
        self._file: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, data: bytes | np.ndarray, sizes: Sequence[int]) -> int:
        """Keep ``data``, bytes or uint8, which nobody changes any more: pieces of these sizes in a row.

        Returns:
            The number by which ``get`` gives the first of them; those of the others follow it.
        """
        with self._lock:
            number = len(self._pieces)
            room = memoryview(data if isinstance(data, bytes) else data.data) if self._reserve(len(data)) else None
            start = self._write(data) if room is None else 0
            for size in sizes:
                self._pieces.append((start, size) if room is None else room[start : start + size])
                start += size
        return number

    def get(self, number: int) -> memoryview | bytes:
        """A piece."""
        piece = self._pieces[number]
        if isinstance(piece, memoryview):
            return piece
        assert self._file is not None, "a piece was written"
        self._file.seek(piece[0])
        return self._file.read(piece[1])

    def _reserve(self, size: int) -> bool:
        """Whether there is memory left for a piece, which is taken then."""
        if self._memory is None:
            return True
        if size > self._memory:
            return False
        self._memory -= size
        return True

    def _write(self, piece: bytes | np.ndarray) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by __exit__
        start = self._end
        self._file.seek(start)
        self._file.write(piece if isinstance(piece, bytes) else piece.data)
        self._end += len(piece)
        return start

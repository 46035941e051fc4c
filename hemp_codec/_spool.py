"""Where coded segments wait until the front of the file is written."""

from __future__ import annotations

import os
import tempfile
from typing import IO


class Spool:
    """Keeps pieces of bytes: the first in memory, what goes beyond that in a temporary file.

    Args:
        memory: bytes that are kept in memory.
        folder: of the temporary file; None: the system's.
    """

    def __init__(self, memory: int, folder: str | os.PathLike[str] | None = None) -> None:
        self._memory = memory
        self._folder = folder
        self._pieces: list[bytes | tuple[int, int]] = []  # the bytes, or where in the file they are
        self._file: IO[bytes] | None = None
        self._end = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, piece: bytes) -> int:
        """Keep ``piece``; the number by which ``get`` gives it back."""
        if len(piece) <= self._memory:
            self._memory -= len(piece)
            self._pieces.append(piece)
        else:
            self._pieces.append((self._write(piece), len(piece)))
        return len(self._pieces) - 1

    def get(self, number: int) -> bytes:
        """A piece, once: its memory is then free."""
        piece = self._pieces[number]
        self._pieces[number] = b""
        if isinstance(piece, bytes):
            return piece
        assert self._file is not None, "a piece was written"
        self._file.seek(piece[0])
        return self._file.read(piece[1])

    def _write(self, piece: bytes) -> int:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed by __exit__
        start = self._end
        self._file.seek(start)
        self._file.write(piece)
        self._end += len(piece)
        return start

"""Failures of a command: which file, what, what to do, exit code."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemp_codec.errors import HempError

DONE, INVALID, USAGE, INTERRUPTED = 0, 1, 2, 130

_ADVICE = {
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "check the path",
    errno.EACCES: "check who may read and write there",
    errno.EPERM: "check who may read and write there",
    errno.EROFS: "choose another folder",
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some space and run it again",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class Failure(Exception):
    """Ends the command with one line, ``hemp: FILE: MESSAGE``, and ``exit_code``."""

    def __init__(self, message: str, *, file: str | os.PathLike[str] | None = None, exit_code: int = INVALID) -> None:
        super().__init__(message)
        self.file = None if file is None else os.fspath(file)
        self.exit_code = exit_code


def usage(message: str) -> Failure:
    """A failure of how the command was called."""
    return Failure(message, exit_code=USAGE)


@contextmanager
def concerning(file: Path, *, output: Path | None = None) -> Iterator[None]:
    """Turn errors into a ``Failure`` that concerns ``file``; those of writing into one that concerns ``output``."""
    try:
        yield
    except HempError as error:
        raise Failure(str(error), file=file) from error
    except OSError as error:
        reads = output is None or error.filename == str(file)
        raise Failure(os_message(error), file=file if reads else output) from error
    except MemoryError as error:
        raise Failure("takes more memory than there is: use a machine with more", file=file) from error


def os_message(error: OSError) -> str:
    """What the system said, and what to do."""
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{what}: {_ADVICE.get(error.errno or 0, 'check the path and the disk')}"


def check_output(path: Path) -> None:
    """Refuse a target that cannot become a file, before any work is done."""
    if path.is_dir():
        raise Failure("is a folder: name a file", file=path)
    if not path.parent.exists():
        raise Failure("its folder does not exist: create it or choose another", file=path)
    if not path.parent.is_dir():
        raise Failure(f"{str(path.parent)!r} is not a folder: choose another", file=path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise Failure("its folder is not writable: choose another or change who may write there", file=path)

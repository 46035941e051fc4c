"""Files: save, load and open, by path, bytes or file object."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

import numpy as np

from hemp_codec.coders import Coder
from hemp_codec.quantizers import Quantizer
from hemp_codec.reader import Reader
from hemp_codec.rules import RuleLike
from hemp_codec.writer import SEGMENT_BITS, Progress, Tensors, write

Path = str | os.PathLike[str]


def save_file(
    tensors: Tensors,
    path: Path,
    *,
    quantizer: str | Quantizer = "lossless",
    coder: str | Coder = "arithmetic",
    rules: Iterable[RuleLike] = (),
    metadata: Mapping[str, str] | None = None,
    threads: int | None = None,
    source_sha256: bytes | None = None,
    progress: Progress | None = None,
    segment_bits: int = SEGMENT_BITS,
) -> None:
    """Write ``tensors`` to the file ``path``; arguments and errors as for ``hemp_codec.writer.write``.

    A file that is there already is replaced in one step when the new one is complete: after an error, a kill or a full
    disk it is as it was.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as file:
        write(
            tensors,
            file,
            quantizer=quantizer,
            coder=coder,
            rules=rules,
            metadata=metadata,
            threads=threads,
            source_sha256=source_sha256,
            progress=progress,
            segment_bits=segment_bits,
            spool_dir=os.path.dirname(file.name),
        )


def load_file(path: Path, *, threads: int | None = None, max_output: int | None = None) -> dict[str, np.ndarray]:
    """All tensors of the file ``path``, in its order.

    Args:
        path: the file.
        threads: as for ``Reader.load``.
        max_output: as for ``Reader``; to be raised for a file that one trusts.

    Raises:
        OSError: the file cannot be read.
        HempError: it is damaged, too large or not supported.
    """
    with Reader(path, max_output=max_output) as reader:
        return reader.load(threads=threads)


def decode(
    data: bytes | bytearray | memoryview, *, threads: int | None = None, max_output: int | None = None
) -> dict[str, np.ndarray]:
    """All tensors of the bytes of a `.hemp` file; arguments and HempError as for ``load_file``."""
    with Reader(bytes(data), max_output=max_output) as reader:
        return reader.load(threads=threads)


def safe_open(source: Path | bytes | BinaryIO, *, max_output: int | None = None) -> Reader:
    """Open a file lazily: the directory is read and checked now, segments when a tensor is asked for.

    Args:
        source: path, bytes, or binary file object that can seek.
        max_output: as for ``Reader``.

    Raises:
        OSError: the file cannot be read.
        HempError: its directory is damaged or not supported.
    """
    return Reader(source, max_output=max_output)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends, or leaves no trace if it fails.

    A symbolic link stays one: its target is replaced.  An existing file's permissions are kept.
    """
    target = os.path.realpath(os.fsdecode(path))
    temporary = f"{target}.{secrets.token_hex(6)}.tmp"
    file = _create(temporary, target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _create(temporary: str, target: str) -> BinaryIO:
    """A new file; an OSError names the target, which is what the caller knows."""
    try:
        return open(temporary, "xb")
    except OSError as error:
        error.filename = target
        raise

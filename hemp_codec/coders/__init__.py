"""Coders: quantization indices to bytes and back (spec/coders.md).

``get("arithmetic")`` gives a coder; ``names()`` lists them.  A package of its own adds a coder through the entry point
group ``hemp_codec.coders``: the entry's name is the coder's name, its object a subclass of ``Coder`` whose ``number``
is from 128 to 191.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points

from hemp_codec.coders.arithmetic import Arithmetic, ArithmeticMax, ArithmeticPlain
from hemp_codec.coders.base import Coder
from hemp_codec.coders.lzma import Lzma
from hemp_codec.coders.rans import Rans
from hemp_codec.coders.rate import RateModel
from hemp_codec.coders.stored import Stored
from hemp_codec.coders.zstd import Zstd
from hemp_codec.errors import UnsupportedError

__all__ = [
    "FORMAT_CODERS",
    "Arithmetic",
    "ArithmeticMax",
    "ArithmeticPlain",
    "Coder",
    "Lzma",
    "Rans",
    "RateModel",
    "Stored",
    "Zstd",
    "get",
    "names",
    "resolve",
]

ENTRY_POINT_GROUP = "hemp_codec.coders"
FORMAT_CODERS: tuple[type[Coder], ...] = (Stored, Lzma, Zstd, Arithmetic, Rans, ArithmeticMax, ArithmeticPlain)
_PRIVATE_NUMBERS = range(128, 192)


def names() -> list[str]:
    """Names of all coders: those of the format in the order of their numbers, then those of other packages."""
    return [coder.name for coder in FORMAT_CODERS] + [entry.name for entry in _entries()]


def get(coder: str | int) -> Coder:
    """The coder of this name or number.

    Raises:
        UnsupportedError: ``UNSUPPORTED_CODER``: there is none, or its package broke the rules for private coders.
    """
    for known in FORMAT_CODERS:
        if coder in (known.name, known.number):
            return known()
    for entry in _entries():
        if coder == entry.name:
            return _load(entry)
        if isinstance(coder, int) and _has_number(entry, coder):
            return _load(entry)
    raise _unsupported(f"there is no coder {coder!r} here; known are {', '.join(names())}")


def resolve(coder: str | Coder) -> Coder:
    """The coder of this name, or ``coder`` itself if files can name it.

    Raises:
        UnsupportedError: ``UNSUPPORTED_CODER``: there is none, or its number is neither the format's nor private.
    """
    if not isinstance(coder, Coder):
        return get(coder)
    if not isinstance(coder, FORMAT_CODERS) and coder.number not in _PRIVATE_NUMBERS:
        raise _unsupported(f"coder {coder.name!r} must have a number from 128 to 191, not {coder.number}")
    return coder


@functools.lru_cache(maxsize=1)
def _entries() -> tuple[EntryPoint, ...]:
    """Entry points of other packages, by name; looking them up reads every installed package's metadata."""
    return tuple(sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name))


def _has_number(entry: EntryPoint, number: int) -> bool:
    """False for a coder that cannot be loaded: another package's fault is no reason to refuse this number."""
    try:
        return _load(entry).number == number
    except UnsupportedError:
        return False


@functools.lru_cache(maxsize=256)
def _load(entry: EntryPoint) -> Coder:
    try:
        kind = entry.load()
    except Exception as error:  # the other package's code may fail in any way
        raise _unsupported(f"coder {entry.name!r} from {entry.value} cannot be loaded: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Coder)):
        raise _unsupported(f"coder {entry.name!r} from {entry.value} is not a subclass of hemp_codec.coders.Coder")
    if getattr(kind, "number", None) not in _PRIVATE_NUMBERS or getattr(kind, "name", None) != entry.name:
        raise _unsupported(
            f"coder {entry.name!r} from {entry.value} must set name = {entry.name!r} and a number from 128 to 191"
        )
    return kind()


def _unsupported(message: str) -> UnsupportedError:
    return UnsupportedError(message, code="UNSUPPORTED_CODER")

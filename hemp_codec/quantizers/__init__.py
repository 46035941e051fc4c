"""Quantizers: a float array to quantization indices and reconstruction levels, and back.

``get("lloyd-max:16")`` gives a quantizer by name and number of levels.
"""

from __future__ import annotations

from hemp_codec.errors import UnsupportedError
from hemp_codec.quantizers.base import Codebook, Parameters, Planes, Quantizer, UniformGrid
from hemp_codec.quantizers.lloyd_max import LloydMax
from hemp_codec.quantizers.lossless import Lossless
from hemp_codec.quantizers.uniform import Uniform

__all__ = [
    "Codebook",
    "LloydMax",
    "Lossless",
    "Parameters",
    "Planes",
    "Quantizer",
    "Uniform",
    "UniformGrid",
    "get",
    "names",
]

_LOSSY: tuple[type[LloydMax] | type[Uniform], ...] = (LloydMax, Uniform)


def names() -> list[str]:
    """Names of all quantizers."""
    return [Lossless.name] + [kind.name for kind in _LOSSY]


def get(quantizer: str | Quantizer, *, levels: int | None = None) -> Quantizer:
    """The quantizer of a name such as ``"lossless"``, ``"lloyd-max"`` or ``"uniform:32"``; an object is given back.

    Args:
        quantizer: the name, if wanted with ``:`` and a number of levels, or a quantizer.
        levels: number of levels where the name gives none; 16 if this is None too.

    Raises:
        UnsupportedError: there is no quantizer of that name.
        ValueError: the number of levels is not one from 1 to 65536, or the quantizer is lossless and has none.
    """
    if not isinstance(quantizer, str):
        return quantizer
    name, colon, number = quantizer.partition(":")
    count = _parse_levels(quantizer, number) if colon else levels
    if name == Lossless.name:
        if colon:
            raise ValueError(f"the lossless quantizer has no levels: write 'lossless', not {quantizer!r}")
        return Lossless()
    for kind in _LOSSY:
        if kind.name == name:
            return kind() if count is None else kind(count)
    raise UnsupportedError(f"there is no quantizer {name!r}; known are {', '.join(names())}")


def _parse_levels(text: str, number: str) -> int:
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{text!r}: after the colon stands a number of levels, from 1 to 65536")
    return int(number)

"""The coder ``arithmetic``: an adaptive range coder with contexts (spec/coders.md, 5), at three operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

# The modes of the format (spec/coders.md, 5.1).
_PLAIN, _MIXED, _WIDE = 0, 1, 2

# Up to this size the mixed mode is tried too: tables and states of a payload so small are a large part of it.
_SMALL_PAYLOAD = {_PLAIN: 1024, _WIDE: 512}
# Up to this size too, where an index takes less than a bit: there the mixed mode saves most, and costs least.
_SPARSE_PAYLOAD = 16384
# But not of so many elements: readers refuse small files with many of them in a slow mode (spec/format.md, 8.1).
_MANY_FOR_MIXED, _MANY_FOR_WIDE = 1 << 19, 1 << 20


class Arithmetic(Coder):
    """Learns from the row, the column, the row above and the previous indices as it goes.

    Takes the plain mode of the format, eight rows at a time; for small and for sparse payloads whichever of plain and
    mixed is smaller.  The encoder fits the contexts to the indices; it takes O(n) time and 8 bytes of memory for each
    index.
    """

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    _mode: ClassVar[int] = _PLAIN
    _tries: ClassVar[bool] = True  # the mixed mode too, where it may be smaller

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        first = _native.arithmetic_encode(indices, parts, self._mode)
        if self._mode == _WIDE and _is_nearly_constant(8 * len(first), parts):
            first = _native.arithmetic_encode(indices, parts, _PLAIN)
        if not self._tries_mixed(8 * len(first), parts):
            return first
        return min(first, _native.arithmetic_encode(indices, parts, _MIXED), key=len)

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """The models run as in coding and take most of the time of that; no payload is made."""
        first = _native.arithmetic_estimate(indices, parts, self._mode)
        if self._mode == _WIDE and _is_nearly_constant(first, parts):
            first = _native.arithmetic_estimate(indices, parts, _PLAIN)
        if not self._tries_mixed(first, parts):
            return first
        return min(first, _native.arithmetic_estimate(indices, parts, _MIXED))

    def rate_model(self) -> RateModel:
        """Each index is paid for by its probability given the magnitudes around it and the indices before it."""
        return RateModel(self.name, contexts=("row", "column", "above", "previous"), conditional=True)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)

    def _tries_mixed(self, bits: float, parts: Sequence[Part]) -> bool:
        elements = sum(part.size for part in parts)
        most = _SPARSE_PAYLOAD if bits < elements else _SMALL_PAYLOAD[self._mode]
        return self._tries and elements <= _MANY_FOR_MIXED and bits <= 8 * most


class ArithmeticPlain(Arithmetic):
    """The same format with the plain mode throughout: its decoder takes 19 kB of memory and 4 bytes for each column.

    For devices to which the 430 kB of the other modes are too much.
    """

    name: ClassVar[str] = "arithmetic-plain"
    _tries: ClassVar[bool] = False


class ArithmeticMax(Arithmetic):
    """The same format with the wide mode in place of the plain one: some 1 % smaller.

    It takes two to three times as long, and 0.3 MB of memory more.
    """

    name: ClassVar[str] = "arithmetic-max"
    _mode: ClassVar[int] = _WIDE


def _is_nearly_constant(bits: float, parts: Sequence[Part]) -> bool:
    elements = sum(part.size for part in parts)
    return elements > _MANY_FOR_WIDE and bits * 128 < elements

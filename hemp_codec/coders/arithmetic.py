"""The coder ``arithmetic``: an adaptive range coder with contexts (spec/coders.md, 5), at two operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

# Up to this size both modes are tried: tables and states of a payload so small are a large part of it.
_SMALL_PAYLOAD = 1024
# Up to this size too, where an index takes less than a bit: there the mixed mode saves most, and costs least.
_SPARSE_PAYLOAD = 16384


class Arithmetic(Coder):
    """Learns from the row, the column, the row above and the previous indices as it goes.

    Takes the plain mode of the format, eight rows at a time; for small and for sparse payloads whichever of plain and
    mixed is smaller.  The encoder fits the contexts to the indices; it takes O(n) time and 8 bytes of memory for each
    index.
    """

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    _mixed_first: ClassVar[bool] = False

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        first = _native.arithmetic_encode(indices, parts, self._mixed_first)
        if not self._tries_both(8 * len(first), parts):
            return first
        return min(first, _native.arithmetic_encode(indices, parts, not self._mixed_first), key=len)

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """The models run as in coding and take most of the time of that; no payload is made."""
        first = _native.arithmetic_estimate(indices, parts, self._mixed_first)
        if not self._tries_both(first, parts):
            return first
        return min(first, _native.arithmetic_estimate(indices, parts, not self._mixed_first))

    @classmethod
    def _tries_both(cls, bits: float, parts: Sequence[Part]) -> bool:
        sparse = cls._mixed_first or bits < sum(part.size for part in parts)
        return bits <= 8 * (_SPARSE_PAYLOAD if sparse else _SMALL_PAYLOAD)

    def rate_model(self) -> RateModel:
        """Each index is paid for by its probability given the magnitudes around it and the indices before it."""
        return RateModel(self.name, contexts=("row", "column", "above", "previous"), conditional=True)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)


class ArithmeticMax(Arithmetic):
    """The same format with the mixed mode throughout: some 1 % smaller, and twenty times slower."""

    name: ClassVar[str] = "arithmetic-max"
    _mixed_first: ClassVar[bool] = True

"""The coder ``arithmetic``: an adaptive range coder with contexts (spec/coders.md, 5), at two operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

# Up to this size both modes are tried: it costs milliseconds and saves up to a sixth.
_SMALL_PAYLOAD = 16384


class Arithmetic(Coder):
    """The smallest files: learns from the row, the column, the row above and the previous indices as it goes.

    Takes the plain mode of the format, and for small payloads whichever of plain and mixed is smaller.  The encoder
    fits the contexts to the indices; it takes O(n) time and 5 bytes of memory for each index.
    """

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    _mixed_first: ClassVar[bool] = False

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        first = _native.arithmetic_encode(indices, parts, self._mixed_first)
        if len(first) > _SMALL_PAYLOAD:
            return first
        return min(first, _native.arithmetic_encode(indices, parts, not self._mixed_first), key=len)

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """Exact.  The models run as in coding and take the time of that; no payload is made."""
        first = _native.arithmetic_measure(indices, parts, self._mixed_first)
        if first > _SMALL_PAYLOAD:
            return 8.0 * first
        return 8.0 * min(first, _native.arithmetic_measure(indices, parts, not self._mixed_first))

    def rate_model(self) -> RateModel:
        """Each index is paid for by its probability given the magnitudes around it and the indices before it."""
        return RateModel(self.name, contexts=("row", "column", "above", "previous"), conditional=True)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)


class ArithmeticMax(Arithmetic):
    """The same format with the mixed mode throughout: some 0.5 to 1.5 % smaller, and ten times slower."""

    name: ClassVar[str] = "arithmetic-max"
    _mixed_first: ClassVar[bool] = True

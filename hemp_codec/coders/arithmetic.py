"""The coder ``arithmetic``: an adaptive range coder with contexts (spec/coders.md, 5), at two operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

# Up to this size the mixed mode is tried too: it costs milliseconds and saves up to a sixth.
_SMALL_PAYLOAD = 16384


class Arithmetic(Coder):
    """The smallest files: learns from the row, the column, the row above and the previous indices as it goes.

    Takes the plain mode of the format, and for small payloads whichever of plain and mixed is smaller.  The encoder
    fits the contexts to the indices; it takes O(n) time and 5 bytes of memory for each index.
    """

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        plain = _native.arithmetic_encode(indices, parts, False)
        if len(plain) > _SMALL_PAYLOAD:
            return plain
        mixed = _native.arithmetic_encode(indices, parts, True)
        return mixed if len(mixed) < len(plain) else plain

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """Exact.  The models run as in coding and take the time of that; no payload is made."""
        plain = _native.arithmetic_measure(indices, parts, False)
        if plain > _SMALL_PAYLOAD:
            return 8.0 * plain
        return 8.0 * min(plain, _native.arithmetic_measure(indices, parts, True))

    def rate_model(self) -> RateModel:
        """Each index is paid for by its probability given the magnitudes around it and the indices before it."""
        return RateModel(self.name, contexts=("row", "column", "above", "previous"), conditional=True)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)


class ArithmeticMax(Arithmetic):
    """The same format with the mixed mode throughout: some 0.5 to 1.5 % smaller, and ten times slower."""

    name: ClassVar[str] = "arithmetic-max"

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        mixed = _native.arithmetic_encode(indices, parts, True)
        if len(mixed) > _SMALL_PAYLOAD:
            return mixed
        plain = _native.arithmetic_encode(indices, parts, False)
        return mixed if len(mixed) < len(plain) else plain

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """As for the base class."""
        mixed = _native.arithmetic_measure(indices, parts, True)
        if mixed > _SMALL_PAYLOAD:
            return 8.0 * mixed
        return 8.0 * min(mixed, _native.arithmetic_measure(indices, parts, False))

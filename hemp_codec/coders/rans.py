"""The coder ``rans``: a static interleaved range asymmetric numeral system (spec/coders.md, 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

# Below this the states that end a payload are more than 1 % of it, and where each ends only coding can tell.
_SHORT = 1 << 16


class Rans(Coder):
    """One table of frequencies for each segment and plane; the quickest coder to decode."""

    name: ClassVar[str] = "rans"
    number: ClassVar[int] = 4

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        return _native.rans_encode(indices, parts)

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """The tables and the entropy of the indices under them, in the time that it takes to count; payloads of less
        than 8 kB are made instead."""
        bits = _native.rans_estimate(indices, parts)
        return bits if bits >= _SHORT else super().estimate_parts(indices, parts)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.rans_decode(payload, parts)

    def rate_model(self) -> RateModel:
        """Frequencies in the classes that rows are sorted into."""
        return RateModel(self.name, contexts=("row",), conditional=True)

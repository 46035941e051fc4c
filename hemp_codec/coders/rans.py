"""The coder ``rans``: a static interleaved range asymmetric numeral system (spec/coders.md, 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.tensors import Part


class Rans(Coder):
    """One table of frequencies for each segment and plane; the quickest coder to decode."""

    name: ClassVar[str] = "rans"
    number: ClassVar[int] = 4

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        return _native.rans_encode(indices, parts)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.rans_decode(payload, parts)

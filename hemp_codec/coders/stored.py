"""The coder ``stored``: indices packed into as few bits as their number of levels needs (spec/coders.md, 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.tensors import Part

_BYTE_LEVELS = 256


class Stored(Coder):
    """Bit-packed, not compressed."""

    name: ClassVar[str] = "stored"
    number: ClassVar[int] = 0

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        return _native.stored_encode(indices, parts)

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """Exact, and independent of the indices; takes no time."""
        return 8.0 * _native.stored_size(parts)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        if len(parts) == 1 and parts[0].num_levels == _BYTE_LEVELS and len(payload) == parts[0].size:
            return [np.frombuffer(payload, np.uint8)]  # the payload is the indices
        return _native.stored_decode(payload, parts)

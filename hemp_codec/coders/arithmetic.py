"""The coder ``arithmetic``: adaptive, with contexts from neighboring indices (spec/coders.md, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.tensors import Part


class Arithmetic(Coder):
    """The coder that compresses most; it adapts as it goes."""

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        return _native.arithmetic_encode(indices, parts)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)

"""The coder ``arithmetic``: an adaptive range coder with contexts (spec/coders.md, 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec import _native
from hemp_codec.coders.base import Coder
from hemp_codec.tensors import Part


class Arithmetic(Coder):
    """The smallest files: learns from the row, the column, the row above and the previous indices as it goes.

    The encoder fits the contexts to the indices; it takes O(n) time and 5 bytes of memory for each index.
    """

    name: ClassVar[str] = "arithmetic"
    number: ClassVar[int] = 3

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        return _native.arithmetic_encode(indices, parts)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        return _native.arithmetic_decode(payload, parts)

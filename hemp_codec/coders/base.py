"""The protocol of a coder: indices to bytes and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part, index_dtype


class Coder:
    """Base of every coder; subclasses set ``name`` and ``number`` and define the two ``_parts`` methods.

    A coder codes the indices of all parts of one segment and plane together; ``encode`` and ``decode`` are the same for
    a single whole tensor.  Coders hold no state between calls and may be used by many threads.

    Attributes:
        name: as used on the command line.
        number: as stored in a file; 128 to 191 for coders that are not of the format.
    """

    name: ClassVar[str]
    number: ClassVar[int]

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        """Payload of ``indices``: for each part a 1-D array of ``index_dtype(part.num_levels)``.

        Raises:
            ValueError: an index is not below its part's ``num_levels``.
        """
        raise NotImplementedError

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        """For each part its indices, as given to ``encode_parts``.

        Raises:
            FormatError: the payload is not exactly what an encoder makes.
        """
        raise NotImplementedError

    def estimate_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
        """Bits of the payload that ``encode_parts`` makes of the same arguments, to within 1 % or 16 bits.

        This one codes them; coders that know a quicker way, or one that takes less memory, have their own.
        """
        return 8.0 * len(self.encode_parts(indices, parts))

    def rate_model(self) -> RateModel:
        """What the coder pays for: unless it says otherwise, each index by the frequency of its value."""
        return RateModel(self.name)

    def encode(self, indices: np.ndarray, num_levels: int) -> bytes:
        """Payload of the ``indices`` of one tensor, in its own shape, each below ``num_levels``."""
        flat, part = _whole(indices, num_levels)
        return self.encode_parts([flat], [part])

    def estimate(self, indices: np.ndarray, num_levels: int) -> float:
        """Bits of ``encode(indices, num_levels)``, to within 1 % or 16 bits."""
        flat, part = _whole(indices, num_levels)
        return self.estimate_parts([flat], [part])

    def decode(self, payload: bytes | memoryview, shape: Sequence[int], num_levels: int) -> np.ndarray:
        """The indices in ``shape``, as ``index_dtype(num_levels)``."""
        shape = tuple(shape)
        part = Part(num_levels, shape, 0, math.prod(shape))
        return self.decode_parts(payload, [part])[0].reshape(shape)


def _whole(indices: np.ndarray, num_levels: int) -> tuple[np.ndarray, Part]:
    """The indices of one tensor, checked, as ``encode_parts`` takes them."""
    flat = np.ascontiguousarray(indices).reshape(-1)
    if flat.size and (flat.min() < 0 or flat.max() >= num_levels):
        raise ValueError(f"indices must lie in [0, {num_levels}), found {flat.min()} to {flat.max()}")
    return flat.astype(index_dtype(num_levels), copy=False), Part(num_levels, np.shape(indices), 0, flat.size)

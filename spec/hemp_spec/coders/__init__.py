"""coders.md: payloads to indices, slowly.

Each module has one function ``decode(payload, parts)``: for each part its indices.  Offsets in its errors count from
the first byte of the payload.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hemp_spec.coders import arithmetic, general, rans, stored
from hemp_spec.directory import Part
from hemp_spec.errors import SpecError

Decode = Callable[[bytes, Sequence[Part]], list[list[int]]]

NAMES: dict[int, str] = {0: "stored", 1: "lzma", 2: "zstd", 3: "arithmetic", 4: "rans"}
_DECODERS: dict[int, Decode] = {
    0: stored.decode,
    1: general.decode_lzma,
    2: general.decode_zstd,
    3: arithmetic.decode,
    4: rans.decode,
}
_SMALLEST_VARYING = 8  # bytes; a payload of `arithmetic` of fewer is constant


def cost(coder: int, payload: bytes) -> int:
    """format.md, 8.1: what decoding costs for each element."""
    if NAMES.get(coder) != "arithmetic" or len(payload) < _SMALLEST_VARYING:
        return 0
    return {arithmetic.MIXED: 8, arithmetic.WIDE: 4}.get(payload[0] & 3, 1)


def decode(coder: int, payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """The indices of each part; SpecError if the payload breaks a rule or the coder is unknown (6.6)."""
    if coder not in _DECODERS:
        raise SpecError("UNSUPPORTED_CODER", 0, "", f"coder {coder} is unknown", "6.6", coder)
    return _DECODERS[coder](payload, parts)

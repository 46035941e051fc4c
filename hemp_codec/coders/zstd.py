"""Coder 2: the sequence as one Zstandard frame without its magic number (spec/coders.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import zstandard

from hemp_codec.coders._sequence import from_bytes, refuse_payload, sequence_size, to_bytes
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_WINDOW = 1 << 27
_RESERVED, _CHECKSUM, _DICTIONARY = 0x08, 0x04, 0x03  # bits of the frame header descriptor


class Zstd(Coder):
    """Zstandard.

    Args:
        level: compression level, 1 to 22; decoding needs no such knowledge.
    """

    name = "zstd"
    number = 2

    def __init__(self, level: int = 19) -> None:
        self._level = level

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        data = to_bytes(indices, parts)
        if not data:
            return b""
        parameters = zstandard.ZstdCompressionParameters.from_level(
            self._level, source_size=len(data), write_content_size=False, write_checksum=False, write_dict_id=False
        )
        frame = zstandard.ZstdCompressor(compression_params=parameters).compress(data)
        return frame[len(_MAGIC) :]

    def rate_model(self) -> RateModel:
        """Strings of three indices and more are copied from where they were before."""
        return RateModel(self.name, order=3)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        size = sequence_size(parts)
        return from_bytes(_decompress(bytes(payload), size) if size or payload else b"", parts)


def _decompress(payload: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes from a frame that is exactly ``payload``."""
    _check_header(payload, size)
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        data = decompressor.decompress(_MAGIC + payload, max_output_size=max(size, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise refuse_payload("zstd", str(error)) from None
    if len(data) != size:
        raise refuse_payload("zstd", f"it holds {len(data)} bytes, expected {size}")
    return data


def _check_header(payload: bytes, size: int) -> None:
    """Refuse what the format excludes, and a content size other than ``size``, which the library would allocate."""
    if not payload or not size:
        raise refuse_payload("zstd", f"{len(payload)} bytes for a sequence of {size}")
    if payload[0] & (_RESERVED | _CHECKSUM | _DICTIONARY):
        raise refuse_payload("zstd", "its frame has a checksum, a dictionary or a reserved bit")
    try:
        header = zstandard.get_frame_parameters(_MAGIC + payload[:18])
    except zstandard.ZstdError as error:
        raise refuse_payload("zstd", str(error)) from None
    if header.window_size > _MAX_WINDOW:
        raise refuse_payload("zstd", f"its window of {header.window_size} bytes is above {_MAX_WINDOW}")
    if header.content_size not in (size, zstandard.CONTENTSIZE_UNKNOWN):
        raise refuse_payload("zstd", f"it holds {header.content_size} bytes, expected {size}")

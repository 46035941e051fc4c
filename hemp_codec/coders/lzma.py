"""Coder 1: the sequence as a raw LZMA1 stream (spec/coders.md, section 3)."""

from __future__ import annotations

import lzma
from collections.abc import Sequence

import numpy as np

from hemp_codec.coders._sequence import from_bytes, refuse_payload, sequence_size, to_bytes
from hemp_codec.coders.base import Coder
from hemp_codec.coders.rate import RateModel
from hemp_codec.tensors import Part

_MIN_DICTIONARY_BITS, _MAX_DICTIONARY_BITS = 12, 28
_HEADER_SIZE = 2


class Lzma(Coder):
    """LZMA at its strongest preset, with the context bits that suit indices."""

    name = "lzma"
    number = 1

    def encode_parts(self, indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
        data = to_bytes(indices, parts)
        if not data:
            return b""
        lc, lp, pb = _context_bits(parts)
        bits = min(max((len(data) - 1).bit_length(), _MIN_DICTIONARY_BITS), _MAX_DICTIONARY_BITS)
        header = bytes([(pb * 5 + lp) * 9 + lc, bits])
        return header + lzma.compress(data, lzma.FORMAT_RAW, filters=[_filter(lc, lp, pb, 1 << bits)])

    def rate_model(self) -> RateModel:
        """Strings of indices are copied from where they were before; triples foretell what a change saves at least as
        well as pairs (``hemp_train.figures.costs``)."""
        return RateModel(self.name, order=3)

    def decode_parts(self, payload: bytes | memoryview, parts: Sequence[Part]) -> list[np.ndarray]:
        size = sequence_size(parts)
        return from_bytes(_decompress(bytes(payload), size) if size or payload else b"", parts)


def _context_bits(parts: Sequence[Part]) -> tuple[int, int, int]:
    """lc, lp and pb by measurement on indices and planes of two checkpoints: the index before (lc) is no help but for
    the low byte of two, while the position modulo 4 (pb = 2) gains up to 2 %, and costs 0.6 % at 4 levels."""
    most = max(part.num_levels for part in parts)
    if most > 256:
        return 3, 1, 1
    return 0, 0, 2 if most > 4 else 0


def _filter(lc: int, lp: int, pb: int, dictionary: int) -> dict[str, int]:
    preset = 9 | lzma.PRESET_EXTREME
    return {"id": lzma.FILTER_LZMA1, "preset": preset, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}


def _decompress(payload: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes from a stream whose end marker is the end of ``payload``."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_decoder_filter(payload, size)])
    try:
        data = _read(decompressor, payload[_HEADER_SIZE:], size + 1)
    except lzma.LZMAError as error:
        raise refuse_payload("lzma", str(error)) from None
    if len(data) > size:
        raise refuse_payload("lzma", f"it holds more than the expected {size} bytes")
    if not decompressor.eof:
        raise refuse_payload("lzma", "its end marker is missing")
    if len(data) != size or decompressor.unused_data:
        raise refuse_payload("lzma", f"{len(data)} bytes, expected {size}; {len(decompressor.unused_data)} bytes left")
    return data


def _read(decompressor: lzma.LZMADecompressor, data: bytes, limit: int) -> bytes:
    """Up to ``limit`` bytes: what comes out before the stream, the input or the limit ends."""
    pieces = [decompressor.decompress(data, limit)]
    room = limit - len(pieces[0])
    while room and not decompressor.eof and not decompressor.needs_input:
        pieces.append(decompressor.decompress(b"", room))
        room -= len(pieces[-1])
    return b"".join(pieces)


def _decoder_filter(payload: bytes, size: int) -> dict[str, int]:
    if len(payload) < _HEADER_SIZE or not size:
        raise refuse_payload("lzma", f"{len(payload)} bytes for a sequence of {size}")
    properties, bits = payload[:_HEADER_SIZE]
    lc, lp, pb = properties % 9, properties // 9 % 5, properties // 45
    if properties >= 225 or lc + lp > 4:
        raise refuse_payload("lzma", f"properties {properties}")
    if not _MIN_DICTIONARY_BITS <= bits <= _MAX_DICTIONARY_BITS:
        raise refuse_payload("lzma", f"dictionary of 2^{bits} bytes")
    # No distance reaches beyond what was decoded, so a larger dictionary would only be memory that a file can demand.
    dictionary = min(1 << bits, max(size, 1 << _MIN_DICTIONARY_BITS))
    return {"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}

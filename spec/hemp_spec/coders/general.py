"""coders.md, sections 3 and 4: ``lzma`` and ``zstd``, which code the sequence as bytes."""

from __future__ import annotations

import lzma
from collections.abc import Sequence

import zstandard

from hemp_spec.coders.common import bad_payload, refuse_bytes, sequence_sizes, split_sequence
from hemp_spec.directory import Part

_MAX_WINDOW = 1 << 27


def byte_widths(parts: Sequence[Part]) -> list[int]:
    """Section 3: bytes of an index of each part."""
    return [1 if part.num_levels <= 256 else 2 for part in parts]


def sequence_bytes(parts: Sequence[Part]) -> int:
    """Bytes of the sequence."""
    return sum(size * width for size, width in zip(sequence_sizes(parts), byte_widths(parts), strict=True))


def _from_bytes(data: bytes, parts: Sequence[Part]) -> list[list[int]]:
    sequence, start = [], 0
    for size, width in zip(sequence_sizes(parts), byte_widths(parts), strict=True):
        end = start + size * width
        sequence += [int.from_bytes(data[at : at + width], "little") for at in range(start, end, width)]
        start = end
    return split_sequence(sequence, parts)


def decode_lzma(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 3: the indices of each part."""
    expected = sequence_bytes(parts)
    if expected == 0:
        refuse_bytes(payload, "1.5")
        return _from_bytes(b"", parts)
    if len(payload) < 2:
        raise bad_payload(0, "properties and dictionary_bits are missing", "3")
    properties, dictionary_bits = payload[0], payload[1]
    lc, lp, pb = properties % 9, properties // 9 % 5, properties // 45
    if properties >= 225 or lc + lp > 4:
        raise bad_payload(0, f"properties {properties} are not valid", "3", properties)
    if not 12 <= dictionary_bits <= 28:
        raise bad_payload(1, f"a dictionary of 2^{dictionary_bits} bytes", "3", dictionary_bits)
    dictionary = min(1 << dictionary_bits, max(4096, expected))  # no distance reaches back beyond the first byte
    options = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
    try:
        data = decompressor.decompress(payload[2:], expected + 1)
        while not decompressor.eof and not decompressor.needs_input and len(data) <= expected:
            data += decompressor.decompress(b"", expected + 1 - len(data))
    except (lzma.LZMAError, EOFError) as error:
        raise bad_payload(2, f"the LZMA stream is damaged: {error}", "3") from None
    if not decompressor.eof or decompressor.unused_data or len(data) != expected:
        raise bad_payload(2, f"the LZMA stream does not end with byte {expected} of the sequence", "3", len(data))
    return _from_bytes(data, parts)


def decode_zstd(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 4: the indices of each part."""
    expected = sequence_bytes(parts)
    if expected == 0:
        refuse_bytes(payload, "1.5")
        return _from_bytes(b"", parts)
    _check_frame_header(payload)
    decompressor = zstandard.ZstdDecompressor(
        format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=_MAX_WINDOW
    ).decompressobj(read_across_frames=False)
    data = bytearray()
    try:
        for byte in range(0, len(payload), 64):  # in small pieces, so that little more than `expected` is ever held
            data += decompressor.decompress(payload[byte : byte + 64])
            if decompressor.eof or len(data) > expected:
                break
    except zstandard.ZstdError as error:
        raise bad_payload(0, f"the Zstandard frame is damaged: {error}", "4") from None
    consumed = byte + 64 >= len(payload) and not decompressor.unused_data
    if not decompressor.eof or not consumed or len(data) != expected:
        raise bad_payload(0, f"the Zstandard frame does not end with byte {expected} of the sequence", "4", len(data))
    return _from_bytes(bytes(data), parts)


def _check_frame_header(payload: bytes) -> None:
    """Section 4: what the frame must not use (RFC 8878, 3.1.1.1)."""
    if not payload:
        raise bad_payload(0, "no Zstandard frame", "4")
    descriptor = payload[0]
    if descriptor & 0b1111:
        raise bad_payload(0, "a checksum, a dictionary or the reserved bit", "4", descriptor)
    single_segment = descriptor >> 5 & 1
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    if len(payload) < 2 + size_bytes - single_segment:
        raise bad_payload(0, "the Zstandard frame header is cut", "4")
    if single_segment:
        window = int.from_bytes(payload[1 : 1 + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    else:
        base = 1 << (10 + (payload[1] >> 3))
        window = base + base // 8 * (payload[1] & 7)
    if window > _MAX_WINDOW:
        raise bad_payload(0, f"the Zstandard frame has a window of {window} bytes", "4", window)

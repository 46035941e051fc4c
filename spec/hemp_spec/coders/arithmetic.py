"""coders.md, section 5: ``arithmetic``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hemp_spec.coders import lanes, mixing, wide
from hemp_spec.coders.common import bad_payload
from hemp_spec.coders.models import Models
from hemp_spec.coders.neighbors import MOST_LANES, Header
from hemp_spec.coders.ranging import RangeDecoder
from hemp_spec.directory import Part
from hemp_spec.errors import Value

MIXED, WIDE = 1, 2  # modes; 0 is plain
MAX_CONTEXTS = 256
MAX_ZEROS = 15
MAX_WEIGHTS = 256


class BitReader:
    """Section 5.1: bits(k)."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 0  # in bits

    def bits(self, k: int) -> int:
        """An integer of k bits."""
        end = self.position + k
        if end > 8 * len(self.payload):
            raise bad_payload(len(self.payload), "the headers do not end within the payload", "5.1")
        begin = self.position // 8
        whole = int.from_bytes(self.payload[begin : (end + 7) // 8], "little")
        value = (whole >> self.position % 8) % (1 << k)
        self.position = end
        return value

    @property
    def byte(self) -> int:
        """Place of the byte that is read from."""
        return self.position // 8


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 5.1: the indices of each part."""
    taking = [part for part in parts if part.num_levels > 1 and part.size > 0]
    if not taking:
        if payload:
            raise bad_payload(0, "bytes for no indices", "1.5", len(payload))
        return [[0] * part.size for part in parts]
    reader = BitReader(payload)
    mode = reader.bits(2)
    if mode > WIDE:
        raise bad_payload(0, f"mode {mode} is not known", "5.1", mode)
    lane_count = 1 if mode == MIXED or not reader.bits(1) else MOST_LANES
    headers = _read_headers(reader, taking, mode)
    padding = reader.bits(-reader.position % 8)
    if padding:
        raise bad_payload(reader.byte - 1, "the bits after the headers are not 0", "5.1", padding)
    decoded = iter(_decode_taking(payload, reader.byte, taking, headers, lane_count))
    return [next(decoded) if part.num_levels > 1 and part.size > 0 else [0] * part.size for part in parts]


def _read_headers(reader: BitReader, parts: Sequence[Part], mode: int) -> list[tuple[Header, bool]]:
    """For each part its header, and whether the models begin anew with it."""
    headers: list[tuple[Header, bool]] = []
    num_levels = 0  # of the part before
    for part in parts:
        if part.num_levels == num_levels and reader.bits(1):
            headers.append((headers[-1][0], False))
        else:
            headers.append((_read_header(reader, part.num_levels, mode), True))
        num_levels = part.num_levels
    return headers


def _decode_taking(
    payload: bytes, begin: int, parts: Sequence[Part], headers: Sequence[tuple[Header, bool]], lane_count: int
) -> list[list[int]]:
    """The indices of the parts that take part; the coded ones begin at ``begin``."""
    if all(header.constant for header, _ in headers):
        if begin < len(payload):
            raise bad_payload(begin, "bytes after constant parts", "5.1", len(payload) - begin)
        return [[header.symbol] * part.size for part, (header, _) in zip(parts, headers, strict=True)]
    mode = headers[0][0].mode
    of_range = RangeDecoder(payload, begin) if mode == MIXED else None
    of_lanes = None if mode == MIXED else lanes.LanesDecoder(payload, begin, lane_count)
    models, mixer = Models(headers[0][0]), mixing.Mixer()
    slots = wide.Slots(models.root)
    result = []
    for part, (header, fresh) in zip(parts, headers, strict=True):
        if fresh:
            models, mixer = Models(header), mixing.Mixer()
            slots = wide.Slots(models.root)
        if header.constant:
            result.append([header.symbol] * part.size)
        elif of_range:
            result.append(mixing.decode_part(of_range, header, mixer, models.residuals, part))
        elif of_lanes and mode == WIDE:
            result.append(wide.decode_part(of_lanes, header, models, slots, part))
        elif of_lanes:
            result.append(lanes.decode_part(of_lanes, header, models, part))
    for decoder in (of_range, of_lanes):
        if decoder:
            decoder.finish()
    return result


def _read_header(reader: BitReader, num_levels: int, mode: int) -> Header:
    """Section 5.2."""
    if reader.bits(1):
        symbol = reader.bits((num_levels - 1).bit_length())
        _require(reader, symbol < num_levels, "symbol is not below num_levels", symbol)
        return Header(1, mode, symbol)
    sizes = _read_sizes(reader, num_levels)
    center = reader.bits(4)
    _require(reader, center < len(sizes), "center is not a bin", center)
    if mode:
        return _read_neighborhood(reader, Header(0, mode, 0, sizes, center))
    order = reader.bits(2)
    last_class = reader.bits(4)
    prior = reader.bits(3)
    limit = reader.bits(2)
    contexts = len(sizes) ** order * (last_class + 1)
    _require(reader, contexts <= MAX_CONTEXTS, "more than 256 contexts", contexts)
    header = Header(0, mode, 0, sizes, center, order, last_class, prior, limit)
    if last_class == 0:
        return header
    header = _read_neighborhood(reader, header)
    thresholds = tuple(reader.bits(8) for _ in range(last_class))
    ascending = all(low < high for low, high in zip((0, *thresholds), thresholds, strict=False))
    _require(reader, ascending, "the thresholds do not ascend from above 0", " ".join(map(str, thresholds)))
    return replace(header, thresholds=thresholds)


def _read_neighborhood(reader: BitReader, header: Header) -> Header:
    weights = tuple(reader.bits(8) for _ in range(4))
    shift, row_rate, column_rate = reader.bits(4), reader.bits(3), reader.bits(3)
    initial = reader.bits(8)
    _require(reader, sum(weights) <= MAX_WEIGHTS, "the weights sum to more than 256", sum(weights))
    return replace(header, weights=weights, shift=shift, row_rate=row_rate, column_rate=column_rate, initial=initial)


def _read_sizes(reader: BitReader, num_levels: int) -> tuple[int, ...]:
    bins = reader.bits(4) + 1
    _require(reader, 2 <= bins <= num_levels, "one bin, or more than levels", bins)
    if bins == num_levels:
        return (1,) * bins
    sizes = []
    for _ in range(bins - 1):
        t = 0
        while not reader.bits(1):
            t += 1
            _require(reader, t <= MAX_ZEROS, "a bin of 2^16 levels", t)
        sizes.append((1 << t) + reader.bits(t))
    last = num_levels - sum(sizes)
    _require(reader, last >= 1, "the bins have more levels than there are", sum(sizes))
    return (*sizes, last)


def _require(reader: BitReader, holds: bool, message: str, value: Value) -> None:
    if not holds:
        raise bad_payload(min(reader.byte, len(reader.payload) - 1), message, "5.2", value)

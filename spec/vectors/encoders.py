"""Small encoders of every coder but `arithmetic`, in plain Python: no library's version changes what they give.

Each takes the indices of the parts of one segment and plane, and the parts, and gives a payload (coders.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hemp_spec.coders.general import byte_widths
from hemp_spec.coders.rans import CONSTANT, LOWEST, RAW, RAW_SYMBOLS, Strips
from hemp_spec.coders.stored import width
from hemp_spec.directory import Part
from hemp_spec.fields import encode_varint

Indices = Sequence[Sequence[int]]
Encode = Callable[[Indices, Sequence[Part]], bytes]


class Coder(NamedTuple):
    """A coder's number in the format and an encoder."""

    number: int
    encode: Encode


def raw(number: int, *payloads: bytes) -> Coder:
    """A coder whose payloads, one for each plane that it is given, are these bytes."""
    remaining = list(payloads)
    return Coder(number, lambda indices, parts: remaining.pop(0))


def sequence(indices: Indices, parts: Sequence[Part]) -> list[int]:
    """coders.md, 1.6."""
    return [index for values, part in zip(indices, parts, strict=True) if part.num_levels > 1 for index in values]


def _encode_stored(indices: Indices, parts: Sequence[Part]) -> bytes:
    payload = b""
    for values, part in zip(indices, parts, strict=True):
        w = width(part.num_levels)
        bits = sum(index << (w * number) for number, index in enumerate(values))
        payload += bits.to_bytes(-(-len(values) * w // 8), "little")
    return payload


STORED = Coder(0, _encode_stored)


def sequence_bytes(indices: Indices, parts: Sequence[Part]) -> bytes:
    """coders.md, 3."""
    data = b""
    for values, part, size in zip(indices, parts, byte_widths(parts), strict=True):
        if part.num_levels > 1:
            data += b"".join(index.to_bytes(size, "little") for index in values)
    return data


class _LzmaRangeEncoder:
    """The range coder of LZMA, with adaptive bits."""

    def __init__(self) -> None:
        self.low = 0  # all that was coded, as one number
        self.range = 0xFFFFFFFF
        self.shifts = 0
        self.probabilities: dict[tuple[object, ...], int] = {}

    def _normalize(self) -> None:
        if self.range < 1 << 24:
            self.range <<= 8
            self.low <<= 8
            self.shifts += 1

    def bit(self, name: tuple[object, ...], bit: int) -> None:
        probability = self.probabilities.get(name, 1024)
        bound = (self.range >> 11) * probability
        if bit:
            self.low += bound
            self.range -= bound
            self.probabilities[name] = probability - (probability >> 5)
        else:
            self.range = bound
            self.probabilities[name] = probability + ((2048 - probability) >> 5)
        self._normalize()

    def tree(self, name: tuple[object, ...], value: int, count: int) -> None:
        node = 1
        for position in reversed(range(count)):
            bit = value >> position & 1
            self.bit((*name, node), bit)
            node = 2 * node + bit

    def ones(self, count: int) -> None:
        """Bits of value 1 and equal probability."""
        for _ in range(count):
            self.range >>= 1
            self.low += self.range
            self._normalize()

    def finish(self) -> bytes:
        return b"\0" + self.low.to_bytes(self.shifts + 4, "big")


def lzma_literals(data: bytes, lc: int = 3, lp: int = 0, pb: int = 2) -> bytes:
    """A raw LZMA1 stream of literals and the end marker."""
    encoder = _LzmaRangeEncoder()
    previous = 0
    for position, byte in enumerate(data):
        encoder.bit(("is_match", position % (1 << pb)), 0)
        encoder.tree(("literal", position % (1 << lp), previous >> (8 - lc)), byte, 8)
        previous = byte
    pos_state = len(data) % (1 << pb)
    encoder.bit(("is_match", pos_state), 1)
    encoder.bit(("is_rep",), 0)
    encoder.bit(("length",), 0)
    encoder.tree(("length", pos_state), 0, 3)
    encoder.tree(("slot",), 63, 6)
    encoder.ones(26)
    encoder.tree(("align",), 15, 4)
    return encoder.finish()


def lzma(lc: int = 3, lp: int = 0, pb: int = 2, dictionary_bits: int = 12) -> Coder:
    """`lzma` without matches."""

    def encode(indices: Indices, parts: Sequence[Part]) -> bytes:
        stream = lzma_literals(sequence_bytes(indices, parts), lc, lp, pb)
        return bytes([(pb * 5 + lp) * 9 + lc, dictionary_bits]) + stream

    return Coder(1, encode)


def zstd_frame(data: bytes, blocks: Sequence[bytes]) -> bytes:
    """A magicless frame of one segment with these blocks."""
    size = len(data)
    if size < 256:
        return b"\x20" + bytes([size]) + b"".join(blocks)
    return b"\x60" + (size - 256).to_bytes(2, "little") + b"".join(blocks)


def zstd_block(kind: int, size: int, content: bytes, last: int = 1) -> bytes:
    """A block: kind 0 is raw, 1 repeats one byte."""
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + content


def _encode_zstd(indices: Indices, parts: Sequence[Part]) -> bytes:
    data = sequence_bytes(indices, parts)
    if len(set(data)) == 1:
        return zstd_frame(data, [zstd_block(1, len(data), data[:1])])
    return zstd_frame(data, [zstd_block(0, len(data), data)])


ZSTD = Coder(2, _encode_zstd)


def rans_frequencies(symbols: Sequence[int], num_symbols: int) -> list[int]:
    """Frequencies of sum 4096, at least 1 for each symbol that occurs."""
    counts = [symbols.count(symbol) for symbol in range(num_symbols)]
    frequencies = [max(1, 4096 * count // len(symbols)) if count else 0 for count in counts]
    while sum(frequencies) != 4096:
        largest = frequencies.index(max(frequencies))
        frequencies[largest] += 1 if sum(frequencies) < 4096 else -1
    return frequencies


def rans_table(frequencies: Sequence[int]) -> bytes:
    """coders.md, 6.2: the frequencies of a class."""
    used = max(symbol for symbol, frequency in enumerate(frequencies) if frequency) + 1
    table, symbol = b"", 0
    while symbol < used:
        table += encode_varint(frequencies[symbol])
        symbol += 1
        if frequencies[symbol - 1] == 0:
            zeros = next(further for further in range(used) if frequencies[symbol + further])
            table += encode_varint(zeros)
            symbol += zeros
    return table


class _RansStates:
    """coders.md, 6.6: the states of the lanes and the words."""

    def __init__(self, mode: int) -> None:
        self.lanes = [LOWEST] * (1 << mode)
        self.words: list[int] = []

    def push(self, lane: int, symbol: int, frequencies: Sequence[int]) -> int:
        """Code a symbol before those coded so far; the state with which the decoder gets to it."""
        x, frequency = self.lanes[lane], frequencies[symbol]
        if x >= frequency << 20:
            self.words.insert(0, x % LOWEST)
            x //= LOWEST
        self.lanes[lane] = 4096 * (x // frequency) + sum(frequencies[:symbol]) + x % frequency
        return self.lanes[lane]

    def finish(self) -> bytes:
        """The end of the block."""
        states = b"".join(state.to_bytes(4, "little") for state in self.lanes)
        return states + b"".join(word.to_bytes(2, "little") for word in self.words)


def rans_block(
    symbols: Sequence[int], num_symbols: int, mode: int, trace: list[tuple[int, ...]] | None = None
) -> bytes:
    """coders.md, 6.2 and 6.6: a block of one class, or a constant one.

    ``trace`` takes (number, lane, symbol, state before, state after), as decoded.
    """
    if len(set(symbols)) == 1:
        return bytes([CONSTANT]) + encode_varint(symbols[0])
    frequencies = rans_frequencies(symbols, num_symbols)
    states = _RansStates(mode)
    for number in reversed(range(len(symbols))):
        lane = number % len(states.lanes)
        after = states.lanes[lane]
        x = states.push(lane, symbols[number], frequencies)
        if trace is not None:
            trace.insert(0, (number, lane, symbols[number], x, after))
    return bytes([mode]) + rans_table(frequencies) + states.finish()


def rans_classes_block(
    symbols: Sequence[int], num_symbols: int, mode: int, strips: Strips, class_of_strip: Sequence[int]
) -> bytes:
    """coders.md, 6.4 and 6.6: a block of several classes, each of which has a strip."""
    ranges = strips.ranges(len(symbols))
    class_of_strip = class_of_strip[: len(ranges)]
    classes = 1 + max(class_of_strip)
    block = rans_block(class_of_strip, classes, 0)
    data = bytes([mode + 8 * (classes - 1)]) + encode_varint(strips.length) + encode_varint(strips.first)
    data += encode_varint(len(block)) + block
    members = [
        [symbols[number] for strip, k in zip(ranges, class_of_strip, strict=True) if k == chosen for number in strip]
        for chosen in range(classes)
    ]
    tables = [rans_frequencies(of_class, num_symbols) for of_class in members]
    states = _RansStates(mode)
    for of_class, frequencies in zip(reversed(members), reversed(tables), strict=True):
        for number in reversed(range(len(of_class))):
            states.push(number % len(states.lanes), of_class[number], frequencies)
    return data + b"".join(map(rans_table, tables)) + states.finish()


def rans(mode: int = 0, strips: Strips | None = None, class_of_strip: Sequence[int] = ()) -> Coder:
    """`rans` with 2^mode lanes; with ``strips``, in classes.  With the mode RAW, blocks that may be raw are."""

    def block(symbols: Sequence[int], num_symbols: int) -> bytes:
        if mode == RAW:
            return bytes([RAW, *symbols]) if num_symbols == RAW_SYMBOLS else rans_block(symbols, num_symbols, 0)
        if strips is None or len(set(symbols)) == 1:
            return rans_block(symbols, num_symbols, mode)
        return rans_classes_block(symbols, num_symbols, mode, strips, class_of_strip)

    def encode(indices: Indices, parts: Sequence[Part]) -> bytes:
        symbols = sequence(indices, parts)
        m = max(part.num_levels for part in parts)
        if m <= 256:
            return block(symbols, m)
        high = block([symbol >> 8 for symbol in symbols], -(-m // 256))
        low = block([symbol & 255 for symbol in symbols], 256)
        return encode_varint(len(high)) + high + low

    return Coder(4, encode)

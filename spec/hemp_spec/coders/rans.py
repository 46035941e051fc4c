"""coders.md, section 6: ``rans``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hemp_spec.coders.common import bad_payload, refuse_bytes, sequence_sizes, split_sequence
from hemp_spec.directory import Part
from hemp_spec.fields import Varint, Violation, Window

TOTAL = 4096  # sum of the frequencies of a class
LOWEST = 1 << 16  # of a state
CONSTANT = 255  # `mode` of a constant block
RAW = 254  # `mode` of a raw block
RAW_SYMBOLS = 256
MAX_LANE_BITS = 5
MAX_CLASSES = 8
MIN_STRIP = 64
_BEYOND = Violation("BAD_PAYLOAD", "coders 6.2")


class Strips(NamedTuple):
    """Section 6.4: how a sequence is cut."""

    length: int
    first: int

    def ranges(self, count: int) -> list[range]:
        """The numbers of the symbols of each strip of a sequence of ``count``."""
        begins = [0, *range(self.first, count, self.length)]
        return [range(begin, end) for begin, end in zip(begins, [*begins[1:], count], strict=True)]


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 6.1: the indices of each part."""
    count = sum(sequence_sizes(parts))
    if count == 0:
        refuse_bytes(payload, "1.5")
        return split_sequence([], parts)
    m = max(part.num_levels for part in parts)
    may_have_classes = sum(part.num_levels > 1 for part in parts) == 1
    if m <= 256:
        return split_sequence(_decode_block(Window(payload, 0, _BEYOND), m, count, may_have_classes), parts)
    whole = Window(payload, 0, _BEYOND)
    first_size = int(Varint.parse_stream(whole))
    start = whole.tell()
    if first_size > len(payload) - start:
        raise bad_payload(0, "the first block reaches beyond the payload", "6.1", first_size)
    middle = start + first_size
    high = _decode_block(Window(payload[start:middle], start, _BEYOND), -(-m // 256), count, may_have_classes)
    low = _decode_block(Window(payload[middle:], middle, _BEYOND), 256, count, may_have_classes)
    return split_sequence([first << 8 | second for first, second in zip(high, low, strict=True)], parts)


def _decode_block(block: Window, num_symbols: int, count: int, may_have_classes: bool) -> list[int]:
    """Section 6.2: ``count`` symbols."""
    mode = _unsigned(block, 1)
    if mode == CONSTANT:
        symbol = int(Varint.parse_stream(block))
        if symbol >= num_symbols:
            raise bad_payload(block.base + 1, f"symbol {symbol} is not below {num_symbols}", "6.2", symbol)
        _refuse_rest(block, "bytes follow a constant block", "6.2")
        return [symbol] * count
    if mode == RAW:
        if num_symbols != RAW_SYMBOLS:
            raise bad_payload(block.base, f"a raw block of {num_symbols} symbols", "6.2", num_symbols)
        data = block.read(count)
        if len(data) < count:
            raise bad_payload(block.base + block.tell(), "a raw block ends early", "6.2", len(data))
        _refuse_rest(block, "bytes follow a raw block", "6.2")
        return list(data)
    lane_bits, classes = mode % 8, 1 + mode // 8
    if lane_bits > MAX_LANE_BITS or classes > MAX_CLASSES:
        raise bad_payload(block.base, f"mode {mode} is unknown", "6.2", mode)
    if classes > 1 and not may_have_classes:
        raise bad_payload(block.base, f"{classes} classes, which are not possible here", "6.4", classes)
    groups = _class_members(block, classes, count) if classes > 1 else [range(count)]
    tables = [_frequencies(block, num_symbols) for _ in range(classes)]
    if classes == 1 and max(tables[0]) == TOTAL:
        raise bad_payload(block.base + block.tell(), "a frequency is 4096", "6.2", TOTAL)
    states = [_unsigned(block, 4) for _ in range(1 << lane_bits)]
    if min(states) < LOWEST:
        raise bad_payload(block.base + block.tell() - 4 * len(states), "a state is below 2^16", "6.2", min(states))
    left = len(block.getvalue()) - block.tell()
    if left % 2:
        raise bad_payload(block.base + block.tell(), "the words have an odd number of bytes", "6.2", left)
    symbols = [0] * count
    for members, frequencies in zip(groups, tables, strict=True):
        for number, symbol in zip(members, _decode_class(block, frequencies, states, len(members)), strict=True):
            symbols[number] = symbol
    for state in states:
        if state != LOWEST:
            raise bad_payload(block.base + block.tell(), "a lane does not end with the state 2^16", "6.5", state)
    _refuse_rest(block, "words are left over", "6.5")
    return symbols


def _class_members(block: Window, classes: int, count: int) -> list[list[int]]:
    """Section 6.4: for each class the numbers of its symbols."""
    strips = Strips(int(Varint.parse_stream(block)), int(Varint.parse_stream(block)))
    if strips.length < MIN_STRIP or not 1 <= strips.first <= strips.length or strips.first >= count:
        raise bad_payload(block.base + 1, f"{strips} of {count} symbols", "6.4", f"{strips.length} {strips.first}")
    size = int(Varint.parse_stream(block))
    start = block.tell()
    data = block.read(size)
    if len(data) < size:
        raise bad_payload(block.base + start, "the block of classes reaches beyond its block", "6.4", size)
    ranges = strips.ranges(count)
    class_of_strip = _decode_block(Window(data, block.base + start, _BEYOND), classes, len(ranges), False)
    return [
        [number for strip, k in zip(ranges, class_of_strip, strict=True) if k == chosen for number in strip]
        for chosen in range(classes)
    ]


def _unsigned(block: Window, width: int) -> int:
    data = block.read(width)
    if len(data) < width:
        raise bad_payload(block.base + block.tell(), "the block ends early", "6.2", len(data))
    return int.from_bytes(data, "little")


def _next_word(block: Window) -> int:
    data = block.read(2)
    if not data:
        raise bad_payload(block.base + block.tell(), "a word is missing", "6.3")
    return int.from_bytes(data, "little")


def _refuse_rest(block: Window, message: str, rule: str) -> None:
    left = len(block.getvalue()) - block.tell()
    if left:
        raise bad_payload(block.base + block.tell(), message, rule, left)


def _frequencies(block: Window, num_symbols: int) -> list[int]:
    """Section 6.2: the frequency of each symbol in a class."""
    frequencies: list[int] = []
    while sum(frequencies) < TOTAL:
        if len(frequencies) == num_symbols:
            raise bad_payload(
                block.base + block.tell(), "the frequencies sum to less than 4096", "6.2", sum(frequencies)
            )
        frequencies.append(int(Varint.parse_stream(block)))
        if frequencies[-1] == 0:
            zeros = int(Varint.parse_stream(block))
            if zeros > num_symbols - len(frequencies):
                raise bad_payload(block.base + block.tell(), f"{zeros} more symbols of frequency 0", "6.2", zeros)
            frequencies += [0] * zeros
    if sum(frequencies) > TOTAL:
        raise bad_payload(block.base + block.tell(), "the frequencies exceed 4096", "6.2", sum(frequencies))
    return frequencies + [0] * (num_symbols - len(frequencies))


def _decode_class(block: Window, frequencies: Sequence[int], states: list[int], count: int) -> list[int]:
    """Section 6.3: ``count`` symbols; ``states`` go on."""
    begins = [sum(frequencies[:symbol]) for symbol in range(len(frequencies))]  # c(s)
    symbol_at = [symbol for symbol, frequency in enumerate(frequencies) for _ in range(frequency)]
    symbols = []
    for number in range(count):
        lane = number % len(states)
        x = states[lane]
        v = x % TOTAL
        symbol = symbol_at[v]
        x = frequencies[symbol] * (x // TOTAL) + v - begins[symbol]
        if x < LOWEST:
            x = x * LOWEST + _next_word(block)
        states[lane] = x
        symbols.append(symbol)
    return symbols

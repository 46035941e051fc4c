"""coders.md, section 6: ``rans``."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.coders.common import bad_payload, refuse_bytes, sequence_sizes, split_sequence
from hemp_spec.directory import Part
from hemp_spec.fields import Varint, Violation, Window

TOTAL = 4096  # sum of the frequencies
LOWEST = 1 << 16  # of a state
CONSTANT = 255  # `mode` of a constant block
MAX_MODE = 5
_BEYOND = Violation("BAD_PAYLOAD", "coders 6.2")


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 6.1: the indices of each part."""
    count = sum(sequence_sizes(parts))
    if count == 0:
        refuse_bytes(payload, "1.5")
        return split_sequence([], parts)
    m = max(part.num_levels for part in parts)
    if m <= 256:
        return split_sequence(_decode_block(Window(payload, 0, _BEYOND), m, count), parts)
    whole = Window(payload, 0, _BEYOND)
    first_size = int(Varint.parse_stream(whole))
    start = whole.tell()
    if first_size > len(payload) - start:
        raise bad_payload(0, "the first block reaches beyond the payload", "6.1")
    middle = start + first_size
    high = _decode_block(Window(payload[start:middle], start, _BEYOND), -(-m // 256), count)
    low = _decode_block(Window(payload[middle:], middle, _BEYOND), 256, count)
    return split_sequence([first << 8 | second for first, second in zip(high, low, strict=True)], parts)


def _decode_block(block: Window, num_symbols: int, count: int) -> list[int]:
    """Section 6.2: ``count`` symbols."""
    mode = _unsigned(block, 1)
    if mode == CONSTANT:
        symbol = int(Varint.parse_stream(block))
        if symbol >= num_symbols:
            raise bad_payload(block.base + 1, f"symbol {symbol} is not below {num_symbols}", "6.2")
        if block.read(1):
            raise bad_payload(block.base + block.tell() - 1, "bytes follow a constant block", "6.2")
        return [symbol] * count
    if mode > MAX_MODE:
        raise bad_payload(block.base, f"mode {mode} is unknown", "6.2")
    frequencies = _frequencies(block, num_symbols)
    states = [_unsigned(block, 4) for _ in range(1 << mode)]
    if min(states) < LOWEST:
        raise bad_payload(block.base + block.tell() - 4 * len(states), "a state is below 2^16", "6.2")
    return _decode_symbols(block, frequencies, states, count)


def _unsigned(block: Window, width: int) -> int:
    data = block.read(width)
    if len(data) < width:
        raise bad_payload(block.base + block.tell(), "the block ends early", "6.2")
    return int.from_bytes(data, "little")


def _next_word(block: Window) -> int:
    data = block.read(2)
    if not data:
        raise bad_payload(block.base + block.tell(), "a word is missing", "6.3")
    return int.from_bytes(data, "little")


def _frequencies(block: Window, num_symbols: int) -> list[int]:
    """Section 6.2: the frequency of each symbol."""
    frequencies: list[int] = []
    while sum(frequencies) < TOTAL:
        if len(frequencies) == num_symbols:
            raise bad_payload(block.base + block.tell(), "the frequencies sum to less than 4096", "6.2")
        frequencies.append(int(Varint.parse_stream(block)))
    if sum(frequencies) > TOTAL or max(frequencies) == TOTAL:
        raise bad_payload(block.base + block.tell(), "the frequencies exceed 4096 or one of them is 4096", "6.2")
    return frequencies + [0] * (num_symbols - len(frequencies))


def _decode_symbols(block: Window, frequencies: Sequence[int], states: list[int], count: int) -> list[int]:
    """Sections 6.3 and 6.4."""
    begins = [sum(frequencies[:symbol]) for symbol in range(len(frequencies))]  # c(s)
    symbol_at = [symbol for symbol, frequency in enumerate(frequencies) for _ in range(frequency)]
    if len(block.getvalue()[block.tell() :]) % 2:
        raise bad_payload(block.base + block.tell(), "half a word", "6.2")
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
    if any(state != LOWEST for state in states):
        raise bad_payload(block.base + block.tell(), "a lane does not end with the state 2^16", "6.4")
    if block.read(1):
        raise bad_payload(block.base + block.tell() - 1, "words are left over", "6.4")
    return symbols

"""coders.md, section 5.8: the wide mode of ``arithmetic``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hemp_spec.coders.lanes import LanesDecoder, decode_residual
from hemp_spec.coders.mixing import half
from hemp_spec.coders.models import TOTAL, Model, Models
from hemp_spec.coders.neighbors import Header, columns_of
from hemp_spec.directory import Part

INPUTS = 4
LIMIT = 4096
FIRST_WEIGHT = 1280000
MOST_WEIGHT = 6291456


def quarter(v: int) -> int:
    """Four steps for each power of two."""
    if v < 4:
        return v
    e = v.bit_length() - 1
    return 4 * (e - 1) + (v >> (e - 2)) % 4


def bend(f: int, c: int) -> int:
    """c / 65536 times f (1 - f), with f in 1/65536."""
    return (f * ((TOTAL - f) % TOTAL) // TOTAL) * c // TOTAL


def lb(v: int) -> int:
    """About 1024 log2(v)."""
    e = v.bit_length() - 1
    f = (v << 16 >> e) - TOTAL
    return 1024 * e + (f + bend(f, 22544)) // 64


def power(d: int) -> int:
    """About 32768 x 2^(-d / 256)."""
    d = min(d, 4095)
    f = 256 * (d % 256)
    return (65535 - f // 2 - bend(f, 11246)) >> (1 + d // 256)


def cumulative(frequencies: Sequence[int]) -> list[int]:
    """Cumulative frequencies; what is left of 65536 goes to the last."""
    return [sum(frequencies[:s]) for s in range(len(frequencies))] + [TOTAL]


@dataclass
class Slot:
    """What is known under one context."""

    gain: list[int]
    count: list[int] = field(default_factory=list)
    left: int = 1

    def __post_init__(self) -> None:
        self.count = [0] * len(self.gain)

    def learn(self, b: int, root: Sequence[int]) -> None:
        """Step 6; ``root`` are the root's frequencies."""
        self.count[b] += 1
        self.left -= 1
        if self.left:
            return
        if sum(self.count) >= LIMIT:
            self.count = [count // 2 for count in self.count]
        total = sum(self.count)
        self.left = 1 + total // 8
        whole = lb(2048 * total + 32768) - 16384
        self.gain = [
            lb(2048 * count + (frequency + 1) // 2) - whole - lb(frequency)
            for count, frequency in zip(self.count, root, strict=True)
        ]


class Slots:
    """Slots and weights of a header."""

    def __init__(self, root: Model) -> None:
        self.root = root
        self.slots: dict[tuple[int, int], Slot] = {}  # by input and context
        self.weights = [FIRST_WEIGHT] * INPUTS

    def _root(self) -> list[int]:
        return [high - low for low, high in zip(self.root.cum, self.root.cum[1:], strict=False)]

    def _gains(self, contexts: Sequence[int]) -> list[list[int]]:
        none = [0] * self.root.size
        return [self.slots.setdefault(key, Slot(none)).gain for key in enumerate(contexts)]

    def mix(self, contexts: Sequence[Sequence[int]]) -> list[list[int]]:
        """Steps 1 and 2: of each lane with these contexts the frequencies of the bins."""
        self.root.prepare()
        base = [lb(frequency) // 4 for frequency in self._root()]
        return [self._mix(base, self._gains(of_lane)) for of_lane in contexts]

    def _mix(self, base: Sequence[int], gains: Sequence[Sequence[int]]) -> list[int]:
        x = [
            base[s] + sum(gain[s] * (weight // 256) // TOTAL for gain, weight in zip(gains, self.weights, strict=True))
            for s in range(len(base))
        ]
        e = [power(max(x) - value) for value in x]
        q = (65519 << 15) // sum(e)
        return [1 + 2 * value * q // TOTAL for value in e]

    def learn(
        self, contexts: Sequence[Sequence[int]], mixed: Sequence[Sequence[int]], bins: Sequence[int], in_lane_0: bool
    ) -> None:
        """Steps 4 to 6, after the bins; ``in_lane_0``: the first of them is that of lane 0."""
        slopes = [0] * INPUTS
        for of_lane, frequencies, b in zip(contexts, mixed, bins, strict=True):
            error = [4095 * (s == b) - frequency // 16 for s, frequency in enumerate(frequencies)]
            for i, gain in enumerate(self._gains(of_lane)):
                slopes[i] += sum(one * other for one, other in zip(error, gain, strict=True))
        self.weights = [
            max(0, min(MOST_WEIGHT, weight + slope // 4096 * 12))
            for weight, slope in zip(self.weights, slopes, strict=True)
        ]
        if in_lane_0:
            self.root.learn(bins[0])
        for of_lane, b in zip(contexts, bins, strict=True):
            for key in enumerate(of_lane):
                self.slots[key].learn(b, self._root())


@dataclass(frozen=True)
class Element:
    """An element of a round: its lane, its column, and its number in the part."""

    lane: int
    j: int
    number: int


@dataclass
class Row:
    """What is known of the elements before the next one of a lane."""

    row: int
    left: int = 0
    left2: int = 0
    left_bin: int = 0
    left2_bin: int = 0


class Wave:
    """The order of the elements of a part, and their neighborhoods."""

    def __init__(self, header: Header, part: Part, lanes: int) -> None:
        self.header = header
        self.size = part.size
        self.columns = min(columns_of(part), part.size)
        self.lanes = min(lanes, self.columns, -(-part.size // self.columns))
        self.expected = 256 * header.initial
        self.column = [self.expected] * self.columns
        self.above = list(self.column)
        self.rows = [Row(self.expected) for _ in range(self.lanes)]

    def rounds(self) -> Iterator[list[Element]]:
        """The elements of each round, by their lanes."""
        i = 0
        while elements := [element for k in range(self.lanes) if (element := self._element(k, i - k))]:
            yield elements
            i += 1

    def _element(self, k: int, p: int) -> Element | None:
        """Element number p of lane k, if there is one."""
        row, j = divmod(p, self.columns)
        number = (k + self.lanes * row) * self.columns + j
        return Element(k, j, number) if p >= 0 and number < self.size else None

    def contexts(self, element: Element) -> list[int]:
        """The context of each input."""
        header, j, at = self.header, element.j, self.rows[element.lane]
        if j == 0:
            at.row = (at.row + self.expected) // 2
            at.left = at.left2 = self.expected
            at.left_bin = at.left2_bin = header.center
        features = (at.row, self.column[j], (3 * at.left + at.left2) // 4, self.above[j])
        x = sum(weight * value // 256 for weight, value in zip(header.weights, features, strict=True))
        return [
            quarter(min(255, x >> header.shift)),
            20 * half(self.column[j] // 64) + half(at.row // 64),
            16 * at.left_bin + at.left2_bin,
            j % 4096,
        ]

    def observe(self, elements: Sequence[Element], bins: Sequence[int]) -> None:
        """After a round."""
        for element, b in zip(elements, bins, strict=True):
            at, j, magnitude = self.rows[element.lane], element.j, 4096 * abs(b - self.header.center)
            at.row += (magnitude - at.row) >> (2 + self.header.row_rate)
            self.column[j] += (magnitude - self.column[j]) >> (2 + self.header.column_rate)
            self.above[j] = magnitude
            at.left2, at.left = at.left, magnitude
            at.left2_bin, at.left_bin = at.left_bin, b


def decode_part(decoder: LanesDecoder, header: Header, models: Models, slots: Slots, part: Part) -> list[int]:
    """The indices of a part."""
    wave = Wave(header, part, len(decoder.states))
    firsts = [sum(header.sizes[:b]) for b in range(len(header.sizes))]
    indices = [0] * part.size
    for elements in wave.rounds():
        contexts = [wave.contexts(element) for element in elements]
        mixed = slots.mix(contexts)
        bins = [
            decoder.symbol(element.lane, cumulative(frequencies))
            for element, frequencies in zip(elements, mixed, strict=True)
        ]
        slots.learn(contexts, mixed, bins, elements[0].lane == 0)
        for element, b in zip(elements, bins, strict=True):
            d = decode_residual(decoder, element.lane, models.residuals[b], header.sizes[b])
            indices[element.number] = firsts[b] + d
        wave.observe(elements, bins)
    return indices

"""coders.md, section 5.6: the mixed mode of ``arithmetic``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hemp_spec.coders.common import bad_payload
from hemp_spec.coders.models import Model, residual_shift
from hemp_spec.coders.neighbors import Header, Neighbors, Run
from hemp_spec.coders.ranging import RangeDecoder
from hemp_spec.directory import Part

INPUTS = 7
MOST = 2047  # of a logarithm of odds
MOST_USED = 1023
MOST_TRAINED = 131072
MOST_WEIGHT = 262143


def half(v: int) -> int:
    """Two steps for each power of two."""
    if v < 2:
        return v
    e = v.bit_length() - 1
    return 2 * e + (v >> (e - 1) & 1)


def many(v: int) -> int:
    """0, 1, 2 to 5, 6 to 15, and 16 on."""
    return sum(v >= least for least in (1, 2, 6, 16))


def bounded(value: int, most: int) -> int:
    """``value`` brought into -most to most."""
    return max(-most, min(most, value))


def log(v: int) -> int:
    """About 128 log2(v)."""
    e = v.bit_length() - 1
    f = (v << 12 >> e) - 4096
    return 128 * e + ((f + (f * (4096 - f) // 4096) * 1409 // 4096) // 32)


def stretch(q: int) -> int:
    """The logarithm of the odds of q / 2^22."""
    c = q // 1024
    if 0 < c < 4095:
        q = 1024 * c + 512
    return bounded(log(q + 1) - log((1 << 22) - q), MOST)


def squash(d: int) -> int:
    """The probability, in 1/65536, with this logarithm of its odds."""
    a = abs(d)
    o = round(2 ** (16 - a % 128 / 128)) >> a // 128
    s = max(1, (o << 16) // (65536 + o))
    return s if d < 0 else 65536 - s


@dataclass
class Slot:
    """What a context has seen at a node."""

    q: int = 0
    used: int = 0

    def learn(self, y: int, probability: int) -> None:
        """Step 6."""
        if self.used == 0:
            self.q, self.used = 64 * probability, 1
        rate = 655360 // (10 * self.used + 16)
        if y:
            rest = (1 << 22) - 1 - self.q
            self.q += rest // 64 * rate // 1024
        else:
            self.q -= self.q // 64 * rate // 1024
        self.used = min(self.used + 1, MOST_USED)


@dataclass
class Weights:
    """Of a set and a node."""

    w: list[int] = field(default_factory=lambda: [12288] * INPUTS)
    trained: int = 0

    def learn(self, x: list[int], error: int) -> None:
        """Step 4."""
        s = 14 if self.trained < 16384 else 15 if self.trained < MOST_TRAINED else 16
        self.w = [
            bounded(weight + ((value * error + (1 << (s - 1))) >> s), MOST_WEIGHT)
            for weight, value in zip(self.w, x, strict=True)
        ]
        self.trained = min(self.trained + 1, MOST_TRAINED)


def new_map() -> list[int]:
    """33 cells."""
    return [squash(bounded(128 * k - 2048, MOST)) for k in range(33)]


class MixedNeighbors(Neighbors):
    """Neighbors that know bins and counts too, and the contexts that follow."""

    def __init__(self, header: Header, part: Part) -> None:
        super().__init__(header, part)
        self.left_bin = self.left2_bin = self.above_left_bin = header.center
        self.above_bin = [header.center] * len(self.above)
        self.row_elements = self.row_count = 0
        self.row_before = 1

    def begin_row(self) -> None:
        """Between two rows: what the mixed mode adds."""
        super().begin_row()
        self.row_before = self.row_count
        self.row_elements = self.row_count = 0

    def _far(self, b: int) -> int:
        return min(3, abs(b - self.header.center))

    def contexts(self, j: int) -> list[int]:
        """The context of each input for the next element, in column j."""
        far = self._far
        u = self.above_bin[j]
        v = self.above_bin[j + 1] if j + 1 < len(self.above_bin) else self.header.center
        counts = 5 * many(self.row_count) + many(self.row_before)
        quarter = 4 * self.row_elements // self.columns
        return [
            half(self.cell(self.lanes[0], j)),
            ((counts * 4 + quarter) * 4 + far(self.left_bin)) * 2 + (u != self.header.center),
            4 * half(self.column[j] // 64) + far(u),
            16 * self.left_bin + self.left2_bin,
            16 * u + self.left_bin,
            j % 4096,
            64 * far(u) + 16 * far(self.above_left_bin) + 4 * far(v) + far(self.left_bin),
        ]

    def weight_set(self) -> int:
        """Which weights mix the inputs."""
        if self.row_count > 0:
            return 3
        return (self.row_elements >= 8) + (self.row_elements >= 64) + 4 * (self.row_before == 0)

    def update(self, i: int, b: int) -> None:
        """After element i of the part."""
        j = i % self.columns
        self.above_left_bin = self.above_bin[j] if j + 1 < self.columns else self.header.center
        self.above_bin[j] = b
        self.left2_bin, self.left_bin = self.left_bin, b
        self.row_elements += 1
        self.row_count += b != self.header.center
        self.observe(j, i, [b])


class Mixer:
    """Slots, weights and maps of a header."""

    def __init__(self) -> None:
        self.slots: dict[tuple[int, int, int], Slot] = {}  # by input, context and node
        self.weights: dict[tuple[int, int], Weights] = {}  # by set and node
        self.maps: dict[tuple[int, int], list[int]] = {}  # by node and class

    def decide(self, contexts: list[int], weight_set: int, m: int, decide: Callable[[int], int]) -> int:
        """A decision at node m: ``decide`` is given its probability and says what it is."""
        slots = [self.slots.setdefault((i, context, m), Slot()) for i, context in enumerate(contexts)]
        weights = self.weights.setdefault((weight_set, m), Weights())
        cells = self.maps.setdefault((m, contexts[0]), new_map())

        x = [stretch(slot.q) if slot.used else 0 for slot in slots]
        d = bounded(sum(weight * value // 16 for weight, value in zip(weights.w, x, strict=True)) // 4096, MOST)
        p = squash(d)
        k, f = divmod(d + 2048, 128)
        h = (cells[k] * (128 - f) + cells[k + 1] * f) // 128
        probability = max(2, min(65534, (3 * p + h) // 4))
        y = decide(probability)

        weights.learn(x, 65536 * y - p)
        for cell in (k, k + 1):
            cells[cell] += (65535 - cells[cell]) // 64 if y else -(cells[cell] // 64)
        for slot in slots:
            slot.learn(y, probability)
        return y


def decode_part(decoder: RangeDecoder, header: Header, mixer: Mixer, residuals: list[Model], part: Part) -> list[int]:
    """The indices of a part."""
    neighbors = MixedNeighbors(header, part)
    neighbors.begin_run(Run(0, part.size, 1))
    firsts = [sum(header.sizes[:b]) for b in range(len(header.sizes))]
    indices = []
    for i in range(part.size):
        b = _decode_bin(decoder, header, mixer, neighbors, i % neighbors.columns)
        indices.append(firsts[b] + _decode_residual(decoder, residuals[b], header.sizes[b]))
        neighbors.update(i, b)
    return indices


def _decode_bin(decoder: RangeDecoder, header: Header, mixer: Mixer, neighbors: MixedNeighbors, j: int) -> int:
    bins = len(header.sizes)
    contexts, weight_set = neighbors.contexts(j), neighbors.weight_set()
    if mixer.decide(contexts, weight_set, 0, decoder.decision):
        return header.center
    b, m = 0, 1
    for _ in range((bins - 1).bit_length()):
        y = mixer.decide(contexts, weight_set, m, decoder.decision)
        b, m = 2 * b + y, 2 * m + y
    if b >= bins or b == header.center:
        raise bad_payload(min(decoder.position, len(decoder.payload)), f"{b} is the center or no bin", "5.6", b)
    return b


def _decode_residual(decoder: RangeDecoder, model: Model, z: int) -> int:
    """Section 5.4, step 4: d, the number of a level within its bin of ``z`` levels."""
    if z == 1:
        return 0
    t = residual_shift(z)
    s = decoder.symbol(model.prepare())
    model.learn(s)
    d = (s << t) + decoder.uniform(t)
    if d >= z:
        raise bad_payload(min(decoder.position, len(decoder.payload)), f"the bin has no level {d}", "5.4", d)
    return d

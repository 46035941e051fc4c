"""coders.md, section 5: ``arithmetic``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hemp_spec.coders.common import bad_payload
from hemp_spec.directory import Part

WORD = 1 << 64
TOTAL = 1 << 16  # last cumulative frequency of a model
MAX_CONTEXTS = 256
MAX_ZEROS = 15
ROOT_LIMIT = 32768


class RangeDecoder:
    """Section 5.1."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 0  # bytes read so far, those beyond the end included
        self.range = WORD - 1
        self.code = self._read(8)

    def _read(self, count: int) -> int:
        taken = self.payload[self.position : self.position + count]
        self.position += count
        return int.from_bytes(taken.ljust(count, b"\0"), "big")

    def _normalize(self) -> None:
        if self.range < 1 << 32:
            self.code = ((self.code << 32) + self._read(4)) % WORD
            self.range <<= 32

    def uniform(self, k: int) -> int:
        """An integer below 2^k."""
        if k == 0:
            return 0
        r = self.range >> k
        v = self.code // r
        if v >= 1 << k:
            raise bad_payload(min(self.position, len(self.payload)), "no integer has this code", "5.1")
        self.code -= r * v
        self.range = r
        self._normalize()
        return v

    def symbol(self, cum: Sequence[int]) -> int:
        """A symbol of a model with these cumulative frequencies."""
        r = self.range >> 16
        v = self.code // r
        if v >= TOTAL:
            raise bad_payload(min(self.position, len(self.payload)), "no symbol has this code", "5.1")
        s = max(symbol for symbol in range(len(cum) - 1) if cum[symbol] <= v)
        self.code -= r * cum[s]
        self.range = r * (cum[s + 1] - cum[s])
        self._normalize()
        return s

    def finish(self) -> None:
        """Section 5.6."""
        size, p = len(self.payload), self.position
        t = max(0, size - (p - 8))
        if t > 8:
            raise bad_payload(p, f"{size - p} bytes are left over", "5.6")
        if self.payload.endswith(b"\0"):
            raise bad_payload(size - 1, "the last byte is 0", "5.6")
        if t == 0:
            return
        last_read = int.from_bytes(self.payload[p - 8 : p].ljust(8, b"\0"), "big")
        low = (last_read - self.code) % WORD
        if self.code >= 1 << (64 - 8 * t) or (-low) % (1 << (72 - 8 * t)) < self.range:
            raise bad_payload(size - 1, "the payload does not end as an encoder ends it", "5.6")


@dataclass
class Model:
    """Section 5.5: a model of ``size`` symbols.

    Attributes:
        size: N.
        limit: total at which the counts are halved.
        prior: of a context model: its field `prior`, else None.
        root: of a context model: the root model, else None.
    """

    size: int
    limit: int
    prior: int | None = None
    root: Model | None = None
    count: list[int] = field(default_factory=list)
    cum: list[int] = field(default_factory=list)
    total: int = 0
    due: int = 0

    def __post_init__(self) -> None:
        self.count = [0] * self.size

    def prepare(self) -> Sequence[int]:
        """The cumulative frequencies for the next symbol."""
        if self.total >= self.due:
            self._make(self._weights())
            self.due = self.total + 1 + self.total // 8
        return self.cum

    def _weights(self) -> list[int]:
        if self.root is None or self.prior is None:
            return [5 * count + 2 for count in self.count]
        cum = self.root.prepare()
        return [(count << (14 - self.prior)) + cum[s + 1] - cum[s] for s, count in enumerate(self.count)]

    def _make(self, w: Sequence[int]) -> None:
        q = ((TOTAL - self.size) << 32) // sum(w)
        self.cum = [s + (q * sum(w[:s]) >> 32) for s in range(self.size)] + [TOTAL]

    def learn(self, s: int) -> None:
        """After each symbol."""
        self.count[s] += 1
        self.total += 1
        if self.total == self.limit:
            self.count = [count // 2 for count in self.count]
            self.total = self.due = sum(self.count)


@dataclass(frozen=True)
class Header:
    """Section 5.3; the names are those of the text, and ``sizes`` the number of levels of each bin."""

    constant: int
    symbol: int = 0
    sizes: tuple[int, ...] = ()
    center: int = 0
    order: int = 0
    last_class: int = 0
    prior: int = 0
    limit: int = 0
    weights: tuple[int, ...] = (0, 0, 0, 0)
    shift: int = 0
    row_rate: int = 0
    column_rate: int = 0
    initial: int = 0
    thresholds: tuple[int, ...] = ()

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.last_class + 1

    @property
    def histories(self) -> int:
        """H."""
        return int(len(self.sizes) ** self.order)


def residual_shift(z: int) -> int:
    """Section 5.4, step 4: t, for a bin of ``z`` levels."""
    return max(0, (z - 1).bit_length() - 4)


class Models:
    """Section 5.5: all models of a header."""

    def __init__(self, header: Header) -> None:
        bins = len(header.sizes)
        self.root = Model(bins, ROOT_LIMIT)
        limit = 1 << (9 + 2 * header.limit)
        contexts = range(header.histories * header.classes)
        self.contexts = [Model(bins, limit, header.prior, self.root) for _ in contexts]
        self.residuals = [Model(((z - 1) >> residual_shift(z)) + 1, ROOT_LIMIT) for z in header.sizes]

    def learn(self, context: int, b: int) -> None:
        """A context model learns a bin, and so does the root model."""
        self.contexts[context].learn(b)
        self.root.learn(b)


class Neighbors:
    """Section 5.4: the magnitudes around the next element, and the previous bins.

    The encoder of the vectors uses it too.
    """

    def __init__(self, header: Header, part: Part) -> None:
        self.header = header
        row_shape = part.shape[1:] if len(part.shape) > 1 else part.shape
        self.columns = math.prod(row_shape)
        self.start = part.start
        expected = 256 * header.initial
        self.row = self.left = self.left2 = expected
        self.column = [expected] * min(self.columns, part.size)
        self.above = list(self.column)
        self.history = 0
        for _ in range(header.order):
            self.history = len(header.sizes) * self.history + header.center

    def context(self, i: int) -> int:
        """Steps 1 to 3: number of the context model of element i of the part."""
        header = self.header
        if i > 0 and (self.start + i) % self.columns == 0:
            self.row = (self.row + 256 * header.initial) // 2
        return self.history * header.classes + self._class(i % self.columns)

    def _class(self, j: int) -> int:
        header = self.header
        if header.classes == 1:
            return 0
        recent = (3 * self.left + self.left2) // 4
        x = sum(
            weight * value
            for weight, value in zip(header.weights, (self.row, self.column[j], recent, self.above[j]), strict=True)
        )
        cell = min(255, x >> header.shift)
        return sum(threshold <= cell for threshold in header.thresholds)

    def update(self, i: int, b: int) -> None:
        """Step 5."""
        header, j = self.header, i % self.columns
        magnitude = 4096 * abs(b - header.center)
        self.row += (magnitude - self.row) >> (2 + header.row_rate)
        self.column[j] += (magnitude - self.column[j]) >> (2 + header.column_rate)
        self.above[j] = magnitude
        self.left2 = self.left
        self.left = magnitude
        self.history = (len(header.sizes) * self.history + b) % header.histories


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 5.2: the indices of each part."""
    decoder = RangeDecoder(payload)
    result = []
    header, models = Header(1), Models(Header(1))
    num_levels = 0  # of the part before
    for part in parts:
        if part.num_levels == 1 or part.size == 0:
            result.append([0] * part.size)
            continue
        same = num_levels == part.num_levels and decoder.uniform(1)
        if not same:
            header = _read_header(decoder, part.num_levels)
            models = Models(header)
        num_levels = part.num_levels
        if header.constant:
            result.append([header.symbol] * part.size)
        else:
            result.append(_decode_part(decoder, header, models, part))
    decoder.finish()
    return result


def _read_header(decoder: RangeDecoder, num_levels: int) -> Header:
    """Section 5.3."""
    if decoder.uniform(1):
        symbol = decoder.uniform((num_levels - 1).bit_length())
        _require(decoder, symbol < num_levels, "symbol is not below num_levels")
        return Header(1, symbol)
    sizes = _read_sizes(decoder, num_levels)
    center = decoder.uniform(4)
    order = decoder.uniform(2)
    last_class = decoder.uniform(4)
    prior = decoder.uniform(3)
    limit = decoder.uniform(2)
    _require(decoder, center < len(sizes), "center is not a bin")
    _require(decoder, len(sizes) ** order * (last_class + 1) <= MAX_CONTEXTS, "more than 256 contexts")
    if last_class == 0:
        return Header(0, 0, sizes, center, order, last_class, prior, limit)
    weights = tuple(decoder.uniform(6) for _ in range(4))
    shift, row_rate, column_rate = decoder.uniform(4), decoder.uniform(3), decoder.uniform(3)
    initial = decoder.uniform(8)
    thresholds = tuple(decoder.uniform(8) for _ in range(last_class))
    ascending = all(low < high for low, high in zip((0, *thresholds), thresholds, strict=False))
    _require(decoder, ascending, "the thresholds do not ascend from above 0")
    return Header(
        0, 0, sizes, center, order, last_class, prior, limit, weights, shift, row_rate, column_rate, initial, thresholds
    )


def _read_sizes(decoder: RangeDecoder, num_levels: int) -> tuple[int, ...]:
    bins = decoder.uniform(4) + 1
    _require(decoder, bins <= num_levels, "more bins than levels")
    if bins == num_levels:
        return (1,) * bins
    sizes = []
    for _ in range(bins - 1):
        t = 0
        while not decoder.uniform(1):
            t += 1
            _require(decoder, t <= MAX_ZEROS, "a bin of 2^16 levels")
        sizes.append((1 << t) + decoder.uniform(t))
    last = num_levels - sum(sizes)
    _require(decoder, last >= 1, "the bins have more levels than there are")
    return (*sizes, last)


def _require(decoder: RangeDecoder, holds: bool, message: str) -> None:
    if not holds:
        raise bad_payload(min(decoder.position, len(decoder.payload)), message, "5.3")


def _decode_part(decoder: RangeDecoder, header: Header, models: Models, part: Part) -> list[int]:
    """Section 5.4."""
    neighbors = Neighbors(header, part)
    firsts = [sum(header.sizes[:b]) for b in range(len(header.sizes))]
    indices = []
    for i in range(part.size):
        context = neighbors.context(i)
        b = decoder.symbol(models.contexts[context].prepare())
        models.learn(context, b)
        indices.append(firsts[b] + _decode_residual(decoder, models.residuals[b], header.sizes[b]))
        neighbors.update(i, b)
    return indices


def _decode_residual(decoder: RangeDecoder, model: Model, z: int) -> int:
    """Section 5.4, step 4: d, the number of a level within its bin of ``z`` levels."""
    if z == 1:
        return 0
    t = residual_shift(z)
    s = decoder.symbol(model.prepare())
    model.learn(s)
    d = (s << t) + decoder.uniform(t)
    if d >= z:
        raise bad_payload(min(decoder.position, len(decoder.payload)), f"the bin has no level {d}", "5.4")
    return d

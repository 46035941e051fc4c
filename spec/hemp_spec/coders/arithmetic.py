"""coders.md, section 5: ``arithmetic``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hemp_spec.coders.common import bad_payload
from hemp_spec.coders.mixing import MixedNeighbors, Mixer
from hemp_spec.coders.neighbors import Header, Neighbors
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

    def decision(self, p: int) -> int:
        """1 with the probability p / 2^16, else 0."""
        r = self.range >> 16
        if self.code >= r << 16:
            raise bad_payload(min(self.position, len(self.payload)), "no decision has this code", "5.1")
        if self.code < r * p:
            self.range = r * p
            decision = 1
        else:
            self.code -= r * p
            self.range = r * (TOTAL - p)
            decision = 0
        self._normalize()
        return decision

    def finish(self) -> None:
        """Section 5.7."""
        size, p = len(self.payload), self.position
        t = max(0, size - (p - 8))
        if t > 8:
            raise bad_payload(p, f"{size - p} bytes are left over", "5.7")
        if self.payload.endswith(b"\0"):
            raise bad_payload(size - 1, "the last byte is 0", "5.7")
        if t == 0:
            return
        last_read = int.from_bytes(self.payload[p - 8 : p].ljust(8, b"\0"), "big")
        low = (last_read - self.code) % WORD
        if self.code >= 1 << (64 - 8 * t) or (-low) % (1 << (72 - 8 * t)) < self.range:
            raise bad_payload(size - 1, "the payload does not end as an encoder ends it", "5.7")


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
        self.mixer = Mixer()
        self.residuals = [Model(((z - 1) >> residual_shift(z)) + 1, ROOT_LIMIT) for z in header.sizes]

    def learn(self, context: int, b: int) -> None:
        """A context model learns a bin, and so does the root model."""
        self.contexts[context].learn(b)
        self.root.learn(b)


def decode(payload: bytes, parts: Sequence[Part]) -> list[list[int]]:
    """Section 5.2: the indices of each part."""
    result: list[list[int]] = []
    if all(part.num_levels == 1 or part.size == 0 for part in parts):
        if payload:
            raise bad_payload(0, "bytes for no indices", "1.5")
        return [[0] * part.size for part in parts]
    decoder = RangeDecoder(payload)
    mixed = decoder.uniform(1)
    header, models = Header(1), Models(Header(1))
    num_levels = 0  # of the part before
    for part in parts:
        if part.num_levels == 1 or part.size == 0:
            result.append([0] * part.size)
            continue
        same = num_levels == part.num_levels and decoder.uniform(1)
        if not same:
            header = _read_header(decoder, part.num_levels, mixed)
            models = Models(header)
        num_levels = part.num_levels
        if header.constant:
            result.append([header.symbol] * part.size)
        elif mixed:
            result.append(_decode_mixed_part(decoder, header, models, part))
        else:
            result.append(_decode_part(decoder, header, models, part))
    decoder.finish()
    return result


def _read_header(decoder: RangeDecoder, num_levels: int, mixed: int) -> Header:
    """Section 5.3."""
    if decoder.uniform(1):
        symbol = decoder.uniform((num_levels - 1).bit_length())
        _require(decoder, symbol < num_levels, "symbol is not below num_levels")
        return Header(1, mixed, symbol)
    sizes = _read_sizes(decoder, num_levels)
    center = decoder.uniform(4)
    _require(decoder, center < len(sizes), "center is not a bin")
    if mixed:
        return _read_neighborhood(decoder, Header(0, mixed, 0, sizes, center))
    order = decoder.uniform(2)
    last_class = decoder.uniform(4)
    prior = decoder.uniform(3)
    limit = decoder.uniform(2)
    _require(decoder, len(sizes) ** order * (last_class + 1) <= MAX_CONTEXTS, "more than 256 contexts")
    header = Header(0, mixed, 0, sizes, center, order, last_class, prior, limit)
    if last_class == 0:
        return header
    header = _read_neighborhood(decoder, header)
    thresholds = tuple(decoder.uniform(8) for _ in range(last_class))
    ascending = all(low < high for low, high in zip((0, *thresholds), thresholds, strict=False))
    _require(decoder, ascending, "the thresholds do not ascend from above 0")
    return replace(header, thresholds=thresholds)


def _read_neighborhood(decoder: RangeDecoder, header: Header) -> Header:
    weights = tuple(decoder.uniform(6) for _ in range(4))
    shift, row_rate, column_rate = decoder.uniform(4), decoder.uniform(3), decoder.uniform(3)
    return replace(
        header,
        weights=weights,
        shift=shift,
        row_rate=row_rate,
        column_rate=column_rate,
        initial=decoder.uniform(8),
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
        neighbors.enter(i)
        context = neighbors.context(i)
        b = decoder.symbol(models.contexts[context].prepare())
        models.learn(context, b)
        indices.append(firsts[b] + _decode_residual(decoder, models.residuals[b], header.sizes[b]))
        neighbors.update(i, b)
    return indices


def _decode_mixed_part(decoder: RangeDecoder, header: Header, models: Models, part: Part) -> list[int]:
    """Sections 5.4 and 5.6."""
    neighbors = MixedNeighbors(header, part)
    firsts = [sum(header.sizes[:b]) for b in range(len(header.sizes))]
    indices = []
    for i in range(part.size):
        neighbors.enter(i)
        b = _decode_mixed_bin(decoder, header, models.mixer, neighbors, i)
        indices.append(firsts[b] + _decode_residual(decoder, models.residuals[b], header.sizes[b]))
        neighbors.update(i, b)
    return indices


def _decode_mixed_bin(decoder: RangeDecoder, header: Header, mixer: Mixer, neighbors: MixedNeighbors, i: int) -> int:
    bins = len(header.sizes)
    if bins == 1:
        return 0
    contexts, weight_set = neighbors.contexts(i), neighbors.weight_set()
    if mixer.decide(contexts, weight_set, 0, decoder.decision):
        return header.center
    b, m = 0, 1
    for _ in range((bins - 1).bit_length()):
        y = mixer.decide(contexts, weight_set, m, decoder.decision)
        b, m = 2 * b + y, 2 * m + y
    if b >= bins or b == header.center:
        raise bad_payload(min(decoder.position, len(decoder.payload)), f"{b} is the center or no bin", "5.6")
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
        raise bad_payload(min(decoder.position, len(decoder.payload)), f"the bin has no level {d}", "5.4")
    return d

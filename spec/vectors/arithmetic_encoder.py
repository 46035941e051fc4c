"""A small encoder of `arithmetic` (coders.md, 5), in plain Python, with headers of the caller's choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from hemp_spec.coders.arithmetic import MIXED, WIDE
from hemp_spec.coders.lanes import LOWEST, STATE_SIZE
from hemp_spec.coders.mixing import MixedNeighbors, Mixer
from hemp_spec.coders.models import Models, residual_shift
from hemp_spec.coders.neighbors import Header, Neighbors, Run, runs_of
from hemp_spec.coders.ranging import TOTAL, WORD
from hemp_spec.coders.wide import Slots, Wave, cumulative
from hemp_spec.directory import Part
from spec.vectors.encoders import Coder, Indices


class BitWriter:
    """Section 5.1."""

    def __init__(self) -> None:
        self.value = 0
        self.size = 0  # in bits

    def bits(self, value: int, k: int) -> None:
        """``value``, which is below 2^k."""
        self.value |= value << self.size
        self.size += k

    def finish(self) -> bytes:
        """Whole bytes."""
        return self.value.to_bytes(-(-self.size // 8), "little")


class RangeEncoder:
    """Section 5.7; ``low`` holds all that was coded, so that carries take care of themselves."""

    def __init__(self) -> None:
        self.low = 0
        self.range = WORD - 1
        self.words = 0

    def _normalize(self) -> None:
        if self.range < 1 << 32:
            self.low <<= 32
            self.range <<= 32
            self.words += 1

    def uniform(self, value: int, k: int) -> None:
        """``value``, which is below 2^k."""
        if k:
            self.range >>= k
            self.low += self.range * value
            self._normalize()

    def symbol(self, s: int, cum: Sequence[int]) -> None:
        """Symbol ``s`` of a model with these cumulative frequencies."""
        r = self.range // TOTAL
        self.low += r * cum[s]
        self.range = r * (cum[s + 1] - cum[s])
        self._normalize()

    def decision(self, y: int, p: int) -> int:
        """``y``, which is 1 with the probability p / 2^16."""
        r = self.range // TOTAL
        self.low += 0 if y else r * p
        self.range = r * p if y else r * (TOTAL - p)
        self._normalize()
        return y

    def finish(self) -> bytes:
        """The coded indices."""
        for t in range(9):
            unit = 1 << (64 - 8 * t)
            rounded = -(-self.low // unit)
            if rounded * unit < self.low + self.range:
                break
        return rounded.to_bytes(4 * self.words + t, "big").rstrip(b"\0")


class LanesEncoder:
    """Section 5.4: what is to be coded is listed first, and coded from the last to the first."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.steps: list[tuple[int, int, int, int]] = []  # lane, frequency or 0, cumulative frequency or value, bits

    def symbol(self, k: int, s: int, cum: Sequence[int]) -> None:
        """Symbol ``s`` of a model with these cumulative frequencies, in lane k."""
        self.steps.append((k, cum[s + 1] - cum[s], cum[s], 0))

    def integer(self, k: int, value: int, bits: int) -> None:
        """An integer of so many bits, in lane k."""
        self.steps.append((k, 0, value, bits))

    def finish(self, begin: int = LOWEST) -> bytes:
        """The coded indices; the lanes end at ``begin``."""
        states = [begin] * self.lanes
        words: list[int] = []
        for k, frequency, value, bits in reversed(self.steps):
            bound = frequency << 24 if frequency else 1 << (40 - bits)
            if states[k] >= bound:
                states[k], word = divmod(states[k], 1 << 16)
                words.append(word)
            if frequency:
                quotient, rest = divmod(states[k], frequency)
                states[k] = (quotient << 16) + value + rest
            else:
                states[k] = (states[k] << bits) + value
        data = b"".join(state.to_bytes(STATE_SIZE, "little") for state in states)
        return data + b"".join(word.to_bytes(2, "little") for word in reversed(words))


def even_bins(num_levels: int, bins: int) -> tuple[int, ...]:
    """``bins`` bins that share the levels evenly, the rest in the last."""
    size = num_levels // bins
    return (size,) * (bins - 1) + (num_levels - size * (bins - 1),)


def simple_header(num_levels: int, order: int = 1) -> Header:
    """One class, up to 16 bins, and as high an order as is asked for and possible."""
    sizes = even_bins(num_levels, min(16, num_levels))
    while len(sizes) ** order > 256:
        order -= 1
    return Header(0, 0, 0, sizes, len(sizes) // 2, order, prior=4, limit=1)


def with_classes(header: Header, classes: int = 4) -> Header:
    """The header with classes by the neighbors' magnitudes."""
    thresholds = tuple(8 * (number + 1) for number in range(classes - 1))
    order = header.order
    while len(header.sizes) ** order * classes > 256:
        order -= 1
    return replace(
        header,
        order=order,
        last_class=classes - 1,
        weights=(64, 57, 96, 38),
        shift=8,
        row_rate=2,
        column_rate=1,
        initial=24,
        thresholds=thresholds,
    )


def mixed_header(num_levels: int) -> Header:
    """A header of the mixed mode."""
    return replace(with_classes(simple_header(num_levels, 0), 1), mode=1, prior=0, limit=0)


def wide_header(num_levels: int) -> Header:
    """A header of the wide mode."""
    return replace(mixed_header(num_levels), mode=2)


def arithmetic(make_header: Callable[[int], Header] = simple_header, same: bool = True, lanes: int = 1) -> Coder:
    """`arithmetic`; ``make_header`` gives the header for a number of levels, and so the mode.

    A part of equal indices is coded as a constant; with ``same``, parts share header and models where they can.
    """

    def encode(indices: Indices, parts: Sequence[Part]) -> bytes:
        taking = [(part, values) for part, values in zip(parts, indices, strict=True) if part.num_levels > 1 and values]
        if not taking:
            return b""
        headers = [_header_of(make_header(part.num_levels), values) for part, values in taking]
        mode = make_header(2).mode
        writer = BitWriter()
        writer.bits(mode, 2)
        if mode != MIXED:
            writer.bits(int(lanes > 1), 1)
        fresh = _write_headers(writer, [part for part, _ in taking], headers, same)
        if all(header.constant for header in headers):
            return writer.finish()
        encode_parts = _encode_mixed if mode == MIXED else partial(_encode_lanes, lanes)
        return writer.finish() + encode_parts(taking, headers, fresh)

    return Coder(3, encode)


def _header_of(wanted: Header, values: Sequence[int]) -> Header:
    return Header(1, wanted.mode, values[0]) if len(set(values)) == 1 else wanted


def _write_headers(writer: BitWriter, parts: Sequence[Part], headers: Sequence[Header], same: bool) -> list[bool]:
    """Returns which of the parts have a header of their own."""
    fresh: list[bool] = []
    for i, (part, header) in enumerate(zip(parts, headers, strict=True)):
        shares = i > 0 and parts[i - 1].num_levels == part.num_levels and same and headers[i - 1] == header
        if i > 0 and parts[i - 1].num_levels == part.num_levels:
            writer.bits(int(shares), 1)
        if not shares:
            write_header(writer, header, part.num_levels)
        fresh.append(not shares)
    return fresh


def write_header(writer: BitWriter, header: Header, num_levels: int) -> None:
    """Section 5.2."""
    writer.bits(header.constant, 1)
    if header.constant:
        writer.bits(header.symbol, (num_levels - 1).bit_length())
        return
    writer.bits(len(header.sizes) - 1, 4)
    if len(header.sizes) < num_levels:
        for size in header.sizes[:-1]:
            t = size.bit_length() - 1
            writer.bits(0, t)
            writer.bits(1, 1)
            writer.bits(size - (1 << t), t)
    fields = [(header.center, 4)]
    if not header.mode:
        fields += [(header.order, 2), (header.last_class, 4), (header.prior, 3), (header.limit, 2)]
    if header.mode or header.last_class:
        fields += [(weight, 8) for weight in header.weights]
        fields += [(header.shift, 4), (header.row_rate, 3), (header.column_rate, 3), (header.initial, 8)]
        fields += [(threshold, 8) for threshold in header.thresholds]
    for value, bits in fields:
        writer.bits(value, bits)


def _split(header: Header, index: int) -> tuple[int, int]:
    """Bin of an index, and the number of its level in the bin."""
    b = 0
    while index >= header.sizes[b]:
        index -= header.sizes[b]
        b += 1
    return b, index


Taking = Sequence[tuple[Part, Sequence[int]]]


def _encode_lanes(lanes: int, taking: Taking, headers: Sequence[Header], fresh: Sequence[bool]) -> bytes:
    encoder = LanesEncoder(lanes)
    models = Models(headers[0])
    slots = Slots(models.root)
    for (part, values), header, anew in zip(taking, headers, fresh, strict=True):
        if anew:
            models = Models(header)
            slots = Slots(models.root)
        if header.constant:
            continue
        if header.mode == WIDE:
            list_wide_part(encoder, header, models, slots, part, values)
        else:
            list_part(encoder, header, models, part, values)
    return encoder.finish()


def list_part(encoder: LanesEncoder, header: Header, models: Models, part: Part, values: Sequence[int]) -> None:
    """The indices of a part, in the plain mode."""
    neighbors = Neighbors(header, part)
    for run in runs_of(part, encoder.lanes):
        neighbors.begin_run(run)
        for r in range(run.rounds):
            j, elements = r % neighbors.columns, run.elements(r, neighbors.columns)
            bins, rests = zip(*(_split(header, values[element]) for element in elements), strict=True)
            contexts = [neighbors.context(lane, j) for lane in neighbors.lanes]
            for k, cum in enumerate(models.prepare(contexts)):
                encoder.symbol(k, bins[k], cum)
            models.learn(contexts, bins)
            for k, (b, d) in enumerate(zip(bins, rests, strict=True)):
                _list_residual(encoder, k, models, header.sizes[b], b, d)
            neighbors.observe(j, elements[0], bins)


def list_wide_part(
    encoder: LanesEncoder, header: Header, models: Models, slots: Slots, part: Part, values: Sequence[int]
) -> None:
    """The indices of a part, in the wide mode."""
    wave = Wave(header, part, encoder.lanes)
    for elements in wave.rounds():
        bins, rests = zip(*(_split(header, values[element.number]) for element in elements), strict=True)
        contexts = [wave.contexts(element) for element in elements]
        mixed = slots.mix(contexts)
        for element, b, frequencies in zip(elements, bins, mixed, strict=True):
            encoder.symbol(element.lane, b, cumulative(frequencies))
        slots.learn(contexts, mixed, bins, elements[0].lane == 0)
        for element, b, d in zip(elements, bins, rests, strict=True):
            _list_residual(encoder, element.lane, models, header.sizes[b], b, d)
        wave.observe(elements, bins)


def _list_residual(encoder: LanesEncoder, k: int, models: Models, z: int, b: int, d: int) -> None:
    if z > 1:
        t = residual_shift(z)
        encoder.symbol(k, d >> t, models.residuals[b].prepare())
        models.residuals[b].learn(d >> t)
        encoder.integer(k, d % (1 << t), t)


def _encode_mixed(taking: Taking, headers: Sequence[Header], fresh: Sequence[bool]) -> bytes:
    encoder = RangeEncoder()
    models, mixer = Models(headers[0]), Mixer()
    for (part, values), header, anew in zip(taking, headers, fresh, strict=True):
        if anew:
            models, mixer = Models(header), Mixer()
        if not header.constant:
            encode_mixed_part(encoder, header, models, mixer, part, values)
    return encoder.finish()


def encode_mixed_part(
    encoder: RangeEncoder, header: Header, models: Models, mixer: Mixer, part: Part, values: Sequence[int]
) -> None:
    """The indices of a part, in the mixed mode."""
    neighbors = MixedNeighbors(header, part)
    neighbors.begin_run(Run(0, part.size, 1))
    for i, index in enumerate(values):
        b, d = _split(header, index)
        _encode_mixed_bin(encoder, header, mixer, neighbors, i % neighbors.columns, b)
        if header.sizes[b] > 1:
            t = residual_shift(header.sizes[b])
            encoder.symbol(d >> t, models.residuals[b].prepare())
            models.residuals[b].learn(d >> t)
            encoder.uniform(d % (1 << t), t)
        neighbors.update(i, b)


def _encode_mixed_bin(
    encoder: RangeEncoder, header: Header, mixer: Mixer, neighbors: MixedNeighbors, j: int, b: int
) -> None:
    contexts, weight_set = neighbors.contexts(j), neighbors.weight_set()
    decisions = [int(b == header.center)]
    if b != header.center:
        decisions += [b >> bit & 1 for bit in reversed(range((len(header.sizes) - 1).bit_length()))]
    m = 0
    for number, y in enumerate(decisions):
        mixer.decide(contexts, weight_set, m, partial(encoder.decision, y))
        m = 1 if number == 0 else 2 * m + y

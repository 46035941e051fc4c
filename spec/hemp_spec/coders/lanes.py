"""coders.md, section 5.4: the coded indices of the plain mode of ``arithmetic``."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.coders.common import bad_payload
from hemp_spec.coders.models import Model, Models, residual_shift
from hemp_spec.coders.neighbors import Header, Neighbors, runs_of
from hemp_spec.directory import Part

LOWEST = 1 << 24  # of a state
STATE_SIZE = 5


class LanesDecoder:
    """States of the lanes, and the words.  ``payload`` is taken from ``begin`` on."""

    def __init__(self, payload: bytes, begin: int, lanes: int) -> None:
        self.payload = payload
        self.position = begin + STATE_SIZE * lanes
        left = len(payload) - begin
        if self.position > len(payload) or (len(payload) - self.position) % 2:
            raise bad_payload(len(payload), "no room for the states, or half a word", "5.4", left)
        places = range(begin, self.position, STATE_SIZE)
        self.states = [int.from_bytes(payload[place : place + STATE_SIZE], "little") for place in places]
        for place, state in zip(places, self.states, strict=True):
            if state < LOWEST:
                raise bad_payload(place, f"the state {state} is below 2^24", "5.4", state)

    def _refill(self, k: int) -> None:
        if self.states[k] < LOWEST:
            word = self.payload[self.position : self.position + 2]
            if not word:
                raise bad_payload(self.position, "a word is missing", "5.4")
            self.states[k] = self.states[k] << 16 | int.from_bytes(word, "little")
            self.position += 2

    def integer(self, k: int, bits: int) -> int:
        """An integer of ``bits`` bits, from lane k."""
        value = self.states[k] % (1 << bits)
        self.states[k] >>= bits
        self._refill(k)
        return value

    def symbol(self, k: int, cum: Sequence[int]) -> int:
        """A symbol of a model with these cumulative frequencies, from lane k."""
        upper, v = divmod(self.states[k], 1 << 16)
        s = max(symbol for symbol in range(len(cum) - 1) if cum[symbol] <= v)
        self.states[k] = (cum[s + 1] - cum[s]) * upper + v - cum[s]
        self._refill(k)
        return s

    def finish(self) -> None:
        """At the end of the last part."""
        if self.position != len(self.payload):
            left = len(self.payload) - self.position
            raise bad_payload(self.position, f"{left} bytes are left over", "5.4", left)
        for state in self.states:
            if state != LOWEST:
                raise bad_payload(len(self.payload), "a lane does not end at 2^24", "5.4", state)


def decode_part(decoder: LanesDecoder, header: Header, models: Models, part: Part) -> list[int]:
    """The indices of a part."""
    neighbors = Neighbors(header, part)
    firsts = [sum(header.sizes[:b]) for b in range(len(header.sizes))]
    indices = [0] * part.size
    for run in runs_of(part, len(decoder.states)):
        neighbors.begin_run(run)
        for r in range(run.rounds):
            j, elements = r % neighbors.columns, run.elements(r, neighbors.columns)
            contexts = [neighbors.context(lane, j) for lane in neighbors.lanes]
            frequencies = models.prepare(contexts)
            bins = [decoder.symbol(k, cum) for k, cum in enumerate(frequencies)]
            models.learn(contexts, bins)
            for k, (element, b) in enumerate(zip(elements, bins, strict=True)):
                d = decode_residual(decoder, k, models.residuals[b], header.sizes[b])
                indices[element] = firsts[b] + d
            neighbors.observe(j, elements[0], bins)
    return indices


def decode_residual(decoder: LanesDecoder, k: int, model: Model, z: int) -> int:
    """Step 4: d, the number of a level within its bin of ``z`` levels."""
    if z == 1:
        return 0
    t = residual_shift(z)
    s = decoder.symbol(k, model.prepare())
    model.learn(s)
    d = (s << t) + decoder.integer(k, t)
    if d >= z:
        raise bad_payload(decoder.position, f"the bin has no level {d}", "5.4", d)
    return d

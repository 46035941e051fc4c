"""coders.md, section 5.7: the range decoder of ``arithmetic``."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.coders.common import bad_payload

WORD = 1 << 64
TOTAL = 1 << 16  # last cumulative frequency of a model


class RangeDecoder:
    """Section 5.7."""

    def __init__(self, payload: bytes, begin: int) -> None:
        self.payload = payload
        self.begin = begin  # of the coded indices
        self.position = begin  # of the next byte; it may lie beyond the end
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
            raise bad_payload(min(self.position, len(self.payload)), "no integer has this code", "5.7", v)
        self.code -= r * v
        self.range = r
        self._normalize()
        return v

    def symbol(self, cum: Sequence[int]) -> int:
        """A symbol of a model with these cumulative frequencies."""
        r = self.range >> 16
        v = self.code // r
        if v >= TOTAL:
            raise bad_payload(min(self.position, len(self.payload)), "no symbol has this code", "5.7", v)
        s = max(symbol for symbol in range(len(cum) - 1) if cum[symbol] <= v)
        self.code -= r * cum[s]
        self.range = r * (cum[s + 1] - cum[s])
        self._normalize()
        return s

    def decision(self, p: int) -> int:
        """1 with the probability p / 2^16, else 0."""
        r = self.range >> 16
        if self.code >= r << 16:
            raise bad_payload(min(self.position, len(self.payload)), "no decision has this code", "5.7", self.code)
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
            raise bad_payload(p, f"{size - p} bytes are left over", "5.7", size - p)
        if size > self.begin and self.payload.endswith(b"\0"):
            raise bad_payload(size - 1, "the last byte is 0", "5.7", 0)
        if t == 0:
            return
        last_read = int.from_bytes(self.payload[p - 8 : p].ljust(8, b"\0"), "big")
        low = (last_read - self.code) % WORD
        if self.code >= 1 << (64 - 8 * t) or (-low) % (1 << (72 - 8 * t)) < self.range:
            raise bad_payload(size - 1, "the payload does not end as an encoder ends it", "5.7", self.code)

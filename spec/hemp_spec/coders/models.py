"""coders.md, section 5.5: the models of ``arithmetic``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hemp_spec.coders.neighbors import Header

TOTAL = 1 << 16  # last cumulative frequency
ROOT_LIMIT = 32768


@dataclass
class Model:
    """A model of ``size`` symbols.

    Attributes:
        size: N.
        limit: sum of the counts at which they are halved.
        prior: of a context model: its field `prior`, else None.
        root: of a context model: the root model, else None.
    """

    size: int
    limit: int
    prior: int | None = None
    root: Model | None = None
    count: list[int] = field(default_factory=list)
    cum: list[int] = field(default_factory=list)
    left: int = 0

    def __post_init__(self) -> None:
        self.count = [0] * self.size

    def prepare(self) -> Sequence[int]:
        """The cumulative frequencies for the next symbol."""
        if self.left <= 0:
            if sum(self.count) >= self.limit:
                self.count = [count // 2 for count in self.count]
            self.left = 1 + sum(self.count) // 8
            self._make(self._weights())
        return self.cum

    def _weights(self) -> list[int]:
        if self.root is None or self.prior is None:
            return [5 * count + 2 for count in self.count]
        cum = self.root.cum
        return [(count << (14 - self.prior)) + cum[s + 1] - cum[s] for s, count in enumerate(self.count)]

    def _make(self, w: Sequence[int]) -> None:
        q = ((TOTAL - self.size) << 32) // sum(w)
        self.cum = [s + (q * sum(w[:s]) >> 32) for s in range(self.size)] + [TOTAL]

    def learn(self, s: int) -> None:
        """After each symbol."""
        self.count[s] += 1
        self.left -= 1


def residual_shift(z: int) -> int:
    """Section 5.4, step 4: t, for a bin of ``z`` levels."""
    return max(0, (z - 1).bit_length() - 4)


class Models:
    """All models of a header."""

    def __init__(self, header: Header) -> None:
        bins = len(header.sizes)
        self.root = Model(bins, ROOT_LIMIT)
        limit = 1 << (9 + 2 * header.limit)
        contexts = range(header.histories * header.classes)
        self.contexts = [Model(bins, limit, header.prior, self.root) for _ in contexts]
        self.residuals = [Model(((z - 1) >> residual_shift(z)) + 1, ROOT_LIMIT) for z in header.sizes]

    def prepare(self, contexts: Sequence[int]) -> list[Sequence[int]]:
        """Section 5.4, step 1: cumulative frequencies of the lanes' context models, after the root's."""
        self.root.prepare()
        for context in contexts:
            self.contexts[context].prepare()
        return [self.contexts[context].cum for context in contexts]

    def learn(self, contexts: Sequence[int], bins: Sequence[int]) -> None:
        """Section 5.4, step 3."""
        for context, b in zip(contexts, bins, strict=True):
            self.contexts[context].learn(b)
        self.root.learn(bins[0])

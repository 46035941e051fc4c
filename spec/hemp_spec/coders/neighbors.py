"""coders.md, 5.2 and 5.3: the header of ``arithmetic``, the order of the elements, and their neighborhood."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hemp_spec.directory import Part

MOST_LANES = 8
MOST_GROUPS = 254


@dataclass(frozen=True)
class Header:
    """Section 5.2; the names are those of the text, and ``sizes`` the number of levels of each bin."""

    constant: int
    mode: int = 0
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


def columns_of(part: Part) -> int:
    """`columns`: elements between one row and the next."""
    return math.prod(part.shape[1:] if len(part.shape) > 1 else part.shape)


@dataclass(frozen=True)
class Run:
    """Section 5.3: ``rounds`` rounds in ``lanes`` lanes, from element ``first`` of the part on."""

    first: int
    rounds: int
    lanes: int

    def elements(self, r: int, columns: int) -> list[int]:
        """The element of each lane in round r."""
        if self.lanes == 1:
            return [self.first + r]
        g, j = divmod(r, columns)
        return [self.first + (self.lanes * g + k) * columns + j for k in range(self.lanes)]


def runs_of(part: Part, lanes: int) -> Iterator[Run]:
    """The runs of a part."""
    columns = columns_of(part)
    rounds = part.size // (lanes * columns) * columns if lanes > 1 else 0
    if rounds:
        yield Run(0, rounds, lanes)
    if lanes * rounds < part.size:
        yield Run(lanes * rounds, part.size - lanes * rounds, 1)


@dataclass
class Lane:
    """What is known of the elements before the next one of a lane."""

    row: int
    left: int
    left2: int
    history: int

    @property
    def near(self) -> int:
        """The two elements before."""
        return (3 * self.left + self.left2) // 4


class Neighbors:
    """Section 5.3: the magnitudes around the next element of each lane, and the previous bins.

    The encoder of the vectors uses it too.
    """

    def __init__(self, header: Header, part: Part) -> None:
        self.header = header
        self.columns = columns_of(part)
        self.start = part.start
        self.expected = 256 * header.initial
        self.column = [self.expected] * min(self.columns, part.size)
        self.above = list(self.column)
        self.groups = 0
        self.lanes: list[Lane] = []

    def begin_run(self, run: Run) -> None:
        """The lanes of a run, at its beginning."""
        bins, expected = len(self.header.sizes), self.expected
        history = sum(self.header.center * bins**digit for digit in range(self.header.order))
        self.lanes = [Lane(expected, expected, expected, history) for _ in range(run.lanes)]
        if run.first > 0:
            self.groups = MOST_GROUPS

    def cell(self, lane: Lane, j: int) -> int:
        """What is expected of an element in column j."""
        features = (lane.row, self.column[j], lane.near, self.above[j])
        x = sum(weight * value // 256 for weight, value in zip(self.header.weights, features, strict=True))
        return min(255, x >> self.header.shift)

    def context(self, lane: Lane, j: int) -> int:
        """Number of the context model of an element in column j."""
        header, class_number = self.header, 0
        if header.classes > 1:
            cell = self.cell(lane, j)
            class_number = sum(threshold <= cell for threshold in header.thresholds)
        return lane.history * header.classes + class_number

    def observe(self, j: int, first: int, bins: Sequence[int]) -> None:
        """After a round in column j, of the elements from number ``first`` of the part on, with these bins."""
        header, lanes = self.header, len(bins)
        magnitudes = [4096 * abs(b - header.center) for b in bins]
        for lane, b, magnitude in zip(self.lanes, bins, magnitudes, strict=True):
            lane.row += (magnitude - lane.row) >> (2 + header.row_rate)
            lane.left2, lane.left = lane.left, magnitude
            lane.history = (len(header.sizes) * lane.history + b) % header.histories
        q = min(2 + header.column_rate, (self.groups + 2).bit_length() - 1)
        self.column[j] += (sum(magnitudes) - lanes * self.column[j]) // (lanes << q)
        self.above[j] = sum(magnitudes) // lanes
        if j == self.columns - 1:
            self.groups = min(self.groups + 1, MOST_GROUPS)
        if (self.start + first + 1) % self.columns == 0:
            self.begin_row()

    def begin_row(self) -> None:
        """Between two rows."""
        for lane in self.lanes:
            lane.row = (lane.row + self.expected) // 2

"""coders.md, 5.3 and 5.4: the header of ``arithmetic``, and what is known of an element's neighbors."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hemp_spec.directory import Part


@dataclass(frozen=True)
class Header:
    """Section 5.3; the names are those of the text, and ``sizes`` the number of levels of each bin."""

    constant: int
    mixed: int = 0
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

    def enter(self, i: int) -> None:
        """Step 1, for element i of the part."""
        if i > 0 and (self.start + i) % self.columns == 0:
            self.begin_row()

    def begin_row(self) -> None:
        """Between two rows."""
        self.row = (self.row + 256 * self.header.initial) // 2

    def context(self, i: int) -> int:
        """Steps 2 and 3: number of the context model of element i of the part."""
        header, class_number = self.header, 0
        if header.classes > 1:
            cell = self.cell(i % self.columns)
            class_number = sum(threshold <= cell for threshold in header.thresholds)
        return self.history * header.classes + class_number

    def cell(self, j: int) -> int:
        """What is expected in column j."""
        header = self.header
        recent = (3 * self.left + self.left2) // 4
        x = sum(
            weight * value
            for weight, value in zip(header.weights, (self.row, self.column[j], recent, self.above[j]), strict=True)
        )
        return min(255, x >> header.shift)

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

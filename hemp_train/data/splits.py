"""Labelled images: in memory, or read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

Labelled = tuple[torch.Tensor, torch.Tensor]


class Images(Protocol):
    """What training and measuring want of a set of labelled images."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[Labelled]:
        """Images (n, channels, height, width) float32 and labels (n,) int64; the last batch may be smaller.

        In random order if there is a generator, else in their own.
        """
        ...

    def to(self, device: torch.device) -> Images:
        """The same set, whose batches are on ``device``; the generator of their order stays one of the CPU."""
        ...


@dataclass(frozen=True)
class Split:
    """Images (n, channels, height, width) float32 and labels (n,) int64, in memory."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return self.images.shape[0]

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[Labelled]:
        """See ``Images``."""
        order = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        for chosen in torch.split(order.to(self.images.device), size):
            yield self.images[chosen], self.labels[chosen]

    def to(self, device: torch.device) -> Split:
        """See ``Images``; all of them are moved."""
        return Split(self.images.to(device), self.labels.to(device))

    def hold_out(self, count: int) -> tuple[Split, Split]:
        """All images but the last ``count``, for training, and those, for validation."""
        if not 0 < count < len(self):
            raise ValueError(f"cannot hold {count} of {len(self)} images out for validation")
        kept = len(self) - count
        return Split(self.images[:kept], self.labels[:kept]), Split(self.images[kept:], self.labels[kept:])

    def first(self, count: int) -> Split:
        """The first ``count`` images."""
        return Split(self.images[:count], self.labels[:count])

"""Augmented images with a teacher's answers, made once and used in every epoch; the loss of a student."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from hemp_train.data.augment import Augmentation
from hemp_train.data.splits import Split


@dataclass(frozen=True)
class Batch:
    """Images (n, channels, height, width), labels (n,), and the teacher's logits (n, classes) or None."""

    images: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor | None = None


@dataclass(frozen=True)
class Pool:
    """Several augmented copies of a data set and the teacher's logits for each; epoch e uses copy e modulo copies.

    Takes, for each copy, half the memory of the images as float32 (they are kept as float16).
    """

    images: torch.Tensor
    logits: torch.Tensor
    labels: torch.Tensor

    @staticmethod
    @torch.no_grad()
    def of(split: Split, teacher: nn.Module, augment: Augmentation, copies: int, generator: torch.Generator) -> Pool:
        """The pool of ``copies`` copies of ``split``; the first is the images themselves."""
        teacher.eval()
        images = split.images.new_empty((copies, *split.images.shape), dtype=torch.float16)
        logits = split.images.new_empty((copies, len(split), 10))
        for copy in range(copies):
            for start in range(0, len(split), 1000):
                batch = split.images[start : start + 1000]
                changed = augment(batch, generator) if copy else batch
                images[copy, start : start + 1000] = changed.half()
                logits[copy, start : start + 1000] = teacher(changed)
        return Pool(images, logits, split.labels)

    def batches(self, epoch: int, size: int, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of ``size`` (all full) of one epoch, in random order."""
        copy, count = epoch % len(self.images), len(self.labels) // size * size
        order = torch.randperm(len(self.labels), generator=generator).to(self.labels.device)
        for chosen in order[:count].view(-1, size):
            yield Batch(self.images[copy, chosen].float(), self.labels[chosen], self.logits[copy, chosen])


@dataclass(frozen=True)
class DistillationLoss:
    """Cross-entropy with the labels and, at a temperature, with the teacher (Hinton et al. 2015, arXiv:1503.02531).

    ``share`` is that of the teacher, 0 to 1; its part is scaled by the square of ``temperature``.  Cross-entropy with
    the labels alone where there is no teacher.
    """

    share: float = 0.7
    temperature: float = 3.0

    def __call__(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        hard = functional.cross_entropy(logits, batch.labels)
        if batch.logits is None:
            return hard
        warmth = self.temperature
        teacher = functional.log_softmax(batch.logits / warmth, 1)
        student = functional.log_softmax(logits / warmth, 1)
        soft = functional.kl_div(student, teacher, log_target=True, reduction="batchmean") * warmth**2
        return (1 - self.share) * hard + self.share * soft

"""The training loops that recipes share.  Batches come from a function of the number of the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hemp_train import saving
from hemp_train.data.augment import Augmentation
from hemp_train.data.splits import Images
from hemp_train.distillation import Batch, DistillationLoss, Pool
from hemp_train.recipes.base import Report, accuracy
from hemp_train.straight_through import StraightThrough

Batches = Callable[[int], Iterator[Batch]]


def from_pool(pool: Pool, size: int, generator: torch.Generator) -> Batches:
    """Batches with a teacher's logits."""
    return lambda epoch: pool.batches(epoch, size, generator)


def from_images(images: Images, augment: Augmentation, size: int, generator: torch.Generator) -> Batches:
    """Batches of images that are augmented anew in each epoch; without a teacher.

    A single image that is left at the end of an epoch is left out: batch norm cannot learn from one.
    """

    def batches(_: int) -> Iterator[Batch]:
        for inputs, labels in images.batches(size, generator):
            if len(labels) > 1 or size == 1:
                yield Batch(augment(inputs, generator), labels)

    return batches


@dataclass(frozen=True)
class OneCycle:
    """Learning rate that rises linearly to ``peak`` in the first ``warm`` of the training and falls as a cosine."""

    peak: float
    warm: float = 0.25

    def __call__(self, done: float) -> float:
        """``done``: the share of the training, 0 to 1."""
        if done < self.warm:
            return self.peak * (0.04 + 0.96 * done / self.warm)
        return self.peak * 0.5 * (1 + math.cos(math.pi * (done - self.warm) / (1 - self.warm)))


@dataclass(frozen=True)
class HoldThenFall:
    """Learning rate that stays at ``peak`` for the share ``hold`` of the training and then falls as a cosine."""

    peak: float
    hold: float = 0.5

    def __call__(self, done: float) -> float:
        """``done``: the share of the training, 0 to 1."""
        fallen = max(0.0, (done - self.hold) / (1 - self.hold))
        return self.peak * 0.5 * (1 + math.cos(math.pi * fallen))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give all groups of parameters the learning rate ``rate``, or the "share" of it that a group has."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1)


def steps_per_epoch(images: Images, size: int) -> int:
    """Number of batches of ``size``, the last of which may be smaller, but not of one image: see ``from_images``."""
    return len(images) // size + int(len(images) % size > 1)


def fit(
    model: nn.Module,
    batches: Batches,
    epochs: int,
    steps: int,
    rate: Callable[[float], float],
    *,
    stage: str,
    validation: Images,
    report: Report,
    decay: float = 5e-4,
    loss: DistillationLoss | None = None,
    half: bool = False,
) -> None:
    """SGD with Nesterov's momentum on the continuous weights.

    Args:
        steps: batches in an epoch.
        rate: learning rate by the share of the training that is done.
        stage: name of what is trained, for the report.
        decay: of weights, not of biases and norms.
        half: forward passes in bfloat16.
    """
    loss = loss or DistillationLoss()
    parameters = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [value for value in parameters if value.dim() > 1], "weight_decay": decay},
        {"params": [value for value in parameters if value.dim() <= 1]},
    ]
    optimizer = torch.optim.SGD(groups, lr=rate(0), momentum=0.9, nesterov=True)
    for epoch in range(epochs):
        model.train()
        for number, batch in enumerate(batches(epoch)):
            set_rate(optimizer, rate((epoch + number / steps) / epochs))
            optimizer.zero_grad()
            with torch.autocast(batch.images.device.type, torch.bfloat16) if half else nullcontext():
                value = loss(model(batch.images), batch)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        reached = accuracy(model, validation)
        report(f"{stage}, epoch {epoch + 1} of {epochs}: validation {reached:.2%}", accuracy=reached)


@dataclass(frozen=True)
class ShrinkPlan:
    """Of ``shrink``, times as shares of the training.

    The strength of the pull rises to ``strength`` (loss per bit) until ``ramp`` and is off from ``off`` on; zeros are
    frozen from ``freeze`` on; the learning rate is ``rate`` until ``hold`` and then falls.  The steps of the grids are
    trained from ``step_from`` on, by Adam with ``step_rate``.
    """

    epochs: int
    strength: float
    rate: float = 0.02
    ramp: float = 0.4
    hold: float = 0.5
    freeze: float = 0.7
    off: float = 0.8
    step_rate: float = 0.002
    step_from: float = 0.3

    def strength_at(self, done: float) -> float:
        """Of the pull, when the share ``done`` of the training is over."""
        return self.strength * min(1.0, done / self.ramp) if done < self.off else 0.0


def shrink(
    trained: StraightThrough,
    batches: Batches,
    steps: int,
    plan: ShrinkPlan,
    *,
    validation: Images,
    report: Report,
    loss: DistillationLoss | None = None,
    half: bool = False,
) -> None:
    """Straight-through training under a pull that makes the code shorter; then without, to get the accuracy back."""
    loss, model = loss or DistillationLoss(), trained.model
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=plan.rate, momentum=0.9)
    rate, step_rate = HoldThenFall(plan.rate, plan.hold), HoldThenFall(plan.step_rate, plan.hold)
    step_optimizer = torch.optim.Adam(trained.step_parameters(), lr=plan.step_rate)
    for epoch in range(plan.epochs):
        model.train()
        for number, batch in enumerate(batches(epoch)):
            done = (epoch + number / steps) / plan.epochs
            set_rate(optimizer, rate(done))
            optimizer.zero_grad()
            with trained.quantized():
                with torch.autocast(batch.images.device.type, torch.bfloat16) if half else nullcontext():
                    value = loss(model(batch.images), batch)
                value.backward()  # type: ignore[no-untyped-call]
            if done >= plan.freeze and number % trained.every == 0:
                trained.freeze_zeros()
            trained.step(plan.strength_at(done))
            optimizer.step()
            if done >= plan.step_from:
                set_rate(step_optimizer, step_rate(done))
                step_optimizer.step()
            trained.apply()
        with trained.quantized():
            reached = accuracy(model, validation)
        size = saving.coded_bytes({**trained.tensors()}, coder="arithmetic")
        report(
            f"shrink, epoch {epoch + 1} of {plan.epochs}: validation {reached:.2%}, weights {size} bytes",
            accuracy=reached, coded_bytes=size,
        )  # fmt: skip

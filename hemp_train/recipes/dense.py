"""Dense networks: what the recipes begin with, and teachers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from hemp_train.data.augment import Affine, Augmentation, WholeShift
from hemp_train.recipes.base import Settings, Task, accuracy, channels_last
from hemp_train.recipes.loops import OneCycle, fit, from_images, steps_per_epoch


@dataclass(frozen=True)
class DensePlan:
    """How the dense network ``name`` is trained; recipes of the same network share it."""

    name: str
    epochs: int
    rate: float
    augment: Affine | WholeShift
    decay: float = 5e-4
    batch: int = 128
    half: bool = False


def dense(task: Task, plan: DensePlan, settings: Settings, out: Path) -> nn.Module:
    """The dense network of ``plan``: from ``out``, where an earlier run with the same seed left it, or trained and
    left there."""
    model = channels_last(task.network())
    kept = out / f"{plan.name}-dense-{'quick-' if settings.quick else ''}{settings.seed}.pt"
    if kept.exists():
        model.load_state_dict(torch.load(kept, map_location="cpu", weights_only=True))
    else:
        torch.manual_seed(settings.seed)
        model = channels_last(task.network())
        generator = torch.Generator().manual_seed(settings.seed)
        augment: Augmentation = replace(plan.augment, background=task.background)
        fit(
            model, from_images(task.train, augment, plan.batch, generator), plan.epochs,
            steps_per_epoch(task.train, plan.batch), OneCycle(plan.rate, 0.3),
            stage=plan.name, validation=task.validation, report=settings.report, decay=plan.decay, half=plan.half,
        )  # fmt: skip
        torch.save(model.state_dict(), kept)
    torch.manual_seed(settings.seed)  # what follows is the same whether the network was trained or found
    model.eval()
    settings.report(f"{kept.name}: validation {accuracy(model, task.validation):.2%}")
    return model

"""Deep convolutional networks: trained densely, then straight through on quantized weights under a pull."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import hemp_codec
from hemp_train import saving
from hemp_train.data.augment import WholeShift
from hemp_train.grids import Grid
from hemp_train.recipes.base import Recipe, Settings, Task, accuracy
from hemp_train.recipes.loops import OneCycle, ShrinkPlan, fit, from_images, shrink, steps_per_epoch
from hemp_train.straight_through import StraightThrough

# What is no weight of a convolution or dense layer, quantized finely: it is a hundredth of the numbers.
RULES = (("*running_var", "uniform:1024"), ("*running_mean", "uniform:256"), ("*.weight", "uniform:256"))
RULES += (("*.bias", "uniform:256"),)


@dataclass(frozen=True)
class Plan:
    """Epochs and learning rate of the dense network; levels of the weights, and how they are shrunk."""

    dense_epochs: int
    dense_rate: float
    shrink: ShrinkPlan
    levels: int = 7
    batch: int = 128
    half: bool = False
    shift: int = 2


QUICK = ShrinkPlan(epochs=1, strength=1e-7)


def _train(plan: Plan, task: Task, settings: Settings, path: Path) -> None:
    generator = torch.Generator().manual_seed(settings.seed)
    model = task.network().to(memory_format=torch.channels_last)
    dense, plan_shrink = (1, QUICK) if settings.quick else (plan.dense_epochs, plan.shrink)
    augment = WholeShift(plan.shift, mirror=True, background=task.background)
    batches, steps = from_images(task.train, augment, plan.batch, generator), steps_per_epoch(task.train, plan.batch)
    kept = path.with_name(f"{path.stem}-dense.pt")
    if kept.exists():
        model.load_state_dict(torch.load(kept, weights_only=True))
    else:
        fit(
            model, batches, dense, steps, OneCycle(plan.dense_rate),
            validation=task.validation, report=settings.report, half=plan.half,
        )  # fmt: skip
        torch.save(model.state_dict(), kept)
    settings.report(f"dense: validation {accuracy(model, task.validation):.2%}")
    weights = {name: value for name, value in model.named_parameters() if value.dim() > 1}
    trained = StraightThrough(model, {name: Grid.of(value, plan.levels) for name, value in weights.items()})
    shrink(
        trained, batches, steps, plan_shrink, validation=task.validation, report=settings.report, half=plan.half
    )
    saving.write(saving.file_tensors(model, trained.tensors()), path, coder="arithmetic", rules=RULES)


def recipe(name: str, summary: str, load: Callable[[Path, bool], Task], plan: Plan) -> Recipe:
    """A recipe that follows ``plan``."""
    return Recipe(name, summary, load, lambda task, settings, path: _train(plan, task, settings, path))

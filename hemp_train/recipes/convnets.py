"""Deep convolutional networks: trained densely, then straight through on quantized weights under a pull."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from hemp_train import saving
from hemp_train.grids import Grid
from hemp_train.recipes.base import Recipe, Settings, Task
from hemp_train.recipes.dense import DensePlan, dense
from hemp_train.recipes.loops import ShrinkPlan, from_images, shrink, steps_per_epoch
from hemp_train.straight_through import StraightThrough

# What is learned of norms, and biases, quantized finely: they are a hundredth of the numbers.
FINE = (("*.weight", "uniform:32"), ("*.bias", "uniform:32"))


@dataclass(frozen=True)
class Plan:
    """The dense network, the levels of the weights, and how they are shrunk.

    ``reach``: see ``Grid.of``.
    """

    dense: DensePlan
    shrink: ShrinkPlan
    levels: int = 7
    reach: float = 1.0
    batch: int = 128


def _train(plan: Plan, task: Task, settings: Settings, path: Path) -> None:
    generator = torch.Generator().manual_seed(settings.seed)
    dense_plan = replace(plan.dense, epochs=1) if settings.quick else plan.dense
    shrink_plan = replace(plan.shrink, epochs=1) if settings.quick else plan.shrink
    model = dense(task, dense_plan, settings, path.parent)
    augment = replace(plan.dense.augment, background=task.background)
    weights = {name: value for name, value in model.named_parameters() if value.dim() > 1}
    grids = {name: Grid.of(value, plan.levels, reach=plan.reach) for name, value in weights.items()}
    trained = StraightThrough(model, grids)
    shrink(
        trained,
        from_images(task.train, augment, plan.batch, generator),
        steps_per_epoch(task.train, plan.batch),
        shrink_plan,
        validation=task.validation,
        report=settings.report,
        half=plan.dense.half,
    )
    _shorten_statistics(model)
    saving.write(saving.file_tensors(model, trained.tensors()), path, coder="arithmetic", rules=FINE)


@torch.no_grad()
def _shorten_statistics(model: nn.Module) -> None:
    """Means and variances of norms to the 8 bits of bfloat16.

    No uniform levels: variances of one layer may be 1e-3 and 70, and those that become 0 ruin the network.
    """
    for name, value in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(value.bfloat16())


def recipe(name: str, summary: str, load: Callable[[Path, bool], Task], plan: Plan) -> Recipe:
    """A recipe that follows ``plan``."""
    return Recipe(name, summary, load, lambda task, settings, path: _train(plan, task, settings, path))

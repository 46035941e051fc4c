"""HEMP with LOBSTER on a network from which whole units were removed first, then finishing with a teacher.

In between the network settles: the loss is that of the quantized weights, whose levels stay as they are, so that the
network that is measured is the one that learns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hemp_codec import QuantizedTensor
from hemp_train import saving
from hemp_train.data.splits import Split
from hemp_train.distillation import Pool
from hemp_train.hemp import HEMP
from hemp_train.lobster import LOBSTER
from hemp_train.narrowing import embed
from hemp_train.recipes.base import Recipe, Settings, Task
from hemp_train.recipes.dense import dense
from hemp_train.recipes.loops import HoldThenFall, from_pool
from hemp_train.recipes.methods import Run, finish, settle
from hemp_train.recipes.units_first import Family, narrowed, quick
from hemp_train.recipes.units_first import Plan as UnitsPlan
from hemp_train.structure import sort_units


@dataclass(frozen=True)
class Plan:
    """What the recipe chooses.

    Attributes:
        units: how units are removed; its ``shrink`` is not used.
        options: for ``HEMP``.
        decay: of ``LOBSTER``.
        tolerance: of ``LOBSTER``: growth of the validation loss that each pruning may cost.
        budget: bytes of the weights' file at which it prunes no more.
        epochs: of HEMP with LOBSTER; the last ``still`` of them prune no more.
        settle: epochs on the quantized weights.
    """

    units: UnitsPlan
    options: Mapping[str, Any]
    decay: float
    tolerance: float
    epochs: int
    budget: int = 1_800
    still: int = 3
    settle: int = 6
    settle_rate: float = 0.01
    rate: float = 0.02
    finish: int = 10
    finish_rate: float = 1e-3


@torch.no_grad()
def _loss(model: nn.Module, split: Split) -> float:
    model.eval()
    logits = torch.cat([model(images) for images, _ in split.batches(1000)])
    return float(nn.functional.cross_entropy(logits, split.labels))


def _shrink(run: Run, plan: Plan, validation: Split) -> HEMP:
    """HEMP with LOBSTER: prunes after each epoch as much as the validation loss allows."""
    prune = LOBSTER(plan.decay, plan.tolerance)
    trained = HEMP(run.model, prune=prune, **plan.options)
    for epoch in _epochs(run, trained, plan):
        if epoch < run.epochs - plan.still and trained.coded_bytes() > plan.budget:
            prune.threshold(lambda: _loss(run.model, validation))
        run.report_hemp(f"HEMP, LOBSTER {prune.density():.4f}", epoch, trained)
        run.model.train()
    return trained


def _epochs(run: Run, trained: HEMP, plan: Plan) -> Iterator[int]:
    """Train, and give the number of each epoch when it is over."""
    optimizer = torch.optim.SGD([p for p in run.model.parameters() if p.requires_grad], lr=plan.rate, momentum=0.9)
    for epoch, last, batch in run.each(HoldThenFall(plan.rate), optimizer):
        plan.units.loss(run.model(batch.images), batch).backward()  # type: ignore[no-untyped-call]
        trained.step()
        optimizer.step()
        trained.apply()
        if last:
            yield epoch


def _centred(tensor: QuantizedTensor) -> tuple[torch.Tensor, int]:
    """Indices less the number of the level zero (or of that nearest to it), and this number."""
    zero = int(np.abs(np.asarray(tensor.levels)).argmin())
    return torch.as_tensor(np.asarray(tensor.indices)).long() - zero, zero


def _full_tensors(
    small: Mapping[str, QuantizedTensor], family: Family, network: nn.Module, biases: Mapping[str, torch.Tensor]
) -> saving.FileTensors:
    """The tensors in the shapes of ``network``, units sorted; what is not there is zero."""
    centred = {name: _centred(tensor) for name, tensor in small.items()}
    together = {name: indices for name, (indices, _) in centred.items()} | dict(biases)
    sort_units(together, list(family.units.values()))
    full = embed(together, {name: tuple(value.shape) for name, value in network.named_parameters()})
    return {
        name: QuantizedTensor((value + centred[name][1]).numpy().astype(np.uint8), np.asarray(small[name].levels))
        if name in small
        else value
        for name, value in full.items()
    }


def _train(family: Family, plan: Plan, task: Task, settings: Settings, path: Path) -> None:
    units = quick(plan.units) if settings.quick else plan.units
    assert isinstance(task.train, Split) and isinstance(task.validation, Split)
    generator = torch.Generator().manual_seed(settings.seed)
    teacher = dense(task, units.dense, settings, path.parent)
    augment = replace(units.augment, background=task.background)
    pool = Pool.of(task.train, teacher, augment, units.copies, generator)
    model = narrowed(teacher, family, units, pool, task, settings, path.parent)
    for name, value in model.named_parameters():
        if name in units.without:
            value.data.zero_().requires_grad_(False)
    steps, epochs = len(pool.labels) // units.batch, 4 if settings.quick else plan.epochs
    run = Run(model, from_pool(pool, units.batch, generator), steps, epochs, task, settings)
    trained = _shrink(run, plan, task.validation)
    run.epochs = 2 if settings.quick else plan.settle
    settle(run, trained, units.loss, plan.settle_rate)
    finishing = trained.finish()
    run.epochs = 2 if settings.quick else plan.finish
    finish(run, finishing, plan.finish_rate, units.loss)
    biases = {name: value.detach().cpu() for name, value in model.named_parameters() if value.dim() == 1}
    network = task.network()
    tensors = _full_tensors(finishing.tensors(), family, network, biases)
    saving.write(tensors, path, coder="arithmetic", rules=[("*.bias", "uniform:15")])


def recipe(name: str, summary: str, load: Callable[[Path, bool], Task], family: Family, plan: Plan) -> Recipe:
    """A recipe that follows ``plan``."""
    return Recipe(name, summary, load, lambda task, settings, path: _train(family, plan, task, settings, path))

"""The smallest files: whole units are pruned first, then what is left is trained straight through under a pull.

1. A dense teacher of full size.
2. Whole units are removed by the Taylor criterion, in two goes with distillation after each.
3. The small network is trained on its quantized weights, with the chord slope of the code length as a pull.
4. Units are sorted, and the small tensors put into the corners of the full shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from hemp_codec import QuantizedTensor
from hemp_train import saving
from hemp_train.data.augment import Affine
from hemp_train.data.splits import Split
from hemp_train.distillation import DistillationLoss, Pool
from hemp_train.grids import Grid
from hemp_train.narrowing import embed, select_units, unit_scores
from hemp_train.recipes.base import Recipe, Settings, Task, accuracy, channels_last
from hemp_train.recipes.dense import DensePlan, dense
from hemp_train.recipes.loops import OneCycle, ShrinkPlan, fit, from_pool, shrink
from hemp_train.straight_through import StraightThrough
from hemp_train.structure import Units, sort_units

MILD = Affine(1, 3, 0.03)
TEACHER = DistillationLoss(0.5, 1.5)


@dataclass(frozen=True)
class Family:
    """A network that comes in several widths.

    Attributes:
        network: makes one of given widths, a number for each kind of units.
        units: its hidden ones, by the name of the layer that makes them, from the input on.
        widths: of the full network.
    """

    network: Callable[[tuple[int, ...]], nn.Module]
    units: Mapping[str, Units]
    widths: tuple[int, ...]

    def of_widths(self, widths: tuple[int, ...], like: nn.Module) -> nn.Module:
        """A network of ``widths`` with random weights, on the device of ``like``."""
        return channels_last(self.network(widths).to(next(like.parameters()).device))


@dataclass(frozen=True)
class Plan:
    """What a recipe chooses; see the stages above.

    Attributes:
        widths: units that are left.
        recover: epochs of distillation after units were removed, at ``recover_rate``.
        without: parameters that are zero from the beginning.
        copies: augmented copies of the training images.
    """

    dense: DensePlan
    widths: tuple[int, ...]
    shrink: ShrinkPlan
    recover: int = 10
    recover_rate: float = 0.04
    copies: int = 4
    levels: int = 7
    dead_zone: float = 0.6
    reach: float = 1.0
    without: tuple[str, ...] = ()
    augment: Affine = MILD
    batch: int = 128
    loss: DistillationLoss = TEACHER


def quick(plan: Plan) -> Plan:
    """The same with an epoch or two of each stage."""
    return replace(
        plan,
        dense=replace(plan.dense, epochs=2),
        shrink=replace(plan.shrink, epochs=6),
        recover=4,
        recover_rate=0.02,
        copies=2,
    )


def remove_units(
    model: nn.Module,
    family: Family,
    widths: Sequence[int],
    pool: Pool,
    loss: DistillationLoss,
    generator: torch.Generator,
) -> nn.Module:
    """A network of ``widths``, with those units of ``model`` that matter most for ``loss``."""
    some = (batch for _, batch in zip(range(60), pool.batches(0, 128, generator), strict=False))
    scores = unit_scores(model, family.units, (loss(model(batch.images), batch) for batch in some))
    weights = dict(model.state_dict())
    for (layer, units), width in zip(family.units.items(), widths, strict=True):
        weights = select_units(weights, units, scores[layer].topk(width).indices.sort().values)
    smaller = family.of_widths(tuple(widths), model)
    smaller.load_state_dict(weights)
    return smaller


def narrowed(
    teacher: nn.Module,
    family: Family,
    plan: Plan,
    pool: Pool,
    task: Task,
    settings: Settings,
    out: Path,
) -> nn.Module:
    """``teacher`` without most of its units, in two goes; from ``out``, if an earlier run of the same seed left it."""
    report, shape = settings.report, "-".join(map(str, plan.widths))
    kept = out / f"{plan.dense.name}-{shape}-{'quick-' if settings.quick else ''}{settings.seed}.pt"
    if kept.exists():
        model = family.of_widths(plan.widths, teacher)
        model.load_state_dict(torch.load(kept, map_location="cpu", weights_only=True))
        report(f"{kept.name}: validation {accuracy(model, task.validation):.2%}")
        return model
    generator = torch.Generator().manual_seed(settings.seed)  # its own: what follows must not depend on ``kept``
    steps, batches = len(pool.labels) // plan.batch, from_pool(pool, plan.batch, generator)
    half_way = tuple(round(math.sqrt(few * many)) for few, many in zip(plan.widths, family.widths, strict=True))
    model = teacher
    for widths, epochs, rate in ((half_way, 1, 0.02), (plan.widths, plan.recover, plan.recover_rate)):
        model = remove_units(model, family, widths, pool, plan.loss, generator)
        report(f"units {'-'.join(map(str, widths))}: validation {accuracy(model, task.validation):.2%}")
        fit(
            model, batches, epochs, steps, OneCycle(rate, 0.2),
            stage="distillation", validation=task.validation, report=report, decay=1e-4, loss=plan.loss,
        )  # fmt: skip
    torch.save(model.state_dict(), kept)
    return model


def _full_tensors(
    trained: StraightThrough, family: Family, network: nn.Module, without: tuple[str, ...]
) -> dict[str, QuantizedTensor]:
    """Indices and levels in the shapes of ``network``, units sorted; all zeros for the parameters ``without``."""
    indices = trained.indices()
    indices |= {name: torch.zeros_like(dict(trained.model.named_parameters())[name]) for name in without}
    shapes = {name: tuple(value.shape) for name, value in network.named_parameters()}
    sort_units(indices, list(family.units.values()))
    full, grids = embed(indices, shapes), trained.current_grids()
    return {name: grids.get(name, Grid(1.0)).file_tensor(values) for name, values in full.items()}


def _train(family: Family, plan: Plan, task: Task, settings: Settings, path: Path) -> None:
    plan = quick(plan) if settings.quick else plan
    assert isinstance(task.train, Split)
    generator = torch.Generator().manual_seed(settings.seed)
    teacher = dense(task, plan.dense, settings, path.parent)
    augment = replace(plan.augment, background=task.background)
    pool = Pool.of(task.train, teacher, augment, plan.copies, generator)
    model = narrowed(teacher, family, plan, pool, task, settings, path.parent)
    parameters = dict(model.named_parameters())
    for name in plan.without:
        parameters.pop(name).data.zero_().requires_grad_(False)
    grids = {name: Grid.of(value, plan.levels, plan.dead_zone, plan.reach) for name, value in parameters.items()}
    trained = StraightThrough(model, grids)
    shrink(
        trained, from_pool(pool, plan.batch, generator), len(pool.labels) // plan.batch, plan.shrink,
        validation=task.validation, report=settings.report, loss=plan.loss,
    )  # fmt: skip
    network = task.network()
    tensors = _full_tensors(trained, family, network, plan.without)
    saving.write(saving.file_tensors(network, tensors), path, coder="arithmetic")


def recipe(name: str, summary: str, load: Callable[[Path, bool], Task], family: Family, plan: Plan) -> Recipe:
    """A recipe that follows ``plan``."""
    return Recipe(name, summary, load, lambda task, settings, path: _train(family, plan, task, settings, path))

"""HEMP, HEMP with LOBSTER, ECT and the compressibility loss: each on a dense network, then finishing, then the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hemp_codec import QuantizedTensor
from hemp_train import saving
from hemp_train.compressibility import compressibility
from hemp_train.data.augment import Affine
from hemp_train.data.splits import Split
from hemp_train.dead_zone import DeadZone
from hemp_train.distillation import Batch, DistillationLoss, Pool
from hemp_train.ect import ECT
from hemp_train.finishing import Finishing
from hemp_train.hemp import HEMP
from hemp_train.recipes.base import Recipe, Settings, Task, accuracy
from hemp_train.recipes.dense import DensePlan, dense
from hemp_train.recipes.loops import Batches, HoldThenFall, from_pool, set_rate
from hemp_train.saving import quantize

MILD = Affine(1.5, 8, 0.08)
LABELS_ONLY = DistillationLoss(share=0.0)


@dataclass
class Run:
    """What the method of a recipe works with: ``batches`` by epoch, ``steps`` of them in each."""

    model: nn.Module
    batches: Batches
    steps: int
    epochs: int
    task: Task
    settings: Settings

    def each(
        self, rate: Callable[[float], float], optimizer: torch.optim.Optimizer
    ) -> Iterator[tuple[int, bool, Batch]]:
        """The epoch, whether it is its last batch, and the batch; sets the learning rate, clears gradients."""
        for epoch in range(self.epochs):
            self.model.train()
            for number, batch in enumerate(self.batches(epoch)):
                set_rate(optimizer, rate((epoch + number / self.steps) / self.epochs))
                optimizer.zero_grad()
                yield epoch, number == self.steps - 1, batch

    def report(self, stage: str, epoch: int, size: int, **values: float) -> None:
        """Accuracy of the model as it is now, the size of the file that it would make, and what else was measured."""
        reached = accuracy(self.model, self.task.validation)
        self.settings.report(
            f"{stage}, epoch {epoch + 1} of {self.epochs}: validation {reached:.2%}, weights {size} bytes",
            **{**values, "accuracy": reached, "coded_bytes": size},
        )

    def report_hemp(self, stage: str, epoch: int, trained: HEMP) -> None:
        """The same of the quantized network, with the entropies."""
        values = trained.report()
        with trained.quantized_weights():
            self.report(f"{stage}, H {values['true_entropy']:.4f}", epoch, int(values["coded_bytes"]), **values)


Method = Callable[[Run], Finishing]


@dataclass(frozen=True)
class Plan:
    """What a recipe chooses.

    Attributes:
        method: trains the model and freezes its indices.
        epochs: of the method.
        quick: the method of the quick version, if ``method`` shows nothing in so few steps.
        finish: epochs of finishing, with a teacher.
        finish_rate: Adam's learning rate in it.
        bias_levels: of the biases in the file.
    """

    dense: DensePlan
    method: Method
    epochs: int
    quick: Method | None = None
    finish: int = 4
    finish_rate: float = 5e-4
    bias_levels: int = 32
    augment: Affine = MILD
    copies: int = 3
    batch: int = 128


def hemp(
    model_options: dict[str, object],
    rate: float,
    hold: float = 0.3,
    *,
    loss: DistillationLoss = LABELS_ONLY,
    settle_epochs: int = 0,
) -> Method:
    """HEMP with ``model_options`` for ``HEMP``; SGD.  Then it settles for ``settle_epochs`` (see ``settle``)."""

    def train(run: Run) -> Finishing:
        trained = HEMP(run.model, **model_options)  # type: ignore[arg-type]
        optimizer = torch.optim.SGD(run.model.parameters(), lr=rate, momentum=0.9)
        for epoch, last, batch in run.each(HoldThenFall(rate, hold), optimizer):
            loss(run.model(batch.images), batch).backward()  # type: ignore[no-untyped-call]
            trained.step()
            optimizer.step()
            if last:
                run.report_hemp("HEMP", epoch, trained)
        if settle_epochs:
            epochs = min(2, settle_epochs) if run.settings.quick else settle_epochs
            settle(replace(run, epochs=epochs), trained, loss)
        return trained.finish()

    return train


def settle(run: Run, trained: HEMP, loss: DistillationLoss, rate: float = 0.01) -> None:
    """Train the quantized weights straight through, without a pull, so that the network that is measured is the one
    that learns; levels stay as they are, and so does what is zero."""
    trained.options.lambda_entropy = trained.options.lambda_reconstruction = 0.0
    trained.options.refit_every = 0  # levels that jump would undo what the weights learn on them
    for layer in trained.layers:
        layer.pruned = layer.indices() == layer.zero
    optimizer = torch.optim.SGD([p for p in run.model.parameters() if p.requires_grad], lr=rate, momentum=0.9)
    for epoch, last, batch in run.each(HoldThenFall(rate), optimizer):
        with trained.quantized_weights():
            loss(run.model(batch.images), batch).backward()  # type: ignore[no-untyped-call]
        trained.step()
        optimizer.step()
        trained.apply()
        if last:
            run.report_hemp("settling", epoch, trained)


def ect(levels: int, alpha: float, rate: float) -> Method:
    """ECT from the dense weights; Adam, at ``rate`` for the logits and far less for levels and biases."""

    def train(run: Run) -> Finishing:
        trained = ECT(run.model, levels, alpha)
        named = list(run.model.named_parameters())
        logits = [value for name, value in named if name.endswith("logits")]
        others = [value for name, value in named if not name.endswith("logits")]
        groups: list[dict[str, Any]] = [{"params": logits}, {"params": others, "share": 0.05}]
        optimizer = torch.optim.Adam(groups, lr=rate)
        for epoch, last, batch in run.each(HoldThenFall(rate, 0.3), optimizer):
            (LABELS_ONLY(run.model(batch.images), batch) + trained.penalty()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if last:
                run.report("ECT", epoch, saving.coded_bytes({**trained.tensors()}, coder="arithmetic"))
        return trained.finish()

    return train


STEPS = (0.3, 0.25, 0.2, 0.16, 0.13, 0.1, 0.08, 0.065, 0.05)


def _coarsest(run: Run, allowed: float = 0.004) -> dict[str, QuantizedTensor]:
    """The weights on grids as coarse as the validation accuracy allows: it may fall by ``allowed``."""
    continuous = {name: value.detach().clone() for name, value in run.model.named_parameters()}
    wanted = accuracy(run.model, run.task.validation) - allowed
    tensors: dict[str, QuantizedTensor] = {}
    for step in STEPS:
        tensors = quantize(run.model, DeadZone(step))
        Finishing(run.model, tensors)
        reached = accuracy(run.model, run.task.validation)
        run.model.load_state_dict(continuous)
        run.settings.report(f"step {step}: validation {reached:.2%}")
        if reached >= wanted:
            break
    return tensors


def compressible(strength: float, rate: float, hold: float = 0.6) -> Method:
    """The compressibility loss, then the coarsest levels that do little harm; SGD."""

    def train(run: Run) -> Finishing:
        optimizer = torch.optim.SGD(run.model.parameters(), lr=rate, momentum=0.9)
        for epoch, last, batch in run.each(HoldThenFall(rate, hold), optimizer):
            loss = LABELS_ONLY(run.model(batch.images), batch) + strength * compressibility(run.model)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if last:
                size = saving.coded_bytes({**quantize(run.model, DeadZone(0.1))}, coder="arithmetic")
                run.report("compressibility", epoch, size)
        return Finishing(run.model, _coarsest(run))

    return train


def finish(run: Run, finishing: Finishing, rate: float, loss: DistillationLoss) -> None:
    """Train levels and biases with a teacher, indices frozen; Adam."""
    optimizer = torch.optim.Adam(finishing.parameters(), lr=rate)
    for epoch in range(run.epochs):
        run.model.train()
        for number, batch in enumerate(run.batches(epoch)):
            set_rate(optimizer, HoldThenFall(rate, 0.2)((epoch + number / run.steps) / run.epochs))
            finishing.zero_grad()
            loss(run.model(batch.images), batch).backward()  # type: ignore[no-untyped-call]
            finishing.step()
            optimizer.step()
            finishing.apply()
        run.report("finishing", epoch, saving.coded_bytes({**finishing.tensors()}, coder="arithmetic"))


def _train(plan: Plan, task: Task, settings: Settings, path: Path) -> None:
    assert isinstance(task.train, Split)
    generator = torch.Generator().manual_seed(settings.seed)
    model = dense(task, plan.dense, settings, path.parent)
    copies = 2 if settings.quick else plan.copies
    pool = Pool.of(task.train, model, replace(plan.augment, background=task.background), copies, generator)
    batches, steps = from_pool(pool, plan.batch, generator), len(pool.labels) // plan.batch
    run = Run(model, batches, steps, min(2, plan.epochs) if settings.quick else plan.epochs, task, settings)
    finishing = (plan.quick if settings.quick and plan.quick else plan.method)(run)
    run.epochs = min(2, plan.finish) if settings.quick else plan.finish
    finish(run, finishing, plan.finish_rate, DistillationLoss())
    finishing.save(path, rules=[("*.bias", f"uniform:{plan.bias_levels}")])


def recipe(name: str, summary: str, load: Callable[[Path, bool], Task], plan: Plan) -> Recipe:
    """A recipe that follows ``plan``."""
    return Recipe(name, summary, load, lambda task, settings, path: _train(plan, task, settings, path))

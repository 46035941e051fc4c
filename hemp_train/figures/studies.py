"""The trainings behind the figures and tables: one dense network, then HEMP with various options from it.

All accuracies are those of the quantized network on the validation split; the test images are not read.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemp_codec import coders
from hemp_codec.quantizers import LloydMax
from hemp_train.figures.tables import Trained
from hemp_train.finishing import Finishing
from hemp_train.hemp import HEMP
from hemp_train.log import EpochLog, Record
from hemp_train.recipes.base import Report, Task, accuracy


@dataclass(frozen=True)
class Study:
    """A dense network and how HEMP goes on from it.

    Attributes:
        task: data and network.
        dense: its trained weights, by name.
        report: takes lines of progress.
        epochs: of HEMP.
        finish: steps of finishing.
        rate: learning rate of SGD with momentum 0.9, held for half of the training and falling to zero then.
        batch: images in a step.
        levels: of each layer, one of them zero.
        seed: of the order of images.
    """

    task: Task
    dense: Mapping[str, Tensor]
    report: Report
    epochs: int = 4
    finish: int = 400
    rate: float = 0.01
    batch: int = 128
    levels: int = 5
    seed: int = 0

    def train(self, options: Mapping[str, Any], log: Path | None = None) -> tuple[Trained, list[Record]]:
        """HEMP with these ``options``, then finishing; the network, and the measurements of each epoch."""
        torch.manual_seed(self.seed)
        generator = torch.Generator().manual_seed(self.seed)
        model = self.task.network()
        model.load_state_dict(dict(self.dense))
        hemp = HEMP(model, quantizer=LloydMax(self.levels, pin_zero=True), **options)
        with EpochLog(log) as records:
            self._measure(records, 0, model, hemp)
            self._minimise(records, model, hemp, generator)
        entropies = hemp.entropy().item(), hemp.hard_entropy()
        self._finish(model, hemp.finish(), generator)
        trained = Trained(accuracy(model, self.task.validation), hemp.file_tensors(), entropies)
        self.report(f"{dict(options)}: {trained.accuracy:.2%}, {hemp.coded_bytes()} bytes")
        return trained, records.records

    def _minimise(self, records: EpochLog, model: nn.Module, hemp: HEMP, generator: torch.Generator) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=self.rate, momentum=0.9)
        for epoch in range(self.epochs):
            model.train()
            optimizer.param_groups[0]["lr"] = self.rate * min(1, 2 * (1 - epoch / self.epochs))
            for images, labels in self.task.train.batches(self.batch, generator):
                optimizer.zero_grad()
                functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
                hemp.step()
                optimizer.step()
            self._measure(records, epoch + 1, model, hemp)

    def _measure(self, records: EpochLog, epoch: int, model: nn.Module, hemp: HEMP) -> None:
        with hemp.quantized_weights():
            reached = accuracy(model, self.task.validation)
        record = records.write(epoch, accuracy=reached, **hemp.report())
        shown = ", ".join(f"{name} {value:.4g}" for name, value in record.values.items())
        self.report(f"  epoch {epoch} of {self.epochs}: {shown}")

    def _finish(self, model: nn.Module, finishing: Finishing, generator: torch.Generator) -> None:
        optimizer = torch.optim.Adam(finishing.parameters(), lr=5e-4)
        model.train()
        done = 0
        while done < self.finish:
            for images, labels in self.task.train.batches(self.batch, generator):
                finishing.zero_grad()
                functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
                finishing.step()
                optimizer.step()
                finishing.apply()
                done += 1
                if done == self.finish:
                    break


def train_dense(task: Task, epochs: int, report: Report, *, rate: float = 0.02, seed: int = 0) -> dict[str, Tensor]:
    """A dense network by SGD, for a study to begin with: its state dict."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = task.network()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    for epoch in range(epochs):
        model.train()
        optimizer.param_groups[0]["lr"] = rate * (1 - epoch / epochs)
        for images, labels in task.train.batches(128, generator):
            optimizer.zero_grad()
            functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        report(f"dense, epoch {epoch + 1} of {epochs}: {accuracy(model, task.validation):.2%}")
    return model.state_dict()


def load_dense(task: Task, path: Path) -> dict[str, Tensor]:
    """The state dict in the file ``path``; ValueError if it is none of the network of ``task``."""
    try:
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        task.network().load_state_dict(weights)
    except (pickle.UnpicklingError, EOFError, RuntimeError, TypeError) as error:
        raise ValueError(f"{path}: no state dict of this network") from error
    return weights


def options_for(coder: str, strength: float) -> dict[str, Any]:
    """Of ``HEMP`` that trains for ``coder``: tuples as long as it says that it pays for, or one previous index.

    By chords: with the gradient, all rates stop at about the same size, when the outer levels hold what they have.
    They are drawn at every eighth step, which takes half the time that the default takes.
    """
    model = coders.get(coder).rate_model()
    order = 2 if "previous" in model.contexts else model.order
    return {"coder": coder, "order": order, "lambda_entropy": strength, "slope": "chord", "every": 8}


def quick(study: Study) -> Study:
    """The same, to show that it works."""
    return replace(study, epochs=2, finish=20)

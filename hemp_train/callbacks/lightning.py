"""A callback for Lightning 2: ``Trainer(callbacks=[HempCallback(levels=16, save="model.hemp")])``."""

from __future__ import annotations

import os
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from hemp_train.callbacks._run import Run
from hemp_train.hemp import HEMP
from hemp_train.log import EpochLog


class HempCallback(Callback):
    """Runs HEMP inside ``Trainer.fit``.

    At the end of each training epoch the measurements of ``HEMP.report`` are logged by the module as ``hemp/...``, and
    go to ``log`` with the trainer's scalar metrics.  Checkpoints hold the state.
    """

    def __init__(
        self, *, save: str | os.PathLike[str] | None = None, log: EpochLog | None = None, **options: Any
    ) -> None:
        """
        Args:
            save: file that is written when training ends.
            log: takes note of each epoch.
            options: of ``HEMP``, without the model.
        """
        self._run = Run(save, log, options)

    @property
    def hemp(self) -> HEMP:
        """RuntimeError before the training."""
        return self._run.current()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run.begin(pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self.hemp.step()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.hemp.apply()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        known = {name: float(value) for name, value in trainer.callback_metrics.items() if value.numel() == 1}
        report = self._run.end_epoch(trainer.current_epoch, known)
        pl_module.log_dict({f"hemp/{name}": value for name, value in report.items()})

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._run.end()

    def state_dict(self) -> dict[str, Any]:
        return self.hemp.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._run.restore(state_dict)

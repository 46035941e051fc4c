"""A callback for the Hugging Face Trainer: ``Trainer(..., callbacks=[HempCallback(levels=16, save="model.hemp")])``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hemp_train import sharding
from hemp_train.callbacks._run import Run
from hemp_train.hemp import HEMP
from hemp_train.log import EpochLog

STATE_FILE = "hemp.pt"


class HempCallback(TrainerCallback):
    """Runs HEMP inside ``Trainer.train``.

    Checkpoints hold the state, as ``hemp.pt``, and a resumed training takes it up.  With fp16 keep ``max_grad_norm``
    above 0, the default: the trainer unscales the gradients only if it clips them.
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

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        file = _checkpoint(args, state) / STATE_FILE
        if state.global_step and file.exists():
            self._run.restore(torch.load(file, map_location="cpu", weights_only=True))
        self._run.begin(kwargs["model"])

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.hemp.step()

    def on_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.hemp.apply()

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._run.end_epoch(round(state.epoch or 0), {})

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        contents = self.hemp.state_dict()
        if sharding.is_first():
            torch.save(contents, _checkpoint(args, state) / STATE_FILE)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._run.end()


def _checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    return Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"

"""What the callbacks have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import nn

from hemp_train.hemp import HEMP
from hemp_train.log import EpochLog


class Run:
    """A HEMP that begins when the trainer's model is ready, and its log and file."""

    def __init__(self, save: str | os.PathLike[str] | None, log: EpochLog | None, options: dict[str, Any]) -> None:
        self.hemp: HEMP | None = None
        self._save, self._log, self._options = save, log, options
        self._state: Mapping[str, Any] | None = None

    def begin(self, model: nn.Module) -> None:
        """Start on ``model``, with the state that was restored, if any."""
        self.hemp = HEMP(model, **self._options)
        if self._state is not None:
            self.hemp.load_state_dict(self._state)
            self._state = None

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up this state now, or when it begins."""
        if self.hemp is None:
            self._state = state
        else:
            self.hemp.load_state_dict(state)

    def current(self) -> HEMP:
        """RuntimeError if training has not begun."""
        if self.hemp is None:
            raise RuntimeError("HEMP begins with the training: there is nothing before fit() or train()")
        return self.hemp

    def end_epoch(self, epoch: int, values: Mapping[str, float]) -> dict[str, float]:
        """Measure and log; the measurements."""
        report = self.current().report()
        if self._log is not None:
            self._log.write(epoch, **{**values, **report})
        return report

    def end(self) -> None:
        """Write the file."""
        if self._save is not None:
            self.current().save(self._save)

"""Measurements over the epochs of a run: printed, kept as JSON lines, and shown by TensorBoard."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from hemp_train import sharding

_LOGGER = logging.getLogger("hemp.train")
_DIGITS = {"coded_bytes": 0, "nonzeros": 0, "accuracy": 4}


@dataclass(frozen=True)
class Record:
    """What was measured in an epoch, by name: those of ``HEMP.report``, accuracies, losses."""

    epoch: int
    values: Mapping[str, float]


class EpochLog:
    """Takes note of measurements, once an epoch.

        with EpochLog("run.jsonl", tensorboard="runs/lenet") as log:
            for epoch in range(epochs):
                ...
                log.write(epoch, accuracy=validate(), **hemp.report())

    Only the first of several processes writes.  A line for each epoch goes to the logger ``hemp.train`` as well.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, tensorboard: str | os.PathLike[str] | None = None
    ) -> None:
        """
        Args:
            path: of a file of JSON lines, to which is added; a resumed run overwrites no epoch, readers take the last.
            tensorboard: folder for TensorBoard, which must be installed then.

        Raises:
            ImportError: TensorBoard is asked for and not installed.
        """
        self.records: list[Record] = []
        self._path = Path(path) if path is not None else None
        self._board: Any = None
        if tensorboard is not None and sharding.is_first():
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(tensorboard))

    def write(self, epoch: int, **values: float) -> Record:
        """Take note of ``values`` in ``epoch``."""
        record = Record(epoch, {name: float(value) for name, value in values.items()})
        self.records.append(record)
        if sharding.is_first():
            _LOGGER.info("%s", line(record))
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"epoch": epoch, **record.values}) + "\n")
            if self._board is not None:
                for name, value in record.values.items():
                    self._board.add_scalar(name, value, epoch)
        return record

    def close(self) -> None:
        """Write out what TensorBoard still holds back."""
        if self._board is not None:
            self._board.close()

    def __enter__(self) -> EpochLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def line(record: Record) -> str:
    """A record as one line of text."""
    parts = [f"{name} {value:.{_DIGITS.get(name, 3)}f}" for name, value in record.values.items()]
    return f"epoch {record.epoch}: " + ", ".join(parts)


def read(path: str | os.PathLike[str]) -> list[Record]:
    """The records of a file of JSON lines, in the order of epochs; of an epoch that is there twice, the last."""
    records = {}
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        values = json.loads(text)
        epoch = int(values.pop("epoch"))
        records[epoch] = Record(epoch, values)
    return [records[epoch] for epoch in sorted(records)]

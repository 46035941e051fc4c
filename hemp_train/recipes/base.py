"""What a recipe is, and how it is run: train, write the file, read it back, measure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

import hemp_codec.torch
from hemp_train.data.splits import Images


class Report(Protocol):
    """Takes note of progress."""

    def __call__(self, line: str, /, **values: float) -> None:
        """``line`` is to be shown; ``values`` are what was measured in an epoch, by name."""
        ...


@dataclass(frozen=True)
class Task:
    """Data and network of a recipe.

    Attributes:
        train: the training images without the validation split; a recipe selects nothing on them.
        validation: held out of the training images; whatever is chosen is chosen by it.
        test: reads the test images; called once, by ``run``, when the file is written.
        network: makes the network, of full size and with random weights.
        background: value of the empty pixels of an image, for shifts.
    """

    train: Images
    validation: Images
    test: Callable[[], Images]
    network: Callable[[], nn.Module]
    background: float = 0.0

    def to(self, device: torch.device) -> Task:
        """The same task with images and networks on ``device``; networks begin with the same weights on each."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=lambda: self.test().to(device),
            network=lambda: self.network().to(device),
        )


def device_of(name: str) -> torch.device:
    """The device of this name, as torch spells it; ValueError if there is none that can be used."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} cannot be used here, cpu can: {reason}") from None
    return device


@dataclass(frozen=True)
class Settings:
    """Of a run: the seed of everything random, whether it is the quick version, and where progress is written to."""

    seed: int
    quick: bool
    report: Report


@dataclass(frozen=True)
class Recipe:
    """``load`` makes the task from the data folder, ``train`` writes the file with ``hemp_train``'s ``save``."""

    name: str
    summary: str
    load: Callable[[Path, bool], Task]
    train: Callable[[Task, Settings, Path], None]


@dataclass(frozen=True)
class Result:
    """Accuracies (0 to 1) are those of the weights read back from the file, ``size`` is that of the file in bytes."""

    recipe: str
    file: str
    size: int
    float32: int
    validation: float
    test: float
    seconds: float
    seed: int
    quick: bool


def channels_last(model: nn.Module) -> nn.Module:
    """``model`` with its weights in the memory format in which convolutions are quicker on processors, in place."""
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


@torch.no_grad()
def accuracy(model: nn.Module, images: Images) -> float:
    """Share of ``images`` whose most likely class is the label."""
    model.eval()
    hits = sum(int((model(batch).argmax(1) == labels).sum()) for batch, labels in images.batches(500))
    return hits / len(images)


def run(recipe: Recipe, data: Path, out: Path, settings: Settings, device: torch.device) -> Result:
    """Run ``recipe`` on ``device``; write ``out/NAME.hemp`` and, beside it, the result as JSON."""
    began = time.perf_counter()
    torch.manual_seed(settings.seed)
    task = recipe.load(data, settings.quick).to(device)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{recipe.name}.hemp"
    recipe.train(task, settings, path)
    seconds = time.perf_counter() - began

    model = task.network()
    weights = hemp_codec.torch.load_file(path)
    model.load_state_dict(weights)
    result = Result(
        recipe=recipe.name,
        file=path.name,
        size=path.stat().st_size,
        float32=sum(4 * value.numel() for value in weights.values()),
        validation=accuracy(model, task.validation),
        test=accuracy(model, task.test()),
        seconds=round(seconds, 1),
        seed=settings.seed,
        quick=settings.quick,
    )
    path.with_suffix(".json").write_text(json.dumps(asdict(result), indent=1) + "\n")
    return result

"""The files in ``examples/trained`` are what the table beside them says: size always, accuracy where the data is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import hemp_codec.torch
from hemp_train.recipes import RECIPES
from hemp_train.recipes.base import accuracy

REPOSITORY = Path(__file__).parents[2]
TRAINED = REPOSITORY / "examples" / "trained"
FOLDERS = {
    "mnist": Path(os.environ.get("HEMP_MNIST", REPOSITORY.parent / "shared" / "data" / "mnist")),
    "fmnist": Path(os.environ.get("HEMP_FASHION_MNIST", "/usr/share/datasets/fashion-mnist")),
}
RESULTS = [json.loads(path.read_text()) for path in sorted(TRAINED.glob("*.json"))]


def data_of(recipe: str) -> Path:
    """The folder of the recipe's data; skips the test if it is not there."""
    folder = FOLDERS[recipe.split("-")[1]]
    if not folder.is_dir():
        pytest.skip(f"needs the data of {recipe}: name its folder in HEMP_MNIST or HEMP_FASHION_MNIST")
    return folder


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result["recipe"])
def test_size_and_shapes_are_as_stated(result: dict[str, Any]) -> None:
    path = TRAINED / result["file"]
    assert path.stat().st_size == result["size"]
    tensors = hemp_codec.torch.load_file(path)
    assert sum(4 * tensor.numel() for tensor in tensors.values()) == result["float32"]
    assert f"| {result['size']:,} |" in (TRAINED / "README.md").read_text()


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result["recipe"])
def test_accuracy_is_as_stated(result: dict[str, Any]) -> None:
    task = RECIPES[result["recipe"]].load(data_of(result["recipe"]), False)
    model = task.network()
    model.load_state_dict(hemp_codec.torch.load_file(TRAINED / result["file"]))
    # Sums of another order may turn a few images at the border of two classes.
    assert accuracy(model, task.test()) == pytest.approx(result["test"], abs=3e-4)

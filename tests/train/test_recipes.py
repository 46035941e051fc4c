"""Recipes, the quick ones, from the command line: on MNIST where it is there, else on small sets of the same format.

The folder of MNIST's IDX files is named by HEMP_MNIST, or is ``shared/data/mnist`` beside the repository.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hemp_codec
from hemp_train.__main__ import main
from hemp_train.figures import __main__ as figures
from hemp_train.recipes import RECIPES

from .test_data import write_idx

REPOSITORY = Path(__file__).parents[2]
MNIST = Path(os.environ.get("HEMP_MNIST", REPOSITORY.parent / "shared" / "data" / "mnist"))
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="needs MNIST: name its folder in HEMP_MNIST")


@needs_mnist
def test_best_recipe_quickly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hemp_train", "lenet5-mnist-best", "--data", str(MNIST), "--out", "out", "--quick"]
    done = subprocess.run([*command, "--threads", "1"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "lenet5-mnist-best.json").read_text())
    tensors = hemp_codec.load_file(tmp_path / "out" / "lenet5-mnist-best.hemp")
    assert sum(tensor.size for tensor in tensors.values()) == 431_080
    assert tensors["fc1.weight"].shape == (500, 800)
    assert result["size"] == (tmp_path / "out" / "lenet5-mnist-best.hemp").stat().st_size < 3_000
    assert result["test"] > 0.93
    assert f"{result['size']} bytes" in done.stdout


@needs_mnist
@pytest.mark.parametrize(
    "name",
    ["lenet300-mnist-best", "lenet300-mnist-compressibility", "lenet300-mnist-ect"],
)
def test_lenet300_recipes_quickly(name: str, tmp_path: Path) -> None:
    assert main([name, "--data", str(MNIST), "--out", str(tmp_path), "--quick"]) == 0
    result = json.loads((tmp_path / f"{name}.json").read_text())
    assert result["test"] > 0.85
    assert result["size"] < 200_000


@needs_mnist
def test_hemp_recipe_quickly(tmp_path: Path) -> None:
    assert main(["lenet5-mnist-hemp", "--data", str(MNIST), "--out", str(tmp_path), "--quick"]) == 0
    result = json.loads((tmp_path / "lenet5-mnist-hemp.json").read_text())
    assert result["test"] > 0.93
    assert result["size"] < 100_000


@pytest.mark.parametrize("name", ["resnet32-fmnist", "mobilenetv2-fmnist"])
def test_convnet_recipes_on_small_data(name: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for part, count in (("train", 147), ("t10k", 20)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", generator.integers(0, 256, (count, 28, 28)), packed=True)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", generator.integers(0, 10, count), packed=True)
    assert main([name, "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--quick"]) == 0
    result = json.loads((tmp_path / "out" / f"{name}.json").read_text())
    assert result["float32"] / result["size"] > 5


def test_cifar10_recipe_on_small_data(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        records = generator.integers(0, 256, (40, 3073)).astype(np.uint8)
        records[:, 0] %= 10
        (tmp_path / f"{name}.bin").write_bytes(records.tobytes())
    folders = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "--tensorboard", str(tmp_path / "board")]
    assert main(["resnet32-cifar10", *folders, "--quick"]) == 0
    assert {"accuracy", "coded_bytes"} <= set(scalars(tmp_path / "board"))
    tensors = hemp_codec.load_file(tmp_path / "out" / "resnet32-cifar10.hemp")
    assert tensors["conv1.weight"].shape == (16, 3, 3, 3)


def scalars(folder: Path) -> list[str]:
    """Names of what TensorBoard has in ``folder``."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    return list(events.Tags()["scalars"])


def test_imagenet_recipe_on_small_data(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for part, count in (("train", 3), ("val", 1)):
        for name in ("n01440764", "n01443537"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (240, 300, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{name}_{number}.JPEG")
    assert main(["mobilenetv2-imagenet", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--quick"]) == 0
    tensors = hemp_codec.load_file(tmp_path / "out" / "mobilenetv2-imagenet.hemp")
    assert tensors["classifier.1.weight"].shape == (1000, 1280)


def test_missing_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lenet5-mnist-best", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "train-images-idx3-ubyte" in message


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_one_line(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ["--data", str(tmp_path), "--out", str(tmp_path), "--device", device]
    assert main(["lenet5-mnist-best", *folders]) == figures.main(["ablations", *folders]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["lenet5-mnist-best", "ablations"]
    assert all(f"device {device!r} cannot be used here" in line for line in lines)


def test_an_unknown_recipe_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["lenet6", "--data", ".", "--out", "."])
    assert stopped.value.code == 2
    assert "lenet5-mnist-best" in capsys.readouterr().err


def test_every_recipe_says_what_it_is() -> None:
    assert all(name == recipe.name and recipe.summary for name, recipe in RECIPES.items())

"""Reading a Hugging Face sharded checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemp_codec import checkpoints
from hemp_codec.errors import FormatError

INDEX = "model.safetensors.index.json"


def write(folder: Path, weight_map: Any, more: dict[str, Any] | None = None) -> Path:
    checkpoints.save({"b": np.arange(2), "d": np.arange(3)}, folder / "1.safetensors", {"format": "pt", "part": "1"})
    checkpoints.save({"a": np.arange(4)}, folder / "2.safetensors", {"format": "pt", "part": "2"})
    index = folder / INDEX
    index.write_text(json.dumps({"weight_map": weight_map, **(more or {})}))
    return index


GOOD = {"d": "1.safetensors", "a": "2.safetensors", "b": "1.safetensors"}


def test_tensors_come_from_all_files_in_the_order_of_the_index(tmp_path: Path) -> None:
    found = checkpoints.load(write(tmp_path, GOOD, {"metadata": {"total_size": 72}}))
    assert {name: array.tolist() for name, array in found.tensors.items()} == {
        "d": [0, 1, 2],
        "a": [0, 1, 2, 3],
        "b": [0, 1],
    }
    assert list(found.tensors) == ["d", "a", "b"]
    assert found.metadata == {"format": "pt"} and "'part'" in found.notes[0]
    assert found.source_sha256 is None


def test_torch_shards(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model-1.bin")
    (tmp_path / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "pytorch_model-1.bin"}}')
    assert checkpoints.load(tmp_path / "pytorch_model.bin.index.json").tensors["a"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "shard", ["../1.safetensors", "/etc/passwd", "x/1.safetensors", "..", "", "C:1", "a\\b.safetensors", 3, None]
)
def test_files_elsewhere_are_refused(tmp_path: Path, shard: Any) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(tmp_path, GOOD)
    with pytest.raises(FormatError, match="no file beside the index"):
        checkpoints.load(write(folder, {**GOOD, "d": shard}))


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({**GOOD, "e": "1.safetensors"}, "is not in '1.safetensors'"),
        ({"d": "1.safetensors", "a": "2.safetensors"}, "'b' of '1.safetensors' is not there"),
        ({**GOOD, "e": "x.txt"}, "whose ending"),
        ([], "no 'weight_map'"),
    ],
)
def test_index_that_differs_from_the_files_is_refused(tmp_path: Path, weight_map: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        checkpoints.load(write(tmp_path, weight_map))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weight_map": {"a": "1", "a": "2"}}', "[" * 99999])
def test_malformed_index_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(FormatError):
        checkpoints.load(tmp_path / INDEX)


def test_missing_and_damaged_shards_are_named(tmp_path: Path) -> None:
    index = write(tmp_path, GOOD)
    (tmp_path / "2.safetensors").write_bytes(b"short")
    with pytest.raises(FormatError, match=r"2\.safetensors"):
        checkpoints.load(index)
    (tmp_path / "2.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        checkpoints.load(index)

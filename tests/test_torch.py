"""``hemp_codec.torch``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tools_support import every_dtype

from hemp_codec import torch_arrays
from hemp_codec.dtypes import DTYPES
from hemp_codec.errors import UnsupportedError
from hemp_codec.tensors import QuantizedTensor

torch = pytest.importorskip("torch")

import hemp_codec.torch as hemp_torch  # noqa: E402 - needs torch


def bits(tensor: object) -> tuple[object, ...]:
    return tensor.dtype, tuple(tensor.shape), torch_arrays.to_array(tensor).tobytes()  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_every_dtype(tmp_path: Path) -> None:
    tensors = torch_arrays.to_tensors(every_dtype())
    assert {str(tensor.dtype) for tensor in tensors.values()} == {f"torch.{dtype.name}" for dtype in DTYPES}
    hemp_torch.save_file(tensors, tmp_path / "m.hemp", {"k": "v"})
    found = hemp_torch.load_file(tmp_path / "m.hemp", device="cpu")
    assert list(found) == list(tensors)
    assert all(bits(found[name]) == bits(tensors[name]) for name in tensors)
    assert {name: bits(tensor) for name, tensor in hemp_torch.load(hemp_torch.save(tensors)).items()} == {
        name: bits(tensor) for name, tensor in tensors.items()
    }
    with hemp_torch.safe_open(tmp_path / "m.hemp") as file:
        assert list(file.keys()) == list(tensors) and file.metadata() == {"k": "v"}
        assert all(bits(file.get_tensor(name)) == bits(tensors[name]) for name in tensors)


def test_loaded_tensors_can_be_written_to(tmp_path: Path) -> None:
    hemp_torch.save_file({"w": torch.zeros(3), "s": torch.tensor(1.0)}, tmp_path / "m.hemp")
    found = hemp_torch.load_file(tmp_path / "m.hemp")
    found["w"] += 1
    assert found["w"].tolist() == [1, 1, 1] and found["s"].shape == ()


def test_options_reach_the_writer(tmp_path: Path) -> None:
    weight = torch.randn(20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64).bfloat16()
    hemp_torch.save_file({"w": weight}, tmp_path / "m.hemp", quantizer="lloyd-max:4", coder="rans", threads=1)
    with hemp_torch.safe_open(tmp_path / "m.hemp") as file:
        levels, indices = file.get_levels("w"), file.get_indices("w")
        assert levels.dtype == torch.bfloat16 and len(levels) <= 4 and indices.shape == (20, 30)
        assert torch.equal(levels[indices.long()], file.get_tensor("w"))
        assert torch.equal(file.get_slice("w")[3:5, ::2], file.get_tensor("w")[3:5, ::2])
        assert torch.equal(file.get_slice("w")[3], file.get_tensor("w")[3])
        assert file.get_info("w").shape == (20, 30)


def test_quantized_tensors_with_torch_inside(tmp_path: Path) -> None:
    indices = torch.randint(0, 3, (5, 6))
    for levels in (torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([-1.0, 0.0, 2.0], dtype=torch.bfloat16)):
        tied = QuantizedTensor(indices, levels)
        numpy = QuantizedTensor(indices.numpy().astype(np.uint8), np.float32([-1, 0, 2]))
        hemp_torch.save_file({"q": tied, "r": tied, "n": numpy, "plain": torch.ones(2)}, tmp_path / "m.hemp")
        found = hemp_torch.load_file(tmp_path / "m.hemp")
        assert list(found) == ["q", "r", "n", "plain"]
        assert torch.equal(found["q"], levels[indices]) and torch.equal(found["r"], found["q"])
        assert torch.equal(found["n"], levels.float()[indices])
        with hemp_torch.safe_open(tmp_path / "m.hemp") as file:
            assert torch.equal(file.get_indices("q").long(), indices) and torch.equal(file.get_levels("q"), levels)


@pytest.mark.parametrize("indices", [[[0, 3]], [[-1, 0]], [[0.0, 1.0]]])
def test_indices_that_are_none_are_refused(indices: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="'q'"):
        hemp_torch.save({"q": QuantizedTensor(torch.tensor(indices), torch.tensor([0.0, 1.0, 2.0]))})


def test_what_has_no_place_is_refused_by_name() -> None:
    for value in (torch.eye(2).to_sparse(), torch.empty(2, device="meta"), np.zeros(2), [1]):
        with pytest.raises(UnsupportedError, match="'odd'"):
            hemp_torch.save({"odd": value})


class Tied(torch.nn.Module):
    def __init__(self, tie: bool = True) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 7)
        self.norm = torch.nn.BatchNorm1d(7)
        self.head = torch.nn.Linear(7, 11, bias=False)
        if tie:
            self.head.weight = self.embedding.weight


def test_models_with_tied_parameters(tmp_path: Path) -> None:
    model, other = Tied(), Tied()
    hemp_torch.save_model(model, tmp_path / "m.hemp", {"epoch": "3"})
    with hemp_torch.safe_open(tmp_path / "m.hemp") as file:
        assert file.get_info("head.weight").tied_to == "embedding.weight" and file.metadata() == {"epoch": "3"}
    found = hemp_torch.load_file(tmp_path / "m.hemp")
    found["head.weight"] += 1
    assert torch.equal(found["embedding.weight"], model.embedding.weight)
    assert hemp_torch.load_model(other, tmp_path / "m.hemp") == ([], [])
    assert torch.equal(other.head.weight, model.embedding.weight)
    assert other.head.weight is other.embedding.weight


def test_a_name_tied_to_a_loaded_one_is_not_missing(tmp_path: Path) -> None:
    model, state = Tied(), Tied().state_dict()
    del state["embedding.weight"]
    hemp_torch.save_file(state, tmp_path / "m.hemp")
    assert hemp_torch.load_model(model, tmp_path / "m.hemp") == ([], [])
    assert torch.equal(model.embedding.weight, state["head.weight"])


def test_strict(tmp_path: Path) -> None:
    state = Tied().state_dict()
    del state["norm.bias"]
    state["more"] = torch.ones(1)
    hemp_torch.save_file(state, tmp_path / "m.hemp")
    assert hemp_torch.load_model(Tied(), tmp_path / "m.hemp", strict=False) == (["norm.bias"], ["more"])
    with pytest.raises(RuntimeError, match=r"missing: norm\.bias; unexpected: more"):
        hemp_torch.load_model(Tied(), tmp_path / "m.hemp")
    hemp_torch.save_model(Tied(tie=False), tmp_path / "m.hemp")
    with pytest.raises(RuntimeError, match="tied in the model, different in the file"):
        hemp_torch.load_model(Tied(), tmp_path / "m.hemp")

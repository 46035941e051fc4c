"""Reading and writing PyTorch checkpoints."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tools_support import assert_same, every_dtype

from hemp_codec import checkpoints, torch_arrays
from hemp_codec.errors import FormatError, UnsupportedError

torch = pytest.importorskip("torch")


def save(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_every_dtype_and_order_survive(tmp_path: Path) -> None:
    tensors = every_dtype() | {"scalar": np.float64(2).reshape(()), "empty": np.zeros((2, 0), np.float16)}
    checkpoints.save(tensors, tmp_path / "a.pt")
    found = checkpoints.load(tmp_path / "a.pt")
    assert list(found.tensors) == list(tensors) and found.notes == ()
    for name, array in tensors.items():
        assert_same(found.tensors[name], array)
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    assert {name: str(value.dtype) for name, value in state.items()} == {
        **{f"layer.{name.removeprefix('layer.')}": f"torch.{name.removeprefix('layer.')}" for name in every_dtype()},
        "scalar": "torch.float64",
        "empty": "torch.float16",
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("ending", ["pt", "pth", "bin"])
def test_both_containers_are_read(tmp_path: Path, zipped: bool, ending: str) -> None:
    pairs = [("module.b", torch.arange(6.0).reshape(2, 3)), ("module.a", torch.ones(2).bfloat16())]
    state = collections.OrderedDict(pairs)
    path = save(tmp_path / f"a.{ending}", state, _use_new_zipfile_serialization=zipped)
    found = checkpoints.load(path).tensors
    assert list(found) == ["module.b", "module.a"]
    assert found["module.b"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_tied_tensors_stay_the_same_memory(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    turned = weight.T
    state = {"a": weight, "b": weight, "flat": weight.view(-1), "c": turned, "d": turned, "e": weight.clone()}
    found = checkpoints.load(save(tmp_path / "a.pt", state)).tensors
    addresses = {name: array.__array_interface__["data"][0] for name, array in found.items()}
    assert addresses["a"] == addresses["b"] == addresses["flat"]
    assert addresses["c"] == addresses["d"] != addresses["a"] != addresses["e"]
    assert found["c"].tolist() == [[0, 3], [1, 4], [2, 5]]
    checkpoints.save(found, tmp_path / "b.pt")
    again = torch.load(tmp_path / "b.pt", weights_only=True)
    assert again["a"].data_ptr() == again["b"].data_ptr() == again["flat"].data_ptr() != again["e"].data_ptr()


def test_views_with_gaps_conjugates_and_parameters(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    complex_ = torch.tensor([1 + 2j])
    state = {
        "column": base[:, 1],
        "negative": complex_.conj().imag,
        "conjugate": complex_.conj(),
        "p": torch.nn.Parameter(base),
    }
    arrays = torch_arrays.to_arrays(state)
    assert arrays["column"].tolist() == [1, 5, 9]
    assert arrays["negative"].tolist() == [-2] and arrays["conjugate"].tolist() == [1 - 2j]
    assert arrays["p"].tolist() == base.tolist()


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_common_wrappers_are_looked_into_and_said(tmp_path: Path, key: str) -> None:
    content = {"epoch": 3, key: {"w": torch.ones(2)}, "optimizer": {"state": {}, "lr": 0.1}}
    found = checkpoints.load(save(tmp_path / "a.pt", content))
    assert list(found.tensors) == ["w"]
    assert found.notes == (f"the tensors are those under {key!r}; left out: 'epoch', 'optimizer'",)


class Exploit:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, zipped: bool) -> None:
    target = tmp_path / "owned"
    path = save(tmp_path / "a.pt", {"w": Exploit(str(target))}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(FormatError, match=r"mkdir.*could run code"):
        checkpoints.load(path)
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "it is a list"),
        (torch.ones(1), "it is a Tensor"),
        ({"a": {"b": torch.ones(1)}}, "'a' is a dict"),
        ({1: torch.ones(1)}, "a key is a int"),
        ({"a": 3}, "'a' is a int"),
        ({"state_dict": {"a": torch.ones(1)}, "model": {"a": torch.ones(1)}}, "'state_dict' is a dict"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        checkpoints.load(save(tmp_path / "a.pt", content))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_without_a_place_are_refused_by_name(tmp_path: Path) -> None:
    for tensor in (torch.eye(3).to_sparse(), torch.ones(1).expand(1 << 40), torch.empty(2, device="meta")):
        with pytest.raises(UnsupportedError, match="'odd one'"):
            torch_arrays.to_arrays({"odd one": tensor})


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_and_garbled_files_are_refused(tmp_path: Path, zipped: bool) -> None:
    path = save(tmp_path / "a.pt", {"w": torch.arange(64.0)}, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    for content in (b"", b"garbage", data[:10], data[: len(data) // 2], data[:-1]):
        path.write_bytes(content)
        with pytest.raises(FormatError):
            checkpoints.load(path)


def test_bool_other_than_0_and_1_is_refused(tmp_path: Path) -> None:
    flag = torch.tensor([2], dtype=torch.uint8).view(torch.bool)
    with pytest.raises(FormatError, match=r"'flag'.*bool"):
        checkpoints.load(save(tmp_path / "a.pt", {"flag": flag}))


def test_without_torch_one_line_says_what_to_install(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"w": torch.ones(1)})
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from hemp_codec.cli import main\n"
        f"sys.exit(main(['compress', {str(path)!r}, {str(tmp_path / 'o.hemp')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "pip install 'hemp-codec[torch]'" in done.stderr


def test_torch_is_not_imported_without_need(tmp_path: Path) -> None:
    program = "import sys, hemp_codec, hemp_codec.cli, hemp_codec.checkpoints; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)

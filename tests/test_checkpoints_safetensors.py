"""Reading and writing ``.safetensors``."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open as official_open
from safetensors.numpy import save_file as official_save
from tools_support import assert_same, every_dtype, random_array

from hemp_codec import checkpoints, dtypes
from hemp_codec.errors import FormatError, UnsupportedError


def write(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_every_dtype_order_and_metadata_survive(tmp_path: Path) -> None:
    tensors = {name: array for name, array in every_dtype().items() if dtypes.of(array).safetensors}
    tensors["scalar"] = np.float32(3.5).reshape(())
    tensors["empty"] = np.zeros((0, 4), np.int16)
    tensors["big-endian"] = np.arange(3, dtype=">f4")
    path = tmp_path / "a.safetensors"
    checkpoints.save(tensors, path, {"b": "ü", "a": "1"})
    found = checkpoints.load(path)
    assert list(found.tensors) == list(tensors)
    assert found.metadata == {"a": "1", "b": "ü"}
    assert found.source_sha256 == hashlib.sha256(path.read_bytes()).digest()
    for name, array in tensors.items():
        assert_same(found.tensors[name], array.astype(array.dtype.newbyteorder("<")) if name == "big-endian" else array)


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    tensors = {"z": np.arange(3, dtype=np.uint8), "a": np.arange(6, dtype=np.float32).reshape(2, 3)}
    path = tmp_path / "a.safetensors"
    checkpoints.save(tensors, path, {"format": "pt"})
    with official_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert torch.equal(file.get_tensor("z"), torch.tensor([0, 1, 2], dtype=torch.uint8))
        assert torch.equal(file.get_tensor("a"), torch.arange(6.0).reshape(2, 3))


def test_float4_is_as_the_library_counts_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    pairs = torch.arange(6, dtype=torch.uint8).reshape(2, 3).view(torch.float4_e2m1fn_x2)
    save_file({"a": pairs}, tmp_path / "a.safetensors")
    found = checkpoints.load(tmp_path / "a.safetensors")
    assert found.tensors["a"].shape == (2, 3)
    checkpoints.save(found.tensors, tmp_path / "b.safetensors")
    assert checkpoints.load(tmp_path / "b.safetensors").tensors["a"].tobytes() == bytes(range(6))
    with official_open(tmp_path / "b.safetensors", "np") as file:
        assert file.get_slice("a").get_shape() == [2, 6]


def test_order_is_that_of_the_data(tmp_path: Path) -> None:
    header = {"a": entry("U8", [1], 2, 3), "c": entry("U8", [2], 0, 2), "b": entry("U8", [0], 2, 2)}
    found = checkpoints.load(write(tmp_path / "a.safetensors", header, b"\1\2\3"))
    assert list(found.tensors) == ["c", "b", "a"]
    assert found.tensors["a"].tolist() == [3]


def test_unaligned_data_is_given_aligned(tmp_path: Path) -> None:
    header = {"a": entry("U8", [1], 0, 1), "b": entry("F32", [1], 1, 5)}
    found = checkpoints.load(write(tmp_path / "a.safetensors", header, b"\1" + np.float32(2.5).tobytes()))
    assert found.tensors["b"].flags.aligned and found.tensors["b"].tolist() == [2.5]


def test_the_library_s_files_are_read(tmp_path: Path) -> None:
    tensors = {name: random_array(dtypes.BY_NAME["float32"], (4, 5), seed) for seed, name in enumerate("dbca")}
    official_save(tensors, tmp_path / "a.safetensors", {"x": "y"})
    found = checkpoints.load(tmp_path / "a.safetensors")
    for name, array in tensors.items():
        assert_same(found.tensors[name], array)
    assert found.metadata == {"x": "y"}


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    tensors = {"b": np.zeros(3), "a": np.ones(2)}
    for name, metadata in (("1", {"k": "v", "a": "b"}), ("2", {"a": "b", "k": "v"})):
        checkpoints.save(tensors, tmp_path / f"{name}.safetensors", metadata)
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()


U8 = entry("U8", [1], 0, 1)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"{", b"", "not valid JSON"),
        (b"[" * 100_000, b"", "not valid JSON"),
        (b"\xff", b"", "not valid JSON"),
        ([], b"", "not a JSON object"),
        (b'{"a":1,"a":2}', b"", "duplicate name 'a'"),
        (b'{"__metadata__":{"a":"1","a":"2"}}', b"", "duplicate name 'a'"),
        ({"__metadata__": {"a": 1}}, b"", "not an object of strings"),
        ({"a": 1}, b"", "not exactly dtype"),
        ({"a": U8 | {"more": 1}}, b"\0", "not exactly dtype"),
        ({"a": entry("U8", [-1], 0, 1)}, b"\0", "no sizes"),
        ({"a": entry("U8", [True], 0, 1)}, b"\0", "no sizes"),
        ({"a": entry("U8", [1.0], 0, 1)}, b"\0", "no sizes"),  # type: ignore[list-item]
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0]}}, b"\0", "no sizes"),
        ({"a": entry("U8", [2], 0, 1)}, b"\0", "takes other than"),
        ({"a": entry("U8", [1 << 62, 1 << 62], 0, 0)}, b"", "is too large"),
        ({"a": entry("U8", [1], 1, 0)}, b"", "takes other than"),
        ({"a": U8, "b": U8}, b"\0", "overlaps"),
        ({"a": U8, "b": entry("U8", [1], 2, 3)}, b"\0\0\0", "hole"),
        ({"a": entry("U8", [1], 1, 2)}, b"\0\0", "hole"),
        ({"a": U8}, b"", "truncated"),
        ({"a": U8}, b"\0\0", "too long"),
    ],
)
def test_faults_are_refused(tmp_path: Path, header: Any, data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        checkpoints.load(write(tmp_path / "a.safetensors", header, data))


@pytest.mark.parametrize("content", [b"", b"1234567", (1 << 40).to_bytes(8, "little"), (99).to_bytes(8, "little")])
def test_bad_prefixes_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError):
        checkpoints.load(path)


@pytest.mark.parametrize("dtype", ["F6_E2M3", "X", ["U8"]])
def test_unknown_dtypes_are_refused(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(UnsupportedError, match="unknown dtype"):
        checkpoints.load(write(tmp_path / "a.safetensors", {"a": entry(dtype, [1], 0, 1)}, b"\0"))


def test_bool_other_than_0_and_1_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", {"flag": entry("BOOL", [1], 0, 1)}, b"\2")
    with pytest.raises(FormatError) as caught:
        checkpoints.load(path).tensors["flag"]
    assert caught.value.tensor == "flag"


def test_what_safetensors_lacks_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(UnsupportedError, match="complex128"):
        checkpoints.save({"a": np.zeros(2, np.complex128)}, path)
    with pytest.raises(UnsupportedError, match="__metadata__"):
        checkpoints.save({"__metadata__": np.zeros(2)}, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_unknown_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="ending"):
        checkpoints.load(tmp_path / "a.onnx")
    with pytest.raises(UnsupportedError, match="ending"):
        checkpoints.save({}, tmp_path / "a.pth")

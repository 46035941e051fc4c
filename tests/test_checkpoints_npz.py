"""Reading and writing ``.npz``."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tools_support import assert_same, every_dtype

from hemp_codec import checkpoints
from hemp_codec.errors import FormatError, UnsupportedError


def test_every_dtype_and_order_survive(tmp_path: Path) -> None:
    tensors = every_dtype() | {"scalar": np.float64(2).reshape(()), "empty": np.zeros((2, 0)), "a/b.npy": np.ones(1)}
    checkpoints.save(tensors, tmp_path / "a.npz")
    found = checkpoints.load(tmp_path / "a.npz").tensors
    assert list(found) == list(tensors)
    for name, array in tensors.items():
        assert_same(found[name], array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_numpy_s_files_are_read(tmp_path: Path, save: object) -> None:
    tensors = {"c": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "b": np.arange(4, dtype=">i4")}
    save(tmp_path / "a.npz", **tensors)  # type: ignore[operator]
    found = checkpoints.load(tmp_path / "a.npz").tensors
    assert_same(found["c"], np.arange(6.0).reshape(2, 3))
    assert_same(found["b"], np.arange(4, dtype="<i4"))


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    checkpoints.save({"a": np.arange(3)}, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert found["a"].tolist() == [0, 1, 2]


def test_saving_twice_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save({"a": np.arange(3)}, tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    checkpoints.save({"a": np.arange(3)}, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_pickles_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], object))
    with pytest.raises(FormatError, match="Python objects"):
        checkpoints.load(tmp_path / "a.npz").tensors["a"]


def archive(path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as out:
        for name, data in members:
            out.writestr(name, data)
    return path


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_faults_are_refused(tmp_path: Path) -> None:
    good = npy(np.arange(8.0))
    with pytest.raises(FormatError, match="duplicate name 'a'"):
        checkpoints.load(archive(tmp_path / "a.npz", ("a.npy", good), ("a.npy", good)))
    with pytest.raises(FormatError, match=r"is no .npy"):
        checkpoints.load(archive(tmp_path / "a.npz", ("a.txt", good)))
    for data in (good[:-1], good + b"\0", good.replace(b"(8,)", b"(9,)"), good.replace(b"(8,)", b"-88 ")):
        with pytest.raises(FormatError):
            checkpoints.load(archive(tmp_path / "a.npz", ("a.npy", data))).tensors["a"]
    for data in (b"", b"garbage", good[:20], good.replace(b"'<f8'", b"'<f8(")):
        with pytest.raises(FormatError, match=r"not an .npy"):
            checkpoints.load(archive(tmp_path / "a.npz", ("a.npy", data))).tensors["a"]
    with pytest.raises(UnsupportedError, match="dtype"):
        checkpoints.load(archive(tmp_path / "a.npz", ("a.npy", npy(np.array(["text"]))))).tensors["a"]
    (tmp_path / "b.npz").write_bytes(b"no archive")
    with pytest.raises(FormatError, match=r"not an .npz"):
        checkpoints.load(tmp_path / "b.npz")


def test_damage_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", npy(np.arange(8.0))), compression=zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        try:
            found = checkpoints.load(path).tensors
            arrays = list(found.values())
        except (FormatError, UnsupportedError):
            continue
        # Fields that say nothing of the content, as the time and the system, may change; or the name, twice.
        assert all(array.tolist() == list(range(8)) for array in arrays)


def test_names_that_zip_cannot_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="name"):
        checkpoints.save({"a\0b": np.zeros(1)}, tmp_path / "a.npz")

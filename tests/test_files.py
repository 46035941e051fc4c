"""Files on disk: paths of all kinds, and nothing lost when writing fails."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hemp_codec
from hemp_codec import FormatError, HempError, files

TENSORS = {"w": np.linspace(-1, 1, 600, dtype=np.float32).reshape(20, 30), "b": np.arange(5, dtype=np.float32)}


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return list(one) == list(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)


def test_save_and_load_by_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "a.hemp", str(tmp_path / "b.hemp"), "c.hemp", Path("d.hemp")):
        hemp_codec.save_file(TENSORS, path, metadata={"k": "v"})
        assert equal(hemp_codec.load_file(path, threads=1), TENSORS)
        with hemp_codec.safe_open(path) as file:
            assert file.metadata() == {"k": "v"} and list(file.keys()) == ["w", "b"]
    assert sorted(os.listdir(tmp_path)) == ["a.hemp", "b.hemp", "c.hemp", "d.hemp"]
    assert (tmp_path / "a.hemp").read_bytes() == hemp_codec.encode(TENSORS, metadata={"k": "v"})


def test_safe_open_takes_bytes_and_file_objects(tmp_path: Path) -> None:
    blob = hemp_codec.encode(TENSORS)
    (tmp_path / "a.hemp").write_bytes(blob)
    with open(tmp_path / "a.hemp", "rb") as opened:
        for source in (blob, io.BytesIO(blob), opened):
            with hemp_codec.safe_open(source) as file:
                assert equal({name: file.get_tensor(name) for name in TENSORS}, TENSORS)
    for data in (blob, bytearray(blob), memoryview(blob)):
        assert equal(hemp_codec.decode(data), TENSORS)


def test_source_hash_is_kept() -> None:
    with hemp_codec.safe_open(hemp_codec.encode(TENSORS, source_sha256=bytes(range(32)))) as file:
        assert file.source_hash == bytes(range(32))


class DiskFullError(OSError):
    pass


def fail(*_: object, **__: object) -> None:
    raise DiskFullError(28, "no space left")


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
@pytest.mark.parametrize("existing", [True, False])
def test_failure_leaves_the_old_file_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, existing: bool
) -> None:
    path = tmp_path / "model.hemp"
    if existing:
        path.write_bytes(b"old")
    if step == "write":
        monkeypatch.setattr(files, "write", fail)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(DiskFullError):
        hemp_codec.save_file(TENSORS, path)
    assert os.listdir(tmp_path) == (["model.hemp"] if existing else [])
    assert not existing or path.read_bytes() == b"old"


def test_bad_tensor_and_interrupt_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.hemp"
    hemp_codec.save_file(TENSORS, path)
    old = path.read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(HempError):
        hemp_codec.save_file({"w": np.full((2, 2), np.nan)}, path, quantizer="uniform")
    with pytest.raises(KeyboardInterrupt):
        hemp_codec.save_file(TENSORS, path, progress=interrupt)
    assert os.listdir(tmp_path) == ["model.hemp"] and path.read_bytes() == old


def test_kill_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.hemp"
    hemp_codec.save_file(TENSORS, path)
    old = path.read_bytes()
    script = (
        "import os, sys, numpy, hemp_codec\n"
        "os.replace = lambda *_: os._exit(9)\n"
        "hemp_codec.save_file({'x': numpy.zeros(9)}, sys.argv[1])\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, cwd=tmp_path).returncode == 9
    assert path.read_bytes() == old


def test_missing_folder_is_an_os_error_that_names_the_target(tmp_path: Path) -> None:
    path = tmp_path / "no" / "model.hemp"
    with pytest.raises(FileNotFoundError) as caught:
        hemp_codec.save_file(TENSORS, path)
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError):
        hemp_codec.load_file(path)
    with pytest.raises(OSError):
        hemp_codec.save_file(TENSORS, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permission bits and links of POSIX")
def test_permissions_and_links(tmp_path: Path) -> None:
    plain, target, link = tmp_path / "plain", tmp_path / "target.hemp", tmp_path / "link.hemp"
    plain.write_bytes(b"")
    hemp_codec.save_file(TENSORS, target)
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o600)
    link.symlink_to("target.hemp")
    hemp_codec.save_file({"b": TENSORS["b"]}, link)
    assert link.is_symlink() and list(hemp_codec.load_file(target)) == ["b"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    dangling = tmp_path / "dangling.hemp"
    dangling.symlink_to("new.hemp")
    hemp_codec.save_file(TENSORS, dangling)
    assert equal(hemp_codec.load_file(tmp_path / "new.hemp"), TENSORS)


@pytest.mark.parametrize("content", [b"", b"\x89HMP", b"PK\x03\x04" * 20, b"\x89HMP\r\n\x1a\n\x09\x01\x00" + b"\0" * 9])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(HempError) as caught:
        hemp_codec.load_file(path)
    assert caught.value.code in ("TRUNCATED", "BAD_SIGNATURE", "BAD_VERSION")


def test_public_names() -> None:
    for name in hemp_codec.__all__:
        assert getattr(hemp_codec, name) is not None
    errors: Any = hemp_codec
    assert issubclass(errors.ChecksumError, FormatError) and issubclass(FormatError, HempError)
    assert issubclass(errors.LimitError, HempError) and issubclass(errors.UnsupportedError, HempError)


def test_import_does_not_need_torch(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; import hemp_codec, hemp_codec.files; print(hemp_codec.__version__)"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert run.stdout.strip() == hemp_codec.__version__

"""Whatever ends writing, the target is the old file or the new one, and nothing else is left in its folder.

Each case is a forked child, so that it can be killed, or be given a disk that is full after so many bytes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from hemp_codec.cli import main

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

OLD = {"w": np.arange(1000, dtype=np.float32)}
NEW = {"w": np.random.default_rng(0).normal(size=(300, 100)).astype(np.float32), "b": np.ones(3)}
FAILED, FINISHED = 3, 0
WATCHED = {"open", "os.chmod", "os.rename", "os.remove", "os.truncate"}

Write = Callable[[Path], object]


def save(target: Path) -> None:
    hemp_codec.save_file(NEW, target, coder="stored", threads=1)


def compress(target: Path) -> int:
    return main(["compress", str(target.parent.parent / "in.npz"), str(target), "--threads", "1"])


def decompress(target: Path) -> int:
    return main(["decompress", str(target.parent.parent / "in.hemp"), str(target), "--threads", "1"])


# What writes, and the file that it writes.
WRITERS: dict[str, tuple[Write, str]] = {
    "save_file": (save, "out.hemp"),
    "compress": (compress, "out.hemp"),
    "decompress to safetensors": (decompress, "out.safetensors"),
    "decompress to npz": (decompress, "out.npz"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "in.npz", **NEW)
    hemp_codec.save_file(NEW, tmp_path / "in.hemp")
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def in_child(write: Write, target: Path, prepare: Callable[[], None]) -> int:
    """How a child ended that writes: FINISHED, FAILED with an OSError or an exit code of the command, or -signal."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        prepare()
        try:
            os._exit(FAILED if write(target) else FINISHED)
        except OSError:
            os._exit(FAILED)
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def whole(write: Write, target: Path) -> bytes:
    """What the target holds when nothing goes wrong."""
    assert in_child(write, target, lambda: None) == FINISHED
    data = target.read_bytes()
    target.unlink()
    return data


def kill_at(count: int) -> Callable[[], None]:
    """The process is killed at this one of the calls to the system that are watched."""

    def prepare() -> None:
        calls = 0

        def watch(event: str, _: object) -> None:
            nonlocal calls
            if event in WATCHED:
                calls += 1
                if calls > count:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    return prepare


def full_disk(size: int, *, kill: bool) -> Callable[[], None]:
    """No file may be longer than ``size``: the write that reaches it fails, or kills the process there."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kill else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("existing", [True, False], ids=["over a file", "a new file"])
def test_killed_at_any_call(writer: str, existing: bool, folder: Path) -> None:
    write, name = WRITERS[writer]
    target = folder / name
    new, old = whole(write, target), b"the old file"
    for count in range(200):
        if existing:
            target.write_bytes(old)
        ended = in_child(write, target, kill_at(count))
        found = target.read_bytes() if target.exists() else None
        if ended == FINISHED:
            assert count > 1 and found == new
            break
        assert ended == -signal.SIGKILL
        assert found in (old if existing else None, new)
        for path in folder.iterdir():
            path.unlink()
    else:
        pytest.fail("writing has no end")


@pytest.mark.parametrize("writer", WRITERS)
def test_killed_at_any_byte(writer: str, folder: Path) -> None:
    write, name = WRITERS[writer]
    target = folder / name
    size = len(whole(write, target))
    for at in (0, 1, 19, size // 3, size // 2, size - 1):
        target.write_bytes(b"the old file")
        ended = in_child(write, target, full_disk(at, kill=True))
        assert ended in (-signal.SIGXFSZ, FAILED)
        assert target.read_bytes() == b"the old file"


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("existing", [True, False], ids=["over a file", "a new file"])
def test_full_disk(writer: str, existing: bool, folder: Path) -> None:
    write, name = WRITERS[writer]
    target = folder / name
    size = len(whole(write, target))
    for at in (0, 1, 19, size // 3, size // 2, size - 1):
        if existing:
            target.write_bytes(b"the old file")
        assert in_child(write, target, full_disk(at, kill=False)) == FAILED
        assert [path.name for path in folder.iterdir()] == ([name] if existing else [])
        assert not existing or target.read_bytes() == b"the old file"


def become_nobody() -> None:
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)


@pytest.mark.parametrize("writer", WRITERS)
def test_folder_that_may_not_be_written(writer: str, folder: Path) -> None:
    write, name = WRITERS[writer]
    target = folder / name
    target.write_bytes(b"the old file")
    for path in (folder, *list(folder.parents)[:-2]):
        path.chmod(0o755)  # so that the child gets there
    folder.chmod(0o555)
    try:
        assert in_child(write, target, become_nobody) == FAILED
    finally:
        folder.chmod(0o755)
    assert [path.name for path in folder.iterdir()] == [name]
    assert target.read_bytes() == b"the old file"


def test_two_writers_and_a_reader(folder: Path) -> None:
    target = folder / "out.hemp"
    save(target)
    children = []
    for number in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            for _ in range(40):
                hemp_codec.save_file({"w": np.full(5000, number, np.float32)}, target, threads=1)
            os._exit(FINISHED)
    seen = set()
    for _ in range(100):
        tensors = hemp_codec.load_file(target, threads=1)
        assert len(np.unique(tensors["w"])) == 1 or tensors["w"].tobytes() == NEW["w"].tobytes()
        seen.add(tensors["w"].size)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [FINISHED, FINISHED]
    assert seen <= {5000, 30_000}
    assert [path.name for path in folder.iterdir()] == ["out.hemp"]

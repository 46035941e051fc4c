"""One open file for many threads and processes, and files that change while they are open."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from hemp_codec.reader import Reader

RANDOM = np.random.default_rng(0)
TENSORS = {f"w{number}": RANDOM.normal(size=(40, 50 + number)).astype(np.float32) for number in range(20)}
TENSORS["small"] = np.arange(6, dtype=np.float32)
TENSORS["smaller"] = np.arange(5, dtype=np.float32)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.hemp"
    hemp_codec.save_file(TENSORS, path, quantizer="lossless", coder="rans", segment_bits=10)
    return path


def same(reader: Reader, name: str) -> bool:
    whole, part = reader.get_tensor(name), reader.get_slice(name)[1:]
    return np.array_equal(whole, TENSORS[name]) and np.array_equal(part, TENSORS[name][1:])


def test_many_threads_on_one_handle(path: Path) -> None:
    with hemp_codec.safe_open(path) as reader, ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda name: same(reader, name), list(TENSORS) * 20))
        assert all((loaded["w3"] == TENSORS["w3"]).all() for loaded in pool.map(lambda _: reader.load(), range(8)))


def test_many_threads_open_and_close(path: Path) -> None:
    def use(number: int) -> bool:
        with hemp_codec.safe_open(path) as reader:
            return same(reader, f"w{number % 20}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))


def test_closed_while_threads_read(path: Path) -> None:
    def use(reader: Reader, started: threading.Event) -> bool:
        try:
            while True:
                assert same(reader, "w5")
                started.set()
        except ValueError as error:
            return "closed" in str(error)

    for _ in range(5):
        reader, started = hemp_codec.safe_open(path), threading.Event()
        with ThreadPoolExecutor(4) as pool:
            ended = [pool.submit(use, reader, started) for _ in range(4)]
            started.wait()
            reader.close()
            with open(path, "rb"), open(path, "rb"):  # one of which may get the number of the closed file
                assert all(future.result() for future in ended)


def test_pickling_is_a_clear_error(path: Path) -> None:
    with hemp_codec.safe_open(path) as reader, pytest.raises(TypeError, match="give the path"):
        pickle.dumps(reader)


def child_says(action: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if action() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
def test_forked_processes_read_on(path: Path) -> None:
    with hemp_codec.safe_open(path) as reader:
        assert same(reader, "small")
        for name in TENSORS:
            assert child_says(lambda name=name: same(reader, name))  # type: ignore[misc]
            assert same(reader, name)


@needs_fork
def test_forked_while_threads_read(path: Path) -> None:
    done = threading.Event()

    def read(reader: Reader) -> None:
        while not done.is_set():
            assert same(reader, "small") and same(reader, "w1")

    with hemp_codec.safe_open(path) as reader, ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(read, reader) for _ in range(2)]
        try:
            assert all(child_says(lambda: same(reader, "smaller")) for _ in range(30))
        finally:
            done.set()
        for future in busy:
            future.result()


@needs_fork
def test_a_file_object_is_not_for_two_processes(path: Path) -> None:
    def refused(reader: Reader) -> bool:
        try:
            reader.get_tensor("w1")
        except ValueError as error:
            return "open the file there" in str(error)
        return False

    with open(path, "rb") as file, hemp_codec.safe_open(file) as reader:
        assert child_says(lambda: refused(reader))
        assert same(reader, "w1")
    in_memory = hemp_codec.safe_open(io.BytesIO(path.read_bytes()))
    assert child_says(lambda: same(in_memory, "w1"))


def load(path: Path) -> int:
    return len(hemp_codec.load_file(path))


def test_workers_open_the_path(path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(load, [path] * 4) == [len(TENSORS)] * 4


@pytest.mark.parametrize("opened", ["path", "file object"])
@pytest.mark.parametrize("left", [0, 10, 3000, -1])
def test_a_file_that_shrinks_gives_an_error(opened: str, left: int, path: Path) -> None:
    with open(path, "rb") as file, hemp_codec.safe_open(path if opened == "path" else file) as reader:
        os.truncate(path, left if left >= 0 else path.stat().st_size - 1)
        with pytest.raises(hemp_codec.FormatError, match="earlier than when it was opened") as caught:
            reader.load()
        assert caught.value.code == "TRUNCATED"


def test_a_file_that_is_overwritten_gives_an_error(path: Path) -> None:
    with hemp_codec.safe_open(path) as reader:
        other = np.random.default_rng(1).bytes(path.stat().st_size)
        with open(path, "r+b") as file:
            file.write(other)
        for name in TENSORS:
            with pytest.raises(hemp_codec.ChecksumError):
                reader.get_tensor(name)


def test_a_file_that_is_replaced_stays_readable(path: Path) -> None:
    with hemp_codec.safe_open(path) as reader:
        hemp_codec.save_file({"other": np.zeros(3)}, path)
        assert same(reader, "w7")
    assert list(hemp_codec.load_file(path)) == ["other"]

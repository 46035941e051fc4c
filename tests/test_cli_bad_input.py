"""Bad input and wrong usage: one line, the right exit code, and nothing on disk that was not there before."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from hemp_codec import checkpoints
from hemp_codec.cli import main

Fails = Callable[..., str]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Runs the command line, asserts exit code and one line on stderr, and gives that line."""

    def run(*arguments: object, code: int = 1) -> str:
        found = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert (found, out) == (code, "")
        assert err.startswith("hemp: ") and err.count("\n") == 1 and "Traceback" not in err and len(err) < 500
        return err

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    tensors = {"w": random.standard_normal((30, 40)).astype(np.float32), "b": random.standard_normal(30)}
    checkpoints.save(tensors, tmp_path / "m.safetensors", {"k": "v"})
    hemp_codec.save_file(tensors, tmp_path / "m.hemp", metadata={"k": "v"})
    return tmp_path


def with_checksum(data: bytes) -> bytes:
    """``data`` with the checksum of the front put right, for files whose front is under 128 bytes."""
    import zlib

    end = 11 + data[10]
    return data[:end] + zlib.crc32(data[:end]).to_bytes(4, "little") + data[end + 4 :]


@pytest.mark.parametrize("command", ["decompress", "inspect", "validate"])
def test_truncated(fails: Fails, folder: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = (folder / "m.hemp").read_bytes()
    capsys.readouterr()
    for size in (0, 5, 9, 20, len(data) // 2, len(data) - 1):
        (folder / "t.hemp").write_bytes(data[:size])
        if command == "validate":
            assert main(["validate", str(folder / "t.hemp")]) == 1
            assert "TRUNCATED" in capsys.readouterr().out
        else:
            target = [folder / "out.npz"] if command == "decompress" else []
            assert "t.hemp: " in fails(command, folder / "t.hemp", *target)
    assert not (folder / "out.npz").exists()


def test_every_flipped_bit_is_noticed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (folder / "m.hemp").read_bytes()
    random = np.random.default_rng(3)
    capsys.readouterr()
    for position in [*range(24), *random.integers(24, len(data), 40)]:
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(random.integers(8))
        (folder / "f.hemp").write_bytes(flipped)
        assert main(["decompress", str(folder / "f.hemp"), str(folder / "out.npz")]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"hemp: {folder / 'f.hemp'}: ") and err.count("\n") == 1
        assert main(["validate", str(folder / "f.hemp")]) == 1
        assert capsys.readouterr().out.startswith(f"{folder / 'f.hemp'}: offset ")
    assert not (folder / "out.npz").exists()


def test_wrong_signature(fails: Fails, folder: Path) -> None:
    line = fails("inspect", folder / "m.safetensors")
    assert "signature" in line.lower() or "not a .hemp file" in line


@pytest.mark.parametrize("version", [(7, 1), (0, 99)])
def test_unknown_version_is_said(fails: Fails, folder: Path, version: tuple[int, int]) -> None:
    data = bytearray((folder / "m.hemp").read_bytes())
    data[8:10] = bytes(version)
    (folder / "v.hemp").write_bytes(with_checksum(bytes(data)))
    assert f"{version[0]}.{version[1]}" in fails("inspect", folder / "v.hemp")


def test_pickle_that_is_no_state_dict(fails: Fails, folder: Path) -> None:
    torch = pytest.importorskip("torch")
    for content in ([torch.ones(2)], {"a": 1}, {"a": np.float64}, torch.nn.Linear(2, 2)):
        torch.save(content, folder / "p.pt")
        line = fails("compress", folder / "p.pt", folder / "out.hemp")
        assert "plain state dict" in line and "p.pt" in line
    assert not (folder / "out.hemp").exists()


def test_duplicate_names(fails: Fails, folder: Path) -> None:
    header = (
        b'{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    )
    (folder / "d.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "duplicate name 'w'" in fails("compress", folder / "d.safetensors", folder / "out.hemp")


@pytest.mark.parametrize("text", ["[[name]]", "[[metadata]]"])
def test_text_that_is_no_unicode(fails: Fails, folder: Path, text: str) -> None:
    header = {"__metadata__": {"k": "[[metadata]]"}, "[[name]]": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}
    data = json.dumps(header).replace(text, "\\ud800").encode()
    (folder / "s.safetensors").write_bytes(len(data).to_bytes(8, "little") + data)
    assert r"\ud800" in fails("compress", folder / "s.safetensors", folder / "out.hemp") or text == "[[metadata]]"


@pytest.mark.parametrize("quantizer", ["lloyd-max", "uniform"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_a_quantizer_cannot_take(fails: Fails, folder: Path, quantizer: str, value: float) -> None:
    bad = np.ones((3, 3), np.float32)
    bad[1, 1] = value
    checkpoints.save({"fine": np.ones((2, 2), np.float32), "layer.odd": bad}, folder / "n.safetensors")
    (folder / "out.hemp").write_bytes(b"old")
    line = fails("compress", folder / "n.safetensors", folder / "out.hemp", "--quantizer", quantizer)
    assert "layer.odd" in line and "lossless" in line
    assert (folder / "out.hemp").read_bytes() == b"old"
    rule = "layer.odd=lossless"
    command = ["compress", folder / "n.safetensors", folder / "out.hemp", "--quantizer", quantizer, "--rule", rule]
    assert main(list(map(str, command))) == 0
    assert hemp_codec.load_file(folder / "out.hemp")["layer.odd"].tobytes() == bad.tobytes()


@pytest.mark.parametrize(
    ("command", "file"),
    [("compress", "none.safetensors"), ("compress", "none.pt"), ("compress", "none.npz"), ("bench", "none.npz"),
     ("compress", "none.safetensors.index.json"), ("decompress", "none.hemp"), ("inspect", "none.hemp")],
)  # fmt: skip
def test_missing_input(fails: Fails, folder: Path, command: str, file: str) -> None:
    targets = {"compress": ["out.hemp"], "decompress": ["out.npz"]}.get(command, [])
    line = fails(command, folder / file, *(folder / target for target in targets))
    assert f"{file}: no such file or directory: check the path" in line


def test_a_folder_as_input(fails: Fails, folder: Path) -> None:
    (folder / "d.safetensors").mkdir()
    (folder / "d.hemp").mkdir()
    assert "d.safetensors: is a directory" in fails("compress", folder / "d.safetensors", folder / "out.hemp")
    assert "d.hemp: is a directory" in fails("inspect", folder / "d.hemp")


@pytest.mark.parametrize(("command", "source", "name"), [("compress", "m.safetensors", "o.hemp"), ("decompress", "m.hemp", "o.npz")])  # fmt: skip  # noqa: E501
def test_unwritable_output(fails: Fails, folder: Path, command: str, source: str, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "kept").touch()
    assert f"{name}: is a folder: name a file" in fails(command, folder / source, folder / name)
    (folder / "file").touch()
    assert "is not a folder" in fails(command, folder / source, folder / "file" / name)
    assert "its folder does not exist" in fails(command, folder / source, folder / "nowhere" / name)
    assert sorted(os.listdir(folder)) == sorted(["m.safetensors", "m.hemp", name, "file"])


def test_a_full_disk_while_writing_leaves_the_old_file(
    fails: Fails, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "m.hemp").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    line = fails("compress", folder / "m.safetensors", folder / "m.hemp", "--coder", "stored")
    assert "m.hemp: no space left on device: free some space" in line
    assert (folder / "m.hemp").read_bytes() == before
    assert sorted(os.listdir(folder)) == ["m.hemp", "m.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "required"),
        (["explode"], "invalid choice"),
        (["compress", "{in}"], "required"),
        (["compress", "{in}", "o.hemp", "--levels", "4"], "--levels has no effect"),
        (["compress", "{in}", "o.hemp", "--quantizer", "lossless", "--levels", "4"], "--levels has no effect"),
        (["compress", "{in}", "o.hemp", "--quantizer", "kmeans"], "invalid choice"),
        (["compress", "{in}", "o.hemp", "--quantizer", "uniform", "--levels", "0"], "'0' is no number"),
        (["compress", "{in}", "o.hemp", "--quantizer", "uniform", "--levels", "65537"], "more than 65536"),
        (["compress", "{in}", "o.hemp", "--coder", "gzip"], "unknown coder 'gzip'"),
        (["compress", "{in}", "o.hemp", "--threads", "0"], "'0' is no number"),
        (["compress", "{in}", "o.hemp", "--segment-bits", "13"], "'13' is not an even number from 10 to 24"),
        (["compress", "{in}", "o.hemp", "--rule", "nothing"], "GLOB="),
        (["compress", "{in}", "o.hemp", "--rule", "none*=uniform"], "applies to no tensor"),
        (["compress", "{in}", "o.safetensors"], "does not end in .hemp"),
        (["compress", "m.onnx", "o.hemp"], "unknown ending"),
        (["decompress", "{hemp}", "o.hemp"], "unknown ending"),
        (["bench", "{in}", "--quantizer", "lossless", "--levels", "3"], "--levels has no effect"),
        (["validate"], "required"),
        (["inspect", "{hemp}", "--unknown"], "unrecognized"),
    ],
)
def test_wrong_usage(
    fails: Fails, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what: str
) -> None:
    monkeypatch.chdir(folder)
    places = {"{in}": str(folder / "m.safetensors"), "{hemp}": str(folder / "m.hemp")}
    line = fails(*(places.get(argument, argument) for argument in arguments), code=2)
    assert what in line
    assert sorted(os.listdir(folder)) == ["m.hemp", "m.safetensors"]


def test_names_of_files_are_escaped(fails: Fails, tmp_path: Path) -> None:
    assert r"a\x1b[2J.hemp" in fails("inspect", tmp_path / "a\x1b[2J.hemp")


def test_control_characters_in_names_are_escaped(fails: Fails, folder: Path) -> None:
    header = json.dumps({"a\x1b[2J": {"dtype": "U8", "shape": [9], "data_offsets": [0, 1]}}).encode()
    (folder / "c.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    assert re.search(r"a\\x1b\[2J", fails("compress", folder / "c.safetensors", folder / "out.hemp"))


def test_interrupt_is_quiet(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    capsys.readouterr()
    monkeypatch.setattr("hemp_codec.checkpoints.load", interrupted)
    assert main(["compress", str(folder / "m.safetensors"), str(folder / "o.hemp")]) == 130
    assert capsys.readouterr() == ("", "")


def test_exit_code_of_the_process(folder: Path) -> None:
    for arguments, code in ((["inspect", "none.hemp"], 1), (["inspect"], 2), (["inspect", str(folder / "m.hemp")], 0)):
        command = [sys.executable, "-m", "hemp_codec", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        assert done.returncode == code
        assert done.stderr.count("\n") == (code != 0)

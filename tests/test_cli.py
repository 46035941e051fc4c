"""The command line, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tools_support import assert_same, every_dtype

import hemp_codec
from hemp_codec import checkpoints, dtypes
from hemp_codec.cli import main

Hemp = Callable[..., tuple[str, str]]


@pytest.fixture
def hemp(capsys: pytest.CaptureFixture[str]) -> Hemp:
    """Runs the command line in this process, asserts the exit code, and gives stdout and stderr."""

    def run(*arguments: object, code: int = 0) -> tuple[str, str]:
        found = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert found == code, err
        return out, err

    return run


def model() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        "conv.weight": random.standard_normal((8, 4, 3, 3)).astype(np.float32),
        "conv.bias": random.standard_normal(8).astype(np.float32),
        "half": random.standard_normal((16, 32)).astype(np.float16),
        "counter": np.int64(7).reshape(()),
        "a.fc.weight": random.standard_normal((40, 50)),
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    checkpoints.save(model(), path, {"format": "pt", "note": "ü"})
    return path


@pytest.mark.parametrize("coder", ["arithmetic", "rans", "zstd", "lzma", "stored"])
def test_lossless_and_back_gives_the_same_file(hemp: Hemp, source: Path, tmp_path: Path, coder: str) -> None:
    out, err = hemp("compress", source, tmp_path / "m.hemp", "--coder", coder)
    assert out.count("\n") == 1 and " -> " in out and err == ""
    hemp("decompress", tmp_path / "m.hemp", tmp_path / "back.safetensors")
    assert (tmp_path / "back.safetensors").read_bytes() == source.read_bytes()


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("ending", ["npz", "pt"])
def test_every_dtype_through_every_format(hemp: Hemp, tmp_path: Path, ending: str) -> None:
    pytest.importorskip("torch")
    tensors = every_dtype()
    checkpoints.save(tensors, tmp_path / f"a.{ending}")
    hemp("compress", tmp_path / f"a.{ending}", tmp_path / "m.hemp")
    for back in ("npz", "pt"):
        hemp("decompress", tmp_path / "m.hemp", tmp_path / f"b.{back}")
        found = checkpoints.load(tmp_path / f"b.{back}").tensors
        assert list(found) == list(tensors)
        for name, array in tensors.items():
            assert_same(found[name], array)


def test_metadata_that_a_format_cannot_hold_is_said(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    hemp("compress", source, tmp_path / "m.hemp")
    _, err = hemp("decompress", tmp_path / "m.hemp", tmp_path / "b.npz")
    assert err.count("\n") == 1 and "metadata" in err


@pytest.mark.parametrize("quantizer", ["lloyd-max", "uniform"])
def test_lossy_leaves_what_it_should_and_gives_levels_of_indices(
    hemp: Hemp, source: Path, tmp_path: Path, quantizer: str
) -> None:
    path = tmp_path / "m.hemp"
    hemp("compress", source, path, "--quantizer", quantizer, "--levels", 16, "--threads", 2)
    hemp("decompress", path, tmp_path / "b.safetensors")
    found, before = checkpoints.load(tmp_path / "b.safetensors").tensors, model()
    with hemp_codec.safe_open(path) as file:
        for name, array in before.items():
            if array.ndim < 2:
                assert_same(found[name], array)
            else:
                levels, indices = file.get_levels(name), file.get_indices(name)
                assert len(levels) <= 16 and indices.shape == array.shape
                assert_same(found[name], levels[indices])
                assert 0 < np.abs(found[name] - array).mean() < 0.2


def test_segments_of_a_chosen_size(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    hemp("compress", source, tmp_path / "m.hemp", "--coder", "arithmetic-plain", "--segment-bits", 10)
    with hemp_codec.safe_open(tmp_path / "m.hemp") as file:
        assert file.get_info("a.fc.weight").segments == 2
        assert_same(file.get_tensor("a.fc.weight"), model()["a.fc.weight"])


def test_first_rule_that_matches_wins(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    rules = ("a.*=lossless@zstd", "*.weight=uniform:5@rans", "*.bias=lloyd-max:3")
    arguments = [part for rule in rules for part in ("--rule", rule)]
    hemp("compress", source, tmp_path / "m.hemp", "--quantizer", "lloyd-max", *arguments)
    with hemp_codec.safe_open(tmp_path / "m.hemp") as file:
        assert len(file.get_levels("conv.weight")) == 5
        assert len(file.get_levels("conv.bias")) == 3
        assert len(file.get_levels("half")) == 16
        assert_same(file.get_tensor("a.fc.weight"), model()["a.fc.weight"])
    content = json.loads(hemp("inspect", tmp_path / "m.hemp", "--json")[0])
    coders = {tensor["name"]: tensor["coder"] for tensor in content["tensors"]}
    assert coders["conv.weight"] == "rans" and coders["a.fc.weight"] == "zstd"


@pytest.mark.parametrize(
    "options, small, large",
    [
        ((), "arithmetic", "rans"),
        (("--quantizer", "lloyd-max"), "arithmetic", "arithmetic"),
        (("--rule", "*=uniform:40"), "arithmetic", "arithmetic"),
        (("--rule", "*=uniform:40@zstd"), "zstd", "zstd"),
        (("--coder", "stored"), "stored", "stored"),
    ],
)
def test_default_coder(hemp: Hemp, tmp_path: Path, options: tuple[str, ...], small: str, large: str) -> None:
    for rows, coder in ((64, small), (11_000, large)):
        values = np.random.default_rng(4).normal(0, 0.1, (rows, 100)).astype(np.float32)
        np.savez(tmp_path / "model.npz", w=values)
        hemp("compress", tmp_path / "model.npz", tmp_path / "m.hemp", *options)
        with hemp_codec.safe_open(tmp_path / "m.hemp") as file:
            assert file.get_info("w").coder == coder


def test_same_input_and_options_give_the_same_bytes(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    for name, threads in (("1", 1), ("2", 3)):
        hemp("compress", source, tmp_path / f"{name}.hemp", "--quantizer", "lloyd-max", "--threads", threads)
    assert (tmp_path / "1.hemp").read_bytes() == (tmp_path / "2.hemp").read_bytes()


def test_inspect_says_what_is_in_the_file(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.hemp"
    hemp("compress", source, path, "--quantizer", "lloyd-max", "--levels", 4)
    table, _ = hemp("inspect", path)
    rows = {line.split()[0]: line.split() for line in table.splitlines() if line}
    assert rows["conv.weight"][1:5] == ["float32", "8x4x3x3", "codebook", "4"]
    assert rows["counter"][1:5] == ["int64", "scalar", "lossless", "-"]
    assert "format: pt" in table and "5 tensors, 2,809 weights" in table
    content = json.loads(hemp("inspect", path, "--json")[0])
    assert content["file_size"] == path.stat().st_size
    assert content["metadata"] == {"format": "pt", "note": "ü"}
    assert content["source_sha256"] == (checkpoints.load(source).source_sha256 or b"").hex()
    assert [tensor["name"] for tensor in content["tensors"]] == list(model())
    assert [tensor["shape"] for tensor in content["tensors"]] == [list(array.shape) for array in model().values()]
    assert sum(tensor["original_size"] for tensor in content["tensors"]) == content["original_size"]
    assert 0 < sum(tensor["coded_size"] for tensor in content["tensors"]) < content["file_size"]


def test_inspect_escapes_what_strangers_wrote(hemp: Hemp, tmp_path: Path) -> None:
    hemp_codec.save_file({"a\x1b[2J": np.zeros(3)}, tmp_path / "m.hemp", metadata={"k\n": "\u202ev"})
    table, _ = hemp("inspect", tmp_path / "m.hemp")
    assert r"a\x1b[2J" in table and r"k\n: \u202ev" in table


def test_tied_tensors_are_stored_once_and_shown(hemp: Hemp, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weight = torch.randn(64, 64)
    torch.save({"in.weight": weight, "out.weight": weight}, tmp_path / "a.pt")
    hemp("compress", tmp_path / "a.pt", tmp_path / "m.hemp")
    assert (tmp_path / "m.hemp").stat().st_size < weight.nbytes * 1.05
    assert "as in.weight" in hemp("inspect", tmp_path / "m.hemp")[0]
    hemp("decompress", tmp_path / "m.hemp", tmp_path / "b.pt")
    back = torch.load(tmp_path / "b.pt", weights_only=True)
    assert torch.equal(back["in.weight"], weight) and torch.equal(back["out.weight"], weight)
    assert back["in.weight"].data_ptr() != back["out.weight"].data_ptr()  # equal content need not be a tie


def test_empty_checkpoint(hemp: Hemp, tmp_path: Path) -> None:
    checkpoints.save({}, tmp_path / "a.safetensors")
    hemp("compress", tmp_path / "a.safetensors", tmp_path / "m.hemp")
    assert "0 tensors" in hemp("inspect", tmp_path / "m.hemp")[0]
    hemp("validate", tmp_path / "m.hemp")
    hemp("decompress", tmp_path / "m.hemp", tmp_path / "b.npz")
    assert len(checkpoints.load(tmp_path / "b.npz").tensors) == 0


def test_validate_accepts_good_files(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.hemp" for number in range(2)]
    hemp("compress", source, paths[0])
    hemp("compress", source, paths[1], "--quantizer", "uniform", "--levels", 3, "--coder", "rans")
    out, err = hemp("validate", *paths)
    assert out.splitlines() == [f"{path}: valid" for path in paths] and err == ""
    hemp("validate", "--reference", paths[1])
    report = json.loads(hemp("validate", "--json", *paths)[0])[1]
    expected = {"file": str(paths[1]), "valid": True, "level": "embedded", "complete": True, "faults": []}
    assert report == expected


def test_validate_names_each_fault_and_goes_on(hemp: Hemp, source: Path, tmp_path: Path) -> None:
    good, bad, other = (tmp_path / f"{name}.hemp" for name in ("good", "bad", "other"))
    hemp("compress", source, good)
    data = good.read_bytes()
    bad.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    other.write_bytes(b"nonsense" * 9)
    out, _ = hemp("validate", bad, other, good, code=1)
    lines = out.splitlines()
    assert any(line.startswith(f"{bad}: offset ") and ": SEGMENT_CHECKSUM: " in line for line in lines)
    assert any(line.startswith(f"{other}: offset 0: ") and "BAD_SIGNATURE" in line for line in lines)
    assert all(line.endswith(")") and "(format.md " in line for line in lines[:-1])
    assert lines[-1] == f"{good}: valid"
    out, err = hemp("validate", "--json", bad, good, tmp_path / "none.hemp", code=1)
    report = json.loads(out)
    assert "no such file" in report[2]["error"] and err.count("\n") == 1
    assert [entry["valid"] for entry in report] == [False, True, False]
    assert report[0]["faults"][0]["code"] == "SEGMENT_CHECKSUM" and report[0]["faults"][0]["offset"] < len(data)


def test_bench_measures_every_coder(hemp: Hemp, source: Path) -> None:
    results = json.loads(hemp("bench", source, "--json")[0])
    assert [result["quantizer"] for result in results[:: len(hemp_codec.coders.names())]] == [
        "lossless",
        "lloyd-max:4",
        "lloyd-max:16",
        "lloyd-max:256",
    ]
    assert {result["coder"] for result in results} >= {"stored", "lzma", "zstd", "arithmetic", "rans"}
    for result in results:
        lossless = result["quantizer"] == "lossless"
        arrays = [array for array in model().values() if lossless or array.ndim > 1]
        assert result["weights"] == sum(array.size for array in arrays)
        assert result["original_size"] == sum(array.nbytes for array in arrays)
        assert result["coded_size"] > 0 and result["encode_seconds"] > 0 and result["decode_seconds"] > 0
        assert result["indices"] == sum(array.size * (dtypes.of(array).planes if lossless else 1) for array in arrays)
    table, _ = hemp("bench", source, "--quantizer", "uniform", "--levels", 8, "--coder", "rans", "--coder", "stored")
    assert [line.split()[:2] for line in table.splitlines()[2:]] == [["uniform:8", "rans"], ["uniform:8", "stored"]]


def test_names_that_the_encoding_of_the_terminal_lacks(tmp_path: Path) -> None:
    hemp_codec.save_file({"gewölbe": np.zeros(3)}, tmp_path / "m.hemp")
    command = [sys.executable, "-m", "hemp_codec", "inspect", tmp_path / "m.hemp"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True, env=environment)
    assert rb"gew\xf6lbe" in done.stdout


def test_module_and_pipe(source: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hemp_codec"]
    done = subprocess.run(
        [*command, "compress", source, tmp_path / "m.hemp"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert "\x1b" not in done.stdout + done.stderr and "\r" not in done.stdout + done.stderr
    with subprocess.Popen([*command, "inspect", tmp_path / "m.hemp"], stdout=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert version.stdout.strip() == f"hemp {hemp_codec.__version__}"

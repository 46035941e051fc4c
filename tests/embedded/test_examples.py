"""examples/c builds in the ways that it shows, and decodes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from embedded_support import CC, ROOT, amalgamate, need, run_checked

import hemp_codec

EXAMPLE = ROOT / "examples" / "c"
TENSORS = {
    "conv": np.linspace(-1, 2, 600, dtype=np.float32).reshape(20, 30),
    "half": np.arange(6, dtype=np.float16),
    "steps": np.arange(5),
    "empty": np.zeros((0, 3), np.float32),
}
EXPECTED = [
    "conv: 2 dimensions, 600 elements, mean 0.500000",
    "half: 1 dimensions, 6 elements, mean 2.500000",
    "steps: 1 dimensions, 5 elements, not of floating-point numbers",
    "empty: 2 dimensions, 0 elements, mean 0.000000",
]

pytestmark = pytest.mark.skipif(CC is None, reason="needs a C compiler")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    hemp_codec.save_file(TENSORS, tmp_path / "model.hemp", coder="rans")
    return tmp_path / "model.hemp"


def check(program: Path, model: Path) -> None:
    assert run_checked([program, model], model.parent).stdout.decode().splitlines() == EXPECTED
    model.write_bytes(model.read_bytes()[:-1])
    done = subprocess.run([program, model], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("TRUNCATED at byte")


def commands() -> list[str]:
    return re.findall(r"^ \*     (cc .+)$", (EXAMPLE / "print_tensors.c").read_text(), re.MULTILINE)


def install(folder: Path) -> Path:
    """libhemp as CMake installs it."""
    cmake = need("cmake", "cmake")
    source = ROOT / "hemp_codec" / "native"
    prefix = folder / "prefix"
    options = ["-DHEMP_PYTHON=OFF", "-DHEMP_WARNINGS_AS_ERRORS=ON", f"-DCMAKE_INSTALL_PREFIX={prefix}"]
    run_checked([cmake, "-S", source, "-B", folder / "library", *options], folder)
    run_checked([cmake, "--build", folder / "library"], folder)
    run_checked([cmake, "--install", folder / "library"], folder)
    return prefix


def test_one_line(model: Path, tmp_path: Path) -> None:
    amalgamate(tmp_path)
    shutil.copy(EXAMPLE / "print_tensors.c", tmp_path)
    run_checked(["sh", "-c", commands()[0].replace("cc", str(CC), 1) + " -Wall -Wextra -Werror"], tmp_path)
    check(tmp_path / "print_tensors", model)


@pytest.mark.skipif(sys.platform != "linux", reason="paths of Linux")
def test_installed(model: Path, tmp_path: Path) -> None:
    prefix = install(tmp_path)
    cmake = need("cmake", "cmake")
    run_checked([cmake, "-S", EXAMPLE, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"], tmp_path)
    run_checked([cmake, "--build", tmp_path / "build"], tmp_path)
    original = model.read_bytes()
    check(tmp_path / "build" / "print_tensors", model)
    model.write_bytes(original)
    need("pkg-config", "pkg-config")
    shutil.copy(EXAMPLE / "print_tensors.c", tmp_path)
    found = next(prefix.rglob("hemp.pc")).parent
    run_checked(["sh", "-c", commands()[1]], tmp_path, env={**os.environ, "PKG_CONFIG_PATH": str(found)})
    check(tmp_path / "print_tensors", model)

"""What README.md shows is run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "lenet5-mnist.safetensors", tmp_path / "examples")
    return tmp_path


def setup_line(line: str) -> bool:
    return "-m venv" in line


def test_commands(folder: Path) -> None:
    commands = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
    environment = {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
    assert sum(map(setup_line, commands)) == 2 and len(commands) >= 8
    for command in commands:
        if not setup_line(command):
            done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_the_commands_of_the_first_line(folder: Path) -> None:
    (line,) = [
        line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if ".venv/bin/hemp" in line
    ]
    before = folder / "examples" / "lenet5-mnist.safetensors"
    for command in line.split(" && ")[2:]:
        arguments = command.replace("/tmp/", f"{folder}/").split()[1:]
        subprocess.run([sys.executable, "-m", "hemp_codec", *arguments], cwd=folder, check=True, capture_output=True)
    assert (folder / "lenet5.safetensors").read_bytes() == before.read_bytes()


@pytest.mark.parametrize("number", range(sum(kind == "python" for kind, _ in BLOCKS)))
def test_python(folder: Path, number: int) -> None:
    program = [block for kind, block in BLOCKS if kind == "python"][number]
    if "torch" in program:
        pytest.importorskip("torch")
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_links() -> None:
    for link in re.findall(r"\]\(([^)#]+)", TEXT):
        assert "://" in link or (ROOT / link).exists(), link


def test_the_check_of_a_clone_runs_the_line_that_is_shown() -> None:
    pattern = re.search(r"grep -m 1 -- '([^']+)'", (ROOT / ".ci" / "run").read_text())
    assert pattern
    lines = [line for line in TEXT.splitlines() if re.search(pattern[1], line)]
    assert len(lines) == 1 and lines[0].endswith("pytest")

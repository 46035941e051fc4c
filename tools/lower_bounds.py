#!/usr/bin/env python3
"""Run the core tests with the lowest versions of all dependencies that pyproject.toml allows.

    python tools/lower_bounds.py [FOLDER]

makes a virtual environment in FOLDER (a temporary one by default), installs this project with every requirement of
``dependencies`` and ``build-system`` at its lower bound, and runs the tests that need no torch.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ["tests/test_roundtrip.py", "tests/test_reader.py", "tests/test_reader_front.py", "tests/test_coders.py"]
TESTS += ["tests/test_files.py", "tests/test_quantizers.py"]


def lowest(text: str, key: str) -> list[str]:
    """The requirements listed under ``key``, each at its lower bound."""
    block = re.search(rf"^{key} = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    assert block, f"pyproject.toml has {key}"
    return [f"{name}=={bound}" for name, bound in re.findall(r'"([\w.-]+)>=([\w.]+)"', block[1])]


def main(folder: Path) -> int:
    """The exit status of the tests."""
    text = (ROOT / "pyproject.toml").read_text()
    pins = lowest(text, "dependencies")
    build = lowest(text, "requires")
    print("lowest versions:", *pins, *build)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q"]
    subprocess.run([*install, *pins, *build, "ninja", "pytest>=8", "hypothesis>=6.100"], check=True)
    subprocess.run([*install, "--no-build-isolation", "--no-deps", str(ROOT)], check=True)
    tests = [str(ROOT / name) for name in TESTS]
    options = ["-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml")]
    return subprocess.run([str(python), "-m", "pytest", *options, *tests], cwd=folder).returncode


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as name:
        sys.exit(main(Path(name)))

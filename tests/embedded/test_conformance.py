"""The decoder in C, as a program of its own, scored by the command for decoders of anybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from embedded_support import CC, HERE, ROOT, WARNINGS, amalgamate, run_checked

pytestmark = [
    pytest.mark.skipif(CC is None, reason="needs a C compiler"),
    pytest.mark.skipif(sys.byteorder == "big", reason="the program is for little-endian machines"),
]


def test_it_is_of_the_level_embedded(tmp_path: Path) -> None:
    assert CC is not None
    amalgamate(tmp_path)
    sources = [HERE / "conformance.c", tmp_path / "hemp_decoder.c"]
    run_checked([CC, "-std=c99", *WARNINGS, "-O1", f"-I{tmp_path}", *sources, "-o", tmp_path / "decoder"], tmp_path)
    command = [sys.executable, ROOT / "spec" / "conformance.py", "--level", "embedded", "--", tmp_path / "decoder"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    right, _, of = done.stdout.splitlines()[-1].split()[-3:]
    assert right == of and int(of) >= 490

"""What hemp_train/README.md shows is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import hemp_train

README = Path(hemp_train.__file__).with_name("README.md")


def test_examples(tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert programs
    for program in programs:
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "model.hemp").stat().st_size < 4096


def test_every_public_name_is_told_of() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(name in text for name in hemp_train.__all__ if name not in ("entropy", "hard_entropy"))

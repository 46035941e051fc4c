"""Two processes give the same entropies, gradients and file as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from . import parallel

if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
    pytest.skip("this torch has no gloo", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two processes have written what they found, in a folder for each wrapper."""
    folder = tmp_path_factory.mktemp("parallel")
    for wrapper in parallel.WRAPPERS:
        (folder / wrapper).mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, parallel.__file__, str(folder)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.parametrize("wrapper", parallel.WRAPPERS)
@pytest.mark.parametrize("case", parallel.CASES)
def test_as_in_one_process(case: str, wrapper: str, folder: Path, tmp_path: Path) -> None:
    expected = parallel.run(case, "none", tmp_path)
    for rank in range(2):
        found: dict[str, Any] = torch.load(folder / wrapper / f"results-{rank}.pt")[case]
        assert found["reports"] == expected["reports"]
        assert found["threshold"] == expected["threshold"] and found["density"] == expected["density"]
        assert 0 < found["density"] < 1
        assert found["quantized loss"] == expected["quantized loss"] != expected["loss"] == found["loss"]
        for name in ("gradients 0", "gradients 5"):
            assert all(torch.equal(a, b) for a, b in zip(found[name], expected[name], strict=True)), name
        assert all(torch.equal(found["state"][name], part) for name, part in expected["state"].items())
    written = (folder / wrapper / f"{case}.hemp").read_bytes()
    assert written == (tmp_path / f"{case}.hemp").read_bytes()

"""The decoder under sanitizers: on the corpora of the fuzz targets, on their seeds, and with many threads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from tools.fuzz import corpus
from tools.fuzz.seeds import QUANTIZERS, seeds, tensors
from tools.fuzz.targets import HERE as FUZZ
from tools.fuzz.targets import INCLUDES, TARGETS, Target, library_sources

CC = shutil.which("gcc") or shutil.which("cc")
OPTIONS = ["-g", "-O1", "-std=c11", *INCLUDES]
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREAD = ["-fsanitize=thread", "-pthread"]
MOST_SEEDS = 60
REPLAYED = [target for target in TARGETS if target.name not in ("zstd", "lzma")]  # whose libraries may not be here


def run_compiler(options: list[str], *, folder: Path) -> None:
    assert CC is not None
    done = subprocess.run([CC, *OPTIONS, *options], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def require(sanitizer: list[str], folder: Path) -> None:
    """Skip the test if there is no compiler with this sanitizer."""
    if CC is None:
        pytest.skip("needs a C compiler")
    source, program = folder / "empty.c", folder / "empty"
    source.write_text("int main(void) { return 0; }\n")
    built = subprocess.run([CC, *sanitizer, str(source), "-o", str(program)], capture_output=True)
    if built.returncode != 0 or subprocess.run([str(program)], capture_output=True).returncode != 0:
        pytest.skip(f"the compiler has no {sanitizer[0]} here")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Object files of the decoding half with sanitizers, for all targets."""
    folder = tmp_path_factory.mktemp("decoder")
    require(ADDRESS, folder)
    run_compiler([*ADDRESS, "-c", *map(str, library_sources())], folder=folder)
    return sorted(map(str, folder.glob("*.o")))


@pytest.mark.parametrize("target", REPLAYED, ids=lambda target: target.name)
def test_corpus(target: Target, decoder: list[str], tmp_path: Path) -> None:
    """Everything that fuzzing has kept of a target."""
    program = tmp_path / "replay"
    sources = [str(FUZZ / "targets" / name) for name in ("replay.c", "fuzz.c", target.source)]
    run_compiler([*ADDRESS, *target.defines, *sources, *decoder, "-o", str(program)], folder=tmp_path)
    inputs = corpus.unpack(target, tmp_path / "inputs")
    assert inputs
    for number, (_, data) in enumerate(seeds(target)):
        if number < MOST_SEEDS:
            inputs.append(tmp_path / "inputs" / f"seed-{number}")
            inputs[-1].write_bytes(data)
    done = subprocess.run([str(program), *map(str, inputs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{len(inputs)} files\n"


def test_many_threads_on_one_file(tmp_path: Path) -> None:
    require(THREAD, tmp_path)
    program = tmp_path / "threads"
    sources = [*map(str, library_sources()), str(Path(__file__).with_name("threads.c"))]
    run_compiler([*THREAD, *sources, "-o", str(program)], folder=tmp_path)
    paths, model = [], {"w": np.ones((3, 4)), **tensors()}
    for quantizer in QUANTIZERS[:3]:
        for coder in ("stored", "rans", "arithmetic", "arithmetic-max"):
            paths.append(tmp_path / f"{quantizer}-{coder}.hemp")
            paths[-1].write_bytes(hemp_codec.encode(model, quantizer=quantizer, coder=coder, segment_bits=10))
    done = subprocess.run([str(program), *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]

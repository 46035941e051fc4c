"""The decoder under sanitizers: on the corpora of the fuzz targets, on their seeds, and with many threads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from tools.fuzz import corpus
from tools.fuzz.seeds import QUANTIZERS, seeds, tensors
from tools.fuzz.targets import HERE as FUZZ
from tools.fuzz.targets import NATIVE, TARGETS, Target

ROOT = Path(__file__).parents[2]
CC = shutil.which("gcc") or shutil.which("cc")
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
THREAD = ["-fsanitize=thread", "-pthread"]
MOST_SEEDS = 60
REPLAYED = [target for target in TARGETS if target.name not in ("zstd", "lzma")]  # whose libraries may not be here


def build(folder: Path, name: str, options: list[str], sources: list[Path]) -> Path:
    """A program; the test is skipped if the compiler has no such sanitizer here."""
    if CC is None:
        pytest.skip("needs a C compiler")
    program = folder / name
    includes = [f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}", f"-I{FUZZ / 'targets'}"]
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    sanitizer = [option for option in options if option != "-c"]
    probed = subprocess.run([CC, *sanitizer, str(probe), "-o", str(folder / "probe")], capture_output=True)
    if probed.returncode != 0 or subprocess.run([str(folder / "probe")], capture_output=True).returncode != 0:
        pytest.skip(f"the compiler has no {options[0]} here")
    command = [CC, "-g", "-O1", "-std=c11", *options, *includes, *map(str, sources), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The decoding half with sanitizers, as one object file for all targets."""
    folder = tmp_path_factory.mktemp("decoder")
    subprocess.run([sys.executable, str(ROOT / "tools" / "amalgamate.py"), str(folder)], check=True)
    return build(folder, "decoder.o", [*ADDRESS, "-c"], [folder / "hemp_decoder.c"])


@pytest.mark.parametrize(
    "target", [target for target in TARGETS if target.name not in ("zstd", "lzma")], ids=lambda t: t.name
)
def test_corpus(target: Target, decoder: Path, tmp_path: Path) -> None:
    """Everything that fuzzing has kept of a target."""
    sources = [FUZZ / "targets" / name for name in ("replay.c", "fuzz.c", target.source)]
    program = build(tmp_path, "replay", [*ADDRESS, *target.defines], [*sources, decoder])
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
    decoding = [path for path in sorted((NATIVE / "src").glob("*.c")) if not path.stem.endswith("_encode")]
    program = build(tmp_path, "threads", THREAD, [*decoding, Path(__file__).with_name("threads.c")])
    paths, model = [], {"w": np.ones((3, 4)), **tensors()}
    for quantizer in QUANTIZERS[:3]:
        for coder in ("stored", "rans", "arithmetic", "arithmetic-max"):
            paths.append(tmp_path / f"{quantizer}-{coder}.hemp")
            paths[-1].write_bytes(hemp_codec.encode(model, quantizer=quantizer, coder=coder, segment_bits=10))
    done = subprocess.run([str(program), *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]

"""Speed and memory of the amalgamated C decoder, natively and as WebAssembly in Node, as a table.

    python -m tools.bench_decoder FILE.hemp ...

All tensors of each file are decoded on one core; the least time of a second's repetitions counts.  Needs a C compiler;
for WebAssembly also the package ``ziglang`` and Node.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEAD = ("file", "bytes", "directory", "scratch", "segment by segment", "native", "wasm", "wasm is slower")


def main(paths: list[str]) -> int:
    """Print a line for each file; 2 for wrong usage."""
    if not paths or paths[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, str(ROOT / "tools" / "amalgamate.py"), name], check=True)
        native, wasm = _build_native(folder), _build_wasm(folder)
        print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
        for path in paths:
            print(f"| {' | '.join(_row(Path(path), native, wasm))} |")
    return 0


def _build_native(folder: Path) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise SystemExit("bench_decoder: needs a C compiler")
    sources = [str(HERE / "bench.c"), str(folder / "hemp_decoder.c")]
    subprocess.run([compiler, "-O3", f"-I{folder}", *sources, "-o", str(folder / "bench")], check=True)
    return folder / "bench"


def _build_wasm(folder: Path) -> Path | None:
    if importlib.util.find_spec("ziglang") is None or shutil.which("node") is None:
        return None
    embedded = ROOT / "tests" / "embedded"  # what a platform without a C library needs
    sources = [HERE / "bench.c", embedded / "freestanding.c", folder / "hemp_decoder.c"]
    options = ["-target", "wasm32-freestanding-none", "-O3", "-nostdlib", "-Wl,--no-entry", "-mbulk-memory"]
    includes = [f"-I{embedded / 'include'}", f"-I{folder}"]
    command = [sys.executable, "-m", "ziglang", "cc", *options, *includes, *map(str, sources), "-lcompiler_rt"]
    subprocess.run([*command, "-o", str(folder / "bench.wasm")], check=True)
    return folder / "bench.wasm"


def _row(path: Path, native: Path, wasm: Path | None) -> list[str]:
    words = subprocess.run([str(native), str(path)], check=True, capture_output=True, text=True).stdout.split()
    size, seconds, memory = int(words[0]), float(words[1]), [f"{int(word):,}" for word in words[2:]]
    row = [path.stem, f"{path.stat().st_size:,}", *memory, f"{size / seconds / 1e6:.0f} MB/s"]
    if wasm is None:
        return [*row, "", ""]
    command = ["node", str(HERE / "bench.mjs"), str(wasm), str(path)]
    wasm_seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1])
    return [*row, f"{size / wasm_seconds / 1e6:.0f} MB/s", f"{wasm_seconds / seconds:.1f} times"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

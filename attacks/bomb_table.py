"""What each bomb takes: of the reader in Python and of the decoder in C, each in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from attacks.bombs import BOMBS, Bomb

ROOT = Path(__file__).parents[1]
CC = shutil.which("gcc") or shutil.which("cc")


def build_decoder(folder: Path) -> Path | None:
    """The program ``open_bomb.c`` with the decoder as one file, made in ``folder``; None if there is no compiler.

    The coders of libraries that are not installed are left out.
    """
    if CC is None:
        return None
    subprocess.run([sys.executable, str(ROOT / "tools" / "amalgamate.py"), str(folder)], check=True)
    program = folder / "open_bomb"
    sources = [str(folder / "hemp_decoder.c"), str(ROOT / "attacks" / "open_bomb.c")]
    options = ["-O2", "-std=c11", f"-I{ROOT / 'hemp_codec' / 'native' / 'include'}"]
    subprocess.run([CC, *options, *sources, "-o", str(program), *_libraries(CC, folder)], check=True)
    return program


def _libraries(compiler: str, folder: Path) -> Iterator[str]:
    for name in ("zstd", "lzma"):
        source = folder / f"{name}.c"
        source.write_text(f"#include <{name}.h>\nint main(void) {{ return 0; }}\n")
        command = [compiler, str(source), f"-l{name}", "-o", str(folder / name)]
        if subprocess.run(command, capture_output=True).returncode == 0:
            yield from (f"-DHEMP_WITH_{name.upper()}", f"-l{name}")


def table() -> str:
    """Markdown."""
    lines = ["| file | bytes | Python | s | MB | C | s | MB |", "|---|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        path, program = Path(folder) / "bomb.hemp", build_decoder(Path(folder))
        for make in BOMBS.values():
            path.write_bytes(make())
            cells = [_about(make), f"{path.stat().st_size:,}", *_by_python(path), *_by_c(program, path)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _about(make: Bomb) -> str:
    return f"`{make.__name__}`: {(make.__doc__ or '').rstrip('.')}"


def _by_python(path: Path) -> list[str]:
    command = [sys.executable, "-m", "attacks.open_bomb", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    memory = "" if result["memory"] is None else _megabytes(result["memory"])
    return [_answer(result["outcome"]), f"{result['seconds']:.2f}", memory]


def _by_c(program: Path | None, path: Path) -> list[str]:
    if program is None:
        return ["", "", ""]
    status, memory, milliseconds = subprocess.run(
        [str(program), str(path)], capture_output=True, text=True, check=True
    ).stdout.split()
    return [_answer(status), f"{int(milliseconds) / 1000:.2f}", _megabytes(int(memory))]


def _answer(outcome: str) -> str:
    return "decoded" if outcome == "OK" or outcome.endswith("tensors") else f"`{outcome}`"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}"

"""Building the amalgamated decoder for many platforms, and running it there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests" / "embedded"
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
CC = shutil.which("gcc") or shutil.which("cc")
CLANG = shutil.which("clang")
# Options of an emulator with no other input and output than that of the program; the image follows.
SEMIHOSTING = ["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
SEMIHOSTING += ["-kernel"]
_MINUTES = 5


def run_checked(command: Sequence[str | Path], cwd: Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command that must not fail."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, timeout=60 * _MINUTES, **options
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-4000:]
    return done


def amalgamate(folder: Path) -> Path:
    """A folder with hemp_decoder.h and hemp_decoder.c."""
    run_checked([sys.executable, ROOT / "tools" / "amalgamate.py", folder], ROOT)
    return folder


def zig(folder: Path, target: str, options: Sequence[str | Path]) -> None:
    """Compile for a platform with nothing on it, no warning allowed; what is cached stays in ``folder``."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs the package ziglang, which is in the extra 'test'")
    cache = {name: str(folder / "zig-cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-std=c11", *WARNINGS, "-nostdlib"]
    run_checked([*command, f"-I{HERE / 'include'}", *options, "-lcompiler_rt"], folder, env={**os.environ, **cache})


def need(program: str, package: str) -> str:
    """Path of a program; the test is skipped where it is missing."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"needs {program}, which is in Debian's package {package}")
    return found


@dataclass(frozen=True)
class Platform:
    """Where the runner is run.

    Attributes:
        name: for people.
        target: as zig calls it.
        options: for the compiler, beside the files that every platform has.
        command: what runs the file ``runner``: programs, of which one must be there, with their package.
    """

    name: str
    target: str
    options: tuple[str, ...]
    command: tuple[str, ...]
    package: str


def _linux(name: str, target: str, emulator: str, abi: str = "none") -> Platform:
    return Platform(name, f"{target}-freestanding-{abi}", ("-O2", "-static", "port_linux.c"), (emulator,), "qemu-user")


PLATFORMS = (
    _linux("32-bit x86", "x86", "qemu-i386"),
    _linux("32-bit ARM, hard float", "arm", "qemu-arm", "eabihf"),
    _linux("AArch64", "aarch64", "qemu-aarch64"),
    _linux("RISC-V", "riscv64", "qemu-riscv64"),
    _linux("big-endian s390x", "s390x", "qemu-s390x"),
    Platform(
        "wasm32 in Node",
        "wasm32-freestanding-none",
        ("-O2", "-Wl,--no-entry", "-Wl,--export=run", "port_wasm.c"),
        ("node", "runner.mjs"),
        "nodejs",
    ),
    Platform(
        "Cortex-M3",
        "thumb-freestanding-eabi",
        ("-mcpu=cortex_m3", "-Os", "-static", "-Wl,-T,mps2_an385.ld", "cortex_m.c", "port_cortex_m.c"),
        ("qemu-system-arm", "-M", "mps2-an385", *SEMIHOSTING),
        "qemu-system-arm",
    ),
)


def run_on(platform: Platform, decoder: Path, folder: Path, files: bytes) -> str:
    """What the runner prints of ``files`` on a platform."""
    emulator = need(platform.command[0], platform.package)
    for source in (path for path in HERE.iterdir() if path.suffix in {".c", ".h", ".ld", ".mjs"}):
        shutil.copy(source, folder)
    zig(
        folder,
        platform.target,
        [f"-I{decoder}", *platform.options, "runner.c", "freestanding.c", decoder / "hemp_decoder.c", "-o", "runner"],
    )
    return run_checked([emulator, *platform.command[1:], "runner"], folder, input=files).stdout.decode()

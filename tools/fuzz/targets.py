"""The targets: what each is made of, and building them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
NATIVE = HERE.parents[1] / "hemp_codec" / "native"
INCLUDES = [f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}", f"-I{HERE / 'targets'}"]
CODERS = {"stored": 0, "lzma": 1, "zstd": 2, "arithmetic": 3, "rans": 4}


class Target(NamedTuple):
    """A program for libFuzzer.

    Attributes:
        name: name of the target and of its corpus.
        source: file in ``targets``.
        defines: options for its compilation.
        is_file: the input is a whole file, to be mutated as one.
    """

    name: str
    source: str
    defines: tuple[str, ...]
    is_file: bool


TARGETS = (
    *(Target(name, f"{name}.c", (), True) for name in ("open", "decode", "callback")),
    *(Target(name, "payload.c", (f"-DFUZZ_CODER={number}",), False) for name, number in CODERS.items()),
    Target("lossless", "lossless.c", (), False),
)


class Sanitizer(NamedTuple):
    """How everything is compiled.

    Attributes:
        name: for commands.
        flags: for compiler and linker.
        libraries: names of the libraries that the decoder is built with; the memory sanitizer would have to see into
            them.
    """

    name: str
    flags: tuple[str, ...]
    libraries: tuple[str, ...]


SANITIZERS = {
    "address": Sanitizer("address", ("-fsanitize=address,undefined",), ("zstd", "lzma")),
    "memory": Sanitizer("memory", ("-fsanitize=memory,undefined", "-fsanitize-memory-track-origins"), ()),
}


def is_possible(target: Target, sanitizer: Sanitizer) -> bool:
    """Whether the target has anything to do under the sanitizer."""
    return target.name not in ("zstd", "lzma") or target.name in sanitizer.libraries


def library_sources() -> list[Path]:
    """The decoding half."""
    return [path for path in sorted((NATIVE / "src").glob("*.c")) if not path.stem.endswith("_encode")]


def build(target: Target, sanitizer: Sanitizer, folder: Path) -> Path:
    """The program of a target with libFuzzer, in ``folder``, where the library's object files are kept too.

    Raises:
        OSError: there is no clang.
        subprocess.CalledProcessError: it does not compile.
    """
    clang = shutil.which("clang")
    if clang is None:
        raise OSError("clang is needed, with libFuzzer: on Debian, apt-get install clang libclang-rt-14-dev")
    options = ["-g", "-O2", "-std=c11", "-fno-omit-frame-pointer", *sanitizer.flags, "-fno-sanitize-recover=all"]
    options += [f"-DHEMP_WITH_{name.upper()}" for name in sanitizer.libraries] + INCLUDES
    objects = folder / f"objects-{sanitizer.name}"
    objects.mkdir(parents=True, exist_ok=True)
    traced = [*library_sources(), HERE / "targets" / target.source]
    helpers = [HERE / "targets" / name for name in (["fuzz.c", "mutate.c"] if target.is_file else ["fuzz.c"])]
    compiled = [
        _compile(clang, source, objects, target, [*options, "-fsanitize=fuzzer-no-link"]) for source in traced
    ] + [_compile(clang, source, objects, target, options) for source in helpers]
    program = folder / f"{target.name}-{sanitizer.name}"
    link = [clang, "-fsanitize=fuzzer", *sanitizer.flags, *map(str, compiled), "-o", str(program)]
    subprocess.run([*link, *(f"-l{name}" for name in sanitizer.libraries)], check=True)
    return program


def _compile(clang: str, source: Path, folder: Path, target: Target, options: list[str]) -> Path:
    """The object file of a source, made anew if any of the sources is newer."""
    is_own = source.parent == HERE / "targets" and source.name == target.source
    made = folder / f"{target.name + '-' if is_own else ''}{source.stem}.o"
    roots = (NATIVE, HERE) if source.is_relative_to(HERE) else (NATIVE,)
    newest = max(path.stat().st_mtime for root in roots for path in root.rglob("*.[ch]"))
    if not made.exists() or made.stat().st_mtime < newest:
        defines = target.defines if is_own else ()
        subprocess.run([clang, *options, *defines, "-c", str(source), "-o", str(made)], check=True)
    return made

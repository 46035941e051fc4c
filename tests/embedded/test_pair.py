"""The two files by themselves: dialects, warnings, symbols, size."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_support import CC, CLANG, HERE, ROOT, WARNINGS, amalgamate, run_checked

MOST_TEXT = 37 * 1024  # the goal is 32 kB
DIALECTS = {"C99": ["-std=c99", "-pedantic"], "C++17": ["-x", "c++", "-std=c++17"]}
OPTIONS = ["-DHEMP_STATIC", "-DHEMP_NO_STRINGS", "-DHEMP_SMALL", "-DHEMP_NO_SIMD"]
NM = shutil.which("nm")

pytestmark = pytest.mark.skipif(CC is None, reason="needs a C compiler")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return amalgamate(tmp_path_factory.mktemp("decoder"))


def compile_decoder(compiler: str | None, decoder: Path, folder: Path, *options: str) -> Path:
    """The object file of the decoder; a warning is an error."""
    if compiler is None:
        pytest.skip("needs this compiler")
    target = folder / "decoder.o"
    run_checked([compiler, *WARNINGS, *options, "-c", decoder / "hemp_decoder.c", "-o", target], folder)
    return target


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("compiler", [CC, CLANG], ids=["gcc", "clang"])
def test_no_warnings(compiler: str | None, dialect: str, decoder: Path, tmp_path: Path) -> None:
    compile_decoder(compiler, decoder, tmp_path, "-O2", *DIALECTS[dialect])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("compiler", [CC, CLANG], ids=["gcc", "clang"])
def test_no_warnings_with_options(compiler: str | None, option: str, decoder: Path, tmp_path: Path) -> None:
    for dialect in DIALECTS.values():
        compile_decoder(compiler, decoder, tmp_path, "-O1", "-fsyntax-only", option, *dialect)


def symbols(target: Path) -> dict[str, set[str]]:
    """Names of an object file by nm's letter."""
    if NM is None:
        pytest.skip("needs nm")
    found: dict[str, set[str]] = {}
    for line in run_checked([NM, target], target.parent).stdout.decode().splitlines():
        *_, kind, name = line.split()
        found.setdefault(kind, set()).add(name)
    return found


PLAIN = ("-O2", "-std=c99", "-fno-stack-protector", "-fno-pie")


@pytest.mark.parametrize("options, more", [(["-DHEMP_NO_SIMD"], set()), ([], {"__cpu_model"})])
def test_symbols(options: list[str], more: set[str], decoder: Path, tmp_path: Path) -> None:
    found = symbols(compile_decoder(CC, decoder, tmp_path, *PLAIN, *options))
    assert found.keys() <= set("TtrU"), "nothing writable"
    assert all(name.startswith("hemp_") for name in found["T"])
    assert found["U"] <= {"memcpy", "memset", "memmove"} | more


def test_every_function_of_the_header_is_there_and_no_other(decoder: Path, tmp_path: Path) -> None:
    declared = set(re.findall(r"\b(hemp_\w+)\([^;{]*\);", (decoder / "hemp_decoder.h").read_text()))
    assert symbols(compile_decoder(CC, decoder, tmp_path, *PLAIN))["T"] == declared


def test_static(decoder: Path, tmp_path: Path) -> None:
    assert CC is not None
    (tmp_path / "user.c").write_text(
        '#define HEMP_STATIC\n#include "hemp_decoder.c"\nint main(void) { return (int)hemp_crc32("", 0, 0); }\n'
    )
    command = [CC, *WARNINGS, *PLAIN, f"-I{decoder}", "-c", "user.c", "-o", "user.o"]
    run_checked(command, tmp_path)
    assert symbols(tmp_path / "user.o")["T"] == {"main"}


def test_without_strings_there_are_none(decoder: Path, tmp_path: Path) -> None:
    target = compile_decoder(CC, decoder, tmp_path, "-Os", "-std=c99", "-DHEMP_NO_STRINGS", "-DHEMP_NO_SIMD")
    assert b"BAD_SHAPE" not in target.read_bytes() and b"dimensions" not in target.read_bytes()


@pytest.mark.skipif(shutil.which("size") is None, reason="needs size")
@pytest.mark.skipif(sys.platform != "linux", reason="sizes are those of ELF on x86-64")
def test_size(decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = compile_decoder(CC, decoder, tmp_path, "-Os", "-std=c99", "-fno-asynchronous-unwind-tables")
    text = int(run_checked(["size", target], tmp_path).stdout.decode().splitlines()[1].split()[0])
    with capsys.disabled():
        print(f"\ntext of hemp_decoder.c at -Os: {text} bytes of {MOST_TEXT}")
    assert text <= MOST_TEXT


def test_calls(decoder: Path, tmp_path: Path) -> None:
    """What a caller may do wrong, under sanitizers where there are some."""
    assert CC is not None
    sources = [HERE / "calls.c", decoder / "hemp_decoder.c"]
    command = [CC, "-std=c99", *WARNINGS, "-O1", "-g", f"-I{decoder}", *sources, "-o", "calls"]
    sanitized = [*command, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    if subprocess.run([str(word) for word in sanitized], cwd=tmp_path, capture_output=True).returncode != 0:
        run_checked(command, tmp_path)
    done = run_checked([tmp_path / "calls", ROOT / "spec" / "vectors" / "accept" / "complete.hemp"], tmp_path)
    assert done.stdout == b"all calls are right\n"


def test_one_version() -> None:
    header = (ROOT / "hemp_codec" / "native" / "include" / "hemp.h").read_text()
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found and f'#define HEMP_VERSION "{found[1]}"' in header


def test_numbers_of_statuses_and_dtypes() -> None:
    """Those of the specification, which never change."""
    header = (ROOT / "hemp_codec" / "native" / "include" / "hemp.h").read_text()
    format_text = (ROOT / "spec" / "format.md").read_text()
    statuses = dict(
        re.findall(r"^\| (\d+) \| `(\w+)` \|", format_text[format_text.index("## 9. Errors") :], re.MULTILINE)
    )
    assert len(statuses) == 26
    for number, name in statuses.items():
        assert re.search(rf"\bHEMP_{name} = {number}\b", header), name
    dtypes = re.findall(r"\| (\d+) \| `(\w+)` \| \d+ \| [^|]*(?:plain|rotated)", format_text)
    assert len(dtypes) == 22
    for number, name in dtypes:
        assert re.search(rf"\bHEMP_{name.upper()} = {number}\b", header), name


def test_usage(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "amalgamate.py")], cwd=tmp_path, capture_output=True)
    assert done.returncode == 2 and b"usage" in done.stderr

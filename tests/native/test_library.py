"""The C library by itself: the decoding half stands alone, in every dialect, and survives damaged input."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

import hemp_codec

NATIVE = Path(__file__).parents[2] / "hemp_codec" / "native"
SOURCES = sorted((NATIVE / "src").glob("*.c"))
DECODE = [source for source in SOURCES if not source.stem.endswith("_encode")]
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
CC = shutil.which("gcc") or shutil.which("cc")

pytestmark = pytest.mark.skipif(CC is None, reason="needs a C compiler")

DIALECTS = {"C99": ["-std=c99"], "C11": ["-std=c11"], "C++17": ["-x", "c++", "-std=c++17"]}


def compile_all(sources: list[Path], out: Path, *options: str) -> list[Path]:
    """Object files of ``sources``; a warning is an error."""
    assert CC is not None
    objects = []
    for source in sources:
        objects.append(out / f"{source.stem}.o")
        command = [CC, *options, *WARNINGS, f"-I{NATIVE / 'include'}", "-c", str(source), "-o", str(objects[-1])]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return objects


@pytest.mark.parametrize("dialect", DIALECTS)
def test_decoding_half_compiles_without_warnings(dialect: str, tmp_path: Path) -> None:
    compile_all(DECODE, tmp_path, "-O1", *DIALECTS[dialect])


def test_encoding_half_compiles_without_warnings(tmp_path: Path) -> None:
    compile_all([source for source in SOURCES if source not in DECODE], tmp_path, "-O1", "-std=c11")


def test_decoding_half_includes_nothing_of_the_encoding_half() -> None:
    for source in DECODE:
        assert not re.search(r'#include ".*encode\.h"', source.read_text()), source


@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm")
@pytest.mark.parametrize("options, more", [(["-DHEMP_NO_SIMD"], set()), ([], {"__cpu_model", "__cpu_features2"})])
def test_symbols_of_the_decoding_half(options: list[str], more: set[str], tmp_path: Path) -> None:
    objects = compile_all(DECODE, tmp_path, "-O2", "-std=c11", "-fno-stack-protector", "-fno-pie", *options)
    lines = subprocess.run(["nm", *map(str, objects)], capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = [line.split()[-2:] for line in lines if len(line.split()) >= 2 and not line.endswith(":")]
    defined = {name for kind, name in symbols if kind in "TDBC"}
    needed = {name for kind, name in symbols if kind == "U"} - defined
    writable = {name for kind, name in symbols if kind in "DdBbC"}
    assert all(name.startswith("hemp_") for name in defined)
    assert needed <= {"memcpy", "memset", "memmove"} | more
    assert writable == set()


class CPart(ctypes.Structure):
    """hemp_part."""

    _fields_ = [
        ("num_levels", ctypes.c_uint32),
        ("columns", ctypes.c_uint64),
        ("start", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("indices", ctypes.c_void_p),
    ]


def rans_decode(library: ctypes.CDLL, payload: bytes, columns: int, size: int) -> np.ndarray:
    out = np.zeros(size, np.uint8)
    part = CPart(16, columns, 0, size, out.ctypes.data)
    memory = np.zeros(1 << 18, np.uint32)
    room = ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes)
    one = ctypes.byref(part), ctypes.c_size_t(1)
    assert library.hemp_rans_decode(payload, ctypes.c_size_t(len(payload)), *one, *room) == 0
    return out


def rans_encode(library: ctypes.CDLL, indices: np.ndarray, columns: int) -> bytes:
    part = CPart(16, columns, 0, indices.size, indices.ctypes.data)
    memory, out = np.zeros(1 << 18, np.uint64), np.zeros(1 << 21, np.uint8)
    size = ctypes.c_size_t()
    room = ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes)
    target = ctypes.c_void_p(out.ctypes.data), ctypes.c_size_t(out.nbytes), ctypes.byref(size)
    assert library.hemp_rans_encode(ctypes.byref(part), ctypes.c_size_t(1), *target, *room) == 0
    return out[: size.value].tobytes()


def arithmetic_decode(library: ctypes.CDLL, payload: bytes, columns: int, size: int) -> np.ndarray:
    out = np.zeros(size, np.uint8)
    part = CPart(16, columns, 0, size, out.ctypes.data)
    memory = np.zeros(1 << 19, np.uint64)
    room = ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes)
    one = ctypes.byref(part), ctypes.c_size_t(1)
    assert library.hemp_arithmetic_decode(payload, ctypes.c_size_t(len(payload)), *one, *room) == 0
    return out


def arithmetic_encode(library: ctypes.CDLL, indices: np.ndarray, columns: int, mode: int) -> bytes:
    part = CPart(16, columns, 0, indices.size, indices.ctypes.data)
    memory, out = np.zeros(1 << 20, np.uint64), np.zeros(1 << 22, np.uint8)
    size = ctypes.c_size_t()
    room = ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes)
    target = ctypes.c_void_p(out.ctypes.data), ctypes.c_size_t(out.nbytes), ctypes.byref(size)
    one = ctypes.byref(part), ctypes.c_size_t(1), ctypes.c_int(mode)
    assert library.hemp_arithmetic_encode(*one, *target, *room) == 0
    return out[: size.value].tobytes()


def lossless_encode(library: ctypes.CDLL, tensor: np.ndarray) -> bytes:
    float32 = ctypes.c_uint8(11)
    part = CPart(256, tensor.size, 0, tensor.size, tensor.ctypes.data)
    one = ctypes.byref(part), ctypes.c_size_t(1)
    memory, out = np.zeros(1 << 21, np.uint64), np.zeros(1 << 23, np.uint8)
    size, planes = ctypes.c_size_t(), ctypes.c_uint32(library.hemp_lossless_promising(float32, *one))
    room = ctypes.c_void_p(memory.ctypes.data), ctypes.c_size_t(memory.nbytes)
    target = ctypes.c_void_p(out.ctypes.data), ctypes.c_size_t(out.nbytes), ctypes.byref(size)
    assert library.hemp_lossless_encode(float32, *one, ctypes.byref(planes), ctypes.c_int(0), *target, *room) == 0
    return out[: size.value].tobytes()


def build_library(folder: Path, *options: str) -> ctypes.CDLL:
    assert CC is not None
    target = folder / "libhemp.so"
    command = [CC, "-O2", "-std=c11", "-shared", "-fPIC", *options, f"-I{NATIVE / 'include'}"]
    subprocess.run([*command, *map(str, SOURCES), "-o", str(target), "-lm"], check=True)
    library = ctypes.CDLL(str(target))
    library.hemp_crc32.restype = ctypes.c_uint32
    return library


def noise_by_rows(rows: int, columns: int, scales: int) -> np.ndarray:
    noise = np.random.default_rng(3).laplace(0, 1, (rows, columns)) * (1 + np.arange(rows)[:, None] % scales)
    return (8 + noise).clip(0, 15).astype(np.uint8)


@pytest.mark.parametrize("options", [[], ["-DHEMP_NO_SIMD"]])
def test_same_bytes_with_and_without_simd(options: list[str], tmp_path: Path) -> None:
    library = build_library(tmp_path, *options)
    for indices, columns in ((noise_by_rows(1000, 403, 3), 403), (noise_by_rows(1, 400_001, 1), 400_001)):
        payload = hemp_codec.coders.get("rans").encode(indices if len(indices) > 1 else indices[0], 16)
        assert payload[0] & 7 == 5 and (payload[0] >> 3 > 0) == (columns == 403)
        assert rans_encode(library, indices, columns) == payload
        assert (rans_decode(library, payload, columns, indices.size) == indices.reshape(-1)).all()
    for indices, columns in ((noise_by_rows(1000, 403, 3), 403), (noise_by_rows(9001, 5, 2), 5)):
        for mode, coder in ((0, "arithmetic"), (2, "arithmetic-max")):
            payload = hemp_codec.coders.get(coder).encode(indices, 16)
            assert payload[0] & 3 == mode
            assert arithmetic_encode(library, indices, columns, mode) == payload
            assert (arithmetic_decode(library, payload, columns, indices.size) == indices.reshape(-1)).all()
    tensor = np.random.default_rng(0).normal(0, 0.05, 400_000).astype(np.float32)
    tensor[5000::40_000] *= np.float32(2.0) ** -np.arange(40, 50)  # exponents that a sample does not have
    blob = hemp_codec.encode({"w": tensor}, coder="rans")
    with hemp_codec.safe_open(blob) as file:
        segment = file._directory.segment(0)
    assert lossless_encode(library, tensor) == blob[segment.offset : segment.offset + segment.size]
    for size in (0, 1, 15, 16, 255, 256, 257, 320, 1000, 4096 + 17):
        for start in range(3):
            data = payload[start : start + size]
            assert library.hemp_crc32(data, ctypes.c_size_t(len(data)), ctypes.c_uint32(7)) == zlib.crc32(data, 7)

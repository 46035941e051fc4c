"""The amalgamated decoder gives the same bytes, or the same error, for every vector on every platform."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path

import ml_dtypes  # noqa: F401  (dtypes of numpy)
import numpy as np
import pytest
from embedded_support import CC, CLANG, HERE, PLATFORMS, ROOT, WARNINGS, Platform, amalgamate, run_checked, run_on

import hemp_codec

VECTORS = ROOT / "spec" / "vectors"
MANIFEST = json.loads((VECTORS / "manifest.json").read_text())
LIBRARIES = ("lzma", "zstd")

pytestmark = pytest.mark.skipif(CC is None, reason="needs a C compiler")


def batch(files: list[bytes]) -> bytes:
    """What the runner reads."""
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


VECTOR_FILES = batch([(VECTORS / vector["path"]).read_bytes() for vector in MANIFEST])


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return amalgamate(tmp_path_factory.mktemp("decoder"))


def run_here(compiler: str, decoder: Path, folder: Path, *options: str) -> str:
    """What the runner prints of the vectors as an ordinary program."""
    sources = [HERE / "runner.c", HERE / "port_hosted.c", decoder / "hemp_decoder.c"]
    program = folder / "runner"
    libraries = [option for option in options if option.startswith("-l")]
    flags = [option for option in options if option not in libraries]
    run_checked([compiler, "-std=c99", *WARNINGS, *flags, f"-I{decoder}", *sources, "-o", program, *libraries], folder)
    return run_checked([program], folder, input=VECTOR_FILES).stdout.decode()


@pytest.fixture(scope="module")
def reference(decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What it prints on this machine, where it is compared with what the manifest says."""
    assert CC is not None
    return run_here(CC, decoder, tmp_path_factory.mktemp("here"), "-O2")


class Report:
    """The lines of one file: of itself and of its tensors."""

    def __init__(self, lines: list[str]) -> None:
        self.file = lines[0].split(" ")
        self.tensors = [line.split(" ") for line in lines[1:]]
        self.failures = [
            (words[2], words[5 if words is self.file else 4])
            for words in (self.file, *self.tensors)
            if words[2] != "OK"
        ]


def parsed(text: str) -> list[Report]:
    """A report for each vector."""
    assert "BROKEN" not in text, text[max(0, text.index("BROKEN") - 200) :][:400]
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("file "):
            blocks.append([])
        blocks[-1].append(line)
    assert len(blocks) == len(MANIFEST)
    return [Report(block) for block in blocks]


def converted(array: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """Rounded to nearest; a NaN keeps its sign and the upper bits of its payload, and is made quiet."""
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64)
        out = np.where(np.isnan(wide), 0, wide).astype(dtype)
    widths = {"float16": (10, 5), "bfloat16": (7, 8), "float32": (23, 8), "float64": (52, 11)}
    (fraction, exponent), (to_fraction, to_exponent) = widths[array.dtype.name], widths[np.dtype(dtype).name]
    bits = array.view(f"u{array.dtype.itemsize}").astype(np.uint64)
    payload = (bits & np.uint64((1 << fraction) - 1)) << np.uint64(63 - fraction)
    quiet = (payload >> np.uint64(63 - to_fraction)) | np.uint64(1 << (to_fraction - 1))
    sign = bits >> np.uint64(fraction + exponent) << np.uint64(to_fraction + to_exponent)
    pattern = sign | np.uint64(((1 << to_exponent) - 1) << to_fraction) | quiet
    out_bits = out.view(f"u{out.dtype.itemsize}")
    out_bits[np.isnan(wide)] = pattern[np.isnan(wide)].astype(out_bits.dtype)
    return out


def crc(array: np.ndarray) -> str:
    return str(zlib.crc32(np.ascontiguousarray(array).tobytes()))


def expected_tensor(file: hemp_codec.safe_open, name: str, said: dict[str, object]) -> list[str]:
    """The five checksums of a tensor, after its bytes were held against the manifest."""
    array = file.get_tensor(name).reshape(-1)
    assert hashlib.sha256(array.tobytes()).hexdigest() == said["sha256"]
    words = [crc(array), "0", "0", "0", "0"]
    if array.dtype.name in {"float16", "bfloat16", "float32", "float64"}:
        words[1:3] = crc(converted(array, np.float32)), crc(converted(array, np.float16))
    try:
        words[3:] = crc(file.get_indices(name)), words[0]
    except ValueError:
        assert "indices_sha256" not in said  # it is lossless
    return words


def check_accepted(vector: dict[str, object], report: Report, libraries: tuple[str, ...]) -> None:
    assert report.file[2] == "OK"
    tensors = vector["tensors"]
    assert isinstance(tensors, dict) and len(tensors) == len(report.tensors)
    with hemp_codec.safe_open(VECTORS / str(vector["path"])) as file:
        metadata = "".join(key + value for key, value in file.metadata().items())
        assert report.file[6] == str(zlib.crc32(metadata.encode()))
        for words, (name, said) in zip(report.tensors, tensors.items(), strict=True):
            coder = file.get_info(name).coder
            if coder in LIBRARIES and coder not in libraries:
                assert (words[2], words[4]) == ("UNSUPPORTED_CODER", coder)
            else:
                assert words[2] == "OK" and words[5:] == expected_tensor(file, name, said), (vector["path"], name)


def check_all(text: str, libraries: tuple[str, ...]) -> None:
    for vector, report in zip(MANIFEST, parsed(text), strict=True):
        if vector["expect"] != "reject":
            check_accepted(vector, report, libraries)
            continue
        missing = [("UNSUPPORTED_CODER", coder) for coder in LIBRARIES if coder not in libraries]
        assert report.failures, vector["path"]
        found = report.failures[0]
        assert found[0] == vector["error"] or found in missing, (vector["path"], found)


def test_vectors(reference: str) -> None:
    check_all(reference, ())


def test_vectors_with_the_libraries(decoder: Path, reference: str, tmp_path: Path) -> None:
    assert CC is not None
    probe = tmp_path / "probe.c"
    probe.write_text("#include <lzma.h>\n#include <zstd.h>\nint main(void) { return ZSTD_versionNumber() == 0; }\n")
    try:
        run_checked([CC, probe, "-o", tmp_path / "probe", "-lzstd", "-llzma"], tmp_path)
    except AssertionError:
        pytest.skip("needs Debian's packages libzstd-dev and liblzma-dev")
    options = ["-O1", "-DHEMP_WITH_ZSTD", "-DHEMP_WITH_LZMA", "-lzstd", "-llzma"]
    text = run_here(CC, decoder, tmp_path, *options)
    check_all(text, LIBRARIES)
    changed = [(old, new) for old, new in zip(reference.splitlines(), text.splitlines(), strict=True) if old != new]
    assert changed and all("UNSUPPORTED_CODER" in old for old, _ in changed)


SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.mark.parametrize(
    "compiler, options",
    [(CC, SANITIZED), (CC, ("-Os", "-DHEMP_NO_SIMD")), (CLANG, ("-O3",))],
    ids=["gcc, sanitizers", "gcc, small", "clang"],
)
def test_x86_64(compiler: str | None, options: tuple[str, ...], decoder: Path, reference: str, tmp_path: Path) -> None:
    if compiler is None:
        pytest.skip("needs clang")
    assert run_here(compiler, decoder, tmp_path, *options) == reference


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)
def test_platform(platform: Platform, decoder: Path, reference: str, tmp_path: Path) -> None:
    assert run_on(platform, decoder, tmp_path, VECTOR_FILES) == reference

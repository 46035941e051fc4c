"""What fuzzing starts from, made from code: small files and payloads that have every structure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import hemp_codec
from hemp_codec.coders import get
from hemp_codec.dtypes import BY_NAME, BY_NUMBER
from tools.fuzz.targets import Target

VECTORS = Path(__file__).parents[2] / "spec" / "vectors"
MAX_VECTOR = 3000
CODERS = ("stored", "lzma", "zstd", "rans", "arithmetic", "arithmetic-max")
QUANTIZERS = ("lossless", "lloyd-max:4", "lloyd-max:300", "uniform:5", "uniform:300")


def tensors() -> dict[str, np.ndarray]:
    """Tensors of many kinds: 1 to 2000 elements, all groups of dtypes, tied, empty, constant, without rank."""
    random = np.random.default_rng(3)
    found: dict[str, np.ndarray] = {
        "conv": random.laplace(size=(40, 30)).astype(np.float32) * (1 + np.arange(40)[:, None] % 3),
        "half": random.normal(size=(6, 5)).astype(np.float16),
        "bias": random.normal(size=30).astype(np.float32),
        "double": random.normal(size=(2, 3, 4)),
        "steps": np.arange(5),
        "empty": np.zeros((0, 3)),
        "scalar": np.array(3, np.uint16),
        "zeros": np.zeros(2000, np.float32),
        "complex": (random.normal(size=4) + 1j).astype(np.complex64),
        "mask": random.random(40) < 0.3,
    }
    found["tied"] = found["conv"].copy()
    return found


def files() -> Iterator[tuple[str, bytes]]:
    """Files of every coder and quantizer, and the small vectors."""
    for quantizer in QUANTIZERS:
        for coder in CODERS:
            data = hemp_codec.encode(
                tensors(),
                quantizer=quantizer,
                coder=coder,
                segment_bits=10,
                metadata={"k": "v", "é": ""},
                source_sha256=bytes(32),
            )
            yield f"{quantizer.replace(':', '-')}-{coder}", data
    for folder in ("accept", "skip", "reject"):
        for path in sorted((VECTORS / folder).glob("*.hemp")):
            if path.stat().st_size <= MAX_VECTOR:
                yield f"{folder}-{path.stem}", path.read_bytes()


def index_arrays() -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, indices of rank 2, and number of levels."""
    random = np.random.default_rng(5)
    for levels in (2, 3, 16, 256, 300, 65536):
        for rows, columns in ((1, 40), (9, 33), (40, 30), (130, 3)):
            noise = random.laplace(0, levels / 8, (rows, columns)) * (1 + np.arange(rows)[:, None] % 2)
            indices = (levels // 2 + noise).clip(0, levels - 1).astype(np.uint8 if levels <= 256 else np.uint16)
            yield f"{levels}-{rows}x{columns}", indices, levels
        yield f"{levels}-sparse", (indices * (random.random(indices.shape) < 0.05)).astype(indices.dtype), levels
        yield f"{levels}-constant", np.full_like(indices, levels - 1), levels


def payloads(coder: str) -> Iterator[tuple[str, bytes]]:
    """Inputs of the target ``payload``: one part each."""
    for name, indices, levels in index_arrays():
        head = bytes([0]) + struct.pack("<HHBH", levels - 1, indices.shape[1] - 1, 0, indices.size)
        for variant in ("arithmetic", "arithmetic-max") if coder == "arithmetic" else (coder,):
            yield f"{variant}-{name}", head + bytes(get(variant).encode(indices, levels))


def segments() -> Iterator[tuple[str, bytes]]:
    """Inputs of the target ``lossless``: a segment of no elements, and those of files with one tensor."""
    random = np.random.default_rng(7)
    yield "no-elements", bytes([BY_NAME["float32"].number, get("rans").number]) + struct.pack("<HBHH", 1, 0, 0, 0)
    for coder in ("stored", "rans", "arithmetic", "arithmetic-max"):
        for number, dtype in BY_NUMBER.items():
            if number == 0:
                continue
            array = (random.normal(size=(30, 20)) * 8).astype(np.float32).view(np.uint8)[:, : 20 * dtype.size]
            tensor = np.ascontiguousarray(array).view(dtype.numpy)
            data = hemp_codec.encode({"": tensor}, coder=coder)
            with hemp_codec.safe_open(data) as file:
                directory = file._directory
                stream, segment = directory.stream(0), directory.segment(0)
            fields = struct.pack("<HBHH", stream.coded_planes & 0xFFFF, 0, tensor.shape[1] - 1, tensor.size)
            head = bytes([number, stream.coder]) + fields
            yield f"{coder}-{dtype.name}", head + data[segment.offset :]


def seeds(target: Target) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the inputs from which a target starts."""
    if target.is_file:
        return files()
    return segments() if target.name == "lossless" else payloads(target.name)

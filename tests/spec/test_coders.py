"""What the codec's encoders write, read by the reference decoders."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import hemp_codec
from hemp_codec import coders
from hemp_codec.tensors import Part, index_dtype
from hemp_spec import coders as reference_coders
from hemp_spec import reference
from hemp_spec.directory import Part as SpecPart

NAMES = ["stored", "lzma", "zstd", "arithmetic", "rans"]
SHAPES = [(1,), (40,), (6, 7), (8, 3, 3, 3), (1, 90), (90, 1)]
LENET = Path(__file__).parents[2] / "examples" / "lenet5-mnist.safetensors"


def laplacian(generator: np.random.Generator, size: int, num_levels: int) -> np.ndarray:
    """Indices distributed like quantized weights."""
    numbers = np.rint(generator.laplace(num_levels / 2, num_levels / 12 + 0.4, size))
    return np.clip(numbers, 0, num_levels - 1).astype(index_dtype(num_levels))


def assert_reference_reads(name: str, indices: list[np.ndarray], parts: list[Part]) -> None:
    coder = coders.get(name)
    payload = bytes(coder.encode_parts(indices, parts))
    spec_parts = [SpecPart(part.num_levels, part.shape, part.start, part.size) for part in parts]
    decoded = reference_coders.decode(coder.number, payload, spec_parts)
    assert decoded == [array.tolist() for array in indices]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_levels", [2, 3, 16, 17, 256, 257, 65536])
def test_one_part(name: str, num_levels: int) -> None:
    generator = np.random.default_rng(num_levels)
    for shape in SHAPES:
        size = int(np.prod(shape))
        assert_reference_reads(name, [laplacian(generator, size, num_levels)], [Part(num_levels, shape, 0, size)])


@pytest.mark.parametrize("name", NAMES)
def test_several_parts(name: str) -> None:
    choose = random.Random(3)
    generator = np.random.default_rng(3)
    for _ in range(10):
        parts = []
        for _ in range(choose.randrange(1, 6)):
            shape = choose.choice(SHAPES)
            parts.append(Part(choose.choice([1, 2, 16, 16, 16, 300]), shape, 0, int(np.prod(shape))))
        indices = [laplacian(generator, part.size, part.num_levels) for part in parts]
        assert_reference_reads(name, indices, parts)


@pytest.mark.parametrize("num_levels", [4, 16, 300])
def test_arithmetic_with_neighbors_across_a_cut(num_levels: int) -> None:
    generator = np.random.default_rng(5)
    scale = np.repeat(np.linspace(0.02, 0.2, 40), 50) * num_levels
    numbers = np.rint(generator.laplace(num_levels / 2, scale))
    indices = np.clip(numbers, 0, num_levels - 1).astype(index_dtype(num_levels))
    part = Part(num_levels, (60, 50), 730, 2000)
    assert_reference_reads("arithmetic", [indices], [part])


@pytest.mark.parametrize("quantizer", ["lossless", "lloyd-max:16", "uniform:16"])
@pytest.mark.parametrize("coder", NAMES)
def test_a_file_of_the_writer(coder: str, quantizer: str) -> None:
    load = pytest.importorskip("safetensors.numpy").load_file
    tensors = {name: array for name, array in load(LENET).items() if array.size <= 600}
    assert len(tensors) >= 4
    data = hemp_codec.encode(tensors, quantizer=quantizer, coder=coder, metadata={"a": "b"})
    file = reference.read(data)
    expected = hemp_codec.decode(data)
    assert list(file.tensors) == list(expected)
    for name, array in expected.items():
        assert file.tensors[name] == (str(array.dtype), array.shape, array.tobytes())
    assert file.metadata == {"a": "b"}

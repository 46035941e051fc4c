"""Checkpoints with random damage: each is read as something, or refused; nothing else happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hemp_codec import checkpoints
from hemp_codec.errors import HempError

TENSORS = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.array([True, False]), "i": np.array(3)}
INDEX = (
    '{"metadata": {"total_size": 58}, "weight_map": {"w": "a.safetensors", "b": "a.safetensors", "i": "a.safetensors"}}'
)


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """``data`` with up to three bits flipped, bytes changed, removed or inserted."""
    result = bytearray(data)
    for _ in range(random.integers(1, 4)):
        position = int(random.integers(len(result)))
        match int(random.integers(4)):
            case 0:
                result[position] ^= 1 << int(random.integers(8))
            case 1:
                result[position] = int(random.integers(256))
            case 2:
                del result[position : position + int(random.integers(1, 30))]
            case _:
                result[position:position] = random.bytes(int(random.integers(1, 4)))
    return bytes(result)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.safetensors", "a.npz", "a.pt", "old.pt", "m.safetensors.index.json"])
def test_damage_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    checkpoints.save(TENSORS, tmp_path / "a.safetensors", {"k": "v"})
    if name.endswith(".pt"):
        torch = pytest.importorskip("torch")
        state = {key: torch.from_numpy(array.copy()) for key, array in TENSORS.items()}
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=name != "old.pt")
    elif name.endswith(".json"):
        (tmp_path / name).write_text(INDEX)
    else:
        checkpoints.save(TENSORS, tmp_path / name)
    data, random = (tmp_path / name).read_bytes(), np.random.default_rng(20)
    path = tmp_path / f"damaged{name[name.index('.') :]}"
    refused = 0
    for _ in range(150):
        path.write_bytes(damaged(data, random))
        try:
            found = dict(checkpoints.load(path).tensors)
        except (HempError, FileNotFoundError):
            refused += 1
        else:
            assert all(isinstance(array, np.ndarray) for array in found.values())
    assert refused > 75

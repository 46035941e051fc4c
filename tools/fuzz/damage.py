"""Never silently wrong: every change of a file is an error, and behind repaired checksums nothing breaks.

python -m tools.fuzz damage [--seconds N] [--changes 100000]
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import numpy as np

import hemp_codec
from tools.fuzz.changes import KINDS, change, change_front, change_segment, segments

CODERS = ("stored", "lzma", "zstd", "rans", "arithmetic", "arithmetic-max")
QUANTIZERS = ("lossless", "lloyd-max:4", "uniform:5")

Content = tuple[list[tuple[str, str, tuple[int, ...], bytes]], dict[str, str], bytes | None]


def small_files() -> Iterator[tuple[str, bytes]]:
    """Files of 250 to 500 bytes, one for each coder and quantizer."""
    chance = np.random.default_rng(1)
    model = {
        "w": chance.normal(size=(6, 5)).astype(np.float32),
        "h": chance.normal(size=(2, 3)).astype(np.float16),
        "i": np.arange(3),
        "none": np.zeros((0, 2)),
        "z": np.repeat(np.arange(4, dtype=np.uint8), 60),
    }
    model["tied"] = model["w"].copy()
    for quantizer in QUANTIZERS:
        for coder in CODERS:
            data = hemp_codec.encode(model, quantizer=quantizer, coder=coder, metadata={"by": "us"})
            yield f"{quantizer} {coder}", data


def large_files() -> Iterator[tuple[str, bytes]]:
    """Files of some 20 kB with several segments, one for each coder and quantizer."""
    chance = np.random.default_rng(2)
    model: dict[str, np.ndarray] = {
        "a": chance.laplace(size=(40, 60)).astype(np.float32),
        "b": chance.normal(size=1500).astype(np.float32),
        "c": (chance.random((30, 50)) < 0.1),
        "d": chance.integers(0, 9, (20, 30)),
        "e": np.zeros((50, 40), np.float16),
    }
    for quantizer in QUANTIZERS:
        for coder in CODERS:
            data = hemp_codec.encode(model, quantizer=quantizer, coder=coder, metadata={"by": "us"}, segment_bits=10)
            yield f"{quantizer} {coder}", data


def content(data: bytes) -> Content:
    """Everything that a reader is given; HempError if it is refused."""
    with hemp_codec.safe_open(data) as file:
        tensors = file.load(threads=1)
        entries = [(name, str(array.dtype), array.shape, array.tobytes()) for name, array in tensors.items()]
        return entries, file.metadata(), file.source_hash


def outcome(data: bytes) -> Content | str:
    """The content, or the name of the error."""
    try:
        return content(data)
    except hemp_codec.HempError as error:
        return str(error.code)


def change_every_byte(data: bytes, values: Iterator[int] | range) -> Counter[str]:
    """Errors by name after each change of one byte by exclusive or with each value; AssertionError if there is none."""
    found: Counter[str] = Counter()
    for mask in values:
        for at in range(len(data)):
            result = outcome(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
            assert isinstance(result, str), f"byte {at} may be {data[at] ^ mask} instead of {data[at]}"
            found[result] += 1
    return found


def change_at_random(data: bytes, others: list[bytes], count: int, chance: random.Random) -> Counter[str]:
    """Errors by name after so many random changes; AssertionError if one has another effect than an error."""
    found: Counter[str] = Counter()
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        changed = change(data, kind, chance, chance.choice(others))
        if changed == data or changed in others:
            continue  # such as two equal bytes that were swapped, or a splice that is all of the other file
        result = outcome(changed)
        assert isinstance(result, str), f"{kind} has no effect"
        found[result] += 1
    return found


def change_behind_checksums(data: bytes, count: int, chance: random.Random) -> Counter[str]:
    """The same with checksums that are right again: what is accepted must be well-formed."""
    found: Counter[str] = Counter()
    places = segments(data)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        changed = change_segment(data, places, kind, chance) if number % 2 else change_front(data, kind, chance)
        result = outcome(changed)
        if isinstance(result, str):
            found[result] += 1
        else:
            check_form(changed)
            found["accepted"] += 1
    return found


def check_form(data: bytes) -> None:
    """Tensors agree with what the directory says of them, and indices with levels; AssertionError if not."""
    with hemp_codec.safe_open(data) as file:
        for name in file.keys():  # noqa: SIM118
            info, array = file.get_info(name), file.get_tensor(name)
            assert array.shape == info.shape
            if info.quantizer in ("codebook", "uniform"):
                indices, levels = file.get_indices(name), file.get_levels(name)
                assert indices.shape == info.shape
                assert not indices.size or indices.max() < len(levels)
                assert np.isfinite(levels.astype(np.float64)).all()
                assert levels[indices].tobytes() == array.tobytes()


def run(changes: int, seed: int) -> int:
    """All of this, with so many random changes in all of either sort; the exit status."""
    chance = random.Random(seed)
    single: Counter[str] = Counter()
    for name, data in small_files():
        single += change_every_byte(data, range(1, 256))
        print(f"{name}: every byte of {len(data)}", flush=True)
    print("changes of one byte:", sum(single.values()), dict(single), flush=True)
    files = [data for _, data in large_files()]
    each = -(-changes // len(files))
    damaged, repaired = Counter[str](), Counter[str]()
    for data in files:
        damaged += change_at_random(data, files, each, chance)
        repaired += change_behind_checksums(data, each, chance)
    print("random changes:", sum(damaged.values()), dict(damaged))
    print("random changes, checksums repaired:", sum(repaired.values()), dict(repaired))
    return 0

"""Classes of attack: for each format, files that were made of a valid one, or by hand."""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
from collections.abc import Callable

from attacks import bombs
from attacks.formats import Format

Attack = Callable[[Format], list[bytes]]
FLIPS, CUTS = 200, 20


def flipped_bit(target: Format) -> list[bytes]:
    """One bit of the file is another, at 200 places."""
    data, chance = target.valid, random.Random(1)
    places = [chance.randrange(8 * len(data)) for _ in range(FLIPS)]
    return [data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :] for at in places]


def cut_short(target: Format) -> list[bytes]:
    """The file ends too early, at 20 places."""
    return [target.valid[: len(target.valid) * part // CUTS] for part in range(CUTS)]


def longer(target: Format) -> list[bytes]:
    """Bytes follow the end of the file."""
    return [target.valid + extra for extra in (b"\0", b"\n", b"more" * 100)]


def two_halves(target: Format) -> list[bytes]:
    """The first half of the file, twice."""
    return [target.valid[: len(target.valid) // 2] * 2]


def noise(target: Format) -> list[bytes]:
    """Bytes at random behind the first 16."""
    chance = random.Random(2)
    return [target.valid[:16] + chance.randbytes(len(target.valid)) for _ in range(20)]


class _Runs:
    """Pickled, it is a call of ``os.write`` to the standard output, in place of anything worse."""

    def __reduce__(self) -> tuple[object, tuple[int, bytes]]:
        return os.write, (1, b"code of the file has run\n")


def code(target: Format) -> list[bytes]:
    """The file holds code that runs when it is loaded."""
    return [pickle.dumps({"w": _Runs()})] if target.name == "pickle" else []


def huge_claim(target: Format) -> list[bytes]:
    """The file says that something in it has 2^60 bytes."""
    if target.name == "HEMP":
        return [bombs.huge_front(), bombs.long_name(), bombs.one_level()]
    if target.name == "safetensors":
        header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 60], "data_offsets": [0, 4]}}).encode()
        return [struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", len(header)) + header + bytes(4)]
    return [b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"."] if target.name == "pickle" else []


def twice_one_name(target: Format) -> list[bytes]:
    """Two tensors of one name."""
    if target.name == "HEMP":
        record = bombs.record(b"w", 0, form=bombs.LOSSLESS)
        return [bombs.file(record, record)]
    if target.name == "safetensors":
        entry = '"w":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
        header = ("{" + entry % (0, 4) + "," + entry % (4, 8) + "}").encode()
        return [struct.pack("<Q", len(header)) + header + bytes(8)]
    return []


def overlap(target: Format) -> list[bytes]:
    """Two tensors claim the same bytes."""
    if target.name == "HEMP":
        return [bombs.overlapping()]
    if target.name == "safetensors":
        entry = '"%s":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
        header = ("{" + entry % "a" + "," + entry % "b" + "}").encode()
        return [struct.pack("<Q", len(header)) + header + bytes(4)]
    return []


ATTACKS: tuple[Attack, ...] = (
    code,
    flipped_bit,
    cut_short,
    longer,
    two_halves,
    noise,
    huge_claim,
    twice_one_name,
    overlap,
)

"""Files with chunks that no reader knows and every reader must skip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.vectors.accepted import Vector, grid, vector
from spec.vectors.arithmetic_encoder import arithmetic
from spec.vectors.files import codebook, lossless, metadata_chunk, source_chunk


def unknown(tag: int, content: bytes) -> dict[str, Any]:
    """A chunk."""
    return {"tag": tag, "content": content}


def vectors() -> Iterator[Vector]:
    """All of them."""
    plans = [
        lossless("a", "uint8", [3], b"\x01\x02\x03"),
        codebook("w", "float32", [2, 3], [0, 1, 2, 3, 2, 1], grid(4), arithmetic()),
    ]
    metadata, source = metadata_chunk({"a": "b"}), source_chunk(bytes(range(32)))
    cases: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "before": ("tag 0x80, before the metadata", [unknown(0x80, b"?"), metadata]),
        "after": ("tag 0xff, after the metadata", [metadata, unknown(0xFF, b"unknown")]),
        "empty": ("a chunk without content", [unknown(0x83, b"")]),
        "several": (
            "three of them, around the known ones",
            [unknown(t, b"x" * t) for t in (0x80, 0x83, 0xFE)] + [metadata, source],
        ),
        "all": (
            "every tag that is free",
            [metadata, source] + [unknown(t, bytes([t])) for t in (0x80, *range(0x83, 0x100))],
        ),
        "misleading": ("content that looks like a chunk", [unknown(0x83, b"\x01\x7f\x81\x00")]),
        "long": ("content of 300 bytes, whose size takes two bytes", [metadata, unknown(0x90, bytes(300))]),
    }
    for name, (about, chunks) in cases.items():
        yield vector(name, about, plans, chunks=chunks)
    yield vector("no-tensors", "a file with nothing but an unknown chunk", [], chunks=[unknown(0xC0, b"only")])

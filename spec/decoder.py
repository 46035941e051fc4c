#!/usr/bin/env python3
"""The executable specification as a decoder for conformance.py, and an example of one.

    python spec/conformance.py -- python spec/decoder.py

needs the project installed, or spec/ in PYTHONPATH and the packages construct and zstandard.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hemp_spec import SpecError, reference


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hexadecimal(text: str) -> str:
    return text.encode().hex() or "-"


def _index_bytes(indices: Sequence[int], num_levels: int) -> bytes:
    width = 1 if num_levels <= 256 else 2
    return b"".join(index.to_bytes(width, "little") for index in indices)


def lines(file: reference.File) -> Iterator[str]:
    """What vectors/README.md asks for."""
    for name, (dtype, shape, data) in file.tensors.items():
        indices = "-"
        if name in file.indices:
            indices = _sha256(_index_bytes(file.indices[name], len(file.levels[name])))
        dimensions = "x".join(map(str, shape)) or "scalar"
        yield f"tensor {dtype} {dimensions} {_sha256(data)} {indices} {_hexadecimal(name)}"
    for key, value in file.metadata.items():
        yield f"metadata {_hexadecimal(key)} {_hexadecimal(value)}"
    if file.source_hash is not None:
        yield f"source {file.source_hash.hex()}"


def main() -> int:
    """Decode the file that is named by the last argument."""
    try:
        file = reference.read(Path(sys.argv[-1]).read_bytes())
    except SpecError as error:
        print(f"error {error.code}")
        return 1
    for line in lines(file):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the vectors, their manifest and the generated section of format.md anew.

Run ``python -m spec.vectors.generate`` in the root of the repository, with the project installed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hemp_spec import SpecError, conformance, reference
from spec.vectors import accepted, dump, rejected, skipped

FOLDER = Path(__file__).parent
FORMAT_TEXT = FOLDER.parent / "format.md"


def entries() -> Iterator[tuple[dict[str, Any], bytes]]:
    """Entry in the manifest and content of each file; those that must be refused come first."""
    for bad in rejected.vectors():
        path = f"reject/{bad.name}.hemp"
        entry = {"path": path, "about": bad.about, "expect": "reject"}
        yield {**entry, "error": bad.error, "rule": bad.rule, **_place(bad.data)}, bad.data
    groups = [("accept", accepted.vectors()), ("accept", iter([dump.complete()])), ("skip", skipped.vectors())]
    for expect, vectors in groups:
        for vector in vectors:
            path = f"{expect}/{vector.name}.hemp"
            level = conformance.level_of(conformance.extent(reference.outline(vector.data)))
            entry = {"path": path, "about": vector.about, "expect": expect, "level": level}
            yield {**entry, **vector.expected}, vector.data


def _place(data: bytes) -> dict[str, Any]:
    """Where the broken rule is noticed."""
    try:
        reference.read(data)
    except SpecError as error:
        return {"offset": error.offset, "field": error.field}
    raise ValueError("a file that must be refused is valid")


def contents() -> dict[str, bytes]:
    """Every file of this folder that is made by a program, by its path."""
    manifest, files = [], {}
    for entry, data in entries():
        if entry["path"] in files:
            raise ValueError(f"two vectors are named {entry['path']}")
        manifest.append(entry)
        files[entry["path"]] = data
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in manifest)
    files["manifest.json"] = f"[\n{lines}\n]\n".encode()
    return files


def main() -> None:
    """Write all files, and remove vectors that no longer exist."""
    files = contents()
    for stale in FOLDER.glob("*/*.hemp"):
        if stale.relative_to(FOLDER).as_posix() not in files:
            stale.unlink()
    for path, data in files.items():
        target = FOLDER / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    FORMAT_TEXT.write_text(dump.replace_section(FORMAT_TEXT.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()

"""Corpora: folders of inputs while fuzzing, and one archive for each target in the repository."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

from tools.fuzz.targets import Target

ARCHIVES = Path(__file__).parent / "corpus"
MAX_ARCHIVE = 40_000


def archive(target: Target) -> Path:
    """The corpus of a target in the repository."""
    return ARCHIVES / f"{target.name}.zip"


def unpack(target: Target, folder: Path) -> list[Path]:
    """The inputs of the target's archive as files in ``folder``; none if there is no archive."""
    folder.mkdir(parents=True, exist_ok=True)
    if not archive(target).exists():
        return []
    with zipfile.ZipFile(archive(target)) as file:
        return [Path(file.extract(name, folder)) for name in file.namelist()]


def add(folder: Path, data: bytes) -> None:
    """Put an input into a folder, under the name by which libFuzzer would call it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def merge(program: Path, sources: list[Path], out: Path) -> None:
    """The smallest inputs of ``sources`` that together reach everything that all of them do, in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    command = [str(program), "-merge=1", "-rss_limit_mb=2048", str(out), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"merging failed:\n{done.stderr[-2000:]}")


def pack(target: Target, folder: Path) -> int:
    """Write the archive of a target, as many inputs as fit, of all sizes; how many there are in it.

    The smallest alone would be more, and reach less: their names are hashes, so their order is as good as any.
    """
    ARCHIVES.mkdir(exist_ok=True)
    paths = sorted(folder.iterdir())
    count = size = 0
    with zipfile.ZipFile(archive(target), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for path in paths:
            entry = zipfile.ZipInfo(path.name)  # of no date: equal inputs make an equal archive
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())
            size = file.fp.tell() if file.fp else 0
            count += 1
            if size > MAX_ARCHIVE:
                break
    return count

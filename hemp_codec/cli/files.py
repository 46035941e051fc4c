"""Opening what a command is given."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hemp_codec import checkpoints
from hemp_codec.cli.failures import concerning, usage
from hemp_codec.cli.text import escape


def open_checkpoint(path: Path) -> checkpoints.Checkpoint:
    """The checkpoint ``path``, its notes printed to stderr."""
    if not path.name.endswith(checkpoints.readable()):
        raise usage(f"{str(path)!r}: unknown ending of a checkpoint: use one of {' '.join(checkpoints.readable())}")
    with concerning(path):
        checkpoint = checkpoints.load(path)
    for line in checkpoint.notes:
        note(path, line)
    return checkpoint


def note(path: Path, line: str) -> None:
    """Tell the user, on stderr, what is no failure."""
    print(f"hemp: {escape(str(path))}: note: {escape(line)}", file=sys.stderr)


def checkpoint_size(path: Path) -> int:
    """Bytes of a checkpoint; of an index, those of the files that it names as well."""
    if path.suffix != ".json":
        return path.stat().st_size
    shards: set[str] = set(json.loads(path.read_bytes())["weight_map"].values())
    return sum(file.stat().st_size for file in (path, *(path.parent / shard for shard in shards)))

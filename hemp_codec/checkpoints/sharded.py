"""A Hugging Face sharded checkpoint: an index in JSON, and files beside it that hold the tensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hemp_codec.checkpoints.checkpoint import Checkpoint, LazyTensors
from hemp_codec.errors import FormatError, HempError

_MAX_INDEX_SIZE = 100_000_000


def load(path: Path, readers: Mapping[str, Callable[[Path], Checkpoint]]) -> Checkpoint:
    """Open the index ``path`` and the files that it names; ``readers`` by the ending of those files.

    The tensors are in the order of the index.  Metadata is what the files agree on.

    Raises:
        FormatError: the index is malformed, names a file that does not lie beside it, or differs from the files.
    """
    weight_map = _weight_map(path)
    shards = {name: _open(path.parent / name, readers) for name in sorted(set(weight_map.values()))}
    _check_contents(weight_map, shards)
    tensors: dict[str, Callable[[], np.ndarray]] = {
        name: partial(shards[shard].tensors.__getitem__, name) for name, shard in weight_map.items()
    }
    metadata, conflicts = _common_metadata(list(shards.values()))
    notes = tuple(f"{name}: {note}" for name, shard in shards.items() for note in shard.notes)
    if conflicts:
        notes += (f"metadata on which the files differ was left out: {', '.join(map(repr, conflicts))}",)
    return Checkpoint(LazyTensors(tensors), metadata, notes=notes)


def _weight_map(path: Path) -> dict[str, str]:
    """File name by tensor name, checked."""
    with path.open("rb") as file:
        text = file.read(_MAX_INDEX_SIZE + 1)
    if len(text) > _MAX_INDEX_SIZE:
        raise FormatError(f"not an index: larger than {_MAX_INDEX_SIZE} bytes")
    try:
        content = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the index is not valid JSON ({error}); check the download") from None
    weight_map = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(weight_map, dict):
        raise FormatError("the index has no 'weight_map'; check the download")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_plain_file_name(shard):
            raise FormatError(f"tensor {name!r} is said to be in {shard!r}, which is no file beside the index")
    return weight_map


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise FormatError(f"duplicate name {name!r} in the index; write it again", code="DUPLICATE_NAME")
        result[name] = value
    return result


def _is_plain_file_name(name: str) -> bool:
    """No separator of any system, drive, or step to another folder."""
    return name not in ("", ".", "..") and not any(char in name for char in "/\\:\0")


def _open(path: Path, readers: Mapping[str, Callable[[Path], Checkpoint]]) -> Checkpoint:
    reader = readers.get(path.suffix)
    if reader is None:
        raise FormatError(f"the index names {path.name!r}, whose ending is none of {' '.join(readers)}")
    try:
        return reader(path)
    except HempError as error:
        error.args = (f"{path.name}: {error}",)
        raise


def _check_contents(weight_map: Mapping[str, str], shards: Mapping[str, Checkpoint]) -> None:
    """Each tensor of the index is in its file, and each tensor of a file is in the index."""
    for name, shard in weight_map.items():
        if name not in shards[shard].tensors:
            raise FormatError(f"tensor {name!r} is not in {shard!r}, where the index has it", tensor=name)
    for shard, checkpoint in shards.items():
        for name in checkpoint.tensors:
            if weight_map.get(name) != shard:
                raise FormatError(f"tensor {name!r} of {shard!r} is not there in the index", tensor=name)


def _common_metadata(shards: list[Checkpoint]) -> tuple[dict[str, str], list[str]]:
    """The pairs on which all shards that have the key agree, and the other keys."""
    values: dict[str, set[str]] = {}
    for shard in shards:
        for key, value in shard.metadata.items():
            values.setdefault(key, set()).add(value)
    agreed = {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
    return agreed, sorted(set(values) - set(agreed))

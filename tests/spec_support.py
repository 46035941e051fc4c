"""The two readers, each giving a file's tensors in the same form, or the name of an error."""

from __future__ import annotations

from typing import Any

import numpy as np

import hemp_codec
from hemp_spec import SpecError, reference
from spec.vectors.files import index_bytes


def by_reference(data: bytes) -> dict[str, Any] | str:
    """By hemp_spec."""
    try:
        file = reference.read(data)
    except SpecError as error:
        return error.code
    tensors = {}
    for name, values in file.tensors.items():
        tensors[name] = (values.dtype, values.shape, values.data)
    indices = {name: index_bytes(values, len(file.levels[name])) for name, values in file.indices.items()}
    source = None if file.source_hash is None else file.source_hash.hex()
    return {"tensors": tensors, "indices": indices, "metadata": file.metadata, "source_hash": source}


def by_codec(data: bytes) -> dict[str, Any] | str:
    """By hemp_codec, through whole-file and lazy access."""
    try:
        whole = hemp_codec.decode(data)
        tensors, indices = {}, {}
        with hemp_codec.safe_open(data) as file:
            for name in file.keys():  # noqa: SIM118
                info = file.get_info(name)
                array = file.get_tensor(name)
                assert whole[name].dtype == array.dtype
                assert whole[name].tobytes() == array.tobytes()
                tensors[name] = (str(info.dtype), tuple(array.shape), array.tobytes())
                if info.quantizer in ("codebook", "uniform") and info.tied_to is None:
                    found = file.get_indices(name)
                    assert file.get_levels(name)[found].tobytes() == array.tobytes()
                    indices[name] = np.ascontiguousarray(found).tobytes()
            source = file.source_hash
            metadata = dict(file.metadata() or {})
    except hemp_codec.HempError as error:
        return str(error.code)
    return {
        "tensors": tensors,
        "indices": indices,
        "metadata": metadata,
        "source_hash": source.hex() if isinstance(source, bytes) else source,
    }

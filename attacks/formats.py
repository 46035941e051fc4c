"""HEMP and its peers as they are attacked: the same tensors in each one's own format, and what is read back."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import hemp_codec
from tools.bench.codecs import nncodec_codec, zipnn_codec
from tools.bench.datasets import IndexTensor


class Format(NamedTuple):
    """A format under attack.

    Attributes:
        name: in the table.
        valid: a file.
        read: the bytes of all tensors of a file.
    """

    name: str
    valid: bytes
    read: Callable[[bytes], bytes]


def tensors() -> dict[str, np.ndarray]:
    """Weights as they may come out of training: 3000 numbers of Laplace's distribution, 16 levels."""
    indices = np.random.default_rng(0).laplace(8, 2, (50, 60)).clip(0, 15).round()
    return {"w": indices.astype(np.float32)}


def joined(arrays: dict[str, np.ndarray]) -> bytes:
    """Names and bytes of all tensors."""
    return b"".join(name.encode() + str(array.shape).encode() + array.tobytes() for name, array in arrays.items())


def formats() -> list[Format]:
    """HEMP, pickle, and those of safetensors, NNCodec and ZipNN that are installed."""
    arrays = tensors()
    hemp = hemp_codec.encode(arrays, quantizer="lloyd-max:16")
    found = [Format("HEMP", hemp, lambda data: joined(hemp_codec.decode(data)))]
    found.append(Format("pickle", pickle.dumps(arrays), lambda data: joined(pickle.loads(data))))
    if importlib.util.find_spec("safetensors") is not None:
        from safetensors.numpy import load, save

        found.append(Format("safetensors", save(arrays), lambda data: joined(load(data))))
    signed = arrays["w"].astype(np.int32) - 8
    if (codec := nncodec_codec()) is not None:
        tensor = IndexTensor("w", signed, (signed + 8).astype(np.uint8), 16)
        found.append(Format("NNCodec", codec.encode(tensor), lambda data: codec.decode(data, tensor).tobytes()))
    if (bytes_codec := zipnn_codec(1, "float32")) is not None:
        payload = bytes_codec.encode(bytes_codec.prepare(arrays))
        found.append(Format("ZipNN", payload, lambda data: bytes(bytes_codec.decode(data))))
    return found

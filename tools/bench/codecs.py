"""What is compared: HEMP's coders and its peers, behind two small interfaces.

Peers are imported where they are used: a peer that is not installed is left out with a line.
"""

from __future__ import annotations

import importlib.util
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard

import hemp_codec
from hemp_codec.coders.base import Coder
from tools.bench.datasets import IndexTensor

# name in the table -> coder of hemp_codec
OPERATING_POINTS = {
    f"hemp {name}": name for name in ("arithmetic", "arithmetic-max", "rans") if name in hemp_codec.coders.names()
}
LOSSLESS_CODERS = ("arithmetic", "rans")
NNCODEC = "nncodec"
ZIPNN = "zipnn"
XZ_PRESET = 9 | lzma.PRESET_EXTREME


@dataclass(frozen=True)
class IndexCodec:
    """Codes the indices of one tensor; ``decode`` gets the tensor for its shape and number of levels alone.

    Attributes:
        name: in the table.
        encode: the payload.
        decode: the indices, signed or unsigned.
    """

    name: str
    encode: Callable[[IndexTensor], bytes]
    decode: Callable[[bytes, IndexTensor], np.ndarray]


@dataclass(frozen=True)
class FloatCodec:
    """Codes floating-point tensors without loss.

    Attributes:
        name: in the table.
        prepare: what ``encode`` takes, made anew before each run and outside its time.
        encode: the payload.
        decode: what ``contents`` turns into bytes.
        contents: all tensors' bytes, one after the other; outside the time of ``decode``.
    """

    name: str
    prepare: Callable[[Mapping[str, np.ndarray]], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    contents: Callable[[Any], bytes]


def hemp_coders() -> list[IndexCodec]:
    return [_hemp(name, hemp_codec.coders.get(coder)) for name, coder in OPERATING_POINTS.items()]


def _hemp(name: str, coder: Coder) -> IndexCodec:
    return IndexCodec(
        name,
        lambda tensor: coder.encode(tensor.unsigned, tensor.num_levels),
        lambda payload, tensor: coder.decode(payload, tensor.signed.shape, tensor.num_levels),
    )


def lzma_codec() -> IndexCodec:
    """The filter of ``xz -9e`` as a raw stream, one byte (two above 256 levels) an index."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": XZ_PRESET}]
    return IndexCodec(
        "lzma -9e",
        lambda tensor: lzma.compress(tensor.unsigned.tobytes(), lzma.FORMAT_RAW, filters=filters),
        lambda payload, tensor: _from_bytes(lzma.decompress(payload, lzma.FORMAT_RAW, filters=filters), tensor),
    )


def zstd_codec() -> IndexCodec:
    return IndexCodec(
        "zstd -19",
        lambda tensor: zstandard.ZstdCompressor(level=19).compress(tensor.unsigned.tobytes()),
        lambda payload, tensor: _from_bytes(zstandard.ZstdDecompressor().decompress(payload), tensor),
    )


def _from_bytes(data: bytes, tensor: IndexTensor) -> np.ndarray:
    return np.frombuffer(data, tensor.unsigned.dtype).reshape(tensor.signed.shape)


def nncodec_codec() -> IndexCodec | None:
    """DeepCABAC on given indices, with the defaults of ``nncodec.tensor.encode``; None if it is not installed.

    That is profile 1, row skipping, search of the context parameters, unary part of 11 bins, row scan.  Dependent
    quantization is off, as it is there for integers.  Its own headers are not counted.
    """
    if importlib.util.find_spec("nncodec") is None:
        return None
    from nncodec.extensions import deepCABAC

    unary_length, search, dependent, row_scan, profile, parent, row_skipping = 11, 1, 0, 0, 1, 0, 1
    history = (deepCABAC.HdspMode.AlwaysOff, np.zeros(2, np.int8))
    codebook = (0, 0)

    def encode(tensor: IndexTensor) -> bytes:
        rows = tensor.signed.reshape(len(tensor.signed), -1)
        empty_rows = (~rows.any(axis=1)).astype(np.int32)
        encoder = deepCABAC.Encoder()
        encoder.initCtxModels(unary_length, search)
        encoder.encodeLayer(
            tensor.signed, dependent, row_scan, profile, parent, row_skipping, empty_rows, *history, *codebook
        )
        return bytes(encoder.finish())

    def decode(payload: bytes, tensor: IndexTensor) -> np.ndarray:
        decoded = np.zeros(tensor.signed.shape, np.int32)
        decoder = deepCABAC.Decoder()
        decoder.setStream(np.frombuffer(payload, np.uint8))
        decoder.initCtxModels(unary_length)
        decoder.decodeLayer(decoded, dependent, row_scan, profile, parent, *history, *codebook)
        decoder.finish()
        return decoded

    return IndexCodec(NNCODEC, encode, decode)


def hemp_lossless(threads: int, coder: str) -> FloatCodec:
    """A whole `.hemp` file: names, directory and checksums are counted."""
    return FloatCodec(
        f"hemp lossless, {coder}",
        lambda tensors: {name: array.copy() for name, array in tensors.items()},  # as ZipNN needs a copy
        lambda tensors: hemp_codec.encode(tensors, coder=coder, threads=threads),
        lambda payload: hemp_codec.decode(payload, threads=threads),
        lambda tensors: _joined(tensors.values()),
    )


def zipnn_codec(threads: int, dtype: str) -> FloatCodec | None:
    """ZipNN on the bytes of all tensors at once, which is its best case; None if it is not installed."""
    if importlib.util.find_spec("zipnn") is None:
        return None
    from zipnn import ZipNN

    def codec() -> Any:
        return ZipNN(input_format="byte", bytearray_dtype=dtype, threads=threads)

    return FloatCodec(
        ZIPNN,
        lambda tensors: bytearray(_joined(tensors.values())),  # it changes its input in place
        lambda data: bytes(codec().compress(data)),
        lambda payload: codec().decompress(payload),
        bytes,
    )


def _joined(arrays: Any) -> bytes:
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def available(candidates: Sequence[Any], names: Sequence[str], say: Callable[[str], None]) -> list[Any]:
    """Those that are not None; of the others ``say`` gets a line."""
    for candidate, name in zip(candidates, names, strict=True):
        if candidate is None:
            say(f"{name} is not installed: left out (pip install '.[bench]')")
    return [candidate for candidate in candidates if candidate is not None]

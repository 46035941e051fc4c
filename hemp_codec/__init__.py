"""HEMP: compact files for neural-network weights.

    hemp_codec.save_file(tensors, "model.hemp", quantizer="lloyd-max:16")
    tensors = hemp_codec.load_file("model.hemp")
    with hemp_codec.safe_open("model.hemp") as file:
        weight = file.get_tensor("conv1.weight")

With no quantizer asked for, every tensor comes back bit for bit.
"""

from __future__ import annotations

from hemp_codec import coders, quantizers
from hemp_codec.errors import (
    ChecksumError,
    FormatError,
    HempError,
    LimitError,
    QuantizationError,
    UnsupportedError,
)
from hemp_codec.files import decode, load_file, safe_open, save_file
from hemp_codec.tensors import QuantizedTensor
from hemp_codec.writer import encode

__version__ = "0.1.0"

__all__ = [
    "ChecksumError",
    "FormatError",
    "HempError",
    "LimitError",
    "QuantizationError",
    "QuantizedTensor",
    "UnsupportedError",
    "__version__",
    "coders",
    "decode",
    "encode",
    "load_file",
    "quantizers",
    "safe_open",
    "save_file",
]

"""First step of writing: each tensor checked, tied or quantized."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from hemp_codec import _native, dtypes
from hemp_codec._indices import IndexSource, LosslessIndices, QuantizedIndices
from hemp_codec.coders import Coder
from hemp_codec.dtypes import DType
from hemp_codec.errors import HempError, LimitError, QuantizationError
from hemp_codec.quantizers import Codebook, Lossless, Parameters, Planes, Quantizer
from hemp_codec.quantizers.base import MAX_LEVELS
from hemp_codec.quantizers.lossless import element_bytes
from hemp_codec.rules import Rule, first_match
from hemp_codec.tensors import QuantizedTensor, check_shape, index_dtype

MAX_NAME_SIZE = 65535
_MIN_TIED_SIZE = 16  # below that a tie costs about what the bytes cost
_SAMPLE = 1 << 12
_LOSSLESS = Lossless()
_MAX_CANDIDATES = 4  # that a tensor is compared with: more look alike in files that are made for it only

Value = np.ndarray | QuantizedTensor


@dataclass(frozen=True)
class Tied:
    """Parameters of a tied tensor: the number of the record that has its elements."""

    record: int


class Prepared(NamedTuple):
    """A tensor ready to be recorded and coded.

    Attributes:
        name: UTF-8.
        dtype: element type.
        shape: its shape.
        parameters: of its quantizer.
        elements: their number.
        indices: of all planes; None if the tensor has no stream.
        num_levels: of each plane.
        coder: that was asked for.
    """

    name: bytes
    dtype: DType
    shape: tuple[int, ...]
    parameters: Parameters | Tied
    elements: int
    indices: IndexSource | None
    num_levels: int
    coder: Coder


class Preparer:
    """Prepares the tensors of one file, in their order.

    Args:
        quantizer: for tensors that no rule matches: lossy ones only for floating-point tensors of rank 2 and more.
        coder: for tensors whose rule names none.
        rules: the first match wins.
        tensors: all of them, by name; those that a later one looks like are asked for again.
    """

    def __init__(
        self, quantizer: Quantizer, coder: Coder, rules: tuple[Rule, ...], tensors: Mapping[str, Value]
    ) -> None:
        self._quantizer = quantizer
        self._coder = coder
        self._rules = rules
        self._tensors = tensors
        self._seen: dict[object, list[tuple[int, str]]] = {}
        self._count = 0

    def prepare(self, name: str, value: np.ndarray | QuantizedTensor) -> Prepared | Callable[[], Prepared]:
        """Check the next tensor and look for its tie; if it is to be quantized, what is given back does so, in any
        thread.

        Raises:
            HempError: name, dtype, shape or values cannot be stored; the message names the tensor.  What is given
                back raises it too.
        """
        number = self._count
        self._count += 1
        encoded = _encode_name(name)
        rule = first_match(self._rules, name)
        coder = rule.coder if rule and rule.coder else self._coder
        try:
            if isinstance(value, QuantizedTensor):
                return self._quantized(number, name, encoded, value, coder)
            return self._array(number, name, encoded, _as_array(value), rule, coder)
        except HempError as error:
            _name(error, name)
            raise

    def _quantized(self, number: int, name: str, encoded: bytes, value: QuantizedTensor, coder: Coder) -> Prepared:
        indices, levels = _check_quantized(value)
        dtype = dtypes.of(levels)
        check_shape(indices.shape, dtype.size)
        content = _quantized_content(indices, levels)
        tied = self._tie(number, name, indices.size * dtype.size, content, ("quantized", dtype.number, indices.size))
        parameters = Tied(tied) if tied is not None else Codebook(levels)
        source = QuantizedIndices(indices.reshape(-1))
        return _prepared(encoded, dtype, indices.shape, parameters, source, len(levels), coder)

    def _array(
        self, number: int, name: str, encoded: bytes, array: np.ndarray, rule: Rule | None, coder: Coder
    ) -> Prepared | Callable[[], Prepared]:
        dtype = dtypes.of(array)
        check_shape(array.shape, dtype.size)
        quantizer = self._choose(rule, dtype, array)
        data = element_bytes(array)
        tied = self._tie(number, name, data.nbytes, [data], (quantizer, dtype.number, array.size))
        if tied is not None:
            return _prepared(encoded, dtype, array.shape, Tied(tied), None, 0, coder)
        if isinstance(quantizer, Lossless):
            planes, source = Planes(dtype, array.shape), LosslessIndices(dtype, data)
            return _prepared(encoded, dtype, array.shape, planes, source, dtype.plane_levels, coder)
        return _naming(name)(partial(_quantize, encoded, dtype, array, quantizer, coder))

    def _choose(self, rule: Rule | None, dtype: DType, array: np.ndarray) -> Quantizer:
        if not dtype.quantizable or array.size == 0:
            return _LOSSLESS
        if rule:
            return rule.quantizer
        return self._quantizer if array.ndim >= 2 else _LOSSLESS

    def _tie(
        self, number: int, name: str, size: int, content: list[np.ndarray], kind: tuple[object, ...]
    ) -> int | None:
        """The earlier record of the same content (uint8, 1-D) and kind, or None.

        A checksum of a sample finds candidates; only comparing shows that one has the same content.
        """
        if size < _MIN_TIED_SIZE:
            return None
        candidates = self._seen.setdefault((kind, *map(_sample_checksum, content)), [])
        for earlier, earlier_name in candidates:
            others = _content(self._tensors[earlier_name])
            if len(others) == len(content) and all(map(np.array_equal, content, others)):
                return earlier
        if len(candidates) < _MAX_CANDIDATES:
            candidates.append((number, name))
        return None


def _sample_checksum(data: np.ndarray) -> int:
    """What mostly differs where ``data`` do: the CRC-32 of all bytes, or of some at both ends and in the middle."""
    if data.size <= 3 * _SAMPLE:
        return _native.crc32(data)
    middle = data.size // 2
    checksum = _native.crc32(data[:_SAMPLE])
    checksum = _native.crc32(data[middle : middle + _SAMPLE], checksum)
    return _native.crc32(data[-_SAMPLE:], checksum)


def _content(value: Value) -> list[np.ndarray]:
    """The bytes that make out a tensor: uint8, 1-D."""
    if isinstance(value, QuantizedTensor):
        return _quantized_content(*_check_quantized(value))
    return [element_bytes(_as_array(value))]


def _quantized_content(indices: np.ndarray, levels: np.ndarray) -> list[np.ndarray]:
    return [indices.reshape(-1).view(np.uint8), levels.view(np.uint8)]


def _quantize(name: bytes, dtype: DType, array: np.ndarray, quantizer: Quantizer, coder: Coder) -> Prepared:
    indices, parameters = quantizer.quantize(array)
    source = QuantizedIndices(np.asarray(indices, order="C").reshape(-1))
    return _prepared(name, dtype, array.shape, parameters, source, parameters.num_levels, coder)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Name the tensor in errors."""
    try:
        yield
    except HempError as error:
        _name(error, name)
        raise


def _name(error: HempError, name: str) -> None:
    error.args = (f"tensor {name!r}: {error}", *error.args[1:])
    error.tensor = name


def _prepared(
    name: bytes,
    dtype: DType,
    shape: tuple[int, ...],
    parameters: Parameters | Tied,
    indices: IndexSource | None,
    num_levels: int,
    coder: Coder,
) -> Prepared:
    streamless = isinstance(parameters, Tied) or num_levels == 1 or 0 in shape
    source = None if streamless else indices
    return Prepared(name, dtype, shape, parameters, math.prod(shape), source, num_levels, coder)


def _encode_name(name: str) -> bytes:
    if not isinstance(name, str):
        raise HempError(f"a tensor's name is text, not {name!r}", code="BAD_NAME")
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        raise HempError(f"tensor name {name!r} has surrogates; rename the tensor", code="BAD_NAME") from None
    if len(encoded) > MAX_NAME_SIZE:
        raise LimitError(
            f"tensor name {name[:40]!r}... takes {len(encoded)} bytes, at most {MAX_NAME_SIZE} are possible",
            code="LIMIT_EXCEEDED",
        )
    return encoded


def _as_array(value: object) -> np.ndarray:
    if not isinstance(value, (np.ndarray, np.generic)):
        raise HempError(f"a {type(value).__name__} is neither a numpy array nor a QuantizedTensor; convert it")
    return np.asarray(value)


def _check_quantized(value: QuantizedTensor) -> tuple[np.ndarray, np.ndarray]:
    """Indices as ``index_dtype`` in C order, and little-endian levels."""
    levels = _check_levels(np.asarray(value.levels))
    indices = np.asarray(value.indices, order="C")
    if indices.dtype.kind not in "iu":
        raise QuantizationError(f"indices are {indices.dtype}; give integers from 0 to {len(levels) - 1}")
    if indices.size and (indices.min() < 0 or indices.max() >= len(levels)):
        raise QuantizationError(
            f"indices from {indices.min()} to {indices.max()} where there are {len(levels)} levels; "
            "each must be below the number of levels",
            code="BAD_INDEX",
        )
    return indices.astype(index_dtype(len(levels)), copy=False), levels


def _check_levels(levels: np.ndarray) -> np.ndarray:
    if levels.ndim != 1 or not 1 <= len(levels) <= MAX_LEVELS:
        raise QuantizationError(
            f"levels have shape {levels.shape}; give one dimension of 1 to {MAX_LEVELS}", code="BAD_LEVELS"
        )
    dtype = dtypes.of(levels)
    if not dtype.quantizable:
        raise QuantizationError(f"levels are {dtype.name}; give float16, bfloat16, float32 or float64")
    levels = element_bytes(levels).view(dtype.numpy)
    wide = levels.astype(np.float64)
    if not np.isfinite(wide).all():
        raise QuantizationError("levels are NaN or infinite; every level must be finite", code="BAD_LEVELS")
    if (wide[1:] < wide[:-1]).any():
        raise QuantizationError(
            "levels are not in ascending order; sort them and renumber the indices: order = np.argsort(levels); "
            "levels, indices = levels[order], np.argsort(order)[indices]",
            code="BAD_LEVELS",
        )
    return levels

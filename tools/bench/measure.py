"""Times and sizes: every codec in turn, round after round, on given processor cores."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from tools.bench.codecs import FloatCodec, IndexCodec
from tools.bench.datasets import IndexTensor


_WARMED = 2.0  # seconds


@dataclass
class Timing:
    """Size and the seconds of each round of one codec.

    Attributes:
        codec: its name.
        size: bytes.
        encode: seconds of each round.
        decode: seconds of each round.
    """

    codec: str
    size: int = 0
    encode: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)

    @property
    def encode_seconds(self) -> float:
        return median(self.encode)

    @property
    def decode_seconds(self) -> float:
        return median(self.decode)

    @property
    def spent(self) -> float:
        return sum(self.encode) + sum(self.decode)


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: at most; the median of them is reported.
        seconds: a codec that has taken this long is left out of further rounds.
    """

    rounds: int
    seconds: float


class WrongResult(Exception):
    """A codec does not give back what it was given."""


@contextmanager
def pinned(count: int) -> Iterator[None]:
    """Run on ``count`` of the cores that this process may use, where the system lets a process choose."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def indices(codecs: Sequence[IndexCodec], tensors: Sequence[IndexTensor], effort: Effort) -> list[Timing]:
    """A round codes all tensors one after the other with one codec, then with the next; on one core."""
    timings = [Timing(codec.name) for codec in codecs]
    with pinned(1):
        for round_number in range(effort.rounds):
            for codec, timing in zip(codecs, timings, strict=True):
                if round_number == 0 or timing.spent < effort.seconds:
                    _index_round(codec, tensors, timing, check=round_number == 0)
    return timings


def _index_round(codec: IndexCodec, tensors: Sequence[IndexTensor], timing: Timing, check: bool) -> None:
    encoding, decoding, size = 0.0, 0.0, 0
    for tensor in tensors:
        start = time.perf_counter()
        payload = codec.encode(tensor)
        encoded = time.perf_counter()
        decoded = codec.decode(payload, tensor)
        decoding += time.perf_counter() - encoded
        encoding += encoded - start
        size += len(payload)
        if check and not _same(decoded, tensor):
            raise WrongResult(f"{codec.name} does not give back the indices of {tensor.name}")
    timing.size = size
    timing.encode.append(encoding)
    timing.decode.append(decoding)


def _same(decoded: np.ndarray, tensor: IndexTensor) -> bool:
    expected = tensor.signed if np.issubdtype(decoded.dtype, np.signedinteger) else tensor.unsigned
    return bool(np.array_equal(decoded, expected))


def floats(
    codecs: Sequence[FloatCodec], tensors: Mapping[str, np.ndarray], threads: int, effort: Effort
) -> list[Timing]:
    """A round codes the whole checkpoint with one codec, then with the next; on as many cores as threads."""
    timings = [Timing(codec.name) for codec in codecs]
    expected = b"".join(array.tobytes() for array in tensors.values())
    with pinned(threads):
        for round_number in range(effort.rounds):
            for codec, timing in zip(codecs, timings, strict=True):
                if round_number == 0 or timing.spent < effort.seconds:
                    _float_round(codec, tensors, timing, expected if round_number == 0 else None)
    return timings


def _float_round(codec: FloatCodec, tensors: Mapping[str, np.ndarray], timing: Timing, expected: bytes | None) -> None:
    prepared = codec.prepare(tensors)
    if timing.spent < _WARMED:  # else what the codec before left of caches and memory hardly counts
        codec.decode(codec.encode(prepared))
        prepared = codec.prepare(tensors)
    start = time.perf_counter()
    payload = codec.encode(prepared)
    encoded = time.perf_counter()
    decoded = codec.decode(payload)
    timing.decode.append(time.perf_counter() - encoded)
    timing.encode.append(encoded - start)
    timing.size = len(payload)
    if expected is not None and codec.contents(decoded) != expected:
        raise WrongResult(f"{codec.name} does not give back the bytes of the checkpoint")

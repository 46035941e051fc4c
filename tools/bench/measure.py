"""Times and sizes: every codec in turn, round after round, on given processor cores."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median

import numpy as np

from tools.bench.codecs import FloatCodec, IndexCodec
from tools.bench.datasets import IndexTensor

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _ALL = -1, -3, 1 << 30  # of mallopt


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
        rounds: of index tensors, at most; the median of them is reported.
        checkpoint_rounds: of whole checkpoints: they are short, so that moods of the machine differ more.
        seconds: a codec that has taken this long is left out of further rounds.
    """

    rounds: int
    checkpoint_rounds: int
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
    """A round codes the whole checkpoint with one codec, then with the next; on as many cores as threads.

    Each codec has a process of its own, where the system can fork, and keeps the memory that it has had: what another
    one left of it, or made the allocator do, is not its merit.
    """
    timings = [Timing(codec.name) for codec in codecs]
    with pinned(threads):
        workers = [_Worker(codec, tensors) for codec in codecs]
        for _ in range(effort.checkpoint_rounds):
            for worker, timing in zip(workers, timings, strict=True):
                if not timing.encode or timing.spent < effort.seconds:
                    worker.measure(timing)
        for worker in workers:
            worker.end()
    return timings


class _Worker:
    """Whoever measures one codec."""

    def __init__(self, codec: FloatCodec, tensors: Mapping[str, np.ndarray]) -> None:
        can_fork = "fork" in multiprocessing.get_all_start_methods()
        start = multiprocessing.get_context("fork").Process if can_fork else threading.Thread
        self._pipe, other = multiprocessing.Pipe()
        serve = _serve_alone if can_fork else _serve
        self._runner = start(target=serve, args=(codec, tensors, other), daemon=True)
        self._runner.start()
        if can_fork:
            other.close()  # here: so that a process that is killed ends the wait for its answer
        self._answer()

    def _answer(self) -> tuple[float, float, int]:
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def measure(self, timing: Timing) -> None:
        """Add a round."""
        self._pipe.send(True)
        encoding, decoding, timing.size = self._answer()
        timing.encode.append(encoding)
        timing.decode.append(decoding)

    def end(self) -> None:
        self._pipe.send(False)
        self._runner.join()


def _serve_alone(codec: FloatCodec, tensors: Mapping[str, np.ndarray], pipe: Connection) -> None:
    """In a process whose malloc keeps what is freed, if it is that of glibc: else chance says whether the top of the
    memory is given back after a round, and paid for again in the next."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _ALL)
        mallopt(_M_MMAP_THRESHOLD, _ALL)
    _serve(codec, tensors, pipe)


def _serve(codec: FloatCodec, tensors: Mapping[str, np.ndarray], pipe: Connection) -> None:
    """A first round, which is checked, at once; then one whenever it is asked for."""
    try:
        pipe.send(_float_round(codec, tensors, check=True))
        while pipe.recv():
            pipe.send(_float_round(codec, tensors, check=False))
    except Exception as error:  # whatever it is, whoever waits shall know
        pipe.send(error)


def _float_round(codec: FloatCodec, tensors: Mapping[str, np.ndarray], *, check: bool) -> tuple[float, float, int]:
    """Seconds of encoding and of decoding, and the size in bytes."""
    prepared = codec.prepare(tensors)
    start = time.perf_counter()
    payload = codec.encode(prepared)
    encoded = time.perf_counter()
    decoded = codec.decode(payload)
    end = time.perf_counter()
    if check and codec.contents(decoded) != b"".join(array.tobytes() for array in tensors.values()):
        raise WrongResult(f"{codec.name} does not give back the bytes of the checkpoint")
    return encoded - start, end - encoded, len(payload)

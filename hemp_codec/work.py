"""The limit on the work that one call does (spec/format.md, 8.1)."""

from __future__ import annotations

import threading

from hemp_codec import _native
from hemp_codec.errors import LimitError


class Work:
    """Counts what the payloads that one call decodes cost, in any number of threads.

    Args:
        limit: the most that it may be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._done = 0
        self._lock = threading.Lock()

    @property
    def done(self) -> int:
        """What has been counted."""
        return self._done

    def add(self, coder: int, payload: memoryview, elements: int) -> None:
        """Count a payload that is about to be decoded; LimitError if it is too much."""
        work = _native.payload_work(coder, payload, elements)
        if work == 0:
            return
        with self._lock:
            self._done += work
            if self._done <= self._limit:
                return
        raise LimitError(
            f"decoding takes as long as {self._done} symbols in the quickest mode of the coder, more than max_output, "
            f"{self._limit}; raise that limit if you trust the file",
            code="LIMIT_EXCEEDED",
        )

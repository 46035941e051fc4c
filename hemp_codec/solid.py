"""Decoded solid streams are kept for a while: their tensors are mostly asked for one after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from hemp_codec.segments import Planes

_KEPT_BYTES = 1 << 24


class SolidCache:
    """The planes of the tensors of the streams used last, for any number of threads.

    At least one stream is kept, and more of them up to 16 MiB.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: OrderedDict[int, Mapping[str, Planes]] = OrderedDict()
        self._size = 0

    def get(self, number: int, decode: Callable[[], Mapping[str, Planes]]) -> Mapping[str, Planes]:
        """Planes by name of tensor of stream ``number``; ``decode`` gives them if they are not kept."""
        with self._lock:
            if number in self._streams:
                self._streams.move_to_end(number)
                return self._streams[number]
        stream = decode()
        with self._lock:
            if number not in self._streams:
                self._streams[number] = stream
                self._size += _size(stream)
            while self._size > _KEPT_BYTES and len(self._streams) > 1:
                _, dropped = self._streams.popitem(last=False)
                self._size -= _size(dropped)
        return stream

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._streams.clear()
            self._size = 0


def _size(stream: Mapping[str, Planes]) -> int:
    return sum(plane.nbytes for planes in stream.values() for plane in planes)

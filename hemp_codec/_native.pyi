"""libhemp for Python.

Every call that works on data releases the GIL.  A broken rule of the format raises the class of ``hemp_codec.errors``
for its status, with ``code`` and, in the directory, ``offset``.  Wrong arguments raise ValueError.
"""

from collections.abc import Callable, Sequence

import numpy as np

from hemp_codec.tensors import Part

Data = bytes | bytearray | memoryview | np.ndarray

LosslessTask = tuple[int, int, Data, Sequence[np.ndarray]]
"""Number of a stream, number of a segment in it, its bytes, room for the elements of each part as uint8."""

LosslessSegment = tuple[int, list[tuple[Data, int, int]], int | None]
"""Number of the dtype, any but bool; for each part its little-endian elements, the elements of a row of its tensor, and
the number of its first; the planes to be coded, or None."""

FRONT_PREFIX: int
"""Bytes from the beginning of a file that ``front_size`` needs, at most."""

def stored_decode(payload: Data, parts: Sequence[Part]) -> list[np.ndarray]:
    """For each part its indices: a 1-D array of uint8 up to 256 levels, else uint16."""

def rans_decode(payload: Data, parts: Sequence[Part]) -> list[np.ndarray]:
    """As ``stored_decode``."""

def arithmetic_decode(payload: Data, parts: Sequence[Part]) -> list[np.ndarray]:
    """As ``stored_decode``."""

def stored_encode(indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
    """The payload of one contiguous array for each part, as ``stored_decode`` gives them."""

def rans_encode(indices: Sequence[np.ndarray], parts: Sequence[Part]) -> bytes:
    """As ``stored_encode``."""

def arithmetic_encode(indices: Sequence[np.ndarray], parts: Sequence[Part], mode: int) -> bytes:
    """As ``stored_encode``."""

def rans_estimate(indices: Sequence[np.ndarray], parts: Sequence[Part]) -> float:
    """Bits of the payload that ``rans_encode`` makes, to within some tens, from its tables alone."""

def arithmetic_estimate(indices: Sequence[np.ndarray], parts: Sequence[Part], mode: int) -> float:
    """About the bits of the payload that ``arithmetic_encode`` makes, without making it."""

def payload_work(coder: int, payload: Data, elements: int) -> int:
    """What decoding a payload counts for the limit on work (spec/format.md, 8.1)."""

def stored_size(parts: Sequence[Part]) -> int:
    """Bytes of the payload that ``stored_encode`` makes of these parts."""

def planes_split(dtype_number: int, data: Data, elements: int) -> list[np.ndarray]:
    """The planes of ``elements`` little-endian elements: one uint8 array of shape (elements,) for each byte."""

def planes_join(dtype_number: int, planes: Sequence[np.ndarray]) -> np.ndarray:
    """The bytes of the little-endian elements, as uint8 of shape (elements * size of an element,)."""

def planes_join_into(dtype_number: int, planes: Sequence[np.ndarray], out: Data) -> None:
    """As ``planes_join``, into a writable contiguous buffer of exactly that size."""

class Workspace:
    """Memory for one call after the other of the functions that take it, not for two at a time."""

def lossless_promising(segment: LosslessSegment) -> int:
    """The planes of a lossless segment that promise to become smaller, as a bit mask."""

def lossless_estimate(segment: LosslessSegment) -> int:
    """About the bytes of such a segment."""

def lossless_group(tensors: LosslessSegment) -> list[bool]:
    """Which of several tensors had better begin a stream, since those before are too different for one table."""

class LosslessEncoder:
    """Codes lossless segments in so many threads, while Python goes on; the caller's is one, which asks for results."""

    def __init__(self, threads: int) -> None: ...
    def begin(self, segments: list[LosslessSegment]) -> None:
        """Have one of the threads code these."""

    def collect(self) -> tuple[list[tuple[int, int, int]], np.ndarray]:
        """Of the segments begun first: for each the planes that ``rans`` codes, its size and its CRC-32; and the bytes
        of all, as uint8.  Where no planes were stated they are those that become smaller."""

def optimal_cuts(means: np.ndarray, weights: np.ndarray, num_levels: int, pin_zero: bool) -> list[int]:
    """Cuts of ascending float64 points into cells of the least weighted squared error: num_levels + 1 positions."""

def join(pieces: list[Data], threads: int) -> bytes:
    """All pieces, one behind the other, copied by at most so many threads."""

def crc32(data: Data, crc: int = 0) -> int:
    """CRC-32 as in zlib, continued from ``crc``."""

def front_size(prefix: Data, limit: int) -> int:
    """Bytes of a file up to the end of its front, from its first ``FRONT_PREFIX`` bytes (or all, if it is shorter)."""

class Directory:
    """The checked front of a file.

    Args:
        front: the first ``front_size(...)`` bytes of the file.
        file_size: bytes of the whole file; None if that is not known.
    """

    def __init__(self, front: bytes, file_size: int | None) -> None: ...
    def names(self) -> list[str]:
        """Names of all tensors, in the order of the file."""

    def tensor(
        self, number: int
    ) -> tuple[str, int, tuple[int, ...], int, int, int, int, int, int, int | None, int, int | None]:
        """name, dtype, shape, elements, quantizer, num_levels, levels_type, levels_offset, uniform_offset, stream,
        stream_start, source: the fields of ``hemp_tensor``."""

    def stream(self, number: int) -> tuple[int, int, int, int, int, int, int, bool]:
        """coder, coded_planes, planes, first_segment, segment_count, elements, opener, solid."""

    def segment(self, number: int) -> tuple[int, int, int]:
        """offset in the file, size in bytes, checksum."""

    def stream_tensors(self, number: int) -> list[int]:
        """Numbers of the tensors of a stream, in the order of the file."""

    def stream_size(self, number: int) -> int:
        """Bytes of all segments of a stream."""

    def all_in_streams(self) -> bool:
        """Whether no tensor that has elements is tied or has one level only."""

    def arithmetic_symbols(self) -> int:
        """No more than so many symbols are coded by the coder ``arithmetic``."""

    def decoded_size(self) -> int:
        """Bytes of all tensors when decoded; 2**64 - 1 stands for that and more."""

    def metadata(self) -> dict[str, str]:
        """Metadata, sorted by key."""

    def source_hash(self) -> bytes | None:
        """SHA-256 of the file from which this one was made."""

    @property
    def front(self) -> bytes: ...
    @property
    def tensor_count(self) -> int: ...
    @property
    def stream_count(self) -> int: ...
    @property
    def segment_count(self) -> int: ...
    @property
    def body_offset(self) -> int: ...
    @property
    def segment_elements(self) -> int: ...

def allocate_arrays(
    directory: Directory, empty: Callable[..., np.ndarray], array: Callable[..., np.ndarray], dtypes: list[np.dtype]
) -> list[np.ndarray]:
    """For each tensor an array of its shape and of that of the ``dtypes`` which has its number: ``empty`` of both, or,
    in a block of bytes that ``empty`` gave, ``array`` of both, the block and an offset."""

def decode_lossless(directory: Directory, workspace: Workspace, tasks: list[LosslessTask]) -> int:
    """Check and decode segments of lossless streams of any dtype but bool, coded by ``stored``, ``arithmetic`` or
    ``rans``; the number of those before one that cannot be decoded."""

class Load:
    """The segments of all tensors that libhemp decodes by itself, in the order of the file.

    Args:
        directory: of the file.
        arrays: one for each tensor, C-contiguous and of its size; those of other tensors are left alone.
    """

    def __init__(self, directory: Directory, arrays: list[np.ndarray]) -> None: ...
    def batches(self, bytes: int, threads: int) -> list[tuple[int, int, int, int, int]]:
        """Numbers of segments, begin and end, their bytes when decoded, and the part of the file that has them, its
        offset and size.  A batch ends when it has so many bytes of the file, or so many decoded for each thread."""

    def run(self, begin: int, end: int, data: Data, offset: int, threads: int) -> bool:
        """Check and decode these segments in so many threads; whether none is damaged.  ``data`` is what the file has
        from ``offset`` on."""

    def streams(self) -> list[int]:
        """Numbers of the streams of the segments."""

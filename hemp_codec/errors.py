"""The errors of this package, and the status numbers of the format (spec/format.md, section 9)."""

from __future__ import annotations


class HempError(Exception):
    """What is wrong with a file or with what was asked for.

    Attributes:
        code: name of the broken rule as in spec/format.md, section 9, such as ``"BAD_SHAPE"``, or None.
        tensor: name of the tensor concerned, or None.
        offset: offset of the byte concerned in the file, or None.
    """

    def __init__(
        self, message: str, *, code: str | None = None, tensor: str | None = None, offset: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.tensor = tensor
        self.offset = offset


class FormatError(HempError):
    """The bytes are not a valid file."""


class ChecksumError(FormatError):
    """The bytes are damaged: a checksum differs."""


class LimitError(HempError):
    """Decoding would take more than the caller allows, or more than the format does."""


class UnsupportedError(HempError):
    """The file may be valid, but uses what this version does not know."""


class QuantizationError(HempError, ValueError):
    """An array that the chosen quantizer cannot take: NaN, infinities, or a dtype without fractions."""


# Number, name and class of every status; the order of spec/format.md.
STATUSES: tuple[tuple[int, str, type[HempError]], ...] = (
    (1, "BAD_SIGNATURE", FormatError),
    (2, "BAD_VERSION", UnsupportedError),
    (3, "TRUNCATED", FormatError),
    (4, "TRAILING_BYTES", FormatError),
    (5, "FRONT_CHECKSUM", ChecksumError),
    (6, "SEGMENT_CHECKSUM", ChecksumError),
    (7, "LIMIT_EXCEEDED", LimitError),
    (8, "BAD_FRONT", FormatError),
    (9, "BAD_VARINT", FormatError),
    (10, "BAD_NAME", FormatError),
    (11, "DUPLICATE_NAME", FormatError),
    (12, "BAD_FORM", FormatError),
    (13, "BAD_DTYPE", FormatError),
    (14, "UNSUPPORTED_DTYPE", UnsupportedError),
    (15, "BAD_SHAPE", FormatError),
    (16, "BAD_QUANTIZER", FormatError),
    (17, "UNSUPPORTED_QUANTIZER", UnsupportedError),
    (18, "BAD_LEVELS", FormatError),
    (19, "BAD_STREAM", FormatError),
    (20, "BAD_CHUNK", FormatError),
    (21, "UNKNOWN_CRITICAL_CHUNK", UnsupportedError),
    (22, "BAD_METADATA", FormatError),
    (23, "UNSUPPORTED_CODER", UnsupportedError),
    (24, "BAD_PAYLOAD", FormatError),
    (25, "BAD_INDEX", FormatError),
)
STATUS_CLASSES: dict[int, type[HempError]] = {number: error for number, _, error in STATUSES}
STATUS_NAMES: dict[int, str] = {number: name for number, name, _ in STATUSES}

"""Section 9: the errors."""

from __future__ import annotations

# Number, name and class of every error.
ERRORS: tuple[tuple[int, str, str], ...] = (
    (1, "BAD_SIGNATURE", "format"),
    (2, "BAD_VERSION", "unsupported"),
    (3, "TRUNCATED", "format"),
    (4, "TRAILING_BYTES", "format"),
    (5, "FRONT_CHECKSUM", "checksum"),
    (6, "SEGMENT_CHECKSUM", "checksum"),
    (7, "LIMIT_EXCEEDED", "limit"),
    (8, "BAD_FRONT", "format"),
    (9, "BAD_VARINT", "format"),
    (10, "BAD_NAME", "format"),
    (11, "DUPLICATE_NAME", "format"),
    (12, "BAD_FORM", "format"),
    (13, "BAD_DTYPE", "format"),
    (14, "UNSUPPORTED_DTYPE", "unsupported"),
    (15, "BAD_SHAPE", "format"),
    (16, "BAD_QUANTIZER", "format"),
    (17, "UNSUPPORTED_QUANTIZER", "unsupported"),
    (18, "BAD_LEVELS", "format"),
    (19, "BAD_STREAM", "format"),
    (20, "BAD_CHUNK", "format"),
    (21, "UNKNOWN_CRITICAL_CHUNK", "unsupported"),
    (22, "BAD_METADATA", "format"),
    (23, "UNSUPPORTED_CODER", "unsupported"),
    (24, "BAD_PAYLOAD", "format"),
    (25, "BAD_INDEX", "format"),
)


Value = int | str | None
"""What stands in a file where something else should."""


class SpecError(Exception):
    """A rule that a file breaks.

    Attributes:
        code: name of the error, as in section 9.
        offset: offset in the file of the first byte of what breaks the rule.
        field: path of the field, such as ``tensors[3].dimensions``; names are those of the text.
        rule: number of the section that states the rule, such as ``4.2`` or ``coders 6.2``.
        message: what is wrong, in one line.
        value: what was found; None where there is nothing to show.
    """

    def __init__(self, code: str, offset: int, field: str, message: str, rule: str = "", value: Value = None) -> None:
        super().__init__(f"{code} at byte {offset} ({field}): {message} (rule {rule})")
        self.code = code
        self.offset = offset
        self.field = field
        self.rule = rule
        self.message = message
        self.value = value

    def moved(self, base: int, field: str) -> SpecError:
        """The same error seen from the file: ``base`` is the offset of what it counted from, ``field`` its path."""
        path = f"{field}.{self.field}" if self.field else field
        return SpecError(self.code, self.offset + base, path, self.message, self.rule, self.value)

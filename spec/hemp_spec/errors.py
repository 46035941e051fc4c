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


# Sections that state the rules of each error, as far as they have a number.
SECTIONS: dict[str, str] = {
    "BAD_SIGNATURE": "2",
    "BAD_VERSION": "2, 2.3",
    "TRUNCATED": "2.1, 2.2",
    "TRAILING_BYTES": "2.2",
    "FRONT_CHECKSUM": "2.1",
    "SEGMENT_CHECKSUM": "6.5",
    "LIMIT_EXCEEDED": "2.1, 3, 4, 4.3, 8",
    "BAD_FRONT": "3.1",
    "BAD_VARINT": "1.4",
    "BAD_NAME": "4.1",
    "DUPLICATE_NAME": "4.1",
    "BAD_FORM": "4.2",
    "BAD_DTYPE": "4.2",
    "UNSUPPORTED_DTYPE": "4.4",
    "BAD_SHAPE": "4.3",
    "BAD_QUANTIZER": "5.2, 5.3, 5.4",
    "UNSUPPORTED_QUANTIZER": "5.4",
    "BAD_LEVELS": "5.2, 5.3",
    "BAD_STREAM": "2.2, 6.2, 6.3",
    "BAD_CHUNK": "7, 7.2",
    "UNKNOWN_CRITICAL_CHUNK": "7",
    "BAD_METADATA": "7.1",
    "UNSUPPORTED_CODER": "6.6",
    "BAD_PAYLOAD": "6.5, coders.md",
    "BAD_INDEX": "coders 1.4",
}

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

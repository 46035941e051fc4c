"""coders.md, section 1: what holds for every coder."""

from __future__ import annotations

from collections.abc import Sequence

from hemp_spec.directory import Part
from hemp_spec.errors import SpecError, Value


def bad_payload(offset: int, message: str, rule: str, value: Value = None) -> SpecError:
    """The error BAD_PAYLOAD."""
    return SpecError("BAD_PAYLOAD", offset, "payload", message, f"coders {rule}", value)


def sequence_sizes(parts: Sequence[Part]) -> list[int]:
    """How many indices of each part stand in the sequence (1.5, 1.6)."""
    return [part.size if part.num_levels > 1 else 0 for part in parts]


def check_index(index: int, part: Part, offset: int) -> None:
    """Section 1.4."""
    if index >= part.num_levels:
        message = f"index {index} is not below {part.num_levels}"
        raise SpecError("BAD_INDEX", offset, "payload", message, "coders 1.4", index)


def split_sequence(sequence: Sequence[int], parts: Sequence[Part]) -> list[list[int]]:
    """The indices of each part; zeros for parts of one level (1.5)."""
    result, start = [], 0
    for part, size in zip(parts, sequence_sizes(parts), strict=True):
        indices = list(sequence[start : start + size]) if size else [0] * part.size
        for index in set(indices):
            check_index(index, part, 0)
        result.append(indices)
        start += size
    return result


def refuse_bytes(payload: bytes, rule: str) -> None:
    """Section 1.5: the payload of an empty sequence is empty."""
    if payload:
        raise bad_payload(0, f"{len(payload)} bytes for an empty sequence", rule, len(payload))

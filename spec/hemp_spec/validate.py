"""Every broken rule of a file, as far as one can be told from another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from hemp_spec import reference
from hemp_spec.errors import SpecError


class Fault(NamedTuple):
    """One broken rule; the fields are those of `SpecError`."""

    code: str
    offset: int
    field: str
    rule: str
    message: str


def faults(data: bytes, decode: bool | Literal["structure"] = True) -> Iterator[Fault]:
    """The faults of a file, in the order in which they are met; none if it is valid.

    After a fault the search goes on where the rest can still be understood: within the front, unless sizes are lost,
    and from segment to segment.  Nothing of a front whose checksum differs is looked at, and no segment is decoded if
    there was a fault in the front.

    Args:
        data: the whole file.
        decode: True: decode every payload.  False or ``"structure"``: only structures and checksums, which is fast.
    """
    found: list[SpecError] = []
    _collect(data, decode is True, found)
    for error in found:
        yield Fault(error.code, error.offset, error.field, error.rule, error.message)


def _collect(data: bytes, decode: bool, found: list[SpecError]) -> None:
    try:
        file = reference.outline(data, report=found.append)
    except SpecError as error:
        found.append(error)
        return
    decode = decode and not found
    try:
        reference.check_end(file)
        if decode:
            reference.check_output(file, reference.output_limit(data))
    except SpecError as error:
        found.append(error)
        decode = decode and error.code == "TRAILING_BYTES"
    if decode:
        reference.decode_streams(file, report=found.append)
    else:
        _check_segments(file, found)


def _check_segments(file: reference.Outline, found: list[SpecError]) -> None:
    """The checksums of the segments that are there."""
    for _, _, segment, offset in file.segments():
        if offset + segment.size > len(file.data):
            return
        try:
            reference.segment_data(file, segment, offset)
        except SpecError as error:
            found.append(error)

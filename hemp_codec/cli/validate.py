"""``hemp validate``: every structure and stream of ``.hemp`` files against the specification."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hemp_codec
from hemp_codec.cli import text
from hemp_codec.cli.failures import DONE, INVALID, Failure, concerning
from hemp_codec.errors import HempError

if TYPE_CHECKING:
    from hemp_spec.validate import Fault

_CHECKSUM = "SEGMENT_CHECKSUM"
# Sections that state what decoding a stream can break.
_RULES = {
    "BAD_PAYLOAD": "format.md 6.5",
    "BAD_INDEX": "coders.md 1.4",
    "LIMIT_EXCEEDED": "format.md 8.1",
    "UNSUPPORTED_CODER": "format.md 6.6",
}


@dataclass(frozen=True)
class Finding:
    """One fault of one file.

    Attributes:
        file: the file.
        offset: of the byte concerned, or None if the fault concerns no single one.
        field: name in spec/format.md.
        code: name of the error in spec/format.md, section 9.
        message: what is wrong.
        rule: section of spec/format.md or coders.md.
    """

    file: str
    offset: int | None
    field: str
    code: str
    message: str
    rule: str

    def __str__(self) -> str:
        place = "offset unknown" if self.offset is None else f"offset {self.offset}"
        return text.escape(f"{self.file}: {place}: {self.field}: {self.code}: {self.message} ({self.rule})")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate",
        help="check files against the specification",
        description="Check every structure and decode every stream. Each fault is a line FILE: offset N: FIELD: CODE: "
        "message (section). Exit code 1 if there is any.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.hemp")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--reference", action="store_true", help="decode with the slow reference decoder as well")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    reports = [_check(path, arguments.reference, quiet=arguments.json) for path in arguments.files]
    if arguments.json:
        print(json.dumps(reports, indent=2))
    return DONE if all(report["valid"] for report in reports) else INVALID


def _check(path: Path, reference: bool, quiet: bool) -> dict[str, Any]:
    """What was found in one file.  A file that cannot be read does not keep the files after it from being checked."""
    findings: list[Finding] = []
    report: dict[str, Any] = {"file": str(path), "valid": False, "faults": []}
    try:
        for finding in findings_of(path, reference):
            findings.append(finding)
            if not quiet:
                print(finding, flush=True)
    except Failure as failure:
        print(f"hemp: {text.escape(str(path))}: {failure}", file=sys.stderr)
        return report | {"error": str(failure)}
    if not findings and not quiet:
        print(f"{text.escape(str(path))}: valid")
    return report | {"valid": not findings, "faults": [asdict(finding) for finding in findings]}


def findings_of(path: Path, reference: bool = False) -> Iterator[Finding]:
    """All faults of the file ``path``: of its structure, then of its streams."""
    # Everything else of this package works without the executable specification.
    from hemp_spec import validate

    with concerning(path):
        data = path.read_bytes()
    structure = list(validate.faults(data, decode="structure"))
    yield from (_of_specification(path, fault) for fault in structure)
    if any(fault.code != _CHECKSUM for fault in structure):
        return
    yield from _of_streams(path, data)
    if reference:
        faults = validate.faults(data, decode=True)
        yield from (_of_specification(path, fault) for fault in faults if fault.code != _CHECKSUM)


def _of_specification(path: Path, fault: Fault) -> Finding:
    rule = (
        fault.rule.replace("coders ", "coders.md ") if fault.rule.startswith("coders ") else f"format.md {fault.rule}"
    )
    return Finding(str(path), fault.offset, fault.field, fault.code, fault.message, rule)


def _of_streams(path: Path, data: bytes) -> Iterator[Finding]:
    """Faults of the streams as the native decoder finds them, each once; their checksums have been compared before."""
    seen: set[tuple[str | None, int | None]] = {(_CHECKSUM, None)}
    with hemp_codec.safe_open(data) as file:
        for name in file.keys():  # noqa: SIM118 - a reader is no mapping
            try:
                file.get_tensor(name)
            except HempError as error:
                key = error.code, None if error.code == _CHECKSUM else error.offset
                if key not in seen:
                    seen.add(key)
                    code = error.code or type(error).__name__
                    rule = _RULES.get(code, "format.md 9")
                    yield Finding(str(path), error.offset, f"stream of {name!r}", code, str(error), rule)

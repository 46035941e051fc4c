"""``hemp validate``: every structure and stream of ``.hemp`` files against the specification."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemp_codec.cli import text
from hemp_codec.cli.failures import DONE, INVALID, Failure, concerning
from hemp_codec.errors import HempError
from hemp_codec.sources import open_source

if TYPE_CHECKING:
    from hemp_spec.validate import Fault

MAX_FAULTS = 1000  # of a file; a hostile one could have millions
_SHOWN = 60  # characters of a value
_DESCRIPTION = """\
Check files against the specification: structures, limits, levels and metadata, checksums, and every stream to its last
byte and the final state of its coder. Each fault is a line

  FILE: offset N: FIELD: CODE: message; found VALUE (section)

and exit code 1 follows if there is any. The search goes on after a fault where the rest can be understood.

Structures are checked by the executable specification, streams by the native decoder. Where that one refuses a small
segment, the specification finds the byte and the rule, otherwise the payload; streams of up to 2048 indices are always
decoded by both.
With a front of more than 128 KiB, as of thousands of tensors, the native reader reports the first fault of the
structures. --reference leaves nothing to the native decoder alone: that takes minutes for a million weights."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate",
        help="check files against the specification",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="PATH", help="a file, or a folder with .hemp files")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--reference", action="store_true", help="decode all by the slow specification as well")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    reports = [
        report for path in arguments.files for report in _check_all(path, arguments.reference, quiet=arguments.json)
    ]
    if arguments.json:
        print(json.dumps(reports, indent=2))
    return DONE if all(report["valid"] for report in reports) else INVALID


def _check_all(path: Path, reference: bool, quiet: bool) -> Iterator[dict[str, Any]]:
    """The reports of the files that ``path`` means.  One that cannot be read does not keep the others from it."""
    try:
        paths = _files_in(path) if path.is_dir() else [path]
    except Failure as failure:
        yield _unreadable(path, failure)
        return
    for file in paths:
        try:
            yield _check(file, reference, quiet)
        except Failure as failure:
            yield _unreadable(file, failure)


def _files_in(folder: Path) -> Sequence[Path]:
    """All .hemp files in the folder and the folders in it; links to folders are not followed."""

    def refuse(error: OSError) -> None:
        raise error

    found: list[Path] = []
    with concerning(folder):
        for place, folders, names in os.walk(folder, onerror=refuse):
            folders.sort()
            found += [Path(place, name) for name in sorted(names) if name.endswith(".hemp")]
    if not found:
        raise Failure("there is no .hemp file in this folder")
    return found


def _unreadable(path: Path, failure: Failure) -> dict[str, Any]:
    print(f"hemp: {text.escape(str(path))}: {text.escape(str(failure))}", file=sys.stderr)
    return {"file": str(path), "valid": False, "faults": [], "error": str(failure)}


def _check(path: Path, reference: bool, quiet: bool) -> dict[str, Any]:
    """What was found in one file."""
    # Everything else of this package works without the executable specification.
    from hemp_codec.cli.checks import Check

    with concerning(path), _open(path) as file:
        check = Check(open_source(file), reference)
        faults = _until_changed(check.faults())
        found = []
        for fault in itertools.islice(faults, MAX_FAULTS):
            found.append(_as_report(fault))
            if not quiet:
                print(_line(path, found[-1]), flush=True)
        complete = next(faults, None) is None
    if not quiet and not complete:
        print(f"{text.escape(str(path))}: more than {MAX_FAULTS} faults: the others are not listed")
    if not quiet and not found:
        print(f"{text.escape(str(path))}: valid")
    level = check.level() if quiet and not found else None
    return {"file": str(path), "valid": not found, "level": level, "complete": complete, "faults": found}


def _open(path: Path) -> Any:
    """The file, which must be one that ends."""
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise Failure("is no ordinary file: name one")
    return open(path, "rb", buffering=0)


def _until_changed(faults: Iterator[Fault]) -> Iterator[Fault]:
    """The faults, and one more if the file becomes shorter than it was."""
    from hemp_spec.validate import Fault

    try:
        yield from faults
    except HempError as error:
        yield Fault(error.code or "TRUNCATED", error.offset or 0, "body", "2.2", str(error), None)


def _as_report(fault: Fault) -> dict[str, Any]:
    """Offset of the byte, path of the field, name of the error, what is wrong, section that says so, value found."""
    rule = fault.rule
    section = rule.replace("coders ", "coders.md ") if rule.startswith("coders ") else f"format.md {rule}"
    return {**fault._asdict(), "rule": section}


def _line(path: Path, fault: dict[str, Any]) -> str:
    value = "" if fault["value"] is None else f"; found {_short(str(fault['value']))}"
    place = f"offset {fault['offset']}: {fault['field'] or 'file'}"
    return text.escape(f"{path}: {place}: {fault['code']}: {fault['message']}{value} ({fault['rule']})")


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "..."

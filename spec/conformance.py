#!/usr/bin/env python3
"""Run any decoder over the test vectors and print a score.

    python spec/conformance.py [options] -- DECODER [ARGUMENT ...]

The decoder is a program that is given the path of one file after its arguments, and prints what it found as
vectors/README.md says.  Exit code 0 if everything is right, 1 if not, 2 for wrong usage.  This program needs nothing
but Python.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

VECTORS = Path(__file__).parent / "vectors"
LEVELS = ("embedded", "standard", "large")
GROUPS = {"reject": "must be refused", "accept": "must be accepted", "skip": "must be accepted, chunks skipped"}
BEYOND_LEVEL = ("LIMIT_EXCEEDED", "UNSUPPORTED_CODER")

Entry = dict[str, Any]


class Result(NamedTuple):
    """How a decoder did on one file; ``wrong`` is empty if it was right."""

    entry: Entry
    wrong: str


class Answer(NamedTuple):
    """What a decoder printed.

    Attributes:
        error: name of the error, or None.
        tensors: dtype, shape, SHA-256 of the elements and of the indices, name in hexadecimal.
        metadata: key and value, in hexadecimal.
        source: hash of the source in hexadecimal, or None.
    """

    error: str | None
    tensors: list[tuple[str, ...]]
    metadata: list[tuple[str, ...]]
    source: str | None


def parse(text: str) -> Answer:
    """The answer; ValueError if it is not written as it should be."""
    error, source = None, None
    tensors: list[tuple[str, ...]] = []
    metadata: list[tuple[str, ...]] = []
    for line in text.splitlines():
        kind, *words = line.split(" ")
        if kind == "error" and len(words) == 1:
            error = words[0]
        elif kind == "tensor" and len(words) == 5:
            tensors.append(tuple(words))
        elif kind == "metadata" and len(words) == 2:
            metadata.append(tuple(words))
        elif kind == "source" and len(words) == 1:
            source = words[0]
        else:
            raise ValueError(f"a line that means nothing: {line[:60]!r}")
    return Answer(error, tensors, metadata, source)


def _hexadecimal(text: str) -> str:
    return text.encode().hex() or "-"


def expected(entry: Entry) -> Answer:
    """What a decoder must print."""
    if entry["expect"] == "reject":
        return Answer(entry["error"], [], [], None)
    tensors = [
        (
            tensor["dtype"],
            "x".join(map(str, tensor["shape"])) or "scalar",
            tensor["sha256"],
            tensor.get("indices_sha256", "-"),
            _hexadecimal(name),
        )
        for name, tensor in entry["tensors"].items()
    ]
    pairs = sorted(entry["metadata"].items(), key=lambda pair: pair[0].encode())
    metadata = [(_hexadecimal(key), _hexadecimal(value)) for key, value in pairs]
    return Answer(None, tensors, metadata, entry["source_hash"])


def compare(entry: Entry, found: Answer, level: str, tensors_only: bool) -> str:
    """What is wrong with an answer; empty if nothing is."""
    wanted = expected(entry)
    within = LEVELS.index(entry.get("level") or "large") <= LEVELS.index(level)
    if found.error is not None:
        beyond = level != LEVELS[-1] and found.error in BEYOND_LEVEL
        if found.error == wanted.error or (beyond and (entry["expect"] == "reject" or not within)):
            return ""
        return f"said {found.error} instead of {wanted.error or 'what the file holds'}"
    if wanted.error is not None:
        return f"accepted it instead of saying {wanted.error}"
    if tensors_only:
        return _compare_tensors([(*t[:3], t[4]) for t in wanted.tensors], [(*t[:3], t[4]) for t in found.tensors])
    if found.metadata != wanted.metadata:
        return "other metadata"
    if found.source != wanted.source:
        return "another hash of the source"
    return _compare_tensors(wanted.tensors, found.tensors)


def _compare_tensors(wanted: Sequence[tuple[str, ...]], found: Sequence[tuple[str, ...]]) -> str:
    if len(found) != len(wanted):
        return f"{len(found)} tensors instead of {len(wanted)}"
    for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
        if one != other:
            return f"tensor {number}: {' '.join(other)} instead of {' '.join(one)}"
    return ""


def run(command: Sequence[str], path: Path, seconds: float) -> Answer:
    """Run the decoder on a file; ValueError if it gives no answer."""
    try:
        done = subprocess.run([*command, str(path)], capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer within {seconds:g} s") from None
    if done.returncode < 0:
        raise ValueError(f"crashed: signal {-done.returncode}")
    text = done.stdout.decode("ascii", "replace")
    answer = parse(text)
    if done.returncode != 0 and answer.error is None:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
        raise ValueError(f"exit code {done.returncode} and no error: {last[0][:200]}")
    return answer


def check(command: Sequence[str], entry: Entry, options: argparse.Namespace) -> Result:
    """Run the decoder on a vector."""
    try:
        answer = run(command, VECTORS / entry["path"], options.seconds)
    except ValueError as error:
        return Result(entry, str(error))
    return Result(entry, compare(entry, answer, options.level, options.tensors_only))


def report(results: Sequence[Result], level: str) -> str:
    """What was wrong, and the score."""
    lines = [f"{result.entry['path']}: {result.wrong} ({result.entry['about']})" for result in results if result.wrong]
    lines += [""] if lines else []
    for group, meaning in GROUPS.items():
        of_group = [result for result in results if result.entry["expect"] == group]
        if of_group:
            lines.append(f"{meaning:33} {sum(not r.wrong for r in of_group):4} of {len(of_group)}")
    right = sum(not result.wrong for result in results)
    lines.append(f"{f'score, level {level}':33} {right:4} of {len(results)}")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        usage="python spec/conformance.py [options] -- DECODER [ARGUMENT ...]",
        description="Run a decoder over the test vectors and print a score; see spec/vectors/README.md.",
    )
    made.add_argument("--level", choices=LEVELS, default=LEVELS[-1], help="of the decoder (format.md, 8.2)")
    made.add_argument("--tensors-only", action="store_true", help="leave indices, metadata and the source's hash out")
    made.add_argument("--only", default="", metavar="TEXT", help="vectors whose path has this in it")
    made.add_argument("--seconds", type=float, default=60, help="for one file; default 60")
    made.add_argument("--jobs", type=int, default=1, help="files at the same time; default 1")
    made.add_argument("--json", action="store_true", help="for programs")
    made.add_argument("decoder", nargs="+", help=argparse.SUPPRESS)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these arguments (default: those of the process)."""
    options = parser().parse_args(arguments)
    manifest: list[Entry] = json.loads((VECTORS / "manifest.json").read_text("utf-8"))
    entries = [entry for entry in manifest if options.only in entry["path"]]
    if not entries:
        parser().error(f"no vector has {options.only!r} in its path")
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            results = list(pool.map(lambda entry: check(options.decoder, entry, options), entries))
    except OSError as error:
        parser().error(f"the decoder cannot be run: {error}")
    if options.json:
        rows = [{"path": r.entry["path"], "right": not r.wrong, "wrong": r.wrong} for r in results]
        print(json.dumps(rows, indent=2))
    else:
        print(report(results, options.level))
    return 1 if any(result.wrong for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())

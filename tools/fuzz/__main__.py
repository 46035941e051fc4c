"""Fuzz the decoders.

    python -m tools.fuzz run [--seconds 60] [--work DIR] [--sanitizer address memory] [TARGET ...]
    python -m tools.fuzz keep [--work DIR] [TARGET ...]
    python -m tools.fuzz differential [--seconds 60] [--work DIR] [--seed N]
    python -m tools.fuzz damage [--changes 100000] [--seed N]

``run`` builds each target with clang and libFuzzer, runs it for so many seconds of the clock from the seeds, the corpus
in the repository and that of DIR, and adds a line to DIR/runs.csv.  ``keep`` minimises the corpora of DIR into
tools/fuzz/corpus, which the tests replay.  ``differential`` compares the native with the reference decoder on the
inputs of the corpora and on changed ones.  ``damage`` changes every byte of small files, and larger ones at
random, with and without repairing the checksums.  The exit status is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tools.fuzz import corpus, damage, differential, libfuzzer
from tools.fuzz.seeds import seeds
from tools.fuzz.targets import SANITIZERS, TARGETS, Sanitizer, Target, build, is_possible

MAX_SIZE = 4096
BY_NAME = {target.name: target for target in TARGETS}


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    options = _parser().parse_intermixed_args(arguments)
    chosen = [BY_NAME[name] for name in options.targets] or list(TARGETS)
    if options.command == "differential":
        return differential.run(options.work, options.seconds, options.seed)
    if options.command == "damage":
        return damage.run(options.changes, options.seed)
    if options.command == "keep":
        for target in chosen:
            _keep(target, options.work)
        return 0
    found = 0
    for target in chosen:
        for name in options.sanitizer:
            if is_possible(target, SANITIZERS[name]):
                found += _run(target, SANITIZERS[name], options.work, options.seconds)
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["run", "keep", "differential", "damage"])
    parser.add_argument("targets", nargs="*", choices=[[], *BY_NAME], metavar="TARGET", help=", ".join(BY_NAME))
    parser.add_argument("--seconds", type=int, default=60, help="for each target and sanitizer")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "hemp-fuzz", help="keeps all state")
    parser.add_argument("--sanitizer", nargs="+", choices=list(SANITIZERS), default=list(SANITIZERS))
    parser.add_argument("--seed", type=int, default=1, help="of changes at random")
    parser.add_argument("--changes", type=int, default=100_000, help="at random, of either sort")
    return parser


def _corpus_folder(target: Target, work: Path) -> Path:
    """The growing corpus of a target, begun with its seeds and what the repository has."""
    folder = work / "corpus" / target.name
    if not folder.exists():
        corpus.unpack(target, folder)
        for _, data in seeds(target):
            corpus.add(folder, data)
    return folder


def _run(target: Target, sanitizer: Sanitizer, work: Path, seconds: int) -> int:
    """How many inputs end the target."""
    program = build(target, sanitizer, work)
    folder = _corpus_folder(target, work)
    failures = work / "failures" / target.name
    done = libfuzzer.run(program, folder, failures, seconds, max_size=MAX_SIZE, seed=int(time.time()))
    inputs = len(list(folder.iterdir()))
    line = [target.name, sanitizer.name, f"{done.cpu_seconds:.0f}", done.executions, done.features, inputs]
    with open(work / "runs.csv", "a", newline="") as file:
        csv.writer(file).writerow([*line, len(done.failures)])
    print(*line, *done.failures, sep=" ", flush=True)
    return len(done.failures)


def _keep(target: Target, work: Path) -> None:
    program = build(target, SANITIZERS["address"], work)
    minimal = work / "minimal" / target.name
    shutil.rmtree(minimal, ignore_errors=True)
    corpus.merge(program, [_corpus_folder(target, work)], minimal)
    print(target.name, corpus.pack(target, minimal), corpus.archive(target).stat().st_size, flush=True)


if __name__ == "__main__":
    sys.exit(main())

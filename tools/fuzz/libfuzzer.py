"""Running a target under libFuzzer, and what came of it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    """What a run did.

    Attributes:
        cpu_seconds: time on the processor.
        executions: inputs that were run.
        features: what libFuzzer counts of what was reached.
        failures: inputs that ended the program.
    """

    cpu_seconds: float
    executions: int
    features: int
    failures: list[Path]


def run(program: Path, corpus: Path, failures: Path, seconds: int, *, max_size: int, seed: int) -> Run:
    """Run a target for some seconds; it goes on after an input that ends it.

    Args:
        program: the target.
        corpus: folder of inputs, to which new ones are added.
        failures: folder for inputs that end the program, named by libFuzzer after the way they do.
        seconds: of the clock.
        max_size: of an input, in bytes.
        seed: of libFuzzer's random numbers.
    """
    failures.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    before = set(failures.iterdir())
    end = time.monotonic() + seconds
    cpu_seconds, executions, features = 0.0, 0, 0
    while (left := int(end - time.monotonic())) > 0:
        options = [f"-max_total_time={left}", f"-max_len={max_size}", f"-seed={seed}", "-timeout=300"]
        options += [
            "-rss_limit_mb=2048",
            "-report_slow_units=300",
            "-print_final_stats=1",
            "-reload=0",
            f"-artifact_prefix={failures}/",
        ]
        log = failures.parent / f"{program.name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen([str(program), *options, str(corpus)], stdout=output, stderr=output)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        text = log.read_text(errors="replace")
        cpu_seconds += used.ru_utime + used.ru_stime
        executions += _last(r"stat::number_of_executed_units:\s+(\d+)", text) or _last(r"#(\d+)", text)
        features = max(features, _last(r"ft: (\d+)", text))
        seed += 1
        if process.returncode != 0:
            log.rename(log.with_suffix(f".{seed}.log"))
            _leave_out(corpus, failures)
        if process.returncode != 0 and len(set(failures.iterdir()) - before) > 20:
            break
    return Run(cpu_seconds, executions, features, sorted(set(failures.iterdir()) - before))


def _leave_out(corpus: Path, failures: Path) -> None:
    """Take the inputs that end the program out of the corpus, at which every further run would end again."""
    for path in failures.iterdir():
        (corpus / path.name.rpartition("-")[2]).unlink(missing_ok=True)


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0

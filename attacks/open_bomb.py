"""Open a file and load all of it, as a process of its own: what came of it, time and memory, as JSON.

python -m attacks.open_bomb FILE
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import hemp_codec


def forget_peak() -> int | None:
    """Let the peak of memory begin anew; what it is now, None where the system does not tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return peak()
    except (OSError, ValueError):
        return None


def peak() -> int:
    """Bytes of memory that the process has had at most."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(path: str) -> None:
    """Print one line."""
    before = forget_peak()
    started = time.process_time()
    try:
        tensors = hemp_codec.load_file(path, threads=1)
        outcome = f"{len(tensors)} tensors"
    except hemp_codec.HempError as error:
        outcome = str(error.code)
    seconds = time.process_time() - started
    memory = None if before is None else peak() - before
    print(json.dumps({"outcome": outcome, "seconds": round(seconds, 2), "memory": memory}))


if __name__ == "__main__":
    main(sys.argv[1])

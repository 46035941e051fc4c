"""Peak memory of a large file, on Linux: ``python -m tools.bench.memory CHECKPOINT [--quantizer NAME] [--coder NAME]``.

Compresses the checkpoint, loads the result and decompresses it, each in a process of its own, and states for each the
seconds and the peak of memory that is the process's own: anonymous and shared pages (RssAnon + RssShmem of
/proc/PID/status, looked at every 5 ms).  Pages of files that are mapped are not counted: the system takes them back
when it needs them.  What a process takes to import the package is stated too.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hemp_codec import dtypes, safe_open

_INTERVAL = 0.005
_MEGA = 1_000_000


@dataclass(frozen=True)
class Run:
    """What a process took: seconds, and bytes at the peak."""

    seconds: float
    peak: int


def measure(arguments: list[str]) -> Run:
    """Run Python with ``arguments``; RuntimeError if that fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _own_memory(process.pid))
        time.sleep(_INTERVAL)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: exit code {process.returncode}")
    return Run(time.perf_counter() - start, peak)


def _own_memory(pid: int) -> int:
    """Bytes of anonymous and shared pages; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in lines if line.startswith(("RssAnon", "RssShmem")))
    return sum(1024 * int(value.split()[0]) for value in fields.values())


def report(what: str, run: Run, output: int = 0) -> None:
    """One line; ``output`` is the size of the arrays that the process has to hold in the end."""
    line = f"{what:12} {run.seconds:8.1f} s   peak {run.peak / _MEGA:8.0f} MB"
    print(line + (f"   beyond its output {(run.peak - output) / _MEGA:8.0f} MB" if output else ""), flush=True)


def _decoded_size(file: str) -> int:
    """Bytes of the tensors of a file, each tied one for itself."""
    with safe_open(file) as opened:
        infos = [opened.get_info(name) for name in opened.keys()]  # noqa: SIM118
    return sum(math.prod(info.shape) * dtypes.BY_NAME[info.dtype].size for info in infos)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.memory", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--quantizer", default="lossless", metavar="NAME[:LEVELS]")
    parser.add_argument("--coder", default="arithmetic", metavar="NAME")
    parser.add_argument("--threads", default="2", metavar="N")
    arguments = parser.parse_args()
    quantizer, _, levels = arguments.quantizer.partition(":")
    options = ["--quantizer", quantizer, *(["--levels", levels] if levels else [])]
    with tempfile.TemporaryDirectory(dir=arguments.checkpoint.parent) as folder:
        file, back = str(Path(folder) / "model.hemp"), str(Path(folder) / "back.safetensors")
        threads = ["--threads", arguments.threads]
        hemp = ["-m", "hemp_codec"]
        report("import", measure(["-c", "import hemp_codec.cli"]))
        compress = [*hemp, "compress", str(arguments.checkpoint), file, *options, "--coder", arguments.coder, *threads]
        report("compress", measure(compress))
        print(f"{arguments.checkpoint.stat().st_size / _MEGA:.0f} MB -> {Path(file).stat().st_size / _MEGA:.0f} MB")
        load = f"import hemp_codec; tensors = hemp_codec.load_file({file!r}, threads={arguments.threads})"
        report("load_file", measure(["-c", load]), _decoded_size(file))
        report("decompress", measure([*hemp, "decompress", file, back, *threads]))


if __name__ == "__main__":
    main()

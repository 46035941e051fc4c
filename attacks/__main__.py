"""Attack HEMP and its peers, and say what happens.

    python -m attacks [--bombs] [--write]

prints the first table of attacks/README.md, or the second, which says what bombs take, or writes it there.

Each file is read in a child process.  Peers that are not installed are left out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import warnings
from collections import Counter
from pathlib import Path

from attacks import bomb_table
from attacks.classes import ATTACKS, Attack
from attacks.formats import Format, formats

README = Path(__file__).with_name("README.md")
SECONDS = 3
SAME, ERROR, WRONG, RAN = range(40, 44)  # none that a library would end the process with
WORDS = {SAME: "no effect", ERROR: "error", WRONG: "**wrong tensors**", RAN: "**its code runs**"}


def answer(target: Format, data: bytes) -> str:
    """What a child process says that reads the file."""
    reading, writing = os.pipe()
    expected = target.read(target.valid)
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = ERROR
        with contextlib.suppress(Exception):
            code = SAME if target.read(data) == expected else WRONG
        os._exit(code)
    os.close(writing)
    said = os.read(reading, 100)
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if b"has run" in said:
        return WORDS[RAN]
    if status < 0:
        return (
            "**hangs**"
            if -status in (signal.SIGXCPU, signal.SIGKILL)
            else f"**crash** ({signal.Signals(-status).name})"
        )
    return WORDS.get(status, "**ends the process**")


def cell(target: Format, attack: Attack) -> str:
    """All answers to the files of an attack, most frequent first."""
    found = Counter(answer(target, data) for data in attack(target))
    total = sum(found.values())
    return ", ".join(word if total == 1 else f"{word} {count}" for word, count in found.most_common()) or "-"


def table() -> str:
    """Markdown."""
    targets = formats()
    lines = ["| attack | " + " | ".join(target.name for target in targets) + " |"]
    lines.append("|---" * (len(targets) + 1) + "|")
    for attack in ATTACKS:
        cells = [cell(target, attack) for target in targets]
        lines.append(f"| {(attack.__doc__ or '').rstrip('.')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Do what the arguments ask for."""
    warnings.simplefilter("ignore")
    name, text = ("bombs", bomb_table.table()) if "--bombs" in arguments else ("attacks", table())
    if "--write" in arguments:
        begin, end = (f"<!-- {name}: {word} -->\n" for word in ("begin", "end"))
        before, after = README.read_text().split(begin)[0], README.read_text().split(end)[1]
        README.write_text(before + begin + "\n" + text + "\n" + end + after)
    else:
        print(text)


if __name__ == "__main__":
    main(sys.argv[1:])

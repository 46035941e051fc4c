"""Reads the command line, runs one command, and turns what went wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from hemp_codec import __version__
from hemp_codec.cli import bench, compress, decompress, inspect, validate
from hemp_codec.cli.failures import INTERRUPTED, INVALID, Failure, os_message, usage
from hemp_codec.cli.text import escape

_COMMANDS: tuple[ModuleType, ...] = (compress, decompress, inspect, validate, bench)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        raise usage(f"{message}: see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = _Parser(prog="hemp", description="Compress neural-network weights into .hemp files, and back.")
    top.add_argument("--version", action="version", version=f"hemp {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``hemp`` with ``arguments`` (default: those of the process) and return its exit code.

    0 done; 1 the input is invalid or damaged, or a file cannot be read or written; 2 wrong usage; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown as an escape.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = parser().parse_args(arguments)
        exit_code: int = options.run(options)
        sys.stdout.flush()
        return exit_code
    except Failure as failure:
        return _fail(str(failure), failure.file, failure.exit_code)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has left; without this, Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INVALID
    except OSError as error:
        return _fail(os_message(error), error.filename, INVALID)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return _fail(
            f"a defect of hemp ({type(error).__name__}: {error}): report it; python -X dev -m hemp_codec shows where",
            None,
            INVALID,
        )


def _fail(message: str, file: str | None, exit_code: int) -> int:
    line = " ".join(message.split())
    place = "" if file is None else f"{escape(str(file))}: "
    print(f"hemp: {place}{_escape_controls(line)}", file=sys.stderr)
    return exit_code


def _escape_controls(line: str) -> str:
    # Messages quote names with repr, whose backslashes must not be doubled.
    return escape(line).replace("\\\\", "\\")

"""The command that scores decoders, on good ones and on bad ones; conformance levels."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hemp_spec import conformance as levels
from hemp_spec import reference
from hemp_spec.conformance import LEVELS, Extent
from spec.vectors.accepted import grid
from spec.vectors.encoders import raw
from spec.vectors.files import codebook, lossless, make_file

SPEC = Path(__file__).parents[2] / "spec"
TEXT = (SPEC / "format.md").read_text("utf-8")


def score(*options: str, decoder: Sequence[str | Path]) -> tuple[int, str]:
    """Exit code and output."""
    command = [sys.executable, SPEC / "conformance.py", *options, "--", *decoder]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def python(folder: Path, body: str) -> list[str]:
    """A decoder of these lines, in which ``path`` is the file."""
    (folder / "decoder.py").write_text(f"import os, sys, time\npath = sys.argv[1]\n{body}\n")
    return [sys.executable, str(folder / "decoder.py")]


@pytest.mark.parametrize("only, count", [("skip/a", 2), ("bad-levels-step-m", 1), ("complete", 1)])
def test_the_executable_specification_is_right(only: str, count: int) -> None:
    code, text = score("--jobs", "2", "--only", only, decoder=[sys.executable, SPEC / "decoder.py"])
    assert code == 0 and text.splitlines()[-1].split()[-3:] == [str(count), "of", str(count)], text


REFUSES = "print('error BAD_SHAPE'); sys.exit(1)"


@pytest.mark.parametrize(
    "body, message",
    [
        (REFUSES, "said BAD_SHAPE instead of BAD_STREAM"),
        ("pass", "accepted it instead of saying BAD_STREAM"),
        ("time.sleep(60)", "no answer within 0.5 s"),
        ("os.kill(os.getpid(), 11)", "crashed: signal 11"),
        ("sys.exit('what happened')", "exit code 1 and no error: what happened"),
        ("print('tensor uint8')", "a line that means nothing: 'tensor uint8'"),
    ],
)
def test_a_wrong_answer_to_a_bad_file(body: str, message: str, tmp_path: Path) -> None:
    options = ["--only", "bad-stream-sum", "--seconds", "0.5" if "sleep" in body else "60"]
    code, text = score(*options, decoder=python(tmp_path, body))
    assert code == 1 and message in text and text.splitlines()[-1].endswith("0 of 1")


GOOD = "tensor uint8 3 039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81 - 61"


@pytest.mark.parametrize(
    "lines, message",
    [
        ([GOOD], "other metadata"),
        ([GOOD, "metadata 61 62", "source 00"], "another hash of the source"),
        ([GOOD.replace("039", "139"), "metadata 61 62", f"source {bytes(range(32)).hex()}"], "tensor 0: tensor"),
        ([], "0 tensors instead of"),
    ],
)
def test_a_wrong_answer_to_a_good_file(lines: list[str], message: str, tmp_path: Path) -> None:
    body = "\n".join(f"print({line!r})" for line in lines)
    options = ["--tensors-only"] if not lines else []
    code, text = score("--only", "skip/several", *options, decoder=python(tmp_path, body))
    assert code == 1 and message.replace("tensor 0: tensor", "tensor") in text, text


def test_a_decoder_may_refuse_what_is_beyond_its_level(tmp_path: Path) -> None:
    refuses = python(tmp_path, "print('error UNSUPPORTED_CODER')")
    options = ["--only", "accept/codebook-16-zstd"]
    assert score("--level", "embedded", *options, decoder=refuses)[0] == 0
    assert score("--level", "standard", *options, decoder=refuses)[0] == 1
    assert score("--level", "embedded", "--only", "accept/codebook-16-rans", decoder=refuses)[0] == 1


def test_wrong_usage() -> None:
    assert score(decoder=["/no/such/decoder"])[0] == 2
    assert score("--only", "no such vector", decoder=["true"])[0] == 2


def test_json(tmp_path: Path) -> None:
    code, text = score("--json", "--only", "bad-shape", decoder=python(tmp_path, REFUSES))
    assert code == 0 and all(row["right"] for row in json.loads(text))


def table() -> dict[str, list[str]]:
    """Section 8.2: the limits of each level, in the order of the rows."""
    section = TEXT[TEXT.index("8.2 ") : TEXT.index("8.3 ")]
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \| (.+) \|$", section, flags=re.M)
    assert list(rows[0][1:]) == list(LEVELS)
    return {name: [row[column] for row in rows[1:]] for column, name in enumerate(LEVELS, 1)}


def number(text: str) -> int:
    below = re.fullmatch(r"below 2\^(\d+)", text)
    if below:
        return (1 << int(below[1])) - 1
    power = re.fullmatch(r"2\^(\d+)", text)
    return 1 << int(power[1]) if power else int(text)


@pytest.mark.parametrize("name", LEVELS)
def test_the_levels_are_those_of_the_text(name: str) -> None:
    *numbers, coders, _ = table()[name]
    limits = LEVELS[name]
    assert [number(text) for text in numbers] == list(limits[: len(numbers)])
    assert {int(word) for word in coders.split(", ")} == limits.coders


@pytest.mark.parametrize("field", Extent._fields[:-1])
def test_a_file_is_of_the_lowest_level_that_it_is_within(field: str) -> None:
    embedded, standard = LEVELS["embedded"], LEVELS["standard"]
    assert levels.level_of(embedded) == "embedded"
    more = getattr(embedded, field) + 1
    assert levels.level_of(embedded._replace(**{field: more})) == (
        "standard" if more <= getattr(standard, field) else "large"
    )
    assert levels.level_of(standard) == "standard"


def test_extent_of_a_file() -> None:
    plans = [
        lossless("long name", "float32", [3, 1, 400], bytes(4800)),
        codebook("w", "float32", [2], [0, 1], grid(300), raw(2, b"")),
    ]
    file = reference.outline(make_file(plans, segment_code=0))
    found = levels.extent(file)
    assert found == Extent(file.front_size, 2, 3, 9, 300, 1200, 1024, 4802, frozenset({0, 2}))
    assert levels.level_of(found) == "standard"
    assert levels.level_of(found._replace(coders=frozenset({128}))) is None

"""``hemp validate``: every fault by its name, its place and its section; nothing hides what comes after."""

from __future__ import annotations

import json
import os
import random
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hemp_codec
from hemp_codec.cli import checks, validate
from hemp_codec.cli.main import main
from hemp_codec.errors import FormatError
from hemp_codec.sources import open_source
from hemp_spec import reference
from spec.vectors import generate
from spec.vectors.encoders import rans
from spec.vectors.files import lossless, with_segment
from spec.vectors.random_files import random_file

VECTORS = Path(generate.__file__).parent
MANIFEST: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text("utf-8"))
REJECTED = [entry for entry in MANIFEST if entry["expect"] == "reject"]
ACCEPTED = [entry for entry in MANIFEST if entry["expect"] != "reject"]

Validate = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def reports(capsys: pytest.CaptureFixture[str]) -> Validate:
    """Run ``hemp validate --json`` and give its reports."""

    def run(*arguments: str | Path) -> list[dict[str, Any]]:
        capsys.readouterr()
        code = main(["validate", "--json", *map(str, arguments)])
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        assert code == (0 if all(report["valid"] for report in found) else 1)
        return found

    return run


def section(rule: str) -> str:
    return rule.replace("coders ", "coders.md ") if rule.startswith("coders ") else f"format.md {rule}"


def test_every_vector_that_must_be_rejected_is_reported_with_its_fault(reports: Validate) -> None:
    found = {Path(report["file"]).name: report["faults"][0] for report in reports(VECTORS / "reject")}
    assert len(found) == len(REJECTED)
    for entry in REJECTED:
        fault = found[Path(entry["path"]).name]
        expected = (entry["error"], entry["offset"], entry["field"], section(entry["rule"]))
        assert (fault["code"], fault["offset"], fault["field"], fault["rule"]) == expected, entry["path"]


def test_nothing_is_missing_but_what_has_no_value(reports: Validate) -> None:
    faults = [fault for report in reports(VECTORS / "reject") for fault in report["faults"]]
    without = {fault["message"] for fault in faults if fault["value"] is None}
    assert all(re.search("is missing|are missing|not end|header is cut|damaged|^no ", text) for text in without), (
        without
    )


def test_vectors_of_valid_files_are_valid_and_of_their_level(reports: Validate) -> None:
    found = reports(VECTORS / "accept", VECTORS / "skip")
    levels = {Path(report["file"]).name: report["level"] for report in found if report["valid"]}
    assert levels == {Path(entry["path"]).name: entry["level"] for entry in ACCEPTED}


def test_a_large_front_is_left_to_the_native_reader(reports: Validate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REFERENCE_FRONT", -1)
    monkeypatch.setattr(checks, "REFERENCE_INDICES", -1)
    for report in reports(VECTORS / "accept", VECTORS / "skip"):
        assert report["valid"], report
        entry = next(entry for entry in ACCEPTED if entry["path"].endswith("/" + Path(report["file"]).name))
        assert report["level"] == entry["level"]
    for report in reports(VECTORS / "reject"):
        entry = next(entry for entry in REJECTED if entry["path"].endswith("/" + Path(report["file"]).name))
        assert [fault["code"] for fault in report["faults"]][:1] == [entry["error"]], report


def three_tensors() -> bytes:
    """Three tensors in streams of their own, and metadata."""
    tensors = {name: np.arange(100, dtype=dtype) for name, dtype in (("a", "u1"), ("b", "<i4"), ("c", "<f4"))}
    return hemp_codec.encode(tensors, coder="stored", metadata={"k": "v"})


def repaired(data: bytes) -> bytes:
    """The file with the right checksum of its front, which has less than 128 bytes."""
    end = 11 + data[10]
    return data[:end] + zlib.crc32(data[:end]).to_bytes(4, "little") + data[end + 4 :]


def test_one_fault_does_not_hide_another(reports: Validate, tmp_path: Path) -> None:
    data = bytearray(three_tensors())
    segments = reference.outline(bytes(data)).segments()
    for _, _, segment, offset in (segments[0], segments[2]):
        data[offset + segment.size // 2] ^= 1
    data[data.index(b"b", 11)] = 0xFF  # the name of the second
    data[data.rindex(b"\x01v", 0, segments[0][3]) + 1] = 0xC0
    path = tmp_path / "bad.hemp"
    path.write_bytes(repaired(bytes(data)))
    faults = reports(path)[0]["faults"]
    assert [(fault["code"], fault["field"]) for fault in faults] == [
        ("BAD_NAME", "tensors[1].name"),
        ("BAD_METADATA", "chunks[0].content.pairs[0].value"),
        ("SEGMENT_CHECKSUM", "tensors[0].stream.segments[0]"),
        ("SEGMENT_CHECKSUM", "tensors[2].stream.segments[0]"),
    ]
    assert [fault["value"] for fault in faults[:2]] == ["ff", "c0"]


def test_what_is_there_of_a_cut_file_is_checked(reports: Validate, tmp_path: Path) -> None:
    data = bytearray(three_tensors())
    data[reference.outline(bytes(data)).body_offset] ^= 1
    path = tmp_path / "cut.hemp"
    path.write_bytes(data[:-1])
    assert [fault["code"] for fault in reports(path)[0]["faults"]] == ["TRUNCATED", "SEGMENT_CHECKSUM"]


def with_padding(count: int) -> bytes:
    """A tensor of ``count`` bools in a segment whose checksum is right, and whose last bit is one too many."""
    data = hemp_codec.encode({"b": np.zeros(count, bool)}, coder="stored")
    outline = reference.outline(data)
    segment, offset = outline.directory.streams[0].segments[0], outline.body_offset
    body = data[offset:-1] + b"\x80"
    old, new = (checksum.to_bytes(4, "little") for checksum in (segment.checksum, zlib.crc32(body)))
    return repaired(data[:offset].replace(old, new)) + body


def test_a_large_stream_is_located_only_if_that_is_asked_for(reports: Validate, tmp_path: Path) -> None:
    path = tmp_path / "bad.hemp"
    path.write_bytes(with_padding(8 * 2000 - 1))
    offset = reference.outline(path.read_bytes()).body_offset
    (fault,) = reports(path)[0]["faults"]
    place = ("BAD_PAYLOAD", offset, "tensors[0].stream.segments[0].planes[0]", "format.md 6.5, coders.md")
    assert (fault["code"], fault["offset"], fault["field"], fault["rule"]) == place
    assert "--reference" in fault["message"]
    (fault,) = reports("--reference", path)[0]["faults"]
    place = ("BAD_PAYLOAD", offset + 1999, "tensors[0].stream.segments[0].planes[0].payload", "coders.md 2")
    assert (fault["code"], fault["offset"], fault["field"], fault["rule"]) == place


def test_of_a_large_stream_the_payload_is_named(reports: Validate, tmp_path: Path) -> None:
    plan = lossless("a", "uint16", [2000], bytes(k * k % 251 for k in range(4000)), rans())
    path = tmp_path / "bad.hemp"
    path.write_bytes(with_segment(plan, lambda segment: segment[:-1]))
    (stream, _, segment, offset), *_ = (outline := reference.outline(path.read_bytes())).segments()
    data = path.read_bytes()[offset : offset + segment.size]
    second = list(reference.payloads(stream, data, outline.directory.parts(stream, 0)))[1]
    (fault,) = reports(path)[0]["faults"]
    place = ("BAD_PAYLOAD", offset + second.offset, "tensors[0].stream.segments[0].planes[1]")
    assert (fault["code"], fault["offset"], fault["field"]) == place and second.offset > 1000


def test_the_specification_decodes_no_more_than_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    monkeypatch.setattr(checks.reference, "decode_segment", lambda stream, data, parts: decoded.append(len(data)))
    source = open_source(with_padding(8 * checks.REFERENCE_INDICES - 1))
    assert [fault.code for fault in checks.Check(source, False).faults()] == ["BAD_PAYLOAD"]
    assert decoded == []


def test_where_both_decoders_differ_that_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_native_planes", lambda stream, data, parts, work: iter([[np.zeros(100, "u1")]]))
    with pytest.raises(RuntimeError, match="other indices"):
        list(checks.Check(open_source(three_tensors()), False).faults())


def test_no_more_faults_are_listed_than_anybody_reads(
    reports: Validate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(validate, "MAX_FAULTS", 2)
    data = bytearray(three_tensors())
    for _, _, _, offset in reference.outline(bytes(data)).segments():
        data[offset] ^= 1
    path = tmp_path / "bad.hemp"
    path.write_bytes(data)
    (report,) = reports(path)
    assert len(report["faults"]) == 2 and not report["complete"]
    assert main(["validate", str(path)]) == 1
    assert "more than 2 faults" in capsys.readouterr().out


def test_folders(reports: Validate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("z.hemp", "in/b.hemp", "in/deep/a.hemp", "in/other.txt"):
        (tmp_path / name).write_bytes(three_tensors())
    os.symlink(tmp_path, tmp_path / "in" / "loop.hemp")
    names = [Path(report["file"]).relative_to(tmp_path).as_posix() for report in reports(tmp_path)[:3]]
    assert names == ["z.hemp", "in/b.hemp", "in/deep/a.hemp"]
    assert main(["validate", str(tmp_path / "empty"), str(tmp_path / "z.hemp")]) == 1
    out, err = capsys.readouterr()
    assert "no .hemp file" in err and out == f"{tmp_path / 'z.hemp'}: valid\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_never_ends_is_not_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.hemp")
    assert main(["validate", str(tmp_path), "/dev/zero"]) == 1
    assert capsys.readouterr().err.count("no ordinary file") == 2


def test_a_file_that_becomes_shorter_is_a_fault() -> None:
    class Shrinking:
        size = len(three_tensors())

        def read(self, offset: int, size: int) -> memoryview:
            if offset + size > self.size - 10:
                raise FormatError("the file ends earlier than when it was opened", code="TRUNCATED", offset=self.size)
            return memoryview(three_tensors())[offset : offset + size]

        def close(self) -> None:
            """Nothing to close."""

    found = list(validate._until_changed(checks.Check(Shrinking(), False).faults()))
    assert [fault.code for fault in found] == ["TRUNCATED"]


def test_lines_are_for_one_fault_each_and_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = hemp_codec.encode({"a": np.zeros(1)}, metadata={"\x1b[2J": "", "z\nz": ""})
    path = tmp_path / "bad.hemp"
    path.write_bytes(repaired(data.replace(b"z\nz", b"\x1a\nz")))
    assert main(["validate", str(path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: offset ") and "pairs[1].key: BAD_METADATA: " in line and "\\n" in line
    assert line.endswith("(format.md 7.1)")


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_it_finds_faults_where_the_reader_refuses_and_nowhere_else(first: int) -> None:
    outcomes = set()
    for seed in range(first, first + 10):
        data, generator = random_file(seed).data, random.Random(seed)
        for _ in range(4):
            damaged = bytearray(data)
            damaged[generator.randrange(10, len(data))] ^= 1 << generator.randrange(8)
            if len(data) < 128:
                damaged = bytearray(repaired(bytes(damaged)))
            faults = list(checks.Check(open_source(bytes(damaged)), False).faults())
            try:
                hemp_codec.decode(bytes(damaged))
            except hemp_codec.HempError:
                assert faults, bytes(damaged).hex()
            else:
                assert not faults, bytes(damaged).hex()
            outcomes.add(faults[0].code if faults else "valid")
    assert len(outcomes) > 2

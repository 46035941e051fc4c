"""Every reader on every vector, those that must be refused first."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from spec_support import by_codec, by_reference

from hemp_spec import ERRORS, SpecError, reference
from hemp_spec.validate import faults
from spec.vectors import generate

VECTORS = Path(generate.__file__).parent
MANIFEST: list[dict[str, Any]] = json.loads((VECTORS / "manifest.json").read_text("utf-8"))
REJECTED = [entry for entry in MANIFEST if entry["expect"] == "reject"]
ACCEPTED = [entry for entry in MANIFEST if entry["expect"] != "reject"]
READERS = [by_reference, by_codec]


def load(entry: dict[str, Any]) -> bytes:
    return (VECTORS / entry["path"]).read_bytes()


def named(entry: dict[str, Any]) -> str:
    return str(entry["path"])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("entry", REJECTED, ids=named)
def test_must_reject(entry: dict[str, Any], reader: Any) -> None:
    assert reader(load(entry)) == entry["error"]


@pytest.mark.parametrize("entry", REJECTED, ids=named)
def test_the_broken_rule_is_named(entry: dict[str, Any]) -> None:
    data = load(entry)
    with pytest.raises(SpecError) as caught:
        reference.read(data)
    error = caught.value
    expected = (entry["error"], entry["rule"], entry["offset"], entry["field"])
    assert (error.code, error.rule, error.offset, error.field) == expected
    assert 0 <= error.offset <= len(data)
    found = next(faults(data))
    assert (found.code, found.rule, found.offset, found.field) == expected


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("entry", ACCEPTED, ids=named)
def test_must_accept_or_skip(entry: dict[str, Any], reader: Any) -> None:
    found = reader(load(entry))
    assert not isinstance(found, str)
    assert list(found["tensors"]) == list(entry["tensors"])
    for name, (dtype, shape, data) in found["tensors"].items():
        expected = entry["tensors"][name]
        assert (dtype, list(shape)) == (expected["dtype"], expected["shape"])
        assert hashlib.sha256(data).hexdigest() == expected["sha256"]
        digest = hashlib.sha256(found["indices"][name]).hexdigest() if name in found["indices"] else None
        assert digest == expected.get("indices_sha256")
    assert found["metadata"] == entry["metadata"]
    assert found["source_hash"] == entry["source_hash"]


@pytest.mark.parametrize("entry", ACCEPTED, ids=named)
def test_no_faults(entry: dict[str, Any]) -> None:
    assert list(faults(load(entry))) == []
    assert list(faults(load(entry), decode=False)) == []


def test_the_generator_makes_these_files() -> None:
    files = generate.contents()
    on_disk = {path.relative_to(VECTORS).as_posix() for path in VECTORS.glob("*/*.hemp")}
    assert on_disk == set(files) - {"manifest.json"}
    for path, data in files.items():
        assert (VECTORS / path).read_bytes() == data, f"{path} differs; run python -m spec.vectors.generate"


# Rules that no file can break, because others come first; they are for who uses a coder by itself.
OUT_OF_REACH = {
    "bytes for no indices",
    "{} bytes for an empty sequence",
    "{} bytes where the parts take {}",
    "{} is not below 2^63",
}


def messages() -> set[str]:
    """The messages of all errors of the executable specification, with {} for what is filled in."""
    found: set[str] = set()
    for path in (VECTORS.parent / "hemp_spec").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", "")
            position = {"bad_payload": 1, "Rule": 3, "SpecError": 3, "_require": 2, "_refuse_rest": 1}.get(name)
            if position is not None and len(call.args) > position:
                found.add(template(call.args[position]))
    return found - {""}


def template(message: ast.expr) -> str:
    if isinstance(message, ast.Constant):
        return re.sub(r"\{[^}]*\}", "{}", str(message.value))
    pieces = message.values if isinstance(message, ast.JoinedStr) else []
    return "".join(str(piece.value) if isinstance(piece, ast.Constant) else "{}" for piece in pieces)


def test_every_rule_is_broken_by_a_vector() -> None:
    shown = []
    for entry in REJECTED:
        with pytest.raises(SpecError) as caught:
            reference.read(load(entry))
        shown.append(caught.value.message)
    patterns = {text: re.compile(re.escape(text).replace(r"\{\}", ".+")) for text in messages()}
    assert len(patterns) > 80
    unbroken = {text for text, pattern in patterns.items() if not any(map(pattern.fullmatch, shown))}
    assert unbroken == OUT_OF_REACH


def test_the_set_is_complete_and_small() -> None:
    errors = Counter(entry["error"] for entry in REJECTED)
    assert all(errors[name] >= 2 for _, name, _ in ERRORS)
    assert sum(len(load(entry)) for entry in MANIFEST) < 150_000

"""The commands for figures and tables, on a small task in the place of MNIST."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import hemp_codec
from hemp_train import log
from hemp_train.data.splits import Split
from hemp_train.figures import __main__ as command
from hemp_train.figures import costs
from hemp_train.figures.studies import Study, options_for
from hemp_train.figures.tables import CoderRow, at_accuracy
from hemp_train.recipes.base import Task

from .support import data, network


def small_task(*_: object) -> Task:
    def no_test() -> Split:
        raise AssertionError("the test images are not for studies")

    return Task(Split(*data(256)), Split(*data(64, seed=2)), no_test, network)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(command.NETWORKS, "lenet5", small_task)


def run(what: str, out: Path, *options: str) -> None:
    arguments = [what, "--data", str(out), "--out", str(out), "--quick", "--strength", "3", *options]
    assert command.main(arguments) == 0


def test_entropies(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    run("entropies", tmp_path)
    run("entropies", tmp_path)  # begins anew
    assert "<svg" in (tmp_path / "entropies.svg").read_text()
    for order in (1, 2, 4):
        records = log.read(tmp_path / f"entropies-{order}.jsonl")
        assert [record.epoch for record in records] == [0, 1, 2]
        first, last = records[0].values, records[-1].values
        assert last["proxy_entropy"] < first["proxy_entropy"]
        assert abs(last["proxy_entropy"] - last["true_entropy"]) < 0.5


def test_coders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("coders", tmp_path, "--coders", "rans", "arithmetic", "--strengths", "1", "2", "--drop", "0.1")
    text = (tmp_path / "coders.md").read_text()
    assert text in capsys.readouterr().out and text.count("\n| rans |") == 1 and text.count("**") >= 4


def test_coders_compare_at_equal_accuracy() -> None:
    points = [
        CoderRow("rans", strength, 1 - strength / 100, {"rans": round(1000 / strength), "zstd": round(3000 / strength)})
        for strength in (1.0, 2.0, 4.0, 8.0)
    ]
    row = at_accuracy(points, 0.97)
    assert row.accuracy == pytest.approx(0.97, abs=1e-3)
    assert row.sizes["rans"] == pytest.approx(1000 / row.strength, rel=2e-3)
    assert row.sizes["zstd"] == pytest.approx(3000 / row.strength, rel=2e-3)
    assert at_accuracy(points, 0.5).strength == pytest.approx(8)  # all reach it
    assert at_accuracy(points, 1.0).strength == pytest.approx(1)  # none does: the most accurate


def test_ablations(tmp_path: Path) -> None:
    run("ablations", tmp_path)
    lines = (tmp_path / "ablations.md").read_text().splitlines()
    assert len(lines) == 8 and len({line.split("|")[3] for line in lines[2:]}) > 1  # proxies


def test_ablations_from_a_given_network_with_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "given.pt"
    torch.save(network().state_dict(), given)
    run("ablations", tmp_path / "out", "--dense", str(given), "--seeds", "2")
    assert "dense" not in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ablations.md"]
    assert " to " in (tmp_path / "out" / "ablations.md").read_text()


@pytest.mark.parametrize("what", [{}, "text", None])
def test_what_is_no_dense_network(tmp_path: Path, what: object, capsys: pytest.CaptureFixture[str]) -> None:
    given = tmp_path / "given.pt"
    torch.save(what, given)
    if what is None:
        given.write_bytes(b"")
    assert command.main(["ablations", "--data", ".", "--out", str(tmp_path), "--dense", str(given)]) == 1
    assert capsys.readouterr().err.startswith(f"ablations: {given}: no state dict of this network")
    assert command.main(["ablations", "--data", ".", "--out", str(tmp_path), "--dense", "nothing.pt"]) == 1
    assert capsys.readouterr().err.startswith("ablations: ")


def test_studies_are_reproducible() -> None:
    study = Study(small_task(), network().state_dict(), lambda line: None, epochs=2, finish=5, batch=32)
    one, two = (study.train(options_for("zstd", 1.0))[0] for _ in range(2))
    assert one.accuracy == two.accuracy and one.size("zstd") == two.size("zstd")


def test_options_follow_the_rate_models() -> None:
    orders = {coder: options_for(coder, 1.0)["order"] for coder in ("rans", "stored", "lzma", "zstd", "arithmetic")}
    assert orders == {"rans": 1, "stored": 1, "lzma": 3, "zstd": 3, "arithmetic": 2}


def test_costs_find_the_dear_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Blocks full of non-zeros, where one more is cheap, and others strewn between them."""
    rng = np.random.default_rng(0)
    indices = (rng.random((200, 300)) < 0.02).astype(np.uint8)
    indices[:, 40:80][::3] = 1
    hemp_codec.save_file({"w": hemp_codec.QuantizedTensor(indices, np.array([0, 1], np.float32))}, tmp_path / "a.hemp")
    assert costs.main([str(tmp_path / "a.hemp"), "w", "--coders", "lzma", "arithmetic"]) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header == "| sorted by the rate of | lzma | arithmetic |"
    spreads = {row.split("|")[1].strip(): [float(cell) for cell in row.split("|")[2:4]] for row in rows}
    for name in ("pairs", "`lzma`, `zstd`: triples", "`arithmetic`: contexts"):
        assert min(spreads[name]) > 3
    assert costs.main([str(tmp_path / "a.hemp"), "v"]) == 1
    assert costs.main([str(tmp_path / "b.hemp"), "w"]) == 1
    assert capsys.readouterr().err.count("costs: ") == 2


def test_data_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> Task:
        raise OSError("no images here")

    monkeypatch.setitem(command.NETWORKS, "lenet5", missing)
    assert command.main(["coders", "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "coders: no images here\n"

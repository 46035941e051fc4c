from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hemp_train import HEMP, log
from hemp_train.figures import entropies, tables
from hemp_train.log import EpochLog, Record

from .support import network

NAMES = {"proxy_entropy", "true_entropy", "rate", "reconstruction_error", "nonzeros", "coded_bytes"}


def test_reports_are_kept_and_printed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hemp = HEMP(network(), 8)
    with caplog.at_level(logging.INFO, "hemp.train"), EpochLog(tmp_path / "run.jsonl") as records:
        for epoch in range(2):
            records.write(epoch, accuracy=0.5, **hemp.report())
    found = log.read(tmp_path / "run.jsonl")
    assert found == records.records
    assert set(found[0].values) == NAMES | {"accuracy"}
    assert found[0].values["coded_bytes"] == hemp.coded_bytes()
    assert "epoch 1: accuracy 0.5000, proxy_entropy" in caplog.text


def test_a_resumed_run_replaces_the_epochs_that_it_repeats(tmp_path: Path) -> None:
    for epochs, value in (((0, 1, 2), 1.0), ((2, 3), 2.0)):
        with EpochLog(tmp_path / "run.jsonl") as records:
            for epoch in epochs:
                records.write(epoch, loss=value)
    assert [(r.epoch, r.values["loss"]) for r in log.read(tmp_path / "run.jsonl")] == [(0, 1), (1, 1), (2, 2), (3, 2)]


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with EpochLog(tensorboard=tmp_path) as records:
        records.write(3, true_entropy=0.25)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("true_entropy")] == [(3, 0.25)]


def test_figure_of_entropies(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    runs = {
        order: [Record(epoch, {"proxy_entropy": 2 - epoch / 4, "true_entropy": 1.9 - epoch / 4}) for epoch in range(4)]
        for order in entropies.ORDERS
    }
    entropies.plot(runs, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert "<svg" in text and text.count("stroke-dasharray") >= 3


def trained(accuracy: float) -> tables.Trained:
    return tables.Trained(accuracy, HEMP(network(), 4).file_tensors(), (0.5, 0.4))


def test_table_of_coders() -> None:
    rows = tables.by_coder(
        lambda coder, strength, seed: trained(0.96 - strength / 50 + seed / 25),
        0.94,
        coders=("rans", "lzma"),
        strengths=(1.0, 2.0, 3.0),
        seeds=2,
    )
    assert [row.coder for row in rows] == ["rans", "lzma"] and rows[0].sizes == rows[1].sizes
    lines = tables.coder_table(rows).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| rans | 2 | 94.00% | **")
    assert all(line.count("|") == 6 for line in lines)


def test_table_of_ablations() -> None:
    seen = []

    def train(options: Mapping[str, Any], seed: int) -> tables.Trained:
        seen.append(dict(options))
        return trained(0.9 + seed / 100)

    text = tables.ablation_table(train, seeds=3, coders=("rans",))
    assert seen[::3] == seen[2::3] == [dict(options) for options in tables.ABLATIONS.values()]
    lines = text.splitlines()
    assert len(lines) == 2 + len(tables.ABLATIONS) and all(line.count("|") == 6 for line in lines)
    assert all(" | 91.00% (90.00% to 92.00%) | 0.500 | 0.400 | " in line for line in lines[2:])
    for options in seen:
        HEMP(network(), 4, **options)


def test_spread_of_equal_values_is_one_number() -> None:
    assert tables.spread([1234, 1234], ",.0f") == "1,234"
    assert tables.spread([1000, 3000, 2003], ",.0f") == "2,001 (1,000 to 3,000)"

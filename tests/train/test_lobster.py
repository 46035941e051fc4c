from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import hemp_codec
from hemp_train import HEMP, LOBSTER

from .support import loss_of, network


def attached(**options: float) -> tuple[torch.nn.Sequential, LOBSTER]:
    model = network()
    prune = LOBSTER(**options)  # type: ignore[arg-type]
    prune.attach(model)
    return model, prune


def test_insensitive_weights_decay() -> None:
    model, prune = attached(decay=0.5)
    loss_of(model).backward()
    weight = model[3].weight
    with torch.no_grad():
        weight.grad[0, 0] = 1.5  # more sensitive than the paper's bound: not decayed
    before = weight.grad.clone()
    prune.step()
    expected = 0.5 * weight * (1 - before.abs()).clamp_min(0)
    assert torch.allclose(weight.grad - before, expected, atol=1e-7)
    assert weight.grad[0, 0] == 1.5


def test_a_plateau_is_patience_without_improvement() -> None:
    prune = LOBSTER(patience=3)
    losses = [1.0, 0.9, 0.95, 0.91, 0.8, 0.8, 0.8, 0.85]
    assert [prune.observe(loss) for loss in losses] == [False] * 7 + [True]


def test_the_threshold_costs_what_is_tolerated_and_no_more() -> None:
    model, prune = attached(tolerance=0.02)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()

    def loss() -> float:
        return loss_of(model).item()

    before = loss()
    threshold = prune.threshold(loss)
    assert threshold > 0 and 0 < prune.density() < 1
    assert loss() <= 1.02 * before
    for layer in prune.layers:
        assert layer.pruned is not None
        assert torch.equal(layer.pruned, layer.parameter == 0)
    weights = {layer.name: layer.parameter.detach().clone() for layer in prune.layers}
    with torch.no_grad():
        for layer in prune.layers:  # a little more would have cost more
            layer.parameter.masked_fill_(layer.parameter.abs() < threshold * 1.1, 0)
    assert loss() > 1.02 * before or all(
        torch.equal(w, weights[n]) for n, w in model.named_parameters() if n in weights
    )


def test_pruned_weights_stay_zero_whatever_the_optimizer_does() -> None:
    model, prune = attached(tolerance=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=0.1)
    pruned: dict[str, torch.Tensor] = {}
    for step in range(20):
        if step == 10:
            prune.threshold(lambda: loss_of(model).item())
            pruned = {layer.name: layer.pruned.clone() for layer in prune.layers if layer.pruned is not None}
        optimizer.zero_grad()
        loss_of(model).backward()
        prune.step()
        optimizer.step()
        prune.apply()
    assert sum(int(mask.sum()) for mask in pruned.values()) > 10
    for layer in prune.layers:
        assert not layer.parameter[pruned[layer.name]].any()
        assert layer.parameter[~pruned[layer.name]].all()


def test_with_hemp_zero_is_a_level_and_pruned_weights_are_it(tmp_path: Path) -> None:
    model = network()
    prune = LOBSTER(tolerance=0.1)
    hemp = HEMP(model, 5, prune=prune, refit_every=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(12):
        if step == 6:
            prune.threshold(lambda: loss_of(model).item())
        optimizer.zero_grad()
        loss_of(model).backward()
        hemp.step()
        optimizer.step()  # and no hemp.apply(): momentum moves what is pruned
    assert all((layer.levels == 0).any() for layer in hemp.layers)
    hemp.save(tmp_path / "model.hemp")
    tensors = hemp_codec.load_file(tmp_path / "model.hemp")
    for layer in hemp.layers:
        assert layer.pruned is not None and layer.pruned.any()
        assert not np.any(tensors[layer.name][layer.pruned.numpy()])


def test_nothing_is_pruned_where_nothing_may_be_lost() -> None:
    _, prune = attached(tolerance=0.0)
    calls = iter([1.0] + [2.0] * 99)
    before = [layer.parameter.detach().clone() for layer in prune.layers]
    assert prune.threshold(lambda: next(calls)) == 0
    assert prune.density() == 1
    assert all(torch.equal(a, layer.parameter) for a, layer in zip(before, prune.layers, strict=True))


def test_refresh_takes_zeros_as_pruned() -> None:
    model, prune = attached()
    with torch.no_grad():
        model[3].weight[:, 5] = 0
    prune.refresh()
    assert prune.layers[1].pruned is not None and prune.layers[1].pruned[:, 5].all()
    assert int(prune.layers[1].pruned.sum()) == 20


@pytest.mark.parametrize("options", [{"decay": -1.0}, {"tolerance": -0.1}, {"patience": 0}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        LOBSTER(**options)  # type: ignore[arg-type]

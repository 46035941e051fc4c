from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hemp_codec
from hemp_codec.coders import Coder, RateModel
from hemp_train import HEMP, scan
from hemp_train.contexts import fit_contexts
from hemp_train.layers import Layer
from hemp_train.rates import ContextRate, How, TupleRate, rate_of
from hemp_train.tuples import chord_rises


class OneLayer(nn.Module):
    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weights)


def layer_of(weights: Tensor, levels: Tensor) -> Layer:
    quantizer = hemp_codec.quantizers.LloydMax(len(levels))
    return Layer("weight", nn.Parameter(weights), quantizer, levels=levels)


def rows_of_different_spread(rows: int = 60, columns: int = 80) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    spread = torch.logspace(-1.5, 0.5, rows).unsqueeze(1)
    return torch.randn(rows, columns, generator=generator) * spread


def test_the_rate_is_the_coders() -> None:
    for name, order in (("stored", 1), ("lzma", 2), ("zstd", 2)):
        rate = rate_of(name, 2)
        assert isinstance(rate, TupleRate) and rate.order == order
    rate = rate_of("rans", 2)
    assert isinstance(rate, ContextRate) and rate.features == ("row",) and rate.previous == 0
    for name in ("arithmetic", "arithmetic-max"):
        rate = rate_of(name, 2)
        assert isinstance(rate, ContextRate)
        assert rate.features == ("row", "column", "above", "previous") and rate.previous == 1


def test_nothing_but_the_rate_model_counts() -> None:
    class Own(Coder):
        name, number = "own", 150

        def rate_model(self) -> RateModel:
            return RateModel(self.name, contexts=("row",), conditional=True)

    rate = rate_of(Own(), 3)
    assert isinstance(rate, ContextRate) and rate.features == ("row",) and rate.previous == 0


def test_gradient_of_the_conditional_entropy() -> None:
    """With contexts held, the change of the bits follows the gradient."""
    levels = torch.tensor([-1.0, -0.4, 0.0, 0.4, 1.0], dtype=torch.float64)
    weights = rows_of_different_spread(12, 20).double().clamp(-1.2, 1.2)
    rate = ContextRate(("row", "column"))
    layer = layer_of(weights, levels)
    _, slopes = rate.measure(layer, layer.soft(), How())
    hard = layer.soft().nearest()

    def bits(values: Tensor) -> float:
        moved = layer_of(values, levels)
        soft = moved.soft()
        assert torch.equal(soft.nearest(), hard)  # else the contexts are others
        return rate.measure(moved, soft, How())[0].item()

    # Bits move with the frequencies too, but to first order only through the prior's share of each context.
    inside = (slopes != 0) & ((layer.soft().upper_probability - 0.5).abs() > 0.05)
    direction = torch.where(inside, slopes.sign(), torch.zeros_like(slopes))
    step = 1e-5
    found = (bits(weights + step * direction) - bits(weights - step * direction)) / (2 * step)
    assert found == pytest.approx(float((slopes * direction).sum()), rel=0.15)


@pytest.mark.parametrize("previous", [0, 1, 2])
@pytest.mark.parametrize("shape", [(12, 20), (40,), (3, 1), (2, 3, 4)])
def test_savings_are_those_of_the_whole_tensor(previous: int, shape: tuple[int, ...]) -> None:
    """Also by the contexts of other indices, after it and below it."""
    generator = torch.Generator().manual_seed(0)
    indices = torch.randint(0, 3, shape, generator=generator) * torch.randint(0, 2, shape, generator=generator)
    model = fit_contexts(indices, 0, ("above", "previous"), previous)
    model = replace(model, thresholds=model.thresholds + 1e-3)  # else rounding decides: they are among what is expected
    bits = torch.rand(model.count(3), 3, generator=generator, dtype=torch.float64)

    def paid(numbers: Tensor) -> float:
        return float(bits[model.contexts(numbers, 0, 3), numbers].sum())

    others = (indices + 1) % 3
    expected = []
    for place in range(indices.numel()):
        changed = indices.clone()
        changed.view(-1)[place] = others.view(-1)[place]
        expected.append(paid(indices) - paid(changed))
    assert model.place(indices, 0, 3).savings(bits, others).view(-1).tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("coder", ["stored", "arithmetic", "lzma"])
def test_the_chord_leads_to_zero(coder: str) -> None:
    """Outwards everywhere, so that descent goes to zero; also beyond the outermost levels, where the gradient is 0."""
    levels = torch.tensor([-1.0, -0.4, 0.0, 0.4, 1.0])
    weights = rows_of_different_spread().clamp(-3, 3)
    layer = layer_of(weights, levels)
    rate = rate_of(coder, 2)
    bits, slopes = rate.measure(layer, layer.soft(), How(slope="chord"))
    assert bits.item() == rate.measure(layer, layer.soft(), How())[0].item()
    assert torch.all(slopes * weights >= 0)
    beyond = weights.abs() > 1.1
    local = rate.measure(layer, layer.soft(), How())[1]
    assert not local[beyond].any()
    share = float((slopes[beyond] != 0).double().mean())  # in rows of large indices, zero is dear
    assert share > {"stored": 0.9, "lzma": 0.3, "arithmetic": 0.2}[coder]


def test_chord_of_single_indices() -> None:
    levels = torch.tensor([-1.0, 0.0, 0.5])
    weights = torch.tensor([0.0, 0.1, -0.2, 0.0, 0.0, 0.5, 0.7, -1.5, -0.9, 0.05])
    layer = layer_of(weights, levels)
    _, slopes = rate_of("stored", 1).measure(layer, layer.soft(), How(slope="chord"))
    counts = torch.bincount(layer.soft().nearest(), minlength=3)
    bits = -(counts.double() + 0.5).log2()
    for weight, slope in zip(weights.tolist(), slopes.tolist(), strict=True):
        level = 0 if weight < 0 else 2
        reach = abs(levels[level].item())
        share = 1 / abs(weight) if not -0.5 <= weight <= 0.25 else 4 * abs(weight) / reach**2
        expected = (bits[level] - bits[1]).clamp_min(0).item() * share
        sign = (weight > 0) - (weight < 0)
        assert slope == pytest.approx(sign * expected, rel=1e-4)


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("num_levels", [3, 100])  # cells numbered densely, and those that occur
def test_chords_of_tuples(num_levels: int, phase: int) -> None:
    hard = torch.randint(0, 3, (101,), generator=torch.Generator().manual_seed(0)) * (num_levels // 3)
    level = torch.where(hard == 0, num_levels // 3, hard)
    rises = chord_rises(hard, level, 0, num_levels, 2, phase)
    pairs = hard[phase:][:100].view(-1, 2).tolist()
    counts = Counter(map(tuple, pairs))
    for j, (first, second) in enumerate(pairs):
        at = phase + 2 * j
        expected = [
            (counts[0, second] + 0.5) / (counts[int(level[at]), second] + 0.5),
            (counts[first, 0] + 0.5) / (counts[first, int(level[at + 1])] + 0.5),
        ]
        assert rises[at : at + 2].tolist() == pytest.approx([math.log2(share) for share in expected])
    assert not rises[:phase].any() and not rises[phase + 100 :].any()


def test_contexts_see_what_single_indices_do_not() -> None:
    weights = rows_of_different_spread()
    model = OneLayer(weights)
    bits = {coder: HEMP(model, 8, coder=coder, order=1).rate().item() for coder in ("stored", "rans", "arithmetic")}
    assert bits["arithmetic"] < 0.8 * bits["stored"] and bits["rans"] < 0.85 * bits["stored"]


@pytest.mark.parametrize("coder", ["rans", "arithmetic"])
@pytest.mark.parametrize("kind", ["rows", "plain"])
def test_the_rate_follows_the_coded_bytes(coder: str, kind: str) -> None:
    weights = rows_of_different_spread(200, 100) if kind == "rows" else torch.randn(200, 100)
    hemp = HEMP(OneLayer(weights), 8, coder=coder, order=1)
    with torch.no_grad(), hemp.quantized_weights():
        rate = hemp.rate().item() * weights.numel()
    tensor = hemp.layers[0].file_tensor()
    coded = hemp_codec.coders.get(coder).estimate(np.asarray(tensor.indices), len(tensor.levels))
    assert rate == pytest.approx(coded, rel=0.05)


def test_contexts_of_a_vector_and_of_constants() -> None:
    for indices in (torch.randint(0, 4, (50,)), torch.zeros(3, 4, dtype=torch.int64), torch.zeros(1, 1).long()):
        model = fit_contexts(indices, 0, ("row", "column", "above", "previous"), 1)
        numbers = model.contexts(indices, 0, 4)
        assert numbers.shape == indices.shape
        assert int(numbers.min()) >= 0 and int(numbers.max()) < model.count(4)


@pytest.mark.parametrize("order", scan.ORDERS)
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (2, 3, 2, 2), (0, 3)])
def test_scan_orders_come_back(order: str, shape: tuple[int, ...]) -> None:
    tensor = torch.randn(shape)
    flat = scan.flatten(tensor, order)
    assert flat.shape == (tensor.numel(),)
    assert torch.equal(scan.restore(flat, order, shape), tensor)


def test_scan_orders() -> None:
    tensor = torch.arange(24).view(2, 3, 2, 2)
    assert scan.flatten(tensor, "rows").tolist() == list(range(24))
    assert scan.flatten(tensor, "columns")[:4].tolist() == [0, 12, 1, 13]
    assert scan.flatten(tensor, "kernels")[:6].tolist() == [0, 4, 8, 12, 16, 20]

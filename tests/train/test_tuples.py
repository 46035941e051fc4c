from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import Tensor

import hemp_train
from hemp_train.assignment import assign
from hemp_train.tuples import entropy_and_gradient, number_rows

LEVELS = torch.tensor([-1.0, -0.3, 0.0, 0.2, 0.9], dtype=torch.float64)


def some_weights(count: int = 25, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, dtype=torch.float64, generator=generator) * 0.6).requires_grad_()


def by_definition(weights: Tensor, levels: Tensor, order: int) -> float:
    """H_n by the sum over all cells."""
    soft = assign(weights.detach(), levels)
    masses = torch.zeros(len(weights), len(levels), dtype=torch.float64)
    rows = torch.arange(len(weights))
    masses[rows, soft.lower.long() + 1] += soft.upper_probability
    masses[rows, soft.lower.long()] += 1 - soft.upper_probability
    tuples = masses[: len(weights) // order * order].view(-1, order, len(levels))
    total = 0.0
    for cell in itertools.product(range(len(levels)), repeat=order):
        probability = float(torch.stack([tuples[:, m, level] for m, level in enumerate(cell)]).prod(0).mean())
        total -= probability * math.log2(probability) if probability else 0.0
    return total


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_definition(order: int) -> None:
    weights = some_weights()
    bits = hemp_train.entropy(weights, LEVELS, order).item()
    assert bits == pytest.approx(by_definition(weights, LEVELS, order))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_closed_form_gradient(order: int) -> None:
    weights = some_weights()
    assert torch.autograd.gradcheck(lambda w: hemp_train.entropy(w, LEVELS, order), weights)


@pytest.mark.parametrize("num_levels", [5, 2000])  # cells numbered densely, and those that occur
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_closed_form_is_that_of_autograd(order: int, num_levels: int) -> None:
    levels = torch.linspace(-1, 1, num_levels, dtype=torch.float64)
    weights = some_weights(403)
    values = [hemp_train.entropy(weights, levels, order, gradient=kind) for kind in ("exact", "autograd")]
    slopes = [torch.autograd.grad(value, weights)[0] for value in values]
    assert values[0].item() == pytest.approx(values[1].item())
    assert torch.allclose(*slopes, rtol=1e-6, atol=1e-8)
    assert slopes[0].abs().sum() > 0


def test_equation_17_of_the_paper_is_another_direction() -> None:
    """It gives the levels that the other members all but exclude as much say as those at which they are."""
    indices = torch.randint(0, 5, (2000,), generator=torch.Generator().manual_seed(0))
    weights = (LEVELS[indices] + 0.02 * some_weights(2000).detach()).requires_grad_()

    def slope(order: int, kind: hemp_train.tuples.Gradient) -> Tensor:
        return torch.autograd.grad(hemp_train.entropy(weights, LEVELS, order, gradient=kind), weights)[0]

    assert torch.equal(slope(1, "paper"), slope(1, "exact"))
    assert float(torch.cosine_similarity(slope(2, "paper"), slope(2, "exact"), 0)) < 0.9


def test_a_step_down_the_gradient_lowers_the_entropy() -> None:
    weights = some_weights(2000)
    before = hemp_train.entropy(weights, LEVELS, 2)
    (slope,) = torch.autograd.grad(before, weights)
    after = hemp_train.entropy(weights - 0.02 * slope / slope.norm(), LEVELS, 2)
    assert after.item() < before.item()


def test_the_order_of_tuples_changes_no_bit() -> None:
    weights = torch.randn(30000, generator=torch.Generator().manual_seed(0))
    levels = LEVELS.float()
    shuffled = weights.view(-1, 3)[torch.randperm(10000, generator=torch.Generator().manual_seed(1))].reshape(-1)
    assert torch.equal(
        entropy_and_gradient(assign(weights, levels), 5, 3)[0], entropy_and_gradient(assign(shuffled, levels), 5, 3)[0]
    )


@pytest.mark.parametrize("phase", [1, 2])
def test_tuples_after_some_weights(phase: int) -> None:
    weights = some_weights(100)
    bits, slopes = entropy_and_gradient(assign(weights.detach(), LEVELS), 5, 3, phase=phase)
    rest = weights.detach()[phase:].clone().requires_grad_()
    expected = hemp_train.entropy(rest, LEVELS, 3)
    expected.backward()
    assert bits.item() == pytest.approx(expected.item())
    assert rest.grad is not None and torch.allclose(slopes[phase:], rest.grad)
    assert not slopes[:phase].any()


def test_parts_whose_histograms_are_summed_give_the_whole() -> None:
    weights, levels = torch.randn(6001, generator=torch.Generator().manual_seed(0)), LEVELS.float()
    whole, slopes = entropy_and_gradient(assign(weights, levels), 5, 2)
    tables: list[Tensor] = []

    def remember(table: Tensor) -> Tensor:
        tables.append(table)
        return table

    parts = [assign(part, levels) for part in (weights[:2500], weights[2500:])]
    for part in parts:
        entropy_and_gradient(part, 5, 2, total=3000, all_sum=remember)
    total = sum(tables[1:], tables[0])
    results = [entropy_and_gradient(part, 5, 2, total=3000, all_sum=lambda _: total) for part in parts]
    assert all(torch.equal(bits, whole) for bits, _ in results)
    assert torch.equal(torch.cat([slope for _, slope in results]), slopes)


def test_memory_does_not_grow_with_the_number_of_cells() -> None:
    """65536^4 cells, of which some thousand are touched; their dense numbers would not fit 63 bits."""
    levels = torch.linspace(-3, 3, 65536, dtype=torch.float64)
    weights = some_weights(1000)
    bits = hemp_train.entropy(weights, levels, 4)
    assert 0 < bits.item() <= math.log2(250 * 16)
    assert torch.isfinite(torch.autograd.grad(bits, weights)[0]).all()


def test_rows_are_numbered_alike_if_and_only_if_they_are_equal() -> None:
    generator = torch.Generator().manual_seed(0)
    columns = [torch.randint(0, 3, (500,), generator=generator) * ((1 << 40) // 2 - 7) for _ in range(4)]
    numbers, rows = number_rows(columns, 1 << 40)
    assert torch.equal(rows[numbers], torch.stack(columns, 1))
    assert len(rows) == len({tuple(row) for row in torch.stack(columns, 1).tolist()})


@pytest.mark.parametrize("levels", [0, 1])
def test_one_level_has_no_entropy(levels: int) -> None:
    weights = some_weights(10)
    bits = hemp_train.entropy(weights, torch.zeros(levels, dtype=torch.float64), 2)
    bits.backward()
    assert bits.item() == 0 and weights.grad is not None and not weights.grad.any()


def test_fewer_weights_than_a_tuple_has_members() -> None:
    assert hemp_train.entropy(some_weights(3), LEVELS, 4).item() == 0


@pytest.mark.parametrize("num_levels", [3, 5000])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_true_entropy(order: int, num_levels: int) -> None:
    indices = torch.randint(0, 3, (10, 61), generator=torch.Generator().manual_seed(0)) * (num_levels // 3)
    flat = indices.reshape(-1)[: 610 // order * order].view(-1, order).tolist()
    counts = Counter(map(tuple, flat)).values()
    expected = -sum(c / len(flat) * math.log2(c / len(flat)) for c in counts) / order
    assert hemp_train.hard_entropy(indices, num_levels, order) == pytest.approx(expected)


def test_on_levels_the_proxy_is_the_true_entropy() -> None:
    indices = torch.randint(0, 5, (999,), generator=torch.Generator().manual_seed(0))
    proxy = hemp_train.entropy(LEVELS[indices], LEVELS, 3)
    assert float(proxy) / 3 == pytest.approx(hemp_train.hard_entropy(indices, 5, 3))

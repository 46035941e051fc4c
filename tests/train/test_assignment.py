from __future__ import annotations

import numpy as np
import pytest
import torch

from hemp_train.assignment import assign, count_below, nearest

LEVELS = torch.tensor([-1.0, -0.25, 0.0, 0.5, 2.0], dtype=torch.float64)


def test_probabilities_are_those_of_the_paper() -> None:
    weights = torch.linspace(-1, 2, 31, dtype=torch.float64)[1:-1]
    soft = assign(weights, LEVELS)
    low, high = LEVELS[soft.lower], LEVELS[soft.lower + 1]
    assert torch.all((low <= weights) & (weights <= high))
    step = high - low
    assert torch.allclose(soft.upper_probability, 1 - (high - weights) / step)
    assert torch.allclose(1 - soft.upper_probability, 1 - (weights - low) / step)
    assert torch.allclose(soft.slope, 1 / step)


def test_beyond_the_outermost_levels_the_assignment_is_whole_and_flat() -> None:
    weights = torch.tensor([-7.0, -1.1, 2.1, 9.0], dtype=torch.float64, requires_grad=True)
    soft = assign(weights, LEVELS)
    assert soft.lower.tolist() == [0, 0, 3, 3]
    assert soft.upper_probability.tolist() == [0, 0, 1, 1]
    assert soft.slope.tolist() == [0, 0, 0, 0]
    soft.upper_probability.sum().backward()
    assert weights.grad is not None and weights.grad.tolist() == [0, 0, 0, 0]


def test_equal_levels_give_no_infinity() -> None:
    soft = assign(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.5, 0.5, 1.0]))
    assert torch.isfinite(soft.upper_probability).all() and torch.isfinite(soft.slope).all()


def test_nearest_level() -> None:
    weights = torch.randn(1000, dtype=torch.float64)
    distances = (weights[:, None] - LEVELS).abs()
    assert torch.equal(nearest(weights, LEVELS).long(), distances.argmin(1))
    assert torch.equal(assign(weights, LEVELS).nearest().long(), distances.argmin(1))


@pytest.mark.parametrize("spread", [1.0, 1e-6, 1e6])
@pytest.mark.parametrize("count", [1, 2, 15, 300])
def test_counting_by_cells_is_exact(count: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(count)
    bounds = (torch.randn(count, generator=generator) * spread).sort().values
    weights = torch.cat([torch.randn(5000, generator=generator) * spread, bounds, torch.nextafter(bounds, bounds + 1)])
    expected = np.searchsorted(bounds.numpy(), weights.numpy(), side="left")
    assert np.array_equal(count_below(weights, bounds).numpy(), expected)


def test_bounds_that_share_a_cell() -> None:
    bounds = torch.tensor([-1.0, 0.0, 1e-6, 2e-6, 1.0])
    weights = torch.tensor([-2.0, -0.5, 5e-7, 1.5e-6, 0.5, 2.0])
    assert count_below(weights, bounds).tolist() == [0, 1, 2, 3, 4, 5]


def test_no_weight_breaks_the_table() -> None:
    strange = torch.tensor([float("nan"), float("inf"), -float("inf"), 3e38, -3e38])
    counts = count_below(strange, torch.tensor([-0.5, 0.0, 0.5]))
    assert counts[1:].tolist() == [3, 0, 3, 0] and 0 <= int(counts[0]) <= 3

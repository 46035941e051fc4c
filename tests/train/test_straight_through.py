"""Grids, the code length and its chord, straight-through training, narrower networks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import hemp_codec
from hemp_train.code_length import chord_slope, code_length, level_bits, zero_odds
from hemp_train.grids import Grid
from hemp_train.models.lenet import LeNet5, LeNet300
from hemp_train.models.mobilenet import MobileNetV2
from hemp_train.models.resnet import ResNet32
from hemp_train.narrowing import embed, select_units, unit_scores
from hemp_train.straight_through import StraightThrough
from hemp_train.structure import units_between

from . import support


def test_grid_rounds_outside_the_dead_zone() -> None:
    grid = Grid(step=0.5, most=2, dead_zone=0.6)
    weights = torch.tensor([0.0, 0.29, 0.31, -0.31, 0.74, 0.76, 3.0, -9.0])
    assert grid.indices(weights).tolist() == [0, 0, 1, -1, 1, 2, 2, -2]
    assert grid.outside(weights).tolist() == [False] * 6 + [True, True]


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_grid_wants_an_odd_number_of_levels(levels: int) -> None:
    with pytest.raises(ValueError, match="odd number of levels"):
        Grid.of(torch.ones(3), levels)


def test_grid_file_tensor_holds_what_the_forward_pass_sees() -> None:
    grid = Grid(step=0.1234567, most=3)
    weights = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)) * 0.3
    indices = grid.indices(weights)
    tensors = hemp_codec.decode(hemp_codec.encode({"w": grid.file_tensor(indices)}))
    np.testing.assert_array_equal(tensors["w"], (indices * grid.step).numpy())
    nothing = grid.file_tensor(torch.zeros(3, 2))
    assert nothing.levels.tolist() == [0.0]


def test_code_length_is_near_what_the_coder_takes() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(120, 1, generator=generator) ** 3
    indices = (torch.rand(120, 200, generator=generator) < 0.3 * rows).float()
    indices *= torch.randint(0, 2, indices.shape, generator=generator) * 2 - 1
    payload = hemp_codec.coders.get("arithmetic").encode((indices.numpy() + 1).astype(np.uint8), 3)
    assert float(code_length(indices, 1)) / 8 == pytest.approx(len(payload), rel=0.08)


def test_zeros_are_cheaper_in_empty_rows_and_columns() -> None:
    indices = torch.zeros(20, 20)
    indices[0] = 1
    odds = zero_odds(indices)
    assert float(odds[0, 5]) < float(odds[7, 5])
    assert float(zero_odds(indices.T)[5, 0]) < float(odds[7, 5])


def test_level_bits_are_those_of_the_shares() -> None:
    indices = torch.tensor([1.0] * 600 + [-1.0] * 200 + [0.0] * 1000)
    bits = level_bits(indices, 1)
    assert bits.tolist() == pytest.approx([2.0, 0.0, math.log2(4 / 3)], abs=0.01)


def test_chord_draws_the_outer_levels_to_zero_where_inner_ones_are_rare() -> None:
    weights = torch.zeros(50, 50)
    weights[::7, ::5] = 3.0
    weights[::7, 1] = -3.0
    indices = Grid(1.0).indices(weights)
    slope = chord_slope(weights, indices, 3, 1.0)
    assert (slope[indices > 0] > 0).all()
    assert (slope[indices < 0] < 0).all()


def test_gradients_are_those_of_the_quantized_network() -> None:
    model = support.network()
    grids = {name: Grid.of(value, 7) for name, value in model.named_parameters()}
    before = support.weights_of(model)
    levels = {name: grids[name].indices(value.detach()) * grids[name].step for name, value in model.named_parameters()}
    trained = StraightThrough(model, grids)
    with trained.quantized():
        for name, value in model.named_parameters():
            assert torch.equal(value.detach(), levels[name])
        support.loss_of(model).backward()
        inside = [value.grad.clone() for value in model.parameters() if value.grad is not None]
    assert torch.equal(support.weights_of(model), before)
    other = support.network()
    for name, value in other.named_parameters():
        value.data = levels[name]
    support.loss_of(other).backward()
    for one, value in zip(inside, other.parameters(), strict=True):
        torch.testing.assert_close(one, value.grad)


def test_training_shortens_the_code_and_keeps_frozen_zeros() -> None:
    model = support.network()
    trained = StraightThrough(model, {name: Grid.of(value, 7) for name, value in model.named_parameters()})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    steps = torch.optim.Adam(trained.step_parameters(), lr=0.01)
    bits, zeros = trained.bits(), {}
    for number in range(60):
        optimizer.zero_grad()
        with trained.quantized():
            support.loss_of(model).backward()
        if number == 40:
            trained.freeze_zeros()
            zeros = {name: value == 0 for name, value in trained.indices().items()}
        trained.step(1e-3)
        optimizer.step()
        steps.step()
        trained.apply()
    assert trained.bits() < 0.5 * bits
    assert sum(int(value.sum()) for value in zeros.values()) > 0
    for name, value in trained.indices().items():
        assert not value[zeros[name]].any()


def test_trained_steps_lower_the_loss_alone() -> None:
    model = support.network()
    trained = StraightThrough(model, {name: Grid.of(value, 5) for name, value in model.named_parameters()})
    optimizer = torch.optim.Adam(trained.step_parameters(), lr=0.01)
    indices = {name: value.clone() for name, value in trained.indices().items()}

    def loss() -> float:
        with trained.quantized():
            value = support.loss_of(model)
            model.zero_grad()
            value.backward()
        return float(value.detach())

    first = loss()
    for _ in range(30):
        loss()
        trained.step(0.0)
        optimizer.step()
        trained.apply()
    assert loss() < first
    for name, value in trained.indices().items():
        assert torch.equal(value, indices[name])


def test_a_grid_without_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter nothing"):
        StraightThrough(support.network(), {"nothing": Grid(1.0)})


def test_narrower_network_computes_what_the_wide_one_did_without_its_units() -> None:
    torch.manual_seed(0)
    wide, units = LeNet5((6, 5, 12)), units_between("conv2", "fc1", block=16)
    kept = torch.tensor([3, 0, 4])
    narrow = LeNet5((6, 3, 12))
    narrow.load_state_dict(select_units(wide.state_dict(), units, kept))
    for gone in (1, 2):
        wide.conv2.weight.data[gone] = 0
        wide.conv2.bias.data[gone] = 0
    images = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(narrow(images), wide(images))


def test_embedded_weights_compute_the_same() -> None:
    torch.manual_seed(0)
    narrow, wide = LeNet5((3, 4, 9)), LeNet5()
    shapes = {name: tuple(value.shape) for name, value in wide.state_dict().items()}
    wide.load_state_dict(embed(narrow.state_dict(), shapes))
    images = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(wide(images), narrow(images), atol=1e-5, rtol=1e-5)


def test_scores_find_the_units_that_do_nothing() -> None:
    torch.manual_seed(0)
    model = LeNet300((10, 8))
    model.fc2.weight.data[:, 3] = 0
    images, labels = torch.randn(16, 1, 28, 28), torch.arange(16) % 10
    losses = (nn.functional.cross_entropy(model(images), labels) for _ in range(2))
    scores = unit_scores(model, ["fc1", "fc2"], losses)
    assert float(scores["fc1"][3]) == 0
    assert int((scores["fc1"] > 0).sum()) >= 8
    assert scores["fc2"].shape == (8,)
    assert all(value.grad is None or not value.grad.any() for value in model.parameters())


@pytest.mark.parametrize(
    ("model", "shape", "parameters"),
    [
        (LeNet5(), (1, 28, 28), 431_080),
        (LeNet300(), (1, 28, 28), 266_610),
        (ResNet32(), (3, 32, 32), 464_154),
        (MobileNetV2(), (3, 224, 224), 3_504_872),
    ],
    ids=["lenet5", "lenet300", "resnet32", "mobilenetv2"],
)
def test_models_are_those_of_the_papers(model: nn.Module, shape: tuple[int, ...], parameters: int) -> None:
    assert sum(value.numel() for value in model.parameters()) == parameters
    model.eval()
    with torch.no_grad():
        outputs = model(torch.zeros(1, *shape))
    assert outputs.shape == (1, 1000 if isinstance(model, MobileNetV2) else 10)

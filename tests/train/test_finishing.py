from __future__ import annotations

import pytest
import torch
from torch import nn

import hemp_codec
import hemp_train
from hemp_train import Finishing

from .support import loss_of, network, weights_of


def start(model: nn.Module, quantizer: str = "uniform:5") -> Finishing:
    return Finishing(model, hemp_train.quantize(model, quantizer))


def test_the_model_is_quantized_at_once() -> None:
    model = network()
    tensors = hemp_train.quantize(model, "lloyd-max:4")
    Finishing(model, tensors)
    values = dict(model.named_parameters())
    for name, tensor in tensors.items():
        assert torch.equal(values[name], torch.as_tensor(tensor.levels)[tensor.indices])


def test_a_level_has_the_sum_of_its_weights_gradients() -> None:
    model = network()
    finishing = start(model)
    indices = {name: torch.as_tensor(tensor.indices) for name, tensor in finishing.tensors().items()}
    loss_of(model).backward()
    slopes = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    finishing.step()
    for level, (name, numbers) in zip(finishing.parameters(others=False), indices.items(), strict=True):
        assert level.grad is not None
        for k, value in enumerate(level.detach()):
            expected = 0.0 if value == 0 else slopes[name][numbers == k].sum()
            assert level.grad[k].item() == pytest.approx(float(expected), abs=1e-5)


def test_gradients_accumulate() -> None:
    model = network()
    finishing = start(model)
    sums = []
    for _ in range(2):
        loss_of(model).backward()
        finishing.step()
        sums.append(finishing.parameters(others=False)[1].grad)
    assert sums[0] is not None and sums[1] is not None and torch.allclose(2 * sums[0], sums[1])
    finishing.zero_grad()
    assert all(p.grad is None for p in finishing.parameters())


def test_zeros_stay_and_other_levels_move() -> None:
    model = network()
    finishing = start(model)
    zeros = {name: torch.as_tensor(t.levels)[t.indices] == 0 for name, t in finishing.tensors().items()}
    before = weights_of(model)
    optimizer = torch.optim.Adam(finishing.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(3):
        finishing.zero_grad()
        loss_of(model).backward()
        finishing.step()
        optimizer.step()
        finishing.apply()
    values = dict(model.named_parameters())
    assert all(not values[name][zero].any() and zero.any() for name, zero in zeros.items())
    assert not torch.equal(before, weights_of(model))


def test_levels_may_cross() -> None:
    model = nn.Linear(4, 3)
    tensor = hemp_codec.QuantizedTensor(torch.arange(12).view(3, 4) % 3, torch.tensor([-1.0, 0.5, 1.0]))  # type: ignore[arg-type]
    finishing = Finishing(model, {"weight": tensor})
    with torch.no_grad():
        finishing.parameters(others=False)[0].copy_(torch.tensor([2.0, -3.0, 1.0]))
    finishing.apply()
    saved = finishing.tensors()["weight"]
    assert torch.as_tensor(saved.levels).tolist() == [-3, 1, 2]
    assert torch.equal(torch.as_tensor(saved.levels)[saved.indices], model.weight.detach())


def test_state() -> None:
    model, other = network(), network()
    finishing, second = start(model), start(other)
    with torch.no_grad():
        for parameter in finishing.parameters(others=False):
            parameter.add_(0.1)
    finishing.apply()
    second.load_state_dict(finishing.state_dict())
    assert torch.equal(weights_of(model), weights_of(other))


def test_what_can_be_trained_is_chosen() -> None:
    finishing = start(network())
    assert len(finishing.parameters(others=False)) == 3
    assert len(finishing.parameters(levels=False)) == 3  # the biases
    assert len(finishing.parameters()) == 6

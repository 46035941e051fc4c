from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import hemp_codec.torch
from hemp_train import ECT

from .support import data, loss_of, network


def test_mean_and_variance_of_the_outputs_are_those_of_the_random_weights() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(6, 3)
    model = nn.Sequential(layer)
    ECT(model, 3, softness=0.8)
    field: Any = model[0]
    inputs = torch.randn(1, 6)
    share, levels = field.logits.softmax(0).detach(), field.levels().detach()
    drawn = torch.multinomial(share.flatten(1).T, 20000, replacement=True).T
    weights = levels[drawn].view(-1, 3, 6)
    outputs = weights @ inputs[0] + layer.bias.detach()
    with torch.no_grad():
        sampled = model(inputs.expand(20000, 6))
    assert torch.allclose(outputs.mean(0), sampled.mean(0), atol=0.02)
    assert torch.allclose(outputs.std(0), sampled.std(0), rtol=0.05)


def test_bits_are_those_of_the_mean_distribution() -> None:
    model = network()
    ect = ECT(model, 3)
    expected = 0.0
    for field in (model[0], model[3], model[5]):
        share = field.logits.detach().softmax(0).flatten(1)  # type: ignore[operator,union-attr]
        mean = share.mean(1)
        expected -= share.shape[1] * float((mean * mean.log2()).sum())
    assert ect.bits().item() == pytest.approx(expected, rel=1e-5)
    assert ect.bits().item() <= sum(p.numel() for p in network().parameters()) * math.log2(3)
    ect.penalty().backward()
    assert model[3].logits.grad.any()  # type: ignore[union-attr,operator]


def test_training_ends_in_a_small_file_of_the_most_probable_levels(tmp_path: Path) -> None:
    model = network()
    names = list(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(50):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    ect = ECT(model, 3, alpha=3e-4)
    before = ect.bits().item()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    for _ in range(150):
        optimizer.zero_grad()
        (loss_of(model) + ect.penalty()).backward()
        optimizer.step()
    assert ect.bits().item() < 0.9 * before
    model.eval()
    expected = model(data()[0]).detach()
    ect.save(tmp_path / "model.hemp")
    assert list(model.state_dict()) == names
    assert all(parameter.requires_grad for parameter in model.parameters())
    restored = network(seed=3)
    hemp_codec.torch.load_model(restored, tmp_path / "model.hemp")
    assert torch.allclose(restored(data()[0]), expected, atol=1e-6)
    assert loss_of(restored).item() < 1.2
    assert all(len(p.unique()) <= 3 for p in restored.parameters() if p.dim() > 1)


def test_zero_stays_zero() -> None:
    model = network()
    ect = ECT(model, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        loss_of(model).backward()
        optimizer.step()
    assert all(0 in torch.as_tensor(tensor.levels) for tensor in ect.tensors().values())


def test_checkpoints_are_the_models_own() -> None:
    one, two = network(), network(seed=4)
    ECT(one, 3)
    ECT(two, 3)
    two.load_state_dict(one.state_dict())
    one.eval()
    two.eval()
    assert torch.equal(one(data()[0]), two(data()[0]))


def test_other_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not for 0\.weight"):
        ECT(nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 3)))

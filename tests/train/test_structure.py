from __future__ import annotations

import torch
from torch import nn

from hemp_train.structure import Slices, Units, permute_units, remove_dead_units, sort_units, units_between

from .support import data, network

GROUPS = (units_between("0", "3", block=36), units_between("3", "5"))


def pruned_network() -> nn.Sequential:
    model = network()
    with torch.no_grad():
        model[0].weight[1] = 0  # a channel that is constant
        model[3].weight[4] = 0  # a neuron that is constant
        model[5].weight[:, 7] = 0  # a neuron that nobody uses
        model[3].bias[4], model[0].bias[1] = 0.75, 0.5
    return model


def test_removing_dead_units_keeps_the_function() -> None:
    model = pruned_network()
    expected = model(data()[0])
    tensors = dict(model.named_parameters())
    assert remove_dead_units(tensors, GROUPS) == 3
    assert torch.allclose(model(data()[0]), expected, atol=1e-5)
    assert not model[3].weight.view(20, 4, 36)[:, 1].any() and not model[0].bias[1]
    for unit in (4, 7):
        assert not model[3].weight[unit].any() and not model[3].bias[unit] and not model[5].weight[:, unit].any()
    assert model[3].weight[5].view(4, 36)[0].all()


def test_a_constant_stays_where_it_cannot_be_moved() -> None:
    model = pruned_network()
    group = Units((Slices("3.weight", 0),), (Slices("5.weight", 1),), bias="3.bias")
    expected = model(data()[0])
    assert remove_dead_units(dict(model.named_parameters()), [group]) == 1
    assert torch.allclose(model(data()[0]), expected, atol=1e-6)
    assert model[5].weight[:, 4].all()


def test_one_removal_leads_to_the_next() -> None:
    model = network()
    with torch.no_grad():
        model[5].weight.zero_()
    assert remove_dead_units(dict(model.named_parameters()), GROUPS) == 24


def test_sorting_keeps_the_function() -> None:
    model = pruned_network()
    with torch.no_grad():
        model[3].weight *= torch.rand(20, 144) < torch.rand(20, 1)
    expected = model(data()[0])
    sort_units(dict(model.named_parameters()), GROUPS)
    assert torch.allclose(model(data()[0]), expected, atol=1e-5)
    for group in GROUPS:
        parts = [*group.made_by, *group.used_by]
        tensors = dict(model.named_parameters())
        counts = sum(
            (tensors[part.name].movedim(part.axis, 0) != 0).flatten(1).sum(1).view(-1, part.block).sum(1)
            for part in parts
        )
        assert torch.equal(counts, torch.as_tensor(counts).sort(descending=True).values)


def test_norms_go_along() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 3))
    model.eval()
    with torch.no_grad():
        for tensor in (model[1].weight, model[1].bias, model[1].running_mean):
            tensor.uniform_(0.5, 1)
    names = ("weight", "bias", "running_mean", "running_var")
    group = Units((Slices("0.weight", 0),), (Slices("3.weight", 1),), tuple(Slices(f"1.{name}", 0) for name in names))
    expected = model(data()[0])
    permute_units(model.state_dict(), group, torch.randperm(6))
    assert torch.allclose(model(data()[0]), expected, atol=1e-5)


def test_indices_may_be_permuted() -> None:
    indices = {"3.weight": torch.arange(6).view(3, 2), "5.weight": torch.arange(12).view(4, 3)}
    permute_units(indices, units_between("3", "5"), torch.tensor([2, 0, 1]))
    assert indices["3.weight"].tolist() == [[4, 5], [0, 1], [2, 3]]
    assert indices["5.weight"][0].tolist() == [2, 0, 1]

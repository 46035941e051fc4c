from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import hemp_codec
import hemp_train
from hemp_train import DeadZone, compressibility

from .support import network


@pytest.mark.parametrize("nonzeros", [1, 4, 9])
def test_a_ternary_vector_is_a_critical_point_of_value_sqrt_nonzeros(nonzeros: int) -> None:
    weights = torch.zeros(20, dtype=torch.float64)
    weights[:nonzeros] = torch.tensor([0.3, -0.3]).repeat(10)[:nonzeros]
    weights.requires_grad_()
    value = compressibility([weights])
    (slope,) = torch.autograd.grad(value, weights)
    assert value.item() == pytest.approx(math.sqrt(nonzeros))
    assert slope[:nonzeros].abs().max() < 1e-7


def test_other_vectors_are_not_critical() -> None:
    weights = torch.tensor([0.3, -0.3, 0.2], requires_grad=True)
    (slope,) = torch.autograd.grad(compressibility([weights]), weights)
    assert slope.abs().max() > 0.1


def test_descent_ends_at_a_ternary_vector() -> None:
    """Weights between -1 and 1: small ones are drawn to zero, large ones grow to the bound."""
    generator = torch.Generator().manual_seed(0)
    weights = (2 * torch.rand(30, dtype=torch.float64, generator=generator) - 1).requires_grad_()
    start = weights.detach().clone()
    for _ in range(4000):
        (slope,) = torch.autograd.grad(compressibility([weights]), weights)
        with torch.no_grad():
            weights -= 0.01 * slope
            weights.clamp_(-1, 1)
    with torch.no_grad():
        weights[weights.abs() < 0.02] = 0  # subgradient steps oscillate around zero
    count = int((weights != 0).sum())
    assert 1 < count < 30
    assert torch.allclose(weights.detach(), start.sign() * (weights != 0))
    assert compressibility([weights]).item() == pytest.approx(math.sqrt(count))


def test_layers_of_a_model_are_summed_and_scale_does_not_matter() -> None:
    model = network()
    value = compressibility(model)
    expected = sum(float(p.detach().abs().sum() / p.detach().norm()) for p in model.parameters() if p.dim() > 1)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    assert compressibility(model).item() == pytest.approx(expected, rel=1e-5)


def test_nothing_but_zeros_is_no_division_by_zero() -> None:
    weights = torch.zeros(5, requires_grad=True)
    value = compressibility([weights])
    value.backward()
    assert value.item() == 0 and weights.grad is not None and torch.isfinite(weights.grad).all()


def test_dead_zone() -> None:
    values = np.array([-1.0, -0.31, -0.09, 0.0, 0.089, 0.091, 0.16, 0.9], np.float32)
    indices, params = DeadZone(step=0.15, zone=0.6).quantize(values)
    assert params.levels.dtype == np.float32 and indices.dtype == np.uint8
    restored = DeadZone().dequantize(indices, params)
    assert np.allclose(restored / 0.15, [-7, -2, -1, 0, 0, 1, 1, 6])
    assert isinstance(DeadZone(), hemp_codec.quantizers.Quantizer)


@pytest.mark.parametrize("values", [np.zeros((3, 4), np.float32), np.zeros((0, 4), np.float32)])
def test_dead_zone_of_zeros(values: np.ndarray) -> None:
    indices, params = DeadZone().quantize(values)
    assert np.array_equal(DeadZone().dequantize(indices, params), values)


def test_dead_zone_of_what_is_not_finite() -> None:
    with pytest.raises(hemp_codec.QuantizationError):
        DeadZone().quantize(np.array([np.nan, 1], np.float32))
    with pytest.raises(ValueError, match="step"):
        DeadZone(step=0)


def test_models_are_quantized_with_it() -> None:
    tensors = hemp_train.quantize(network(), DeadZone(0.3))
    assert all(0 in torch.as_tensor(tensor.levels) and len(tensor.levels) <= 7 for tensor in tensors.values())

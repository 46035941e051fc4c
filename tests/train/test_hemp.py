from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hemp_codec
import hemp_codec.torch
import hemp_train
from hemp_train import HEMP

from .support import data, loss_of, network, sgd, train, weights_of


def gradients_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("insensitivity", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"objective": "tuples", "order": 2},
        {"objective": "tuples", "order": 3, "scan": "columns"},
        {"objective": "tuples", "order": 2, "scope": "network", "reconstruction": "network", "scan": "kernels"},
        {"coder": "rans"},
        {"coder": "arithmetic"},
    ],
)
def test_step_adds_the_weighted_gradient_of_the_objective(options: dict[str, Any], insensitivity: bool) -> None:
    model = network()
    hemp = HEMP(model, 8, lambda_entropy=0.7, lambda_reconstruction=0.3, insensitivity=insensitivity, **options)
    objective = 0.7 * hemp.rate() + 0.3 * hemp.reconstruction_error()
    regular = torch.autograd.grad(objective, [layer.parameter for layer in hemp.layers])
    loss_of(model).backward()
    before = gradients_of(model)
    hemp.step()
    after = gradients_of(model)
    for layer, gradient in zip(hemp.layers, regular, strict=True):
        slope = before[layer.name]
        weight = 1 - slope.abs() / slope.abs().max() if insensitivity else 1
        assert torch.allclose(after[layer.name] - slope, weight * gradient, atol=1e-6, rtol=1e-3), layer.name
        assert gradient.any()
    for name in before.keys() - {layer.name for layer in hemp.layers}:
        assert torch.equal(before[name], after[name])


def test_entropy_is_that_of_the_tuples_weighted_by_layer() -> None:
    model = network()
    hemp = HEMP(model, 8, order=2)
    sizes = [layer.parameter.numel() for layer in hemp.layers]
    bits = [float(hemp_train.entropy(layer.parameter.detach(), layer.levels, 2)) / 2 for layer in hemp.layers]
    expected = float(np.average(bits, weights=sizes))
    assert hemp.entropy().item() == pytest.approx(expected, rel=1e-5)


def test_entropy_in_the_loss_is_differentiable() -> None:
    model = network()
    hemp = HEMP(model, 8)
    hemp.entropy().backward()
    assert all(layer.parameter.grad is not None and layer.parameter.grad.any() for layer in hemp.layers)


def test_bits_per_index_do_not_grow_with_the_order() -> None:
    """Lambdas of different orders compare: H_n / n of the same weights is about the same."""
    weights = [HEMP(network(), 8, order=order).entropy().item() for order in (1, 2)]
    assert 0.8 * weights[0] < weights[1] <= weights[0] + 1e-6


def test_training_lowers_both_entropies() -> None:
    model = network()
    hemp = HEMP(model, 8, objective="tuples", lambda_entropy=2.0, refit_every=50)
    before = hemp.report()
    train(model, hemp, 300)
    after = hemp.report()
    for name in ("proxy_entropy", "true_entropy", "coded_bytes"):
        assert after[name] < 0.9 * before[name], name
    assert loss_of(model).item() < 1.0


@pytest.mark.parametrize("coder", ["arithmetic", "lzma", "rans"])
def test_the_file_holds_the_trained_indices_and_levels(coder: str, tmp_path: Path) -> None:
    model = network()
    hemp = HEMP(model, {"0.*": 4, "*": 8}, coder=coder)
    train(model, hemp, 20)
    hemp.save(tmp_path / "model.hemp", metadata={"made": "test"})
    with hemp_codec.safe_open(tmp_path / "model.hemp") as file:
        assert list(file.keys()) == list(model.state_dict())
        for layer in hemp.layers:
            levels, indices = file.get_levels(layer.name), file.get_indices(layer.name)
            assert np.array_equal(levels[indices], layer.levels[layer.indices()].numpy())
            assert len(levels) <= (4 if layer.name.startswith("0") else 8)
    other = network(seed=5)
    hemp_codec.torch.load_model(other, tmp_path / "model.hemp")
    with hemp.quantized_weights():
        assert torch.equal(other(data()[0]), model(data()[0]))
    assert (tmp_path / "model.hemp").stat().st_size == hemp.coded_bytes(metadata={"made": "test"})


def test_other_tensors_can_be_quantized_by_rule() -> None:
    model = network()
    hemp = HEMP(model, 8)
    assert hemp.coded_bytes(rules=[("*.bias", "uniform:4")]) < hemp.coded_bytes()


def test_quantized_weights_leave_the_weights_as_they_were() -> None:
    model = network()
    hemp = HEMP(model, 4)
    before = weights_of(model)
    with hemp.quantized_weights():
        assert all(len(layer.parameter.unique()) <= 4 for layer in hemp.layers)
        loss_of(model).backward()
    assert torch.equal(weights_of(model), before)
    assert all(layer.parameter.grad is not None for layer in hemp.layers)


def test_gradients_are_used_again_between_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    hemp = HEMP(network(), 8, every=3, refit_every=6)
    computed, fitted = [], []
    compute, fit = hemp._gradients, hemp.refit
    monkeypatch.setattr(hemp, "_gradients", lambda: (computed.append(hemp._progress.steps), compute())[1])
    monkeypatch.setattr(hemp, "refit", lambda: (fitted.append(hemp._progress.steps), fit())[1])
    for _ in range(13):
        hemp.step()
    assert computed == [0, 3, 6, 9, 12] and fitted == [6, 12]


@pytest.mark.parametrize(("shift", "phases"), [(True, [0, 1, 2, 0]), (False, [0, 0, 0, 0])])
def test_tuples_begin_one_weight_later_each_time(
    shift: bool, phases: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    hemp = HEMP(network(), 8, order=3, objective="tuples", every=2, shift=shift)
    seen, measure = [], hemp._rate.measure

    def remember(layer: Any, soft: Any, how: Any) -> tuple[Tensor, Tensor]:
        seen.append(how.phase)
        return measure(layer, soft, how)

    monkeypatch.setattr(hemp._rate, "measure", remember)
    for _ in range(8):
        hemp.step()
    assert seen[:: len(hemp.layers)] == phases
    assert all(layer.parameter.grad is not None for layer in hemp.layers)


@pytest.mark.parametrize("interrupted_after", [1, 6, 11])
@pytest.mark.parametrize("coder", ["arithmetic", "zstd"])
def test_resuming_is_as_if_never_interrupted(coder: str, interrupted_after: int, tmp_path: Path) -> None:
    def start(model: nn.Module) -> tuple[HEMP, torch.optim.Optimizer]:
        prune = hemp_train.LOBSTER(patience=1)
        hemp = HEMP(model, 8, coder=coder, every=4, refit_every=5, prune=prune)
        prune.threshold(lambda: float(loss_of(model).detach()))
        return hemp, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    one = network()
    hemp, optimizer = start(one)
    train(one, hemp, 14, optimizer)

    two = network()
    hemp_two, optimizer_two = start(two)
    train(two, hemp_two, interrupted_after, optimizer_two)
    state = {"model": two.state_dict(), "optimizer": optimizer_two.state_dict(), "hemp": hemp_two.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    three = network(seed=7)
    three.load_state_dict(saved["model"])
    hemp_three, optimizer_three = start(three)
    three.load_state_dict(saved["model"])
    hemp_three.load_state_dict(saved["hemp"])
    optimizer_three.load_state_dict(saved["optimizer"])
    train(three, hemp_three, 14 - interrupted_after, optimizer_three)
    assert torch.equal(weights_of(three), weights_of(one))
    assert hemp_three.report() == hemp.report()


def test_state_of_another_model_is_refused() -> None:
    state = HEMP(network(), 8, parameters=["0.weight"]).state_dict()
    with pytest.raises(ValueError, match=r"other layers: 0\.weight"):
        HEMP(network(), 8).load_state_dict(state)


def test_accumulated_gradients() -> None:
    images, labels = data(64)
    whole, halves = network(), network()
    hemps = HEMP(whole, 8), HEMP(halves, 8)
    loss_of(whole, (images, labels)).backward()
    for part in (slice(0, 32), slice(32, 64)):
        (loss_of(halves, (images[part], labels[part])) / 2).backward()
    for hemp in hemps:
        hemp.step()
    one, two = gradients_of(whole), gradients_of(halves)
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_scaled_gradients_of_mixed_precision() -> None:
    plain, scaled = network(), network()
    prune = [hemp_train.LOBSTER(decay=0.1) for _ in range(2)]
    hemps = [HEMP(model, 8, prune=p) for model, p in zip((plain, scaled), prune, strict=True)]
    loss_of(plain).backward()
    hemps[0].step()
    (loss_of(scaled) * 1024).backward()
    hemps[1].step(grad_scale=1024)
    one, two = gradients_of(plain), gradients_of(scaled)
    assert all(torch.allclose(one[name], two[name] / 1024, atol=1e-6) for name in one)


@pytest.mark.parametrize("unscale", [True, False])
def test_gradient_scaler(unscale: bool) -> None:
    plain, scaled = network(), network()
    train(plain, HEMP(plain, 8, refit_every=3), 5)
    hemp = HEMP(scaled, 8, refit_every=3)
    optimizer = torch.optim.SGD(scaled.parameters(), lr=0.05, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    for _ in range(5):
        optimizer.zero_grad()
        scaler.scale(loss_of(scaled)).backward()
        if unscale:
            scaler.unscale_(optimizer)
        hemp.step(1.0 if unscale else scaler.get_scale())
        scaler.step(optimizer)
        scaler.update()
    assert torch.allclose(weights_of(plain), weights_of(scaled), atol=1e-6)


def test_a_step_that_overflowed_is_still_skipped() -> None:
    model = network()
    hemp = HEMP(model, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    before = weights_of(model)
    scaler.scale(loss_of(model)).backward()
    model[3].weight.grad[0, 0] = float("inf")  # type: ignore[union-attr,index]
    hemp.step(scaler.get_scale())
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(weights_of(model), before) and scaler.get_scale() == 128


def test_autocast_to_bfloat16() -> None:
    model = network()
    hemp = HEMP(model, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss_of(model).backward()
    hemp.step()
    assert all(torch.isfinite(gradient).all() for gradient in gradients_of(model).values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_parameters_of_other_types(dtype: torch.dtype, tmp_path: Path) -> None:
    model = network().to(dtype)
    hemp = HEMP(model, 8)
    images, labels = data()
    loss_of(model, (images.to(dtype), labels)).backward()
    hemp.step()
    assert all(torch.isfinite(gradient).all() for gradient in gradients_of(model).values())
    hemp.save(tmp_path / "model.hemp")
    tensors = hemp_codec.torch.load_file(tmp_path / "model.hemp")
    with hemp.quantized_weights():
        assert all(torch.equal(tensors[name], value) for name, value in model.state_dict().items())


def test_wrapped_models_have_the_names_of_what_they_wrap() -> None:
    model = network()
    compiled = torch.compile(model, backend="eager")
    assert [layer.name for layer in HEMP(compiled, 8).layers] == ["0.weight", "3.weight", "5.weight"]
    assert [layer.name for layer in HEMP(nn.DataParallel(model), 8).layers] == ["0.weight", "3.weight", "5.weight"]


def test_a_compiled_model_trains_alike() -> None:
    plain, inner = network(), network()
    compiled = torch.compile(inner, backend="eager")
    train(plain, HEMP(plain, 8, refit_every=5), 10)
    train(compiled, HEMP(compiled, 8, refit_every=5), 10, sgd(inner))
    assert torch.allclose(weights_of(plain), weights_of(inner), atol=1e-5)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(8, 8, bias=False)
        self.decode = nn.Linear(8, 8, bias=False)
        self.decode.weight = self.encode.weight
        self.unused = nn.Linear(4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.decode(torch.relu(self.encode(inputs)))  # type: ignore[no-any-return]


def test_tied_and_unused_parameters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Tied()
    hemp = HEMP(model, 4)
    assert [layer.name for layer in hemp.layers] == ["encode.weight", "unused.weight"]
    model(torch.randn(4, 8)).square().mean().backward()
    hemp.step()
    assert model.unused.weight.grad is not None and model.unused.weight.grad.any()
    hemp.save(tmp_path / "tied.hemp")
    tensors = hemp_codec.load_file(tmp_path / "tied.hemp")
    assert np.array_equal(tensors["encode.weight"], tensors["decode.weight"])
    other = Tied()
    hemp_codec.torch.load_model(other, tmp_path / "tied.hemp")


def test_own_quantizer_and_choice_of_parameters() -> None:
    hemp = HEMP(network(), quantizer=hemp_codec.quantizers.Uniform(5), parameters=lambda name, p: p.dim() == 2)
    assert [layer.name for layer in hemp.layers] == ["3.weight", "5.weight"]
    steps = [layer.levels.diff() for layer in hemp.layers]
    assert all(torch.allclose(step, step[0].expand(len(step)), rtol=1e-4) for step in steps)


def test_a_constant_layer_has_one_level_and_no_gradient() -> None:
    model = network()
    with torch.no_grad():
        model[0].weight.fill_(0.25)  # type: ignore[union-attr]
    hemp = HEMP(model, 8, coder="arithmetic")
    assert hemp.layers[0].levels.tolist() == [0.25]
    hemp.step()
    assert hemp.layers[0].parameter.grad is not None and not hemp.layers[0].parameter.grad.any()
    assert np.isfinite(list(hemp.report().values())).all()


def test_ablations_change_what_is_added() -> None:
    results = []
    variants = ({}, {"lambda_reconstruction": 0.0}, {"insensitivity": False}, {"order": 1}, {"gradient": "paper"})
    for options in variants:
        model = network()
        hemp = HEMP(model, 8, objective="tuples", **options)  # type: ignore[arg-type]
        loss_of(model).backward()
        hemp.step()
        results.append(torch.cat([layer.parameter.grad.reshape(-1) for layer in hemp.layers]))  # type: ignore[union-attr]
    assert all(not torch.equal(results[0], other) for other in results[1:])


def test_finishing_continues_into_the_file(tmp_path: Path) -> None:
    model = network()
    hemp = HEMP(model, 4)
    train(model, hemp, 20)
    finishing = hemp.finish()
    indices = {name: torch.as_tensor(tensor.indices) for name, tensor in finishing.tensors().items()}
    optimizer = torch.optim.Adam(finishing.parameters(), lr=1e-3)
    before = loss_of(model).item()
    for _ in range(50):
        finishing.zero_grad()
        loss_of(model).backward()
        finishing.step()
        optimizer.step()
        finishing.apply()
    assert loss_of(model).item() < before
    hemp.save(tmp_path / "model.hemp")
    with hemp_codec.safe_open(tmp_path / "model.hemp") as file:
        for name, expected in indices.items():
            assert np.array_equal(file.get_indices(name), expected.numpy())
    tensors = hemp_codec.torch.load_file(tmp_path / "model.hemp")
    assert all(torch.equal(tensors[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "at least 1"),
        ({"every": 0}, "at least 1"),
        ({"parameters": ["nothing*"]}, "no parameter"),
        ({"levels": {"0.*": 4}}, "no number of levels for '3.weight'"),
        ({"scope": "network", "coder": "arithmetic"}, "for tuples"),
        ({"gradient": "autograd"}, "exact"),
        ({"scan": "spiral", "objective": "tuples"}, "no scan order"),
        ({"slope": "chord", "objective": "tuples", "scope": "network"}, "for scope"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HEMP(network(), **options)


def test_levels_follow_the_weights_when_refitted() -> None:
    model = network()
    hemp = HEMP(model, 8)
    before = [layer.levels.clone() for layer in hemp.layers]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    hemp.refit()
    assert all(torch.allclose(layer.levels, 2 * levels) for layer, levels in zip(hemp.layers, before, strict=True))


def test_deep_copies_are_independent() -> None:
    model = network()
    hemp = HEMP(model, 8)
    state = copy.deepcopy(hemp.state_dict())
    train(model, hemp, 5)
    assert state["steps"] == 0 and hemp.state_dict()["steps"] == 5


def test_weights_in_another_memory_format() -> None:
    plain, strided = network(), network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    hemps = HEMP(plain, 8, prune=hemp_train.LOBSTER()), HEMP(strided, 8, prune=hemp_train.LOBSTER())
    for model, hemp in zip((plain, strided), hemps, strict=True):
        loss_of(model).backward()
        hemp.step()
    one, two = gradients_of(plain), gradients_of(strided)
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
    assert hemps[0].report() == hemps[1].report()

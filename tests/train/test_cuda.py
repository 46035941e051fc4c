"""Training on a CUDA device: the same as on the processor, as far as its arithmetic allows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hemp_codec
import hemp_codec.torch
import hemp_train
from hemp_train import HEMP, rates
from hemp_train.__main__ import main
from hemp_train.assignment import assign
from hemp_train.data.augment import Affine, WholeShift
from hemp_train.data.splits import Split
from hemp_train.distillation import Pool
from hemp_train.figures import __main__ as figures
from hemp_train.grids import Grid
from hemp_train.layers import Layer
from hemp_train.rates import How
from hemp_train.recipes.base import Task
from hemp_train.recipes.loops import from_images
from hemp_train.straight_through import StraightThrough
from hemp_train.tuples import Gradient, entropy_and_gradient

from . import support
from .support import loss_of, sgd, train
from .test_data import write_idx
from .test_rates import rows_of_different_spread

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
CODERS = ("stored", "rans", "lzma", "zstd", "arithmetic")


@pytest.fixture(autouse=True)
def same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def network(seed: int = 0) -> nn.Sequential:
    return support.network(seed).to(CUDA)


def data() -> tuple[Tensor, Tensor]:
    images, labels = support.data()
    return images.to(CUDA), labels.to(CUDA)


def fine_tune(model: nn.Module, finishing: hemp_train.Finishing, steps: int = 5) -> None:
    optimizer = torch.optim.Adam(finishing.parameters(), lr=1e-3)
    for _ in range(steps):
        finishing.zero_grad()
        loss_of(model).backward()
        finishing.step()
        optimizer.step()
        finishing.apply()


def assert_holds(path: Path, model: nn.Module) -> None:
    """The file decodes to the weights of ``model``, on either device."""
    for device in (CPU, CUDA):
        tensors = hemp_codec.torch.load_file(path, device)
        assert list(tensors) == list(model.state_dict())
        for name, value in model.state_dict().items():
            assert tensors[name].device.type == device.type and torch.equal(tensors[name], value.to(device)), name


@pytest.mark.parametrize("num_levels", [5, 300])  # cells numbered densely, and those that occur
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_histograms_are_the_same_to_the_bit(order: int, num_levels: int) -> None:
    weights = torch.randn(20_001, generator=torch.Generator().manual_seed(0)) * 0.6
    levels = torch.linspace(-1, 1, num_levels)
    found = []
    for device in (CPU, CUDA):
        tables: list[Tensor] = []
        soft = assign(weights.to(device), levels.to(device))
        bits, slopes = entropy_and_gradient(soft, num_levels, order, all_sum=lambda t, seen=tables: seen.append(t) or t)
        found.append((tables[0].cpu(), bits.item(), slopes.cpu()))
    (table, bits, slopes), (other_table, other_bits, other_slopes) = found
    assert torch.equal(table, other_table)
    assert other_bits == pytest.approx(bits, rel=1e-12)
    assert torch.allclose(other_slopes, slopes, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("kind", ["exact", "autograd", "paper"])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_entropy_and_gradient(order: int, kind: Gradient) -> None:
    levels = torch.tensor([-1.0, -0.3, 0.0, 0.2, 0.9], dtype=torch.float64)
    weights = torch.randn(403, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.6
    found = []
    for device in (CPU, CUDA):
        moved = weights.to(device).requires_grad_()
        bits = hemp_train.entropy(moved, levels.to(device), order, gradient=kind)
        found.append((bits.item(), torch.autograd.grad(bits, moved)[0].cpu()))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-12)
    assert torch.allclose(found[1][1], found[0][1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_closed_form_gradient(order: int) -> None:
    levels = torch.tensor([-1.0, -0.3, 0.0, 0.2, 0.9], dtype=torch.float64, device=CUDA)
    weights = torch.randn(25, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.6
    moved = weights.to(CUDA).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: hemp_train.entropy(w, levels, order), moved)


@pytest.mark.parametrize("slope", ["local", "chord"])
@pytest.mark.parametrize("coder", CODERS)
def test_rates_of_coders(coder: str, slope: rates.Slope) -> None:
    weights = rows_of_different_spread()
    levels = torch.tensor([-1.0, -0.4, 0.0, 0.4, 1.0])
    found = []
    for device in (CPU, CUDA):
        layer = Layer("w", nn.Parameter(weights.to(device)), hemp_codec.quantizers.LloydMax(5))
        layer.levels = levels.to(device)
        bits, slopes = rates.rate_of(coder, 2).measure(layer, layer.soft(), How(1, slope))
        found.append((bits.item(), slopes.cpu()))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-9)
    close = torch.isclose(found[1][1], found[0][1], rtol=1e-4, atol=1e-7)
    assert close.double().mean() > 0.99  # contexts at the border of two classes may fall into the other one


@pytest.mark.parametrize("coder", CODERS)
def test_from_training_to_the_file(coder: str, tmp_path: Path) -> None:
    model = network()
    hemp = HEMP(model, 8, coder=coder, lambda_entropy=2.0, refit_every=20)
    before = hemp.report()
    train(model, hemp, 150, sgd(model))
    after = hemp.report()
    assert after["true_entropy"] < before["true_entropy"]
    with hemp.quantized_weights():
        assert all(len(layer.parameter.unique()) <= 8 for layer in hemp.layers)
        hemp.save(tmp_path / "trained.hemp")
        assert_holds(tmp_path / "trained.hemp", model)
    finishing = hemp.finish()
    quantized = loss_of(model).item()
    fine_tune(model, finishing, 30)
    assert loss_of(model).item() < quantized
    hemp.save(tmp_path / "finished.hemp")
    assert_holds(tmp_path / "finished.hemp", model)
    assert (tmp_path / "finished.hemp").stat().st_size == hemp.coded_bytes()


@pytest.mark.parametrize("objective", ["coder", "tuples"])
def test_a_step_adds_what_it_adds_on_the_cpu(objective: Any) -> None:
    found = []
    for device in (CPU, CUDA):
        model = support.network().to(device)
        hemp = HEMP(model, 8, objective=objective, lambda_entropy=2.0)
        hemp.step()  # without gradients of the loss
        found.append([layer.parameter.grad.cpu() for layer in hemp.layers if layer.parameter.grad is not None])
    for one, other in zip(*found, strict=True):
        assert torch.cosine_similarity(one.flatten(), other.flatten(), 0) > 0.999


@pytest.mark.parametrize("where", ["cpu", "cuda"])
@pytest.mark.parametrize("coder", ["arithmetic", "zstd"])
def test_resuming_is_as_if_never_interrupted(coder: str, where: str, tmp_path: Path) -> None:
    def start(seed: int = 0) -> tuple[nn.Module, HEMP, torch.optim.Optimizer]:
        model = network(seed)
        prune = hemp_train.LOBSTER(patience=1)
        hemp = HEMP(model, 8, coder=coder, refit_every=5, prune=prune)
        prune.threshold(lambda: loss_of(model).item())
        return model, hemp, sgd(model)

    one = start()
    train(one[0], one[1], 14, one[2])
    two = start()
    train(two[0], two[1], 6, two[2])
    torch.save([part.state_dict() for part in two], tmp_path / "checkpoint.pt")
    three = start(seed=7)
    for part, state in zip(three, torch.load(tmp_path / "checkpoint.pt", where, weights_only=True), strict=True):
        part.load_state_dict(state)
    train(three[0], three[1], 8, three[2])
    assert torch.equal(support.weights_of(one[0]), support.weights_of(three[0]))
    assert one[1].report() == three[1].report()


@pytest.mark.parametrize("unscale", [True, False])
def test_mixed_precision(unscale: bool) -> None:
    model = network()
    hemp, optimizer = HEMP(model, 8, refit_every=3), sgd(model)
    scaler = torch.amp.GradScaler("cuda", init_scale=256.0)
    first = loss_of(model).item()
    for _ in range(20):
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = loss_of(model)
        scaler.scale(loss).backward()
        if unscale:
            scaler.unscale_(optimizer)
        hemp.step(1.0 if unscale else scaler.get_scale())
        scaler.step(optimizer)
        scaler.update()
    assert loss_of(model).item() < first


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_parameters_of_other_types(dtype: torch.dtype, tmp_path: Path) -> None:
    model = network().to(dtype)
    hemp = HEMP(model, 8)
    images, labels = data()
    support.loss_of(model, (images.to(dtype), labels)).backward()
    hemp.step()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    with hemp.quantized_weights():
        hemp.save(tmp_path / "model.hemp")
        assert_holds(tmp_path / "model.hemp", model)


def test_compiled_models() -> None:
    def dense() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 5)).to(CUDA)

    plain, inner = dense(), dense()
    compiled = torch.compile(inner)
    train(plain, HEMP(plain, 8, refit_every=5), 10, sgd(plain))
    train(compiled, HEMP(compiled, 8, refit_every=5), 10, sgd(inner))
    assert torch.allclose(support.weights_of(plain), support.weights_of(inner), atol=1e-3)


def test_lobster(tmp_path: Path) -> None:
    model = network()
    prune = hemp_train.LOBSTER(tolerance=0.2)
    hemp = HEMP(model, 8, prune=prune)
    train(model, hemp, 20, sgd(model))
    assert prune.threshold(lambda: loss_of(model).item()) > 0
    train(model, hemp, 5, sgd(model))
    assert 0 < prune.density() < 1
    assert all(bool((layer.weights()[layer.pruned] == 0).all()) for layer in hemp.layers)
    with hemp.quantized_weights():
        hemp.save(tmp_path / "model.hemp")
        assert_holds(tmp_path / "model.hemp", model)


def test_ect(tmp_path: Path) -> None:
    model = network()
    ect = hemp_train.ECT(model, 3, alpha=1e-3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    before = ect.bits().item()
    for _ in range(20):
        optimizer.zero_grad()
        (loss_of(model) + ect.penalty()).backward()
        optimizer.step()
    assert ect.bits().item() < before
    finishing = ect.finish()
    fine_tune(model, finishing)
    finishing.save(tmp_path / "model.hemp")
    assert_holds(tmp_path / "model.hemp", model)


def test_compressibility(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    before = hemp_train.compressibility(model).item()
    for _ in range(20):
        optimizer.zero_grad()
        (loss_of(model) + 0.02 * hemp_train.compressibility(model)).backward()
        optimizer.step()
    assert hemp_train.compressibility(model).item() < before
    finishing = hemp_train.Finishing(model, hemp_train.quantize(model, hemp_train.DeadZone(0.1)))
    fine_tune(model, finishing)
    finishing.save(tmp_path / "model.hemp")
    assert_holds(tmp_path / "model.hemp", model)


def test_straight_through(tmp_path: Path) -> None:
    model = network()
    trained = StraightThrough(model, {name: Grid.of(value, 7) for name, value in model.named_parameters()})
    optimizer, steps = sgd(model), torch.optim.Adam(trained.step_parameters(), lr=0.01)
    before = trained.bits()
    for _ in range(40):
        optimizer.zero_grad()
        with trained.quantized():
            loss_of(model).backward()
        trained.step(1e-4)
        optimizer.step()
        steps.step()
        trained.apply()
    trained.freeze_zeros()
    assert trained.bits() < before
    with trained.quantized():
        finishing = hemp_train.Finishing(model, trained.tensors())
        finishing.save(tmp_path / "model.hemp")
        assert_holds(tmp_path / "model.hemp", model)


@pytest.mark.parametrize("augment", [Affine(2, 10, 0.1, -1.0), WholeShift(2, mirror=True, background=-1.0)])
def test_images_and_their_order_are_those_of_the_cpu(augment: Callable[..., Tensor]) -> None:
    split, teacher = Split(*support.data(70)), nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    found = []
    for device in (CPU, CUDA):
        generator = torch.Generator().manual_seed(0)
        moved = split.to(device)
        batches = list(from_images(moved, augment, 16, generator)(0))
        pool = Pool.of(moved, teacher.to(device), augment, 2, generator)
        batches += list(pool.batches(1, 16, generator))
        assert all(batch.images.device.type == device.type for batch in batches)
        found.append(batches)
    for one, other in zip(*found, strict=True):
        assert torch.equal(one.labels, other.labels.cpu())
        assert torch.allclose(one.images, other.images.cpu(), atol=2e-3)  # half precision in pools


@pytest.mark.parametrize(
    "recipe",
    [
        "lenet5-mnist-hemp",
        "lenet5-mnist-hemp-lobster",
        "lenet5-mnist-best",
        "lenet5-mnist-ect",
        "lenet5-mnist-compressibility",
        "resnet32-fmnist",
    ],
)
def test_recipes(recipe: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for part, count in (("train", 300), ("t10k", 20)):
        labels = generator.integers(0, 10, count)
        images = np.zeros((count, 28, 28), np.uint8)
        images[np.arange(count), 2 * labels + 3, 4:24] = generator.integers(128, 256, (count, 20))
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images, packed=True)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels, packed=True)
    command = [recipe, "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--quick", "--device", "cuda"]
    assert main(command) == 0
    first = (tmp_path / "out" / f"{recipe}.hemp").read_bytes()
    assert json.loads((tmp_path / "out" / f"{recipe}.json").read_text())["size"] == len(first)
    assert main([*command[:-1], "cpu"]) == 0  # takes up the dense network that was left by the other device


@pytest.mark.parametrize("what", ["coders", "ablations"])
def test_figures(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def task(*_: object) -> Task:
        return Task(
            Split(*support.data(256)), Split(*support.data(64, seed=2)), lambda: Split(*data()), support.network
        )

    monkeypatch.setitem(figures.NETWORKS, "lenet5", task)
    folders = ["--data", str(tmp_path), "--out", str(tmp_path)]
    assert figures.main([what, *folders, "--quick", "--strengths", "1", "2", "--device", "cuda"]) == 0
    assert (tmp_path / f"{what}.md").read_text().count("\n|") >= 3

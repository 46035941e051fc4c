"""Small networks and data for the tests of training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hemp_train import HEMP


def network(seed: int = 0) -> nn.Sequential:
    """Two convolutional and two linear layers' kinds in one small network: input (n, 1, 8, 8), five classes."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 20), nn.ReLU(), nn.Linear(20, 5))


def data(count: int = 64, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Images (count, 1, 8, 8) and labels that depend on their middle."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 8, 8, generator=generator)
    return images, images[:, 0, 2:4, 2:4].sum((1, 2)).abs().long().clamp(max=4)


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Of the batch, or of ``data()``, on the device of the model."""
    device = next(model.parameters()).device
    images, labels = (part.to(device) for part in (data() if batch is None else batch))
    return nn.functional.cross_entropy(model(images), labels)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(model: nn.Module, hemp: HEMP, steps: int, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Steps on all of ``data()``, by default with a new ``sgd``."""
    optimizer = optimizer or sgd(model)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model).backward()
        hemp.step()
        optimizer.step()
        hemp.apply()


def weights_of(model: nn.Module) -> Tensor:
    """All parameters as one vector."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()]).clone()

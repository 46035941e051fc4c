"""The two LeNets of the compression literature, with the state-dict names it uses."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional


class LeNet5(nn.Module):
    """The Caffe variant with a ReLU after each convolution: 20@5x5, 50@5x5, 500, 10.

    Input (n, 1, 28, 28), output (n, 10) logits; 431,080 parameters at the default ``widths`` (channels of the first and
    the second convolution, hidden units of the first dense layer).  Smaller widths are what pruning leaves.
    """

    def __init__(self, widths: tuple[int, int, int] = (20, 50, 500)) -> None:
        super().__init__()
        first, second, hidden = widths
        self.conv1 = nn.Conv2d(1, first, 5)
        self.conv2 = nn.Conv2d(first, second, 5)
        self.fc1 = nn.Linear(16 * second, hidden)
        self.fc2 = nn.Linear(hidden, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(functional.max_pool2d(self.conv1(images), 2))
        hidden = functional.relu(functional.max_pool2d(self.conv2(hidden), 2))
        return cast(torch.Tensor, self.fc2(functional.relu(self.fc1(hidden.flatten(1)))))


class LeNet300(nn.Module):
    """LeNet-300-100: input (n, 1, 28, 28), output (n, 10) logits; 266,610 parameters at the default ``widths``."""

    def __init__(self, widths: tuple[int, int] = (300, 100)) -> None:
        super().__init__()
        first, second = widths
        self.fc1 = nn.Linear(784, first)
        self.fc2 = nn.Linear(first, second)
        self.fc3 = nn.Linear(second, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.fc1(images.flatten(1)))
        return cast(torch.Tensor, self.fc3(functional.relu(self.fc2(hidden))))

"""ResNet-32 for small images (He et al. 2016, arXiv:1512.03385, section 4.2)."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut without parameters: every second pixel, new channels zero (option A)."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - channels
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.bn1(self.conv1(inputs)))
        hidden = self.bn2(self.conv2(hidden))
        if self.added:
            before = self.added // 2
            inputs = functional.pad(inputs[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, before))
        return functional.relu(hidden + inputs)


class ResNet32(nn.Module):
    """Three stages of five blocks with 16, 32 and 64 channels; input (n, channels, height, width), output logits."""

    def __init__(self, channels: int = 3, classes: int = 10, blocks: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, blocks, 1)
        self.layer2 = self._stage(16, 32, blocks, 2)
        self.layer3 = self._stage(32, 64, blocks, 2)
        self.fc = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(channels: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
        first = BasicBlock(channels, outputs, stride)
        return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return cast(torch.Tensor, self.fc(hidden.mean((2, 3))))

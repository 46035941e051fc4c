"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), with torchvision's state-dict names."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

# Expansion, channels, blocks: table 2 of the paper, which also has the strides.
STAGES = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))


def _convolution(channels: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel by a 3x3 one, project back by a linear 1x1 one."""

    def __init__(self, channels: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.shortcut = stride == 1 and channels == outputs
        layers: list[nn.Module] = [_convolution(channels, hidden, 1, 1, 1)] if expansion != 1 else []
        layers.append(_convolution(hidden, hidden, 3, stride, hidden))
        layers += [nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = cast(torch.Tensor, self.conv(inputs))
        return inputs + outputs if self.shortcut else outputs


class MobileNetV2(nn.Module):
    """Width 1; input (n, channels, height, width), output logits.

    ``strides`` are those of the first convolution and of the seven stages; the paper's, for 224 x 224 pixels, are
    2 and (1, 2, 2, 2, 1, 2, 1).  Small images keep more of their pixels with smaller ones.
    """

    def __init__(
        self, channels: int = 3, classes: int = 1000, strides: tuple[int, ...] = (2, 1, 2, 2, 2, 1, 2, 1)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(channels, 32, 3, strides[0], 1)]
        inputs = 32
        for (expansion, outputs, blocks), stride in zip(STAGES, strides[1:], strict=True):
            for block in range(blocks):
                layers.append(InvertedResidual(inputs, outputs, stride if block == 0 else 1, expansion))
                inputs = outputs
        layers.append(_convolution(inputs, 1280, 1, 1, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.classifier(self.features(images).mean((2, 3))))

"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), with torchvision's state-dict names."""

from __future__ import annotations

import itertools
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input

# Expansion, channels, blocks: table 2 of the paper, which also has the strides.
STAGES = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))


class _Depthwise(torch.autograd.Function):
    """A depthwise 3x3 convolution, padded by 1, that on processors is some ten times quicker at few pixels.

    The library's gradient of such weights goes through the channels one by one.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.stride = stride
        return functional.conv2d(inputs, weight, stride=stride, padding=1, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
        inputs, weight = ctx.saved_tensors
        stride, padded = ctx.stride, functional.pad(inputs, (1, 1, 1, 1))
        to_inputs = conv2d_input(  # type: ignore[no-untyped-call]
            inputs.shape, weight, slope, stride=stride, padding=1, groups=len(weight)
        )
        high, wide = (stride * (side - 1) + 1 for side in slope.shape[2:])
        sums = [
            (padded[:, :, row : row + high : stride, column : column + wide : stride] * slope).sum((0, 2, 3))
            for row, column in itertools.product(range(3), repeat=2)
        ]
        return to_inputs, torch.stack(sums, 1).view_as(weight), None


class Depthwise(nn.Conv2d):
    """A 3x3 convolution of each channel by itself."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, channels, 3, stride, padding=1, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type == "cpu" and input.shape[-1] <= 2 and not torch.is_autocast_enabled("cpu"):
            return cast(Tensor, _Depthwise.apply(input, self.weight, self.stride[0]))  # type: ignore[no-untyped-call]
        return super().forward(input)


def _with_norm(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel by a 3x3 one, project back by a linear 1x1 one."""

    def __init__(self, channels: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.shortcut = stride == 1 and channels == outputs
        layers: list[nn.Module] = [_with_norm(nn.Conv2d(channels, hidden, 1, bias=False))] if expansion != 1 else []
        layers.append(_with_norm(Depthwise(hidden, stride)))
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
        layers: list[nn.Module] = [_with_norm(nn.Conv2d(channels, 32, 3, strides[0], padding=1, bias=False))]
        inputs = 32
        for (expansion, outputs, blocks), stride in zip(STAGES, strides[1:], strict=True):
            for block in range(blocks):
                layers.append(InvertedResidual(inputs, outputs, stride if block == 0 else 1, expansion))
                inputs = outputs
        layers.append(_with_norm(nn.Conv2d(inputs, 1280, 1, bias=False)))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.classifier(self.features(images).mean((2, 3))))

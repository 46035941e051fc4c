from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hemp_train.models.mobilenet import Depthwise


@pytest.mark.parametrize("pixels, stride", [(2, 1), (2, 2), (1, 1), (5, 2)])
def test_depthwise_gradients_are_those_of_the_library(pixels: int, stride: int) -> None:
    layer = Depthwise(6, stride).double()
    images = torch.randn(3, 6, pixels, pixels, dtype=torch.float64, requires_grad=True)
    found, expected = (
        torch.autograd.grad(outputs.sin().sum(), (images, layer.weight))
        for outputs in (layer(images), functional.conv2d(images, layer.weight, None, stride, 1, groups=6))
    )
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)

"""Random affine changes of images, each its own, drawn from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

# The generator is one of the CPU, wherever the images are: so the same changes are drawn on every device.
Augmentation = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Affine:
    """Shift by up to ``shift`` pixels, rotate by up to ``degrees``, scale by up to ``scale`` either way.

    What comes in from outside an image is ``background``, the value of its empty pixels.
    """

    shift: float = 1.0
    degrees: float = 0.0
    scale: float = 0.0
    background: float = 0.0

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Images (n, channels, height, width) to as many changed ones."""
        n, _, height, width = images.shape
        angle, zoom, right, down = (torch.rand((4, n), generator=generator) * 2 - 1).to(images.device)
        angle = angle * math.radians(self.degrees)
        zoom = 1 + zoom * self.scale
        theta = torch.zeros(n, 2, 3, device=images.device)
        theta[:, 0, 0] = zoom * torch.cos(angle)
        theta[:, 0, 1] = -zoom * torch.sin(angle)
        theta[:, 1, 0] = zoom * torch.sin(angle)
        theta[:, 1, 1] = zoom * torch.cos(angle)
        theta[:, 0, 2] = right * 2 * self.shift / width
        theta[:, 1, 2] = down * 2 * self.shift / height
        grid = functional.affine_grid(theta, [n, 1, height, width], align_corners=False)
        return functional.grid_sample(images - self.background, grid, align_corners=False) + self.background


@dataclass(frozen=True)
class WholeShift:
    """Shift by whole pixels, up to ``most`` along both axes, and mirror left to right if ``mirror``."""

    most: int = 1
    mirror: bool = False
    background: float = 0.0

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Images (n, channels, height, width) to as many changed ones."""
        n, channels, height, width = images.shape
        padded = functional.pad(images, (self.most,) * 4, value=self.background)
        device = images.device
        down, right = torch.randint(0, 2 * self.most + 1, (2, n), generator=generator).to(device)
        rows = (down[:, None] + torch.arange(height, device=device))[:, None, :, None]
        columns = right[:, None] + torch.arange(width, device=device)
        if self.mirror:
            flipped = (torch.rand(n, generator=generator) < 0.5).to(device)
            columns = torch.where(flipped[:, None], columns.flip(1), columns)
        image = torch.arange(n, device=device)[:, None, None, None]
        channel = torch.arange(channels, device=device)[None, :, None, None]
        return padded[image, channel, rows, columns[:, None, None, :]]

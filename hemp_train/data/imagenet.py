"""ImageNet (ILSVRC 2012) from folders of JPEG files, one folder for each class, read as they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from hemp_train.data.splits import Labelled

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PIXELS, SHORT_SIDE = 224, 256
CPU = torch.device("cpu")


def _standardised(image: Image.Image) -> torch.Tensor:
    pixels = np.asarray(image, np.float32) / 255
    return torch.from_numpy((pixels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).permute(2, 0, 1)


def centre(image: Image.Image) -> torch.Tensor:
    """The middle 224 x 224 pixels of ``image``, scaled so that its short side is 256: (3, 224, 224) float32."""
    factor = SHORT_SIDE / min(image.size)
    wide, high = (max(SHORT_SIDE, round(side * factor)) for side in image.size)
    left, top = (wide - PIXELS) // 2, (high - PIXELS) // 2
    return _standardised(
        image.resize((wide, high), Image.Resampling.BILINEAR).crop((left, top, left + PIXELS, top + PIXELS))
    )


def random_crop(image: Image.Image, generator: torch.Generator) -> torch.Tensor:
    """A random 25 to 100 % of ``image`` as 224 x 224 pixels, mirrored at random: (3, 224, 224) float32."""
    share, across, down, mirror = torch.rand(4, generator=generator).tolist()
    side = max(1, int(min(image.size) * (0.25 + 0.75 * share) ** 0.5))
    left, top = int(across * (image.width - side)), int(down * (image.height - side))
    crop = image.resize((PIXELS, PIXELS), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return _standardised(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror < 0.5 else crop)


class _Files(Dataset[tuple[torch.Tensor, int]]):
    """The files of a set, cut at random from a seed of their own, or at the centre if there is no seed."""

    def __init__(self, files: list[tuple[Path, int]], seed: int | None) -> None:
        self.files, self.seed = files, seed

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        path, label = self.files[number]
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        if self.seed is None:
            return centre(image), label
        return random_crop(image, torch.Generator().manual_seed(self.seed + number)), label


@dataclass(frozen=True)
class ImageFolder:
    """The images below ``folder``: ``folder/CLASS/*``, classes numbered in the order of their names.

    With a generator, ``batches`` gives random crops in random order; without, the centres in order.
    """

    folder: Path
    workers: int = 0
    files: list[tuple[Path, int]] = field(default_factory=list)
    device: torch.device = CPU

    @staticmethod
    def of(folder: Path, workers: int = 0) -> ImageFolder:
        """Raises ``FileNotFoundError`` if there is no image below ``folder``."""
        classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        files = [
            (path, number)
            for number, inside in enumerate(classes)
            for path in sorted(inside.iterdir())
            if path.suffix.lower() in {".jpeg", ".jpg", ".png"}
        ]
        if not files:
            raise FileNotFoundError(f"{folder}: no images; it should hold a folder of JPEG files for each class")
        return ImageFolder(folder, workers, files)

    def __len__(self) -> int:
        return len(self.files)

    def hold_out(self, every: int) -> tuple[ImageFolder, ImageFolder]:
        """All images but each ``every``-th, for training, and those, for validation."""
        kept = [file for number, file in enumerate(self.files) if number % every]
        held = [file for number, file in enumerate(self.files) if number % every == 0]
        return replace(self, files=kept), replace(self, files=held)

    def first(self, count: int) -> ImageFolder:
        """``count`` images, spread over all of them."""
        every = max(1, len(self.files) // count)
        return replace(self, files=self.files[::every][:count])

    def to(self, device: torch.device) -> ImageFolder:
        """See ``Images``; each batch is moved when it is read."""
        return replace(self, device=device)

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[Labelled]:
        """See ``Images``."""
        seed = None if generator is None else int(torch.randint(2**31, (1,), generator=generator))
        loader: DataLoader[tuple[torch.Tensor, int]] = DataLoader(
            _Files(self.files, seed), size, shuffle=generator is not None, generator=generator, num_workers=self.workers
        )
        for images, labels in loader:
            yield images.to(self.device), labels.to(self.device)

"""The tasks of the recipes: which data, which network, how many images are held out for validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from hemp_train.data.cifar import load_cifar10
from hemp_train.data.idx import load_idx
from hemp_train.data.imagenet import ImageFolder
from hemp_train.models.lenet import LeNet5, LeNet300
from hemp_train.models.mobilenet import MobileNetV2
from hemp_train.models.resnet import ResNet32
from hemp_train.recipes.base import Task

VALIDATION_IMAGES = 5_000
QUICK_IMAGES, QUICK_VALIDATION = 6_000, 1_000
# Mean and standard deviation of the pixels, as fractions of white.
MNIST, FASHION = (0.1307, 0.3081), (0.2860, 0.3530)


def _idx(network: Callable[[], nn.Module], mean: float, std: float) -> Callable[[Path, bool], Task]:
    def load(folder: Path, quick: bool) -> Task:
        images = load_idx(folder, "train", mean, std)
        if quick:
            images = images.first(QUICK_IMAGES + QUICK_VALIDATION)
        train, validation = images.hold_out(min(QUICK_VALIDATION, len(images) // 8) if quick else VALIDATION_IMAGES)
        return Task(train, validation, lambda: load_idx(folder, "t10k", mean, std), network, -mean / std)

    return load


lenet5_mnist = _idx(LeNet5, *MNIST)
lenet300_mnist = _idx(LeNet300, *MNIST)
resnet32_fmnist = _idx(lambda: ResNet32(channels=1), *FASHION)
mobilenetv2_fmnist = _idx(lambda: MobileNetV2(channels=1, classes=10), *FASHION)


def resnet32_cifar10(folder: Path, quick: bool) -> Task:
    """CIFAR-10 in its standard files, 5,000 training images held out."""
    images = load_cifar10(folder, "train")
    images = images.first(len(images) // 8) if quick else images
    train, validation = images.hold_out(len(images) // 10)
    return Task(train, validation, lambda: load_cifar10(folder, "test"), ResNet32)


def mobilenetv2_imagenet(folder: Path, quick: bool) -> Task:
    """ImageNet as ``train/CLASS/*.JPEG`` and ``val/CLASS/*.JPEG``; each hundredth training image is held out."""
    train, validation = ImageFolder.of(folder / "train").hold_out(100)
    if quick:
        train, validation = train.first(1_000), validation.first(100)
    return Task(train, validation, lambda: ImageFolder.of(folder / "val"), lambda: MobileNetV2(classes=1000))

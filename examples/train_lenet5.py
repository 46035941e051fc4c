"""Train the LeNet-5 of ``lenet5-mnist.safetensors``: the Caffe variant, with a ReLU after each convolution.

    python examples/train_lenet5.py --data DIR --out examples/lenet5-mnist.safetensors

DIR holds the four IDX files of MNIST, gzipped or not.  The last 5,000 training images are the validation split; the
number of epochs is fixed in advance and the test set is read once, at the end, by the weights read back from the file.
Seeded: the same machine and number of threads give the same weights.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

VALIDATION_IMAGES = 5_000
MEAN, STD = 0.1307, 0.3081


class LeNet5(nn.Module):
    """20@5x5, max-pool, ReLU, 50@5x5, max-pool, ReLU, 500, ReLU, 10: 431,080 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(functional.max_pool2d(self.conv1(images), 2))
        hidden = functional.relu(functional.max_pool2d(self.conv2(hidden), 2))
        return self.fc2(functional.relu(self.fc1(hidden.flatten(1))))


def read_idx(folder: Path, name: str) -> np.ndarray:
    """Read ``folder/name`` or ``folder/name.gz``, an IDX file of unsigned bytes."""
    plain = folder / name
    data = plain.read_bytes() if plain.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    rank = data[3]
    shape = tuple(np.frombuffer(data, ">u4", rank, 4))
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images (n, 1, 28, 28) float32 and labels (n,) int64 of ``part``: ``train`` or ``t10k``."""
    images = torch.from_numpy(read_idx(folder, f"{part}-images-idx3-ubyte").astype(np.float32) / 255)
    labels = torch.from_numpy(read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64))
    return ((images - MEAN) / STD)[:, None], labels


def shifted(images: torch.Tensor, most: int) -> torch.Tensor:
    """Each batch moved by up to ``most`` pixels along both axes; what comes in is background."""
    background = -MEAN / STD
    padded = functional.pad(images, (most,) * 4, value=background)
    row, column = torch.randint(0, 2 * most + 1, (2,)).tolist()
    return padded[:, :, row : row + 28, column : column + 28]


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of images whose most likely class is the label."""
    model.eval()
    hits = sum(
        int((model(batch).argmax(1) == truth).sum())
        for batch, truth in zip(images.split(1000), labels.split(1000), strict=True)
    )
    return hits / len(labels)


def train(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int, batch: int = 64) -> None:
    """SGD with momentum, a one-cycle learning rate and shifts of at most two pixels."""
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=steps)
    validation = images[-VALIDATION_IMAGES:], labels[-VALIDATION_IMAGES:]
    images, labels = images[:-VALIDATION_IMAGES], labels[:-VALIDATION_IMAGES]
    for epoch in range(epochs):
        model.train()
        for chosen in torch.randperm(len(images)).split(batch):
            if schedule.last_epoch >= steps:
                break
            optimizer.zero_grad()
            functional.cross_entropy(model(shifted(images[chosen], 2)), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: validation {accuracy(model, *validation):.2%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2021)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    model = LeNet5().to(memory_format=torch.channels_last)
    train(model, *load(options.data, "train"), epochs=options.epochs)
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, options.out)
    model.load_state_dict(load_file(options.out))
    print(f"{options.out}: test {accuracy(model, *load(options.data, 't10k')):.2%}")


if __name__ == "__main__":
    main()

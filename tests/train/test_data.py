"""Readers of data sets, on small files made here in the standard formats."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hemp_train.data.augment import Affine, WholeShift
from hemp_train.data.cifar import load_cifar10
from hemp_train.data.idx import load_idx, read_idx
from hemp_train.data.imagenet import ImageFolder
from hemp_train.data.splits import Split


def write_idx(path: Path, values: np.ndarray, *, packed: bool) -> None:
    header = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    data = header + values.astype(np.uint8).tobytes()
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_gives_standardised_images(tmp_path: Path, packed: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28))
    write_idx(tmp_path / "train-images-idx3-ubyte", pixels, packed=packed)
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([7, 0, 2]), packed=packed)
    split = load_idx(tmp_path, "train", 0.5, 0.25)
    assert split.images.shape == (3, 1, 28, 28)
    assert split.labels.tolist() == [7, 0, 2]
    np.testing.assert_allclose(split.images[:, 0].numpy(), (pixels / 255 - 0.5) / 0.25, atol=1e-6)


def test_idx_says_what_is_missing_or_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"neither t10k-labels-idx1-ubyte nor"):
        read_idx(tmp_path, "t10k-labels-idx1-ubyte")
    (tmp_path / "short").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 9, 1, 2]))
    with pytest.raises(ValueError, match="2 bytes of data"):
        read_idx(tmp_path, "short")
    (tmp_path / "floats").write_bytes(bytes([0, 0, 13, 1, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx(tmp_path, "floats")


def cifar_batch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (4, 3072)).astype(np.uint8), generator.integers(0, 10, 4).astype(np.uint8)


def test_cifar_reads_both_versions_alike(tmp_path: Path) -> None:
    binary, python = tmp_path / "binary", tmp_path / "python"
    binary.mkdir()
    python.mkdir()
    for number in range(1, 6):
        pixels, labels = cifar_batch(number)
        (binary / f"data_batch_{number}.bin").write_bytes(np.concatenate([labels[:, None], pixels], 1).tobytes())
        content = {b"data": pixels, b"labels": labels.tolist()}
        (python / f"data_batch_{number}").write_bytes(pickle.dumps(content))
    one, other = load_cifar10(binary, "train"), load_cifar10(python, "train")
    assert one.images.shape == (20, 3, 32, 32)
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.labels, other.labels)
    red = cifar_batch(1)[0][0, 0] / 255
    assert float(one.images[0, 0, 0, 0]) == pytest.approx((red - 0.4914) / 0.2470, abs=1e-5)


def test_cifar_runs_nothing_in_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match=r"does not need builtins\.print"):
        load_cifar10(tmp_path, "test")


def test_image_folder_gives_224_pixels(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for label, name in enumerate(("n01", "n02")):
        (tmp_path / name).mkdir()
        for number in range(2):
            shape = (300 + 40 * label, 260 + number, 3)
            Image.fromarray(generator.integers(0, 256, shape).astype(np.uint8)).save(tmp_path / name / f"{number}.JPEG")
    folder = ImageFolder.of(tmp_path)
    images, labels = next(folder.batches(8))
    assert images.shape == (4, 3, 224, 224)
    assert labels.tolist() == [0, 0, 1, 1]
    crops, shuffled = next(folder.batches(8, torch.Generator().manual_seed(1)))
    again, _ = next(folder.batches(8, torch.Generator().manual_seed(1)))
    assert crops.shape == images.shape
    assert torch.equal(crops, again)
    assert sorted(shuffled.tolist()) == [0, 0, 1, 1]
    kept, held = folder.hold_out(4)
    assert (len(kept), len(held)) == (3, 1)


def test_image_folder_without_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no images"):
        ImageFolder.of(tmp_path)


def test_split_holds_the_last_images_out() -> None:
    split = Split(torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10))
    train, validation = split.hold_out(3)
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert validation.labels.tolist() == [7, 8, 9]
    with pytest.raises(ValueError, match="cannot hold 10 of 10"):
        split.hold_out(10)
    order = torch.cat([labels for _, labels in split.batches(4, torch.Generator().manual_seed(0))])
    assert sorted(order.tolist()) == list(range(10))
    assert order.tolist() != list(range(10))


def test_whole_shift_moves_pixels_and_fills_with_background() -> None:
    images = torch.zeros(64, 1, 5, 5)
    images[:, :, 2, 2] = 1
    moved = WholeShift(1, background=-2.0)(images, torch.Generator().manual_seed(0))
    assert (moved == 1).sum() == 64
    places = {tuple((image[0] == 1).nonzero()[0].tolist()) for image in moved}
    assert places == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3)}
    centre = moved[(moved[:, 0, 2, 2] == 1)]
    assert torch.equal(centre, torch.where(centre == 1, 1.0, 0.0))
    assert (moved == -2).any()


def test_affine_without_change_is_the_identity() -> None:
    images = torch.rand(3, 2, 28, 28)
    same = Affine(0, 0, 0, background=0.3)(images, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)


def test_affine_shifts_by_pixels() -> None:
    images = torch.zeros(200, 1, 28, 28)
    images[:, :, 14, 14] = 1
    moved = Affine(2.0)(images, torch.Generator().manual_seed(0))
    rows = (moved.sum(3).squeeze(1) * torch.arange(28)).sum(1) - 14
    assert float(rows.abs().max()) <= 2.001
    assert float(rows.abs().max()) > 1.8

"""Accuracy of a LeNet-5 on the test set of MNIST, with the weights as they come out of a `.hemp` file.

    python examples/evaluate_lenet5.py FILE.hemp ... --data DIR

DIR holds the IDX files of MNIST, gzipped or not.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from train_lenet5 import LeNet5, accuracy, load

import hemp_codec.torch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.hemp")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    images, labels = load(options.data, "t10k")
    for file in options.files:
        model = LeNet5()
        hemp_codec.torch.load_model(model, file)
        print(f"{file}: {file.stat().st_size} bytes, test {accuracy(model, images, labels):.2%}")


if __name__ == "__main__":
    main()

"""``python -m hemp_train RECIPE --data DIR --out DIR``: train a network, write its file, measure the file."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch

from hemp_train.log import EpochLog
from hemp_train.recipes import RECIPES
from hemp_train.recipes.base import Settings, device_of, run


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    listed = "\n".join(f"  {recipe.name:32} {recipe.summary}" for recipe in RECIPES.values())
    made = argparse.ArgumentParser(
        "python -m hemp_train",
        description=__doc__,
        epilog=f"recipes:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("recipe", choices=RECIPES, metavar="RECIPE", help="one of those below")
    made.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data set's standard files")
    made.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for RECIPE.hemp and RECIPE.json")
    made.add_argument("--quick", action="store_true", help="few images and epochs: shows that it works, in minutes")
    made.add_argument("--seed", type=int, default=2021)
    made.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="log accuracy, entropies and coded bytes of each epoch there"
    )
    made.add_argument("--device", default="cpu", help="where it trains: cpu (the default), cuda, cuda:1 ...")
    made.add_argument("--threads", type=int, help="of torch; other numbers than those of a result give other weights")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the data cannot be used, 2 wrong usage."""
    options = parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        with EpochLog(tensorboard=options.tensorboard) as log:
            settings = Settings(options.seed, options.quick, partial(_report, log))
            result = run(RECIPES[options.recipe], options.data, options.out, settings, device_of(options.device))
    except (OSError, ValueError) as error:
        print(f"{options.recipe}: {error}", file=sys.stderr)
        return 1
    print(
        f"{options.out / result.file}: {result.size} bytes ({result.float32 / result.size:.1f} times smaller than "
        f"float32), validation {result.validation:.2%}, test {result.test:.2%}, {result.seconds:.0f} s"
    )
    return 0


def _report(log: EpochLog, line: str, /, **values: float) -> None:
    print(line, flush=True)
    if values:
        log.write(len(log.records), **values)


if __name__ == "__main__":
    sys.exit(main())

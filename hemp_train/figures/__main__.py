"""``python -m hemp_train.figures entropies|coders|ablations --data DIR --out DIR``: figures and tables about HEMP.

entropies: proxy and true entropy over the epochs, for n = 1, 2 and 4 (figure 6 of the paper), as a plot and JSON lines.
coders: a network trained for each coder and coded with each, at equal accuracy (``tables.by_coder``).
ablations: without E, without insensitivity, n = 1, 2, 4, with fixed tuples; a training for each of ``--seeds``.

All on MNIST; accuracies are those on 5,000 training images that are held out.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from hemp_train.figures import entropies, tables
from hemp_train.figures.studies import Study, load_dense, options_for, quick, train_dense
from hemp_train.log import Record
from hemp_train.recipes.base import accuracy, device_of
from hemp_train.recipes.tasks import lenet5_mnist, lenet300_mnist

NETWORKS = {"lenet5": lenet5_mnist, "lenet300": lenet300_mnist}


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the data cannot be used, 2 wrong usage."""
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        study = _study(options)
    except (OSError, ValueError) as error:
        print(f"{options.what}: {error}", file=sys.stderr)
        return 1
    if options.what == "entropies":
        runs = {order: _run(study, order, options) for order in entropies.ORDERS}
        entropies.plot(runs, options.out / "entropies.svg")
        return 0
    text = _coders(study, options) if options.what == "coders" else _ablations(study, options)
    (options.out / f"{options.what}.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    made = argparse.ArgumentParser(
        "python -m hemp_train.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", choices=("entropies", "coders", "ablations"))
    made.add_argument("--network", choices=NETWORKS, default="lenet5")
    made.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of MNIST's files")
    made.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for results, and the dense network"
    )
    made.add_argument(
        "--dense",
        type=Path,
        metavar="FILE",
        help="state dict of the dense network, instead of one that is trained here",
    )
    made.add_argument("--quick", action="store_true", help="few images and epochs: shows that it works")
    made.add_argument("--epochs", type=int, help="of HEMP")
    made.add_argument("--dense-epochs", type=int, help="of the dense network before")
    made.add_argument("--strength", type=float, default=1.0, help="lambda_entropy of entropies and ablations")
    made.add_argument("--drop", type=float, default=0.002, help="accuracy that coders may lose, as a share")
    made.add_argument("--coders", nargs="+", default=tables.CODERS, metavar="NAME")
    made.add_argument(
        "--strengths", nargs="+", type=float, default=tables.STRENGTHS, help="lambdas tried for each coder"
    )
    made.add_argument("--seeds", type=int, default=1, help="trainings of each row of a table")
    made.add_argument("--device", default="cpu", help="where it trains: cpu (the default), cuda, cuda:1 ...")
    made.add_argument("--threads", type=int, default=1, help="of torch")
    return made


def _study(options: argparse.Namespace) -> Study:
    device = device_of(options.device)
    task = NETWORKS[options.network](options.data, options.quick).to(device)
    kept = options.dense or options.out / f"{options.network}-dense{'-quick' if options.quick else ''}.pt"
    if not options.dense and not kept.exists():
        epochs = options.dense_epochs or (2 if options.quick else 8)
        torch.save(train_dense(task, epochs, _report), kept)
    study = Study(task, load_dense(task, kept), _report)
    if options.quick:
        study = quick(study)
    return study if options.epochs is None else replace(study, epochs=options.epochs)


def _report(line: str, /, **_: float) -> None:
    print(line, flush=True)


def _run(study: Study, order: int, options: argparse.Namespace) -> list[Record]:
    chosen = {"order": order, "objective": "tuples", "lambda_entropy": options.strength}
    log = options.out / f"entropies-{order}.jsonl"
    log.unlink(missing_ok=True)
    return study.train(chosen, log)[1]


def _coders(study: Study, options: argparse.Namespace) -> str:
    model = study.task.network()
    model.load_state_dict(dict(study.dense))
    target = accuracy(model, study.task.validation) - options.drop
    rows = tables.by_coder(
        lambda coder, strength, seed: replace(study, seed=seed).train(options_for(coder, strength))[0],
        target,
        coders=tuple(options.coders),
        strengths=options.strengths,
        seeds=options.seeds,
    )
    return f"At {target:.2%} on the validation split:\n\n{tables.coder_table(rows)}"


def _ablations(study: Study, options: argparse.Namespace) -> str:
    common = {"objective": "tuples", "lambda_entropy": options.strength}
    return tables.ablation_table(
        lambda variant, seed: replace(study, seed=seed).train({**common, **variant})[0], seeds=options.seeds
    )


if __name__ == "__main__":
    sys.exit(main())

"""Proxy and true entropy over the epochs, for several orders: figure 6 of the HEMP paper."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from hemp_train.log import Record

ORDERS = (1, 2, 4)


def plot(runs: Mapping[int, Sequence[Record]], path: str | os.PathLike[str]) -> None:
    """Draw ``proxy_entropy`` (solid) and ``true_entropy`` (dashed), in bits per index, to a .png, .svg or .pdf.

    Args:
        runs: the records of a run by its order n.
        path: the file.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for number, (order, records) in enumerate(sorted(runs.items())):
        epochs = [record.epoch for record in records]
        color = f"C{number}"
        proxy = [record.values["proxy_entropy"] for record in records]
        true = [record.values["true_entropy"] for record in records]
        axes.plot(epochs, proxy, color=color, label=f"proxy $H_{{{order}}}$")
        axes.plot(epochs, true, color=color, linestyle="--", label=f"true $H_{{{order}}}$")
    axes.set_xlabel("epoch")
    axes.set_ylabel("bits per index")
    axes.set_ylim(bottom=0)
    axes.legend()
    name = os.fspath(path)
    figure.savefig(name, metadata={"Date": None} if name.endswith(".svg") else None)  # the same picture each time

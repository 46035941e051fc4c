"""Training that makes networks small in `.hemp` files: it minimises what a coder pays for their indices.

    hemp = hemp_train.HEMP(model, levels=16, order=2, coder="arithmetic")
    ...                                # loss.backward(); hemp.step(); optimizer.step()
    hemp.save("model.hemp")

See README.md beside this file for what each method is good for.
"""

from __future__ import annotations

from hemp_train.compressibility import compressibility
from hemp_train.dead_zone import DeadZone
from hemp_train.ect import ECT
from hemp_train.finishing import Finishing
from hemp_train.hemp import HEMP
from hemp_train.lobster import LOBSTER
from hemp_train.saving import quantize
from hemp_train.tuples import entropy, hard_entropy

__all__ = ["ECT", "HEMP", "LOBSTER", "DeadZone", "Finishing", "compressibility", "entropy", "hard_entropy", "quantize"]

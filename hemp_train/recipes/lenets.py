"""The recipes of the two LeNets on MNIST."""

from __future__ import annotations

from hemp_train.data.augment import Affine
from hemp_train.models.lenet import LeNet5, LeNet300
from hemp_train.recipes import hemp_lobster, methods, units_first
from hemp_train.recipes.dense import DensePlan
from hemp_train.recipes.loops import ShrinkPlan
from hemp_train.recipes.tasks import lenet5_mnist, lenet300_mnist
from hemp_train.structure import units_between

LENET5_DENSE = DensePlan("lenet5-mnist", epochs=24, rate=0.06, augment=Affine(2, 10, 0.1))
LENET300_DENSE = DensePlan("lenet300-mnist", epochs=40, rate=0.05, augment=Affine(1.5, 8, 0.08), decay=1e-4)

LENET5 = units_first.Family(
    lambda widths: LeNet5((widths[0], widths[1], widths[2])),
    {
        "conv1": units_between("conv1", "conv2"),
        "conv2": units_between("conv2", "fc1", block=16),
        "fc1": units_between("fc1", "fc2"),
    },
    (20, 50, 500),
)
LENET300 = units_first.Family(
    lambda widths: LeNet300((widths[0], widths[1])),
    {"fc1": units_between("fc1", "fc2"), "fc2": units_between("fc2", "fc3")},
    (300, 100),
)

BEST = units_first.Plan(
    LENET5_DENSE,
    (8, 18, 60),
    ShrinkPlan(epochs=28, strength=1.8e-5, ramp=0.5, hold=0.3, freeze=0.65, off=0.8),
    without=("fc1.bias", "fc2.bias"),
)
BEST_HQ = units_first.Plan(
    LENET5_DENSE,
    (8, 18, 60),
    ShrinkPlan(epochs=80, strength=4e-6, ramp=0.4, hold=0.3, freeze=0.65, off=0.8),
    without=("fc1.bias", "fc2.bias"),
)
BEST_300 = units_first.Plan(
    LENET300_DENSE,
    (80, 40),
    ShrinkPlan(epochs=30, strength=4e-6, ramp=0.4, hold=0.3, freeze=0.65, off=0.8),
    recover=8,
)

PUBLISHED = {"levels": 5, "order": 2, "objective": "tuples", "lambda_reconstruction": 0.1}
HEMP_ALONE = methods.Plan(
    LENET5_DENSE,
    methods.hemp({**PUBLISHED, "lambda_entropy": 1.0}, rate=0.01, hold=0.5),
    epochs=14,
    quick=methods.hemp({**PUBLISHED, "lambda_entropy": 20.0}, rate=0.02),
    finish=8,
    copies=6,
)
HEMP_LOBSTER = hemp_lobster.Plan(
    BEST,
    {
        "levels": 7,
        "order": 2,
        "lambda_entropy": 0.15,
        "lambda_reconstruction": 0.01,
        "refit_every": 100,
        "slope": "chord",
    },
    decay=1e-4,
    tolerance=0.03,
    epochs=24,
    budget=1_450,
    still=5,
    settle=12,
    finish=4,
)
COMPRESSIBLE = methods.Plan(LENET5_DENSE, methods.compressible(strength=2e-3, rate=0.03), epochs=3, finish=2)
ECT5 = methods.Plan(LENET5_DENSE, methods.ect(levels=3, alpha=8e-6, rate=0.03), epochs=3, finish=2, copies=2, batch=256)
COMPRESSIBLE_300 = methods.Plan(LENET300_DENSE, methods.compressible(strength=2e-3, rate=0.03), epochs=10)
ECT_300 = methods.Plan(LENET300_DENSE, methods.ect(levels=3, alpha=1.5e-5, rate=0.02), epochs=5, finish=2)

RECIPES = (
    methods.recipe("lenet5-mnist-hemp", "LeNet-5: HEMP as published, n = 2", lenet5_mnist, HEMP_ALONE),
    hemp_lobster.recipe("lenet5-mnist-hemp-lobster", "LeNet-5: HEMP with LOBSTER", lenet5_mnist, LENET5, HEMP_LOBSTER),
    units_first.recipe("lenet5-mnist-best", "LeNet-5: everything, as small as possible", lenet5_mnist, LENET5, BEST),
    units_first.recipe("lenet5-mnist-best-hq", "LeNet-5: everything, more accurate", lenet5_mnist, LENET5, BEST_HQ),
    methods.recipe("lenet5-mnist-ect", "LeNet-5: ECT", lenet5_mnist, ECT5),
    methods.recipe("lenet5-mnist-compressibility", "LeNet-5: compressibility loss", lenet5_mnist, COMPRESSIBLE),
    units_first.recipe("lenet300-mnist-best", "LeNet-300-100: everything", lenet300_mnist, LENET300, BEST_300),
    methods.recipe("lenet300-mnist-ect", "LeNet-300-100: ECT", lenet300_mnist, ECT_300),
    methods.recipe(
        "lenet300-mnist-compressibility", "LeNet-300-100: compressibility loss", lenet300_mnist, COMPRESSIBLE_300
    ),
)

"""The recipes of ResNet-32 and MobileNetV2 on Fashion-MNIST, CIFAR-10 and ImageNet."""

from __future__ import annotations

from dataclasses import replace

from hemp_train.data.augment import WholeShift
from hemp_train.recipes import convnets, tasks
from hemp_train.recipes.dense import DensePlan
from hemp_train.recipes.loops import ShrinkPlan

SHIFTED = WholeShift(2, mirror=True)
AS_CROPPED = WholeShift(0)  # ImageNet's crops are made when the files are read

RESNET32 = convnets.Plan(
    DensePlan("resnet32-fmnist", epochs=6, rate=0.1, augment=SHIFTED, half=True),
    ShrinkPlan(epochs=1, strength=1e-5, rate=0.015, ramp=0.1, hold=0.2, freeze=0.6, off=0.6, step_from=0.0),
    levels=15,
    reach=0.9,
)
MOBILENETV2 = convnets.Plan(
    DensePlan("mobilenetv2-fmnist", epochs=6, rate=0.08, augment=SHIFTED),
    replace(RESNET32.shrink, epochs=2),
    levels=15,
    reach=0.9,
)
RESNET32_CIFAR10 = replace(
    RESNET32,
    dense=DensePlan("resnet32-cifar10", epochs=100, rate=0.1, augment=WholeShift(4, mirror=True), half=True),
    shrink=replace(RESNET32.shrink, epochs=30),
)
MOBILENETV2_IMAGENET = replace(
    MOBILENETV2,
    dense=DensePlan("mobilenetv2-imagenet", epochs=100, rate=0.1, augment=AS_CROPPED, decay=4e-5),
    shrink=replace(MOBILENETV2.shrink, epochs=15),
)

RECIPES = (
    convnets.recipe("resnet32-fmnist", "ResNet-32 on Fashion-MNIST", tasks.resnet32_fmnist, RESNET32),
    convnets.recipe("mobilenetv2-fmnist", "MobileNetV2 on Fashion-MNIST", tasks.mobilenetv2_fmnist, MOBILENETV2),
    convnets.recipe("resnet32-cifar10", "ResNet-32 on CIFAR-10", tasks.resnet32_cifar10, RESNET32_CIFAR10),
    convnets.recipe(
        "mobilenetv2-imagenet", "MobileNetV2 on ImageNet", tasks.mobilenetv2_imagenet, MOBILENETV2_IMAGENET
    ),
)

"""Ready recipes by name: `tinygrad-mnist train --preset NAME`. docs/results.md has what they reach."""

from __future__ import annotations

from dataclasses import replace

from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.training.recipe import Recipe

PRESETS: dict[str, Recipe] = {
    "default": Recipe(),
    "tiny": Recipe(
        layers=(784, 10, 10), augment=Distortion(shift=0.7, rotate=3), lr=0.004, average=0.999, epochs=40,
    ),
    "t4": Recipe(layers=(784, 100, 100, 10)),
    "wide": Recipe(
        layers=(784, 800, 10), augment=None, label_smoothing=0.1, weight_decay=0.05, lr=0.001, average=0.999, epochs=25,
    ),
    "dropout": Recipe(
        layers=(784, 1024, 1024, 1024, 10), activation="relu", augment=None, batch_norm=True, dropout=0.5,
        input_dropout=0.2, max_norm=2, label_smoothing=0.05, average=0.999, batch_size=128, epochs=75,
    ),
    "elastic": Recipe(
        layers=(784, 800, 10), augment=Distortion(shift=1, rotate=10, scale=0.1, shear=5, elastic=24),
        lr=0.001, average=0.999, epochs=160,
    ),
    "cnn": Recipe(
        layers=("1x28x28", "16c3", "mp2", "32c3", "mp2", "64c3", 128, 10), activation="relu", dropout=0.3,
        augment=Distortion(shift=2, rotate=10, scale=0.1, shear=10), lr=0.001, epochs=12,
    ),
    "cnn-best": Recipe(
        layers=("1x28x28", "16c3", "mp2", "32c3", "32c3", "mp2", "64c3", "64c3", 128, 10), activation="relu",
        dropout=0.4, augment=Distortion(shift=2, rotate=12, scale=0.12, shear=10, elastic=16),
        lr=0.001, average=0.999, epochs=37,
    ),
}  # fmt: skip
"""Chosen on a validation split of MNIST's training images."""

BENT = Distortion(shift=1, rotate=10, scale=0.1, shear=5, elastic=16)

PRESETS |= {
    "tiny+": replace(PRESETS["tiny"], activation="elu", lr=0.008, epochs=100),
    "default+": replace(PRESETS["default"], augment=BENT, average=0.999, epochs=35),
    "dropout+": replace(PRESETS["dropout"], augment=BENT),
    "elastic+": replace(PRESETS["elastic"], epochs=300),
    "cnn-best+": replace(PRESETS["cnn-best"], average=0.9995, epochs=75),
}
"""The same networks in the time that they took before steps were compiled: longer, or with digits bent otherwise."""

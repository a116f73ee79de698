"""Ready recipes by name: `tinygrad-mnist train --preset NAME`. docs/results.md has what they reach."""

from __future__ import annotations

from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.training.recipe import Recipe

_BENT = Distortion(rotate=10, scale=0.1, shear=5, shift=1, elastic=34)

PRESETS: dict[str, Recipe] = {
    "default": Recipe(),
    "tiny": Recipe(layers=(784, 10, 10), augment=None),
    "t4": Recipe(layers=(784, 100, 100, 10)),
    "wide": Recipe(layers=(784, 800, 10), augment=None, label_smoothing=0.1, weight_decay=0.05),
}
"""Chosen on a validation split of MNIST's training images."""

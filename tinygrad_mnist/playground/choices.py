"""What a visitor can choose from, and the recipe of what was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist import __version__, nn
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.playground import protocol
from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.training.recipe import LIGHT, OPTIMIZERS, Recipe

MOST_WEIGHTS, MOST_LAYERS, MOST_PRODUCTS = 2_000_000, 32, 300_000_000
"""Of a network: weights, layers, and multiplications for one batch."""

NETWORKS = ("784,10", "784,30,10", "784,128,64,10", "1x28x28,8c3,mp2,10", "1x28x28,8c3,mp2,16c3,mp2,64,10")
"""Examples to choose from."""

AUGMENTATIONS: dict[str, Distortion | None] = {
    "none": None,
    "light": LIGHT,
    "strong": Distortion(shift=2, rotate=10, scale=0.1, shear=10),
    "elastic": Distortion(elastic=34),
}

EPOCHS = 25
"""Of the recipe and the command: the page itself goes on for as long as it is asked."""


def offered() -> dict[str, Any]:
    """All choices and limits, as the page is told them."""
    return {
        "version": __version__,
        "numpy": np.__version__,
        "datasets": ["digits", "file", "own"],
        "activations": [*nn.ACTIVATIONS],
        "optimizers": [*OPTIMIZERS],
        "inits": [*nn.INITIALISERS],
        "augmentations": [*AUGMENTATIONS],
        "networks": NETWORKS,
        "set_up": vars(protocol.SetUp()),
        "limits": {
            "message": protocol.LARGEST_MESSAGE, "side": protocol.SIDES, "own": protocol.OWN,
            "steps": protocol.STEPS.most, "milliseconds": protocol.TIMES.most, "batch_size": protocol.BATCHES.most,
            "weights": MOST_WEIGHTS, "layers": MOST_LAYERS,
        },
    }  # fmt: skip


def recipe_of(asked: protocol.SetUp, classes: int) -> Recipe:
    """The recipe of what is asked for; raises PlaygroundError for a network that is too large, or does not fit."""
    if asked.network.count(",") > MOST_LAYERS:
        raise PlaygroundError(f"network has more than {MOST_LAYERS} layers")
    layers = nn.parse_layers(asked.network)
    weights, products = nn.count_weights(layers), nn.count_products(layers) * asked.batch_size
    if layers[0] not in (784, "1x28x28") or layers[-1] != classes:
        raise PlaygroundError(
            f"network {asked.network} must begin with 784 or 1x28x28, the pixels, and end with {classes}, the classes"
        )
    if weights > MOST_WEIGHTS or products > MOST_PRODUCTS:
        raise PlaygroundError(
            f"network {asked.network} has {weights:,} weights, and {products:,} products in a batch of "
            f"{asked.batch_size}; the playground takes {MOST_WEIGHTS:,} and {MOST_PRODUCTS:,}: make it smaller"
        )
    if asked.augmentation not in AUGMENTATIONS:
        raise PlaygroundError(f"augmentation is {asked.augmentation!r} and none of {', '.join(AUGMENTATIONS)}")
    return Recipe(
        layers=layers, activation=asked.activation, init=asked.init, dropout=asked.dropout,
        augment=AUGMENTATIONS[asked.augmentation], epochs=EPOCHS, batch_size=asked.batch_size,
        optimizer=asked.optimizer, lr=asked.rate, schedule="constant", weight_decay=asked.l2, average=0.0,
        momentum=asked.momentum if asked.optimizer == "sgd" else Recipe.momentum,
    )  # fmt: skip

"""A visitor's session: the network that stands there, its data and its training, asked by messages.

It needs NumPy alone: it runs in a browser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_mnist import __version__, nn
from tinygrad_mnist.data import Dataset, Split, load_digits, set_tenth_aside
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.playground import protocol, reading, written
from tinygrad_mnist.playground.course import Course
from tinygrad_mnist.playground.protocol import Identity
from tinygrad_mnist.records import checked, parsed
from tinygrad_mnist.shown import LONGEST_MESSAGE, LineError, one_line
from tinygrad_mnist.training.recipe import LIGHT, OPTIMIZERS, Recipe

Reply = dict[str, Any]

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


class PlaygroundError(LineError):
    """What can't be done now, and what to do first."""


class Session:
    """Answers the messages of one page, one at a time; see `protocol`."""

    def __init__(self) -> None:
        self._datasets: dict[str, Dataset] = {}
        self._set_up = protocol.SetUp()
        self._course: Course | None = None
        self._neighbours: reading.Neighbours | None = None

    def answer(self, text: str) -> str:
        """The reply to a request, both as JSON. It never raises: whatever is wrong is a reply of the kind "error"."""
        identity: Identity = None
        try:
            message = checked(parsed(text), dict[str, Any], "the message")
            identity, kind = protocol.header(message)
            reply = self._handlers()[kind](protocol.request(kind, message))
            return protocol.text_of(identity, kind, reply)
        except Exception as error:  # whatever a visitor asks for, the page goes on
            return protocol.text_of(identity, "error", {"message": _in_a_line(error)})

    def _handlers(self) -> dict[str, Callable[[Any], Reply]]:
        return {
            "hello": self._hello, "set_up": self._sets_up, "advance": self._advance, "read": self._read,
            "code": self._code,
        }  # fmt: skip

    def _hello(self, asked: protocol.Hello) -> Reply:
        import numpy

        return {
            "version": __version__,
            "numpy": numpy.__version__,
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

    def _sets_up(self, asked: protocol.SetUp) -> Reply:
        dataset = self._dataset(asked.data)
        recipe = recipe_of(asked, dataset.classes)
        train, validation = set_tenth_aside(dataset, asked.seed)
        self._course = course = Course(recipe, train, validation, asked.seed)
        self._set_up, self._neighbours = asked, None
        model = course.lesson.model
        return {
            "layers": _layers(model),
            "parameters": sum(p.size for p in model.parameters()),
            "examples": len(train),
            "validation": len(validation),
            "classes": dataset.classes,
        }

    def _dataset(self, name: str) -> Dataset:
        if name == "digits" and name not in self._datasets:
            self._datasets[name] = load_digits()
        if name not in self._datasets:
            raise PlaygroundError(_MISSING[name])
        return self._datasets[name]

    def _there(self) -> Course:
        if self._course is None:
            raise PlaygroundError("there is no network yet: send set_up first")
        return self._course

    def _advance(self, asked: protocol.Advance) -> Reply:
        return self._there().advance(asked.steps, asked.milliseconds)

    def _read(self, asked: protocol.Read) -> Reply:
        course = self._there()
        digit = reading.digit_of(asked.image, asked.framed)
        if self._neighbours is None:
            self._neighbours = reading.Neighbours(course.lesson.run.train)
        nearest = self._neighbours.nearest(digit)
        return reading.read(course.lesson.model, digit) | {"nearest": nearest}

    def _code(self, asked: protocol.Code) -> Reply:
        course, seed = self._there(), self._set_up.seed
        source = {"digits": "digits", "file": "FOLDER", "own": "FOLDER"}[self._set_up.data]
        return {
            "expression": written.program(course.recipe, source, seed, course.lesson.step),
            "recipe": written.recipe_text(course.recipe),
            "command": written.command(course.recipe, source, seed),
        }


_MISSING = {
    "file": "no data set has been dropped yet: send its files by data first",
    "own": "there are no digits of your own yet: draw some and label them",
}


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
        optimizer=asked.optimizer, lr=asked.rate, schedule="constant", momentum=asked.momentum, weight_decay=asked.l2,
        average=None,
    )  # fmt: skip


def _layers(model: nn.Module) -> list[Reply]:
    """What the network is made of: each layer's name, kind, the shape of its weight, and how many numbers it learns."""
    if isinstance(model, nn.MLP):
        pairs = zip(model.weights, model.biases, strict=True)
        return [
            {"name": f"W{i}", "kind": "Linear", "shape": W.shape, "parameters": W.size + b.size}
            for i, (W, b) in enumerate(pairs, start=1)
        ]
    return [
        {
            "name": name,
            "kind": type(layer).__name__,
            "shape": getattr(getattr(layer, "weight", None), "shape", ()),
            "parameters": sum(p.size for p in layer.parameters()),
        }
        for name, layer in model.named_children()
    ]


def _in_a_line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: take smaller layers or batches"
    if isinstance(error, RecursionError):
        return "this is nested too deeply"
    return one_line(str(error) or type(error).__name__, LONGEST_MESSAGE)

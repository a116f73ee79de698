"""A visitor's session: the network that stands there, its data and its training, asked by messages.

It needs NumPy alone: it runs in a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_mnist import __version__, nn
from tinygrad_mnist.data import SIDE, Dataset, Split, load_digits, set_tenth_aside
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.playground import protocol, reading, written
from tinygrad_mnist.playground.course import Course, Lesson
from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.playground.protocol import Identity
from tinygrad_mnist.records import checked, parsed
from tinygrad_mnist.shown import LONGEST_MESSAGE, one_line
from tinygrad_mnist.training.recipe import LIGHT, OPTIMIZERS, Recipe

if TYPE_CHECKING:
    from tinygrad_mnist.grading.calling.sealed import Programs
    from tinygrad_mnist.playground.dropped import Dropped

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


class Session:
    """Answers the messages of one page, one at a time; see `protocol`."""

    def __init__(self) -> None:
        self._datasets: dict[str, Dataset] = {}
        self._set_up = protocol.SetUp()
        self._course: Course | None = None
        self._neighbours: reading.Neighbours | None = None
        self._named: Reply | None = None
        self._dropped: Dropped | None = None
        self._programs: Programs | None = None
        self._closed = False

    def close(self) -> None:
        """End what is still running for it, from another thread; from then on it grades nothing."""
        self._closed = True
        if self._programs:
            self._programs.end()

    def answer(self, text: str) -> str:
        """The reply to a request, both as JSON. It never raises: whatever is wrong is a reply of the kind "error"."""
        identity: Identity = None
        try:
            message = checked(parsed(text), dict[str, Any], "the message")
            identity, kind = protocol.header(message)
            reply = self._handlers()[kind](protocol.request(kind, message))
            return protocol.text_of(identity, kind, reply)
        except (Exception, SystemExit) as error:  # whatever a visitor asks for, the page goes on
            return protocol.text_of(identity, "error", {"message": _in_a_line(error)})

    def _handlers(self) -> dict[str, Callable[[Any], Reply]]:
        return {
            "hello": self._hello, "set_up": self._sets_up, "advance": self._advance, "weights": self._weights,
            "parameters": self._parameters, "read": self._read, "explore": self._explore, "mistakes": self._mistakes,
            "worst": self._worst, "grade": self._grade, "data": self._data, "own": self._takes_own, "code": self._code,
        }  # fmt: skip

    def _hello(self, asked: protocol.Hello) -> Reply:
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

    def _sets_up(self, asked: protocol.SetUp) -> Reply:
        dataset = self._dataset(asked.data)
        recipe = recipe_of(asked, dataset.classes)
        train, validation = set_tenth_aside(dataset, asked.seed)
        lesson = Lesson(recipe, train, validation, asked.seed)
        found: Reply | None = None
        if asked.mistake is None:
            self._course = Course(recipe, lesson)
        else:
            from tinygrad_mnist.playground import breaking

            placements = breaking.chosen(lesson, asked.mistake)
            found = breaking.told(breaking.named(lesson, placements))
            mistaken = breaking.Mistaken(recipe, train, validation, asked.seed, placements)
            self._course = Course(recipe, mistaken, beside=lesson)
        self._set_up, self._neighbours, self._named = asked, None, found
        model = lesson.model
        return {
            "named": found,
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
        return self._there().advance(asked.steps, asked.milliseconds) | {"named": self._named}

    def _weights(self, asked: protocol.Weights) -> Reply:
        return {"layers": list(_weight_images(self._there().lesson.model))}

    def _parameters(self, asked: protocol.Parameters) -> Reply:
        named = self._there().lesson.model.named_parameters()
        return {"parameters": [{"name": name, "values": p.numpy()} for name, p in named]}

    def _read(self, asked: protocol.Read) -> Reply:
        course = self._there()
        digit = reading.digit_of(asked.image, asked.framed)
        if self._neighbours is None:
            self._neighbours = reading.Neighbours(course.lesson.run.train)
        nearest = self._neighbours.nearest(digit)
        return reading.read(course.lesson.model, digit) | {"nearest": nearest}

    def _explore(self, asked: protocol.Explore) -> Reply:
        course = self._there()
        digit = reading.digit_of(asked.image, asked.framed)
        if not 0 <= asked.label < course.classes:
            raise PlaygroundError(f"label is {asked.label}, and the classes are 0 to {course.classes - 1}")
        return {"html": reading.explored(course.lesson.model, digit, asked.label)}

    def _mistakes(self, asked: protocol.Mistakes) -> Reply:
        from tinygrad_mnist.playground import breaking

        lesson = self._there().lesson
        found = [
            {
                "key": mistake.name,
                "title": mistake.title,
                "where": breaking.where(mistake, places, len(list(lesson.model.parameters())) // 2),
                "layers": [p.layer for p in places],
                "explanation": mistake.explanation,
                "hint": mistake.hint,
            }
            for mistake, places in breaking.possible(lesson)
        ]
        return {"mistakes": found}

    def _worst(self, asked: protocol.Worst) -> Reply:
        return {"digits": reading.worst(*self._there().lesson.last_validated(), asked.count)}

    def _grade(self, asked: protocol.Grade) -> Reply:
        from tinygrad_mnist.grading.calling.sealed import Programs
        from tinygrad_mnist.playground import judging

        self._programs = self._programs or Programs()
        if self._closed:
            raise PlaygroundError("the page is closed")
        return judging.graded(asked.source, asked.name, self._programs)

    def _data(self, asked: protocol.Data) -> Reply:
        from tinygrad_mnist.playground.dropped import Dropped

        self._dropped = self._dropped or Dropped()
        self._dropped.add(asked.name, protocol.decoded(asked.bytes, "bytes"), asked.more)
        dataset = self._dropped.dataset
        if dataset:
            self._datasets["file"] = dataset
        return {
            "name": self._dropped.name if dataset else "",
            "examples": len(dataset.train) if dataset else 0,
            "classes": dataset.classes if dataset else 0,
            "notes": self._dropped.notes,
            "missing": self._dropped.missing,
        }

    def _takes_own(self, asked: protocol.Own) -> Reply:
        images = asked.images.array()
        if len(images) > protocol.OWN:
            raise PlaygroundError(f"there are {len(images):,} digits of your own, and {protocol.OWN:,} are the most")
        digits = Split(images, np.array(asked.labels, np.int64))
        self._datasets["own"] = Dataset("own", digits, digits)
        return {"examples": len(digits)}

    def _code(self, asked: protocol.Code) -> Reply:
        course, seed = self._there(), self._set_up.seed
        source = {"digits": "digits", "file": "FOLDER", "own": "FOLDER"}[self._set_up.data]
        return {
            "expression": written.program(course.recipe, source, seed, course.lesson.step, self._set_up.mistake),
            "recipe": written.recipe_text(course.recipe),
            "command": written.command(course.recipe, source, seed),
        }


_MISSING = {
    "file": "no data set has been dropped yet: drop its files here first",
    "own": "there are no digits of your own yet: draw some, and keep them for training",
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
        optimizer=asked.optimizer, lr=asked.rate, schedule="constant", weight_decay=asked.l2, average=0.0,
        momentum=asked.momentum if asked.optimizer == "sgd" else Recipe.momentum,
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


def _weight_images(model: nn.Module) -> Iterator[Reply]:
    """The weights that are images: of the units that look at pixels, and the kernels of convolutions."""
    for number, p in enumerate((p for p in model.parameters() if p.ndim > 1), start=1):
        side = SIDE if number == 1 and p.ndim == 2 else p.shape[-1] if p.ndim == 4 else None
        if side:
            yield {"name": f"W{number}", "images": p.numpy().reshape(-1, side, side)[: protocol.SHOWN]}


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: take smaller layers or batches"
    if isinstance(error, RecursionError):
        return "this is nested too deeply"
    if isinstance(error, ImportError):
        return f"this needs {error.name}, which is not here"
    return one_line(str(error) or type(error).__name__, LONGEST_MESSAGE)

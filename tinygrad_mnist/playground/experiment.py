"""A network that a visitor has set up: its training, and what is asked of it as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from tinygrad_mnist import nn
from tinygrad_mnist.data import SIDE, Dataset, set_tenth_aside
from tinygrad_mnist.playground import protocol, reading, written
from tinygrad_mnist.playground.choices import recipe_of
from tinygrad_mnist.playground.course import Course, Lesson
from tinygrad_mnist.playground.errors import PlaygroundError

Reply = dict[str, Any]


class Experiment:
    """A network, its data and its course. named: of a mistake that it makes, what the grader says.

    set_up: what the page is told of it at first.
    """

    def __init__(self, asked: protocol.SetUp, dataset: Dataset) -> None:
        self.asked = asked
        self.named: Reply | None = None
        recipe = recipe_of(asked, dataset.classes)
        train, validation = set_tenth_aside(dataset, asked.seed)
        lesson = Lesson(recipe, train, validation, asked.seed)
        if asked.mistake is None:
            self.course = Course(recipe, lesson)
        else:
            from tinygrad_mnist.playground import breaking

            placements = breaking.chosen(lesson, asked.mistake)
            self.named = breaking.told(breaking.named(lesson, placements))
            mistaken = breaking.Mistaken(recipe, train, validation, asked.seed, placements)
            self.course = Course(recipe, mistaken, beside=lesson)
        self.set_up: Reply = {
            "named": self.named,
            "layers": _layers(lesson.model),
            "parameters": sum(p.size for p in lesson.model.parameters()),
            "examples": len(train),
            "validation": len(validation),
            "classes": dataset.classes,
        }

    @property
    def model(self) -> nn.Module:
        """The network as it stands."""
        return self.course.lesson.model

    @cached_property
    def neighbours(self) -> reading.Neighbours:
        """The digits that it learns from, to compare with."""
        return reading.Neighbours(self.course.lesson.run.train)

    def advance(self, asked: protocol.Advance) -> Reply:
        """Train on."""
        return self.course.advance(asked.steps, asked.milliseconds) | {"named": self.named}

    def weights(self, asked: protocol.Weights) -> Reply:
        """The weights that are images."""
        return {"layers": list(_weight_images(self.model))}

    def parameters(self, asked: protocol.Parameters) -> Reply:
        """Every weight."""
        return {"parameters": [{"name": name, "values": p.numpy()} for name, p in self.model.named_parameters()]}

    def read(self, asked: protocol.Read) -> Reply:
        """A digit through every layer."""
        digit = reading.digit_of(asked.image, asked.framed)
        nearest = self.neighbours.nearest(digit)
        return reading.read(self.model, digit) | {"nearest": nearest}

    def explore(self, asked: protocol.Explore) -> Reply:
        """The page that steps, for a digit."""
        digit = reading.digit_of(asked.image, asked.framed)
        if not 0 <= asked.label < self.course.classes:
            raise PlaygroundError(f"label is {asked.label}, and the classes are 0 to {self.course.classes - 1}")
        return {"html": reading.explored(self.model, digit, asked.label)}

    def mistakes(self, asked: protocol.Mistakes) -> Reply:
        """The mistakes that its backprop can have."""
        from tinygrad_mnist.playground import breaking

        layers = len(list(self.model.parameters())) // 2
        found = [
            {
                "key": mistake.name,
                "title": mistake.title,
                "where": breaking.where(mistake, places, layers),
                "layers": [p.layer for p in places],
                "explanation": mistake.explanation,
                "hint": mistake.hint,
            }
            for mistake, places in breaking.possible(self.course.lesson)
        ]
        return {"mistakes": found}

    def worst(self, asked: protocol.Worst) -> Reply:
        """The digits of the validation that are read worst."""
        return {"digits": reading.worst(*self.course.lesson.last_validated(), asked.count)}

    def code(self, asked: protocol.Code) -> Reply:
        """Python that does the same."""
        recipe, step, seed, mistake = self.course.recipe, self.course.lesson.step, self.asked.seed, self.asked.mistake
        source = {"digits": "digits", "file": "FOLDER", "own": "FOLDER"}[self.asked.data]
        return {
            "expression": written.program(recipe, source, seed, step, mistake),
            "recipe": written.recipe_text(recipe),
            "command": written.command(recipe, source, seed),
        }


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

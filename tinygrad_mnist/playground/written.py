"""What the page does as Python: an expression, a recipe and a command, which end with the same weights."""

from __future__ import annotations

from dataclasses import fields

from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.shown import json_text
from tinygrad_mnist.training.recipe import OPTIMIZERS, Recipe, as_text


def program(recipe: Recipe, source: str, seed: int, steps: int, mistake: str | None = None) -> str:
    """A Python program that trains the same network for so many steps; without the mistake, which it names."""
    dataset = f'data.load("{source}")'
    dropping = f"nn.set_rng_state(np.random.default_rng([{seed}, 0, 1]).bit_generator.state)  # of dropout"
    lines = [
        *(["from itertools import count, islice", ""]),
        *(["import numpy as np", ""] if recipe.augment or recipe.dropout else []),
        "from tinygrad_mnist import data, nn, training",
        *(["from tinygrad_mnist.data.augment import Distortion"] if recipe.augment else []),
        "",
        f"train, validation = data.set_tenth_aside({dataset}, seed={seed})",
        f"model = nn.network({_network(recipe, seed)})",
        f"optimizer = nn.{OPTIMIZERS[recipe.optimizer].__name__}({_optimizer(recipe)})",
        "X = training.model_inputs(model, train)",
        *([f"augment = {distortion(recipe.augment)}"] if recipe.augment else []),
        *([dropping] if recipe.dropout else []),
        "",
        "",
        "def batches():",
        '    """Every epoch\'s batches in an order of its own, which follows from the seed."""',
        "    for epoch in count(1):",
        *_batches(recipe, seed),
        "",
        "",
        f"for x, y in islice(batches(), {steps}):",
        "    loss = nn.cross_entropy(model(x), y)",
        "    optimizer.zero_grad()",
        f"    loss.backward(){f'  # right: the mistake {mistake} is made in the page alone' if mistake else ''}",
        "    optimizer.step()",
        "",
        'print(f"{training.evaluate(model, validation):.2%} of the validation digits are read")',
    ]
    return "\n".join(lines) + "\n"


def _network(recipe: Recipe, seed: int) -> str:
    dropout = f", dropout={recipe.dropout!r}" if recipe.dropout else ""
    return f'"{as_text(recipe.layers)}", "{recipe.activation}", "{recipe.init}"{dropout}, seed={seed}'


def _optimizer(recipe: Recipe) -> str:
    momentum = f", momentum={recipe.momentum!r}" if recipe.optimizer == "sgd" and recipe.momentum else ""
    return f"model.parameters(), lr={recipe.lr!r}{momentum}, weight_decay={recipe.weight_decay!r}"


def _batches(recipe: Recipe, seed: int) -> list[str]:
    drawn = f"data.batches(X, train.labels, {recipe.batch_size}, seed={seed}, epoch=epoch)"
    if not recipe.augment:
        return [f"        yield from {drawn}"]
    return [
        f"        for number, (x, y) in enumerate({drawn}, start=1):",
        f"            rng = np.random.default_rng([{seed}, epoch, number])",
        "            images = augment(x.reshape(-1, 28, 28), rng)",
        "            yield images.reshape(x.shape), y",
    ]


def distortion(strengths: Distortion) -> str:
    """The call that makes it."""
    given = {f.name: getattr(strengths, f.name) for f in fields(strengths)}
    changed = (f"{f.name}={given[f.name]!r}" for f in fields(strengths) if given[f.name] != f.default)
    return f"Distortion({', '.join(changed)})"


def recipe_text(recipe: Recipe) -> str:
    """The recipe.json that `train --recipe` takes."""
    return f"{json_text(recipe.as_dict())}\n"


def command(recipe: Recipe, source: str, seed: int) -> str:
    """The command that trains by it."""
    usual = Recipe().changed(optimizer=recipe.optimizer)
    changed = {f.name: getattr(recipe, f.name) for f in fields(recipe) if vars(recipe)[f.name] != vars(usual)[f.name]}
    options = ({"optimizer": recipe.optimizer} if recipe.optimizer != Recipe().optimizer else {}) | changed
    words = [f"--{name.replace('_', '-')} {as_text(value)}" for name, value in options.items()]
    return " ".join(["tinygrad-mnist train", f"--data {source}", *words, f"--seed {seed}"])

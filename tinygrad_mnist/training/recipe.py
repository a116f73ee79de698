"""A recipe: everything that a training run follows, but for the data and the seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_mnist import nn, records
from tinygrad_mnist.arguments import COUNT, SHARE, Checked, Range, setting
from tinygrad_mnist.data import Split
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.files import write_text
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.nn.schedules import CosineAnnealingLR, InverseTimeLR, LinearLR, OneCycleLR
from tinygrad_mnist.shown import json_text
from tinygrad_mnist.training import views
from tinygrad_mnist.training.callbacks import Averaging, MaxNorm
from tinygrad_mnist.training.checkpoint import Checkpoint
from tinygrad_mnist.training.history import History
from tinygrad_mnist.training.loop import fit
from tinygrad_mnist.training.run import Callback, Schedule
from tinygrad_mnist.training.stored import CheckpointError, read_checked

LIGHT = Distortion(shift=1, rotate=8, scale=0.05)
"""Changes a digit no more than another hand would."""

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": nn.SGD,
    "rmsprop": nn.RMSprop,
    "adam": nn.Adam,
    "adamw": nn.AdamW,
}

LARGEST = 1e30
"""Of the settings that are numbers: products of them with weights still have a place in float32."""

LR_DECAY = 1e-3
"""Of the inverse schedule: η = lr / (1 + LR_DECAY · steps)."""

SCHEDULES: dict[str, Callable[[Optimizer, float, int], Schedule | None]] = {
    "inverse": lambda optimizer, lr, steps: InverseTimeLR(optimizer, LR_DECAY),
    "constant": lambda optimizer, lr, steps: None,
    "linear": lambda optimizer, lr, steps: LinearLR(optimizer, 1.0, 0.0, steps),
    "cosine": lambda optimizer, lr, steps: CosineAnnealingLR(optimizer, steps),
    "one_cycle": lambda optimizer, lr, steps: OneCycleLR(optimizer, lr, steps, cycle_momentum=False),
}
ENDLESS = {"inverse", "constant"}
"""Schedules that go on in the same way, however many epochs there are."""

_ADAPTIVE = {"lr": 1e-3, "schedule": "constant", "weight_decay": 0.0}
SUITED: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.05, "schedule": "inverse", "weight_decay": 0.0},
    "rmsprop": _ADAPTIVE,
    "adam": _ADAPTIVE,
    "adamw": _ADAPTIVE | {"weight_decay": 0.01},
}
"""What suits an optimizer where nothing else is asked for."""


POSITIVE_32 = Range(f"a positive number up to {LARGEST:g}", most=LARGEST, excluded=(0,))
NOT_NEGATIVE_32 = Range(f"a number from 0 to {LARGEST:g}", most=LARGEST)
EPOCHS = Range("an integer from 1 to 1,000,000", least=1, most=1_000_000, whole=True)
DROPPED = Range("a number from 0 to 0.99", most=0.99)
MOMENTUM = Range("a number from 0 to 0.999999", most=0.999999)


@dataclass(frozen=True)
class Recipe(Checked):
    """A network and how it is trained: the options of `tinygrad-mnist train`.

    layers to input_dropout: as in `nn.network`. augment: None for nothing. clip_norm, patience: as in `fit`, None for
    without. max_norm, average: 0 and None for none; what is averaged is then validated and kept.

    Raises ValueError for numbers out of range and unknown names.
    """

    layers: tuple[int | str, ...] = setting(
        (784, 128, 64, 10), "The network, such as 784,30,10 or 1x28x28,16c3,mp2,32c3,mp2,10."
    )
    activation: str = setting("leaky_relu", f"{', '.join(nn.ACTIVATIONS)}.", nn.ACTIVATIONS)
    init: str = setting("he", f"Of the weights: {', '.join(nn.INITIALISERS)}.", nn.INITIALISERS)
    batch_norm: bool = setting(False, "Batch normalization before each activation.")
    dropout: float = setting(0.0, "Share of the inputs of a fully connected layer dropped.", DROPPED)
    input_dropout: float = setting(0.0, "Share of the pixels dropped.", DROPPED)
    augment: Distortion | None = setting(  # noqa: RUF009 (what it gives is a field)
        LIGHT, "Distortion of the images, such as rotate=10,shift=1,elastic=34; or none."
    )
    epochs: int = setting(25, "Passes over the training set.", EPOCHS)
    batch_size: int = setting(64, "Examples in each step.", COUNT)
    optimizer: str = setting(
        "adamw", f"{', '.join(OPTIMIZERS)}; another than the preset's brings its own lr and schedule.", OPTIMIZERS
    )
    lr: float = setting(0.002, "Learning rate.", POSITIVE_32)
    schedule: str = setting("cosine", f"Of the learning rate: {', '.join(SCHEDULES)}.", SCHEDULES)
    momentum: float = setting(0.9, "Of sgd.", MOMENTUM)
    weight_decay: float = setting(0.01, "Pulls weights towards 0.", NOT_NEGATIVE_32)
    label_smoothing: float = setting(0.0, "Share of a label spread over all classes.", SHARE)
    clip_norm: float | None = setting(None, "The gradient's greatest length.", POSITIVE_32)
    max_norm: float | None = setting(
        None, "The greatest norm of a unit's incoming weights; 0 for no limit.", NOT_NEGATIVE_32
    )
    average: float | None = setting(0.995, "Decay of an average of the weights, such as 0.999; 0 for none.", SHARE)
    patience: int | None = setting(None, "Stop after so many epochs without a better one.", COUNT)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))  # a list, where it comes from JSON
        if isinstance(self.augment, dict):
            object.__setattr__(self, "augment", Distortion(**self.augment))
        nn.parse_layers(",".join(map(str, self.layers)))
        super().__post_init__()

    def changed(self, **given: Any) -> Recipe:
        """The same with other values; another optimizer brings the rate, schedule and weight decay that suit it.

        Raises ValueError for a momentum where the optimizer has none.
        """
        optimizer = given.get("optimizer", self.optimizer)
        if "momentum" in given and optimizer != "sgd":
            raise ValueError(f"momentum is for the optimizer sgd, and {optimizer} has none")
        if optimizer != self.optimizer:
            given = {**SUITED.get(optimizer, {}), **given}
        return replace(self, **given)

    def _repr_html_(self) -> str:
        values = [(f, getattr(self, f.name)) for f in fields(self)]
        rows = [(f.name, as_text(value), f.metadata["help"], value != f.default) for f, value in values]
        return views.settings("Recipe", rows)

    def as_dict(self) -> dict[str, Any]:
        """Its values as JSON can hold them; `Recipe(**values)` is the same recipe."""
        return asdict(self)

    def make_model(self, seed: int) -> Module:
        """The network, its weights drawn from the seed."""
        return nn.network(
            self.layers, self.activation, self.init,
            batch_norm=self.batch_norm, dropout=self.dropout, input_dropout=self.input_dropout, seed=seed,
        )  # fmt: skip

    def make_optimizer(self, model: Module) -> Optimizer:
        """The optimizer of the network's parameters."""
        momentum = {"momentum": self.momentum} if self.optimizer == "sgd" else {}
        return OPTIMIZERS[self.optimizer](model.parameters(), self.lr, weight_decay=self.weight_decay, **momentum)

    def steps(self, examples: int) -> int:
        """How many steps it takes on a training set of so many examples."""
        return self.epochs * -(-examples // self.batch_size)

    def make_schedule(self, optimizer: Optimizer, examples: int) -> Schedule | None:
        """The schedule over all steps of a training set of so many examples; None where the optimizer needs none."""
        return SCHEDULES[self.schedule](optimizer, self.lr, self.steps(examples))

    def fit(
        self, model: Module, data: Split | tuple[Split, Split], *, seed: int = 0,
        callbacks: Sequence[Callback] = (), checkpoint: Checkpoint | None = None, resume: bool = False,
        compile: bool = False, threads: int = 1,
    ) -> History:  # fmt: skip
        """Train a model of `make_model` by this recipe; see `training.fit`."""
        optimizer = self.make_optimizer(model)
        own: list[Callback] = [MaxNorm(self.max_norm)] if self.max_norm else []
        if self.average:
            own.append(Averaging(nn.ExponentialMovingAverage(model, self.average, warm_up=True)))
        examples = len(data[0] if isinstance(data, tuple) else data)
        return fit(
            model, data, optimizer, epochs=self.epochs, batch_size=self.batch_size, seed=seed,
            loss=partial(nn.cross_entropy, label_smoothing=self.label_smoothing),
            schedule=self.make_schedule(optimizer, examples), clip_norm=self.clip_norm, patience=self.patience,
            augment=self.augment, callbacks=[*own, *callbacks], checkpoint=checkpoint, resume=resume,
            compile=compile, threads=threads,
        )  # fmt: skip


def save_recipe(recipe: Recipe, path: str | Path) -> None:
    """Write it as JSON, which `train --recipe FILE` takes."""
    write_text(Path(path), f"{json_text(recipe.as_dict())}\n")


def load_recipe(path: str | Path) -> Recipe:
    """The recipe that `save_recipe` wrote; raises CheckpointError where the file is missing or holds none."""
    content = read_checked(path, records.LIMIT, "recipe.json", by="sweep")
    try:
        return records.made(Recipe, records.parsed(content), "recipe")
    except records.RecordError as error:
        raise CheckpointError(f"{path}: {error}; give a recipe.json that sweep has written") from None


def as_text(value: Any) -> str:
    """A setting's value as the option of `train` takes it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Distortion):
        strengths = {field: getattr(value, field.name) for field in fields(value)}
        return ",".join(f"{field.name}={_number(v)}" for field, v in strengths.items() if v != field.default)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _number(value: float) -> str:
    """It in few digits, where these say it exactly."""
    brief = f"{value:g}"
    return brief if float(brief) == value else repr(value)

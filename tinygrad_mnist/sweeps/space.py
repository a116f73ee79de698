"""The space of a search, in a line: lr=1e-4..1e-1:log,batch_size=32|64|128,layers=784,10,10|784,30,10."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from tinygrad_mnist import nn
from tinygrad_mnist.data import SIDE
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.training import Recipe, as_text

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FIELDS = tuple(setting.name for setting in fields(Recipe))
HINTS = get_type_hints(Recipe)
CHECKED = 10_000
"""So many combinations are tried before the search begins; in larger spaces the rest shows when it is drawn."""

Value = str | int | float
_NEXT = re.compile(rf",(?=(?!(?:{'|'.join(f.name for f in fields(Distortion))})=)[A-Za-z_-]+=)")
_RANGE = re.compile(r"(?P<low>[^.:|]*(?:\.\d+)?[^.:|]*)\.\.(?P<high>[^:|]+?)(?P<log>:log)?")


@dataclass(frozen=True)
class Choices:
    """One of some values, kept as they were written."""

    values: tuple[str, ...]

    def ends(self) -> tuple[Value, ...]:
        """What to try before the search begins."""
        return self.values

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high, both among them; log: drawn so that each decade is as likely."""

    low: float
    high: float
    log: bool
    whole: bool

    def ends(self) -> tuple[Value, ...]:
        """What to try before the search begins."""
        return self.low, self.high

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), self.log)
        return FloatDistribution(self.low, self.high, self.log)


@dataclass(frozen=True)
class Space:
    """What is searched: for each name of a recipe's setting, choices or an interval. texts: as written."""

    dimensions: Mapping[str, Choices | Interval]
    texts: Mapping[str, str]

    def distributions(self) -> dict[str, BaseDistribution]:
        """The same for Optuna."""
        return {name: dimension.distribution() for name, dimension in self.dimensions.items()}

    def grid(self) -> list[dict[str, Value]]:
        """Every combination; raises SweepError where one of the settings has a range."""
        for name, dimension in self.dimensions.items():
            if isinstance(dimension, Interval):
                raise SweepError(
                    f"--space {name}={self.texts[name]}: a grid needs choices such as {name}=a|b; "
                    "or take --sampler random or tpe"
                )
        return list(self._combinations())

    def check(self, recipe: Recipe, classes: int) -> None:
        """Raise SweepError where a combination makes no recipe, or a network that tells other than so many classes."""
        for values in itertools.islice(self._combinations(), CHECKED):
            *before, last = self.applied(recipe, values).layers
            if last != classes:
                right = as_text((*before, classes))
                raise SweepError(f"the data have {classes} classes, but layers end with {last}: give {right}")

    def applied(self, recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
        """The recipe with these values; raises SweepError where they make none."""
        try:
            return recipe.changed(**{name: setting(name, value) for name, value in values.items()})
        except ValueError as error:
            raise SweepError(f"--space: {error}") from None

    def _combinations(self) -> Iterator[dict[str, Value]]:
        ends = [dimension.ends() for dimension in self.dimensions.values()]
        return (dict(zip(self.dimensions, values, strict=True)) for values in itertools.product(*ends))


def parse_space(space: str | Mapping[str, str]) -> Space:
    """The space in a line, or in a dict such as {"lr": "1e-4..1e-1:log", "init": "he|xavier"}.

    Raises SweepError, which names the part, for what is misspelt, for values that a recipe can't have and where
    there is nothing to search.
    """
    parts = space if isinstance(space, Mapping) else _parts(space)
    return Space({name: _dimension(name, text) for name, text in parts.items()}, dict(parts))


def setting(name: str, value: Value) -> Any:
    """The value of a recipe's setting that this text or number stands for; raises ValueError where it has none."""
    if not isinstance(value, str):
        return value
    try:
        read = _READERS.get(name) or _number_type(name) or (_yes_or_no if HINTS[name] is bool else str)
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name}={value}: {error}") from None


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in _NEXT.split(text.replace(" ", "")):
        name, sign, values = part.partition("=")
        if not (sign and values):
            raise SweepError(
                f"--space {part or repr(part)}: write name=values, such as lr=1e-4..1e-1:log or init=he|xavier"
            )
        name = name.replace("-", "_")
        if name in parts:
            raise SweepError(f"--space has {name} twice: join its choices by |")
        parts[name] = values
    return parts


def _dimension(name: str, text: str) -> Choices | Interval:
    if name not in FIELDS:
        raise SweepError(f"--space has {name!r}, which no recipe has: it is one of {', '.join(FIELDS)}")
    if ".." in text:
        return _interval(name, text)
    values = tuple(text.split("|"))
    if "" in values or len(set(values)) < len(values):
        raise SweepError(f"--space {name}={text}: a choice is empty or there twice")
    for value in values:
        try:
            setting(name, value)
        except ValueError as error:
            raise SweepError(f"--space {error}") from None
    return Choices(values)


def _interval(name: str, text: str) -> Interval:
    match = _RANGE.fullmatch(text)
    number = _number_type(name)
    if number is None:
        raise SweepError(f"--space {name}={text}: {name} is no number; give its choices, such as {name}=a|b")
    try:
        low, high = (number(match[end]) for end in ("low", "high"))  # type: ignore[index]
    except (TypeError, ValueError):
        example = "32..128" if number is int else "1e-4..1e-1:log"
        raise SweepError(f"--space {name}={text} is no range such as {name}={example}") from None
    log = bool(match and match["log"])
    if not low < high < float("inf") or (log and low <= 0):
        raise SweepError(f"--space {name}={text}: a range goes from a smaller number{' above 0' * log} to a larger one")
    return Interval(low, high, log, number is int)


def _number_type(name: str) -> Callable[[str], float] | None:
    """int or float, where that is what a setting is."""
    hint = HINTS[name]
    kinds = getattr(hint, "__args__", (hint,))
    return int if int in kinds and name != "layers" else float if float in kinds else None


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("it is yes or no")
    return text == "yes"


def _layers(text: str) -> tuple[int | str, ...]:
    items = nn.parse_layers(text)
    if items[0] not in (SIDE**2, f"1x{SIDE}x{SIDE}"):
        raise ValueError(f"it must begin with {SIDE**2} or 1x{SIDE}x{SIDE}, the pixels")
    return items


def _augment(text: str) -> Distortion | None:
    if text == "none":
        return None
    parts = (part.partition("=") for part in text.split(","))
    try:
        return Distortion(**{name: float(value) for name, _, value in parts})
    except TypeError:
        raise ValueError("it is not such as rotate=10,shift=1, nor none") from None


_READERS: dict[str, Callable[[str], Any]] = {"layers": _layers, "augment": _augment}

"""What arguments may be: numbers within a range, and names that a table has."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """The numbers from least to most, both among them unless excluded; `value in range` says whether one is.

    words: what a number must be, as messages say it. whole: integers alone.
    """

    words: str
    least: float = 0
    most: float = math.inf
    excluded: tuple[float, ...] = ()
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, int | np.integer) or (isinstance(value, float | np.floating) and not self.whole):
            return bool(self.least <= value <= self.most) and value not in self.excluded
        return False

    def check(self, **values: Any) -> None:
        """Raise ValueError, with its name, for a value that is none of these numbers."""
        for name, value in values.items():
            if value not in self:
                raise ValueError(f"{name}={value!r} must be {self.words}")

    def check_given(self, **values: Any) -> None:
        """The same, where None stands for nothing."""
        self.check(**{name: value for name, value in values.items() if value is not None})


POSITIVE = Range("a positive number", excluded=(0, math.inf))
NOT_NEGATIVE = Range("a number from 0 on", excluded=(math.inf,))
SHARE = Range("a number from 0 to 1", most=1)
BELOW_ONE = Range("a number from 0 to 1, and less than 1", most=1, excluded=(1,))
COUNT = Range("an integer from 1 on", least=1, whole=True)


def setting(default: Any, help: str = "", allowed: Range | Collection[str] | None = None) -> Any:
    """A field with what it is, in a line, and what it may be: numbers in a range, or names in a table."""
    return field(default=default, metadata={"help": help, "allowed": allowed})


class Checked:
    """A dataclass whose settings are what they may be: others raise ValueError. None is for those whose type has it."""

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]  # of the class that derives from this one
            allowed, value = each.metadata.get("allowed"), getattr(self, each.name)
            # its type is text, "float | None", by `from __future__ import annotations`, and would be as text otherwise
            if value is None and "None" in str(each.type):
                continue
            if isinstance(allowed, Range):
                allowed.check(**{each.name: value})
            elif allowed is not None:
                check_name(each.name, value, allowed)


def check_name(what: str, name: str, names: Collection[str]) -> None:
    """Raise ValueError, with those that there are, for a name that is none of them."""
    if name not in names:
        raise ValueError(f"unknown {what} {name!r}: it is one of {', '.join(names)}")

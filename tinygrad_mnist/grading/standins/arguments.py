"""What the arguments of a program are that nobody gives it: something sensible for each name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

NUMBERS: Mapping[str, float] = {
    r"epoch|iter|steps?$|times|rounds": 10, r"batch": 32, r"hidden|units|neurons|nodes|width": 32,
    r"classes|outputs": 10, r"inputs|features|pixels": 784, r"seed|verbose|debug|gpu": 0,
    r"(^|_)lr|rate|eta$|alpha|step_?size": 0.1, r"l1|l2|lambd|reg|decay|dropout|tol|eps": 0.0,
    r"momentum|beta|gamma": 0.9,
}  # fmt: skip
"""Numbers by what their names have in them."""

WHOLE, BROKEN = 10, 0.1
"""Those of other names."""

FILES = re.compile(r"path|file|dir|folder|csv|data|input$|train|test|images", re.IGNORECASE)
COUNTS = re.compile(r"size|num|count|^n_|_n$", re.IGNORECASE)
"""What the names of files have in them, and of their numbers."""

RUNNING = re.compile(r"train|fit|learn|run|main", re.IGNORECASE)
"""What the command is called that is given, where there are several."""


def plausible(name: str, kind: Any = None, choices: Iterable[Any] = ()) -> Any:
    """The value of an argument of this name. kind: its type, or what that is called; None where it is not known."""
    for choice in choices or ():
        return choice
    number = next((number for pattern, number in NUMBERS.items() if re.search(pattern, name, re.IGNORECASE)), None)
    called = getattr(kind, "__name__", kind)
    if called == "bool":
        return False
    if called == "int":
        return WHOLE if number is None else int(number)
    if called == "float":
        return BROKEN if number is None else float(number)
    if number is None and FILES.search(name) and not COUNTS.search(name):
        return "mnist_test.csv" if "test" in name.lower() else "mnist_train.csv"
    found = number if number is not None else 1
    return str(found) if called == "str" else found


def preferred(names: Sequence[str]) -> str:
    """Of several commands, the one that trains; or else the first."""
    return next(filter(RUNNING.search, names), names[0])


def with_answers(function: Callable[..., Any], known: Mapping[str, Any] | None = None) -> Any:
    """What a function gives of sensible arguments, where it has no others. known: some of them."""
    given = dict(known or {})
    for name, parameter in inspect.signature(function).parameters.items():
        is_one = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_one and name not in given and parameter.default in (parameter.empty, ...):
            kind = None if parameter.annotation is parameter.empty else parameter.annotation
            given[name] = plausible(name, kind)
    return function(**given)

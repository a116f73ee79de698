"""What makes a command of a function: Fire, click and Typer. It gets sensible arguments, as nobody gives any."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from tinygrad_mnist.grading.standins.absorbing import Absorbing
from tinygrad_mnist.grading.standins.arguments import plausible, preferred, with_answers
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data

Function = Callable[..., Any]

OPTIONS = "__options__"
"""The attribute in which a function's options are kept."""


def fire(target: Any = None, *arguments: Any, **options: Any) -> Any:
    """A function is called; of a class, a dict of functions or the program itself, what trains."""
    if target is None:
        target = {name: f for name, f in vars(sys.modules["__main__"]).items() if inspect.isfunction(f)}
    if isinstance(target, dict):
        return fire(target[preferred(list(target))]) if target else None
    if inspect.isfunction(target) or inspect.ismethod(target):
        return with_answers(target)
    made = with_answers(target) if inspect.isclass(target) else target
    methods = {name: m for name, m in inspect.getmembers(made, inspect.ismethod) if not name.startswith("_")}
    return fire(methods)


class Command:
    """A function with options, called without any; or a group of commands, of which the one that trains is called."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.commands: dict[str, Command] = {}
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def command(self, *arguments: Any, **options: Any) -> Any:
        """A decorator that makes a function one of its commands."""

        def decorate(function: Function) -> Command:
            added = self.commands[function.__name__] = Command(function)
            return added

        return _decorator(decorate, arguments)

    group = command

    def add_command(self, added: Command, name: Any = None) -> None:
        self.commands[name or added.__name__] = added

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        result = with_answers(self.function, getattr(self.function, OPTIONS, {}))
        return self.commands[preferred(list(self.commands))]() if self.commands else result

    main = __call__


def command(*arguments: Any, **options: Any) -> Any:
    """A decorator that makes a command of a function."""
    return _decorator(Command, arguments)


def _decorator(decorate: Callable[[Any], Any], arguments: Any) -> Any:
    """A decorator that is written with brackets, or without."""
    is_plain = len(arguments) == 1 and inspect.isfunction(arguments[0])
    return decorate(arguments[0]) if is_plain else decorate


def option(*names: Any, **settings: Any) -> Any:
    """A decorator that gives a function's argument the value that it has when nobody gives one."""
    called = next((name for name in names if name.isidentifier()), max(names, key=len))
    name = called.partition("/")[0].lstrip("-").replace("-", "_").lower()

    def decorate(function: Any) -> Any:
        of = function.function if isinstance(function, Command) else function
        vars(of).setdefault(OPTIONS, {})[name] = _value(name, settings, names)
        return function

    return decorate


def _value(name: str, settings: dict[str, Any], names: Any) -> Any:
    default, kind = settings.get("default"), settings.get("type")
    is_needed = settings.get("required", not names[0].startswith("-"))
    if default is not None:
        value = default() if callable(default) else default
    elif settings.get("is_flag") or "/" in names[0]:
        value = False
    elif is_needed or settings.get("prompt"):
        value = plausible(name, kind or str, getattr(kind, "choices", ()))
    else:
        return None
    several = settings.get("multiple") or settings.get("nargs", 1) != 1
    return (value,) if several and not isinstance(value, (tuple, list)) else value


def passing(function: Any) -> Any:
    """A decorator that gives a function a context first."""
    context = next(iter(inspect.signature(function).parameters))
    vars(function).setdefault(OPTIONS, {})[context] = Absorbing()
    return function


class Application(Command):
    """Commands without a function of their own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(lambda: None)

    def callback(self, *arguments: Any, **options: Any) -> Any:
        return _decorator(lambda function: function, arguments)


def _first(default: Any = ..., *arguments: Any, **options: Any) -> Any:
    """What a parameter is without an argument; ... where it needs one."""
    return default


class Choice:
    """One of several."""

    def __init__(self, choices: Any, *arguments: Any, **options: Any) -> None:
        self.choices = choices


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """The packages, by their names."""
    click = {
        "command": command, "group": command, "option": option, "argument": option, "Choice": Choice,
        "pass_context": passing, "pass_obj": passing, "INT": int, "FLOAT": float, "STRING": str, "BOOL": bool,
        "Path": lambda *a, **o: str, "File": lambda *a, **o: str, "IntRange": lambda *a, **o: int,
        "FloatRange": lambda *a, **o: float,
    }  # fmt: skip
    typer = {"run": with_answers, "Option": _first, "Argument": _first, "Typer": Application}
    return {"fire": {"Fire": fire}, "click": click, "typer": typer}

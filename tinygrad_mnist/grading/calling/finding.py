"""Which of a program's functions and classes are its backward and its forward pass."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .naming import returned_names, signature_of
from .networks import Network
from .program import Program
from .roles import gradient_of, holds_gradients, plain
from .trying import Task

_BACKWARD = (
    r"^gradients$", r"^(back|bprop|bp$)(?!.*(step|once))", r"back",
    r"^(compute|get|calc|calculate)?(the)?grad(s|ient|ients)?$", r"^(compute|get|calc|calculate)", r"grad", r"bprop",
    r"^step$|^train(step|batch)$|^update$",
)  # fmt: skip
"""Names of a backward pass without underscores, the surest first."""

_FORWARD = (
    r"^(forward|fwd|feedforward)(prop|propagation|pass|propagate)?$", r"forward|fprop|fwd",
    r"^(predict|model|network|net)$",
)  # fmt: skip

_NOT = re.compile(
    r"check|numeric|descent|clip|linear|activation|relu|sigmoid|softmax|tanh|layer(?!s)|derivative|prime|loss|cost"
    r"|accuracy|plot|print|onehot|data|param|image|pred(?!ict$)|init|load|train$|^test|optim|momentum|adam|^zero|mask"
)
"""What stands in the names of other functions."""


class Missing(Exception):
    """There is no function or class that was asked for, or none that could be a backward pass; has: what there is."""

    def __init__(self, asked: str, has: list[str]) -> None:
        super().__init__(asked)
        self.asked, self.has = asked, has


def programs(names: Mapping[str, Any], module: str, task: Task) -> Iterator[tuple[Program, bool]]:
    """Every backward pass among the names of a module, the most plausible first, and whether it was asked for.

    Raises Missing where there is none, TypeError where a class can't be used.
    """
    functions, classes, has = own_functions(names, module), _own_classes(names, module), contents(names, module)
    function, forward, of_class = task.function, task.forward, task.of_class
    if function and "." in function and not of_class:
        of_class, function = function.split(".", 1)
    if of_class:
        if of_class not in classes:
            raise Missing(f"class {of_class}", has)
        yield of(classes[of_class], function, forward, task.l2), True
        return
    for asked in filter(None, (function, forward)):
        if not callable(names.get(asked)) and not any(hasattr(c, asked) for c in classes.values()):
            raise Missing(f"function {asked}", has)
    ahead = _first(functions, _FORWARD) if forward is None else forward
    backward = names.get(function or "gradients")
    if callable(backward):
        yield Program(backward, names.get(ahead or ""), l2=task.l2), True
        return
    found = [] if function else dict.fromkeys([*_ranked(functions, _BACKWARD), *_giving_gradients(functions)])
    usable = [Program(functions[name], functions.get(ahead or ""), l2=task.l2) for name in found if name != ahead]
    failed: list[TypeError] = []
    for cls in sorted(classes.values(), key=lambda c: -_passes(c)):
        try:
            usable.append(of(cls, function, forward, task.l2))
        except Missing:
            continue
        except TypeError as error:
            failed.append(error)
    if not usable:
        raise failed[0] if failed else Missing("function gradients", has)
    yield from ((program, False) for program in usable)


def contents(names: Mapping[str, Any], module: str) -> list[str]:
    """The functions and methods of a module, with their parameters."""
    functions = own_functions(names, module)
    return [*(signature_of(n, f) for n, f in functions.items()), *_methods(_own_classes(names, module))]


def own_functions(names: Mapping[str, Any], module: str) -> dict[str, Callable[..., Any]]:
    """The functions that a module defines itself."""
    return {n: v for n, v in names.items() if inspect.isfunction(v) and v.__module__ == module}


def _own_classes(names: Mapping[str, Any], module: str) -> dict[str, type]:
    return {n: v for n, v in names.items() if inspect.isclass(v) and v.__module__ == module}


def forward_of(function: Any, name: str | None) -> Any:
    """The forward pass that stands beside a function in its module, of this name or by its name."""
    names = getattr(function, "__globals__", {})
    beside = {n: v for n, v in own_functions(names, getattr(function, "__module__", "")).items() if v is not function}
    return names.get(name or _first(beside, _FORWARD) or "")


def of(network: Any, function: str | None, forward: str | None, l2: float | None) -> Program:
    """The program of a class or an instance. Raises Missing without a backward pass, TypeError without weights."""
    cls = network if isinstance(network, type) else type(network)
    methods = {n: v for n, v in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("__")}
    found = [function] if function else [*_ranked(methods, _BACKWARD), *_giving_gradients(methods)]
    backward = next((name for name in found if name in methods), None)
    if backward is None:
        raise Missing(f"method {function}" if function else "method backward", _methods({cls.__name__: cls}))
    ahead = forward or _first({n: v for n, v in methods.items() if n != backward}, _FORWARD)
    return Program(backward, ahead, Network(network, None), l2)


def _methods(classes: Mapping[str, Any]) -> list[str]:
    return [
        signature_of(f"{name}.{n}", method)
        for name, cls in classes.items()
        for n, method in vars(cls).items()
        if inspect.isfunction(method) and not n.startswith("_")
    ]


def _passes(cls: type) -> int:
    """How much of a network a class has."""
    names = [plain(name) for name in dir(cls) if not name.startswith("__")]
    return sum(any(re.search(p, n) for n in names) for p in (r"back|grad", r"forward", r"train|fit"))


def _ranked(functions: Mapping[str, Callable[..., Any]], patterns: tuple[str, ...]) -> list[str]:
    names = [name for name in functions if not _NOT.search(plain(name))]
    found = (name for pattern in patterns for name in names if re.search(pattern, plain(name)))
    return list(dict.fromkeys(found))


def _giving_gradients(functions: Mapping[str, Callable[..., Any]]) -> list[str]:
    """Those that return something which is called a gradient, or gradients."""
    return [
        name
        for name, function in functions.items()
        if not re.search(r"check|numeric|clip|descent|update|relu|sigmoid|softmax|tanh|activation", plain(name))
        and any(w and (gradient_of(w) or holds_gradients(w)) for words in returned_names(function) for w in words)
    ]


def _first(functions: Mapping[str, Callable[..., Any]], patterns: tuple[str, ...]) -> str | None:
    return next(iter(_ranked(functions, patterns)), None)

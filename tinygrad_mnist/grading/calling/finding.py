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


def programs(
    names: Mapping[str, Any],
    module: str | None,
    function: str | None,
    forward: str | None,
    of_class: str | None,
    l2: float | None,
) -> Iterator[tuple[Program, bool]]:
    """Every backward pass among the names of a module, the most plausible first, and whether it was asked for.

    Raises Missing where there is none, TypeError where a class can't be used.
    """
    functions = own_functions(names, module)
    classes = {n: v for n, v in names.items() if inspect.isclass(v) and _own(v, module)}
    has = contents(names, module)
    if function and "." in function and not of_class:
        of_class, function = function.split(".", 1)
    for asked in (function if not of_class else None, forward if not of_class else None):
        if asked and not callable(names.get(asked)) and not any(hasattr(c, asked) for c in classes.values()):
            raise Missing(f"function {asked}", has)
    if of_class:
        if of_class not in classes:
            raise Missing(f"class {of_class}", has)
        yield of(classes[of_class], function, forward, l2), True
        return
    ahead = function or ("gradients" if callable(names.get("gradients")) else None)
    if ahead and callable(names.get(ahead)):
        found = _first(functions, _FORWARD) if forward is None else forward
        yield Program(names[ahead], names.get(found) if found else None, l2=l2), True
        return
    found = _first(functions, _FORWARD) if forward is None else forward
    backwards = [] if function else list(dict.fromkeys([*_ranked(functions, _BACKWARD), *_giving_gradients(functions)]))
    usable, failed = [], None
    for name in backwards:
        if name != found:
            usable.append(Program(functions[name], functions.get(found) if found else None, l2=l2))
    for cls in sorted(classes.values(), key=lambda c: -_passes(c)):
        try:
            usable.append(of(cls, function, forward, l2))
        except (TypeError, Missing) as error:
            failed = failed or (error if isinstance(error, TypeError) else None)
    if not usable and failed:
        raise failed
    if not usable:
        raise Missing("function gradients", has)
    yield from ((program, False) for program in usable)


def contents(names: Mapping[str, Any], module: str | None) -> list[str]:
    """The functions and methods of a module, with their parameters."""
    functions = own_functions(names, module)
    classes = {n: v for n, v in names.items() if inspect.isclass(v) and _own(v, module)}
    return [*(signature_of(n, f) for n, f in functions.items()), *_methods(classes)]


def own_functions(names: Mapping[str, Any], module: str | None) -> dict[str, Callable[..., Any]]:
    """The functions that a module defines itself."""
    return {n: v for n, v in names.items() if inspect.isfunction(v) and _own(v, module)}


def forward_of(function: Any, name: str | None) -> Any:
    """The forward pass that stands beside a function in its module, of this name or by its name."""
    names = getattr(function, "__globals__", {})
    if name:
        return names.get(name)
    beside = {n: v for n, v in names.items() if inspect.isfunction(v) and v.__module__ == function.__module__}
    found = _first({n: v for n, v in beside.items() if v is not function}, _FORWARD)
    return beside[found] if found else None


def of(network: Any, function: str | None, forward: str | None, l2: float | None) -> Program:
    """The program of a class or an instance. Raises Missing without a backward pass, TypeError without weights."""
    cls = network if isinstance(network, type) else type(network)
    methods = {n: v for n, v in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("__")}
    found = [*_ranked(methods, _BACKWARD), *_giving_gradients(methods)]
    backward = next((name for name in [function] if name in methods), None) if function else next(iter(found), None)
    if backward is None:
        raise Missing(f"method {function}" if function else "method backward", _methods({cls.__name__: cls}))
    ahead = forward or _first({n: v for n, v in methods.items() if n != backward}, _FORWARD)
    return Program(backward, ahead, Network(network, None), l2)


def _own(value: Any, module: str | None) -> bool:
    return module is None or getattr(value, "__module__", None) == module


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
    found: dict[str, None] = {}
    for pattern in patterns:
        for name in functions:
            short = plain(name)
            if re.search(pattern, short) and not _NOT.search(short):
                found.setdefault(name)
    return list(found)


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

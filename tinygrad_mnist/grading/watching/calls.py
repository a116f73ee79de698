"""What is recorded of the functions that a program calls."""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.science import OPTIMIZE, RATE
from tinygrad_mnist.grading.watching.bindings import LONGEST
from tinygrad_mnist.grading.watching.changes import called, change, store, without_a_label
from tinygrad_mnist.grading.watching.rewriting import RECORDER
from tinygrad_mnist.grading.watching.tape import OWN, Given, Options, Tape, Update

MUTATING = {"sort", "fill", "partition", "put", "itemset", "resize", "shuffle", "copyto", "place", "putmask",
            "fill_diagonal", "at"}  # fmt: skip
"""What changes its arguments, by name."""

SCATTERING = {np.add: "+", np.subtract: "-"}
"""What adds or subtracts values at places, one after the other, in an array."""

UNWATCHED = {"vectorize", "apply_along_axis", "piecewise", "fromiter", "frompyfunc"}
"""What calls a function of the program for each element: one operation, whatever goes on inside."""

STEPPING = tuple({*OPTIMIZE.values()})
"""Minimizers, whose steps are recorded."""


@dataclass(frozen=True)
class Method:
    """A method as a function of its object."""

    name: str

    def __call__(self, owner: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(owner, self.name)(*arguments, **options)


def is_own(function: Any) -> bool:
    """Whether the program's own code is called, in which everything is recorded by itself."""
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        return RECORDER in function.__globals__
    own = function if isinstance(function, type) else type(function)
    return getattr(own, "__module__", None) == OWN


def call(tape: Tape, line: int, function: Any, arguments: Given, options: Options) -> Any:
    """Call a function that is not the program's, and record what it gives."""
    if any(function is minimizer for minimizer in STEPPING):
        return function(*arguments, **options, step=functools.partial(_descend, tape, line))
    if function is np.sum and arguments and isinstance(arguments[0], types.GeneratorType):
        function = sum  # as older versions of NumPy do
    if function in (sum, max, min):
        arguments = tuple(list(a) if isinstance(a, types.GeneratorType) else a for a in arguments)
    name = getattr(function, "__name__", type(function).__name__)
    if name in UNWATCHED or isinstance(function, np.vectorize):
        return _unwatched(tape, line, name, function, arguments, options)
    if isinstance(function, np.ufunc) and isinstance(options.get("out"), np.ndarray) and "where" not in options:
        return _into(tape, line, function, arguments, options)
    if name == "copyto" and len(arguments) == 2 and not options:
        return store(tape, line, arguments[0], Ellipsis, arguments[1], lambda: function(*arguments))
    holder = getattr(function, "__self__", None)
    if name == "at" and isinstance(holder, np.ufunc) and holder in SCATTERING and not tape.paused:
        return _scattered(tape, line, holder, *arguments)
    owner = holder if isinstance(holder, np.ndarray) else None
    given = [owner, *arguments, *options.values()] if name in MUTATING or options.get("out") is not None else []
    try:
        value = called(tape, line, name, given, lambda: function(*arguments, **options))
    except Exception:
        tape.fail(line, name, (owner, *arguments))
        raise
    _bind(tape, line, name, holder)
    if owner is not None:
        function, arguments = Method(name), (owner, *arguments)
    _record(tape, line, name, function, arguments, options, value)
    return value


def _record(tape: Tape, line: int, name: str, function: Any, arguments: Given, options: Options, value: Any) -> None:
    """What a function gave: an array or a number, or several arrays."""
    if isinstance(value, (np.ndarray, np.generic, float)):
        tape.record(line, name, function, arguments, options, value)
        if name in ("array", "asarray") and isinstance(arguments[0], list):
            without_a_label(tape, line, value, list(enumerate(arguments[0])))
    elif isinstance(value, (tuple, list)) and value and all(isinstance(v, np.ndarray) for v in value):
        are_together = len({len(a) if isinstance(a, (np.ndarray, list)) else -1 for a in arguments}) == 1
        of_each = len(value) / len(arguments) if are_together else 0
        for i, part in enumerate(value):
            if of_each in (1, 2):  # split or shuffled together, each of them by itself
                tape.record(line, name, None, (arguments[int(i / of_each)],), {}, part)
            else:
                tape.record(line, name, functools.partial(_part, function, i), arguments, options, part)


def _part(function: Callable[..., Any], i: int, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)[i]


def _bind(tape: Tape, line: int, name: str, owner: Any) -> None:
    """The names of what was put into a dict by `update`, or at the end of a list."""
    if name == "update" and isinstance(owner, dict):
        for key, value in owner.items():
            if isinstance(key, str):
                tape.bound(line, owner, key, value)
    if name == "append" and isinstance(owner, list) and isinstance(owner[-1], np.ndarray) and len(owner) <= LONGEST:
        of_list, place = tape.bindings.name_of(owner), f"[{len(owner) - 1}]"
        if of_list:
            tape.bound(line, owner, place, owner[-1])
            tape.node(owner[-1]).names.append(of_list + place)


def _into(tape: Tape, line: int, function: np.ufunc, arguments: Given, options: Options) -> Any:
    """`np.add(a, b, out=c)` as `c[...] = np.add(a, b)`."""
    out = options["out"]
    value = call(tape, line, function, arguments, {key: o for key, o in options.items() if key != "out"})
    store(tape, line, out, Ellipsis, np.asarray(value).astype(out.dtype, casting="same_kind", copy=False))
    return out


def _scattered(tape: Tape, line: int, ufunc: Any, target: NDArray[Any], index: Any, values: Any) -> None:
    """`np.add.at(a, index, values)` as `a += b`, where b is 0 but for the values, those of one place added.

    As `a -= -b` where something is there already: what is added to a parameter is a step, and no gradient.
    """
    function, given = ufunc, values
    if ufunc is np.add and np.any(target):
        function, given = np.subtract, call(tape, line, np.negative, (values,), {})
    part = call(tape, line, _sums_by_place, (np.shape(target), index, given), {})
    change(tape, line, SCATTERING[function], function, target, (part,), lambda: ufunc.at(target, index, values))


def _sums_by_place(shape: tuple[int, ...], index: Any, values: Any) -> NDArray[Any]:
    sums = np.zeros(shape, np.result_type(values, float))
    np.add.at(sums, index, values)
    return sums


def _unwatched(tape: Tape, line: int, name: str, function: Any, arguments: Given, options: Options) -> Any:
    with tape.unwatched():
        value = function(*arguments, **options)
    if isinstance(value, np.ndarray):
        tape.record(line, name, function, arguments, options, value)
    return value


def _descend(tape: Tape, line: int, x: NDArray[Any], slope: Any) -> Any:
    """A step of a minimizer: `x - RATE * slope`."""
    flat = slope if np.shape(slope) == x.shape else call(tape, line, np.ravel, (slope,), {})
    part = RATE * flat
    lower = x - part
    tape.record(line, "*", operator.mul, (RATE, flat), {}, part)
    tape.record(line, "-", operator.sub, (x, part), {}, lower)
    tape.updated(Update(tape.node(x), tape.node(lower), line, tape.node(x).name))
    return lower

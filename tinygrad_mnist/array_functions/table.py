"""How a function here becomes what NumPy's of that name does on tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine.errors import not_recorded
from tinygrad_mnist.engine.tensor import NUMPY, UNKNOWN

Array = Any
"""A tensor, an array or a list of numbers, where NumPy takes any of them."""

F = TypeVar("F", bound=Callable[..., Any])


def means(*functions: Any, options: Iterable[str] = ()) -> Callable[[F], F]:
    """Decorate what these functions of NumPy, or ufuncs by their name, do on tensors.

    options: what it takes of those that recorded operations don't, such as dtype.
    """

    def enter(function: F) -> F:
        if options:
            vars(function)["options"] = {*options}
        NUMPY.update(dict.fromkeys(functions, function))
        return function

    return enter


def named(*names: str) -> list[Any]:
    """NumPy's functions of these names, as far as the installed NumPy has them."""
    places = {name: np.linalg if name.startswith("linalg.") else np for name in names}
    found = [getattr(place, name.removeprefix("linalg."), None) for name, place in places.items()]
    return [function for function in found if function is not None]


def with_signature_of(function: Any, operation: Callable[..., Any], **renamed: str) -> Callable[..., Any]:
    """The operation, called with the arguments of NumPy's function in NumPy's order.

    renamed: what the operation calls an argument of NumPy's. What NumPy takes and the operation does not is refused,
    unless it is None.
    """
    signature = inspect.signature(function)

    def call(*args: Any, **options: Any) -> Any:
        (_, array), *rest = signature.bind(*args, **options).arguments.items()
        given = {renamed.get(name, name): value for name, value in rest if value is not None}
        refuse(function, **{name: given[name] for name in given.keys() & UNKNOWN})
        return operation(array, **given)

    return call


def refuse(function: Any, **options: Any) -> None:
    """Raise TypeError where NumPy's function was given one of these options, under which nothing can be recorded."""
    if given := {name for name, value in options.items() if value is not None}:
        raise TypeError(not_recorded(function, given))

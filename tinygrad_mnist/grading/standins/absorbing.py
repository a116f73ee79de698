"""An object that takes everything and does nothing: a plot, a progress bar, a window."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

used: set[str] = set()
"""What the program took from packages that are not here, by its whole name: `torch.nn.Linear`, `jax.grad`."""

DEEPEST = 5
"""How many parts of a name are taken down."""

DERIVED = {
    "grad",
    "value_and_grad",
    "elementwise_grad",
    "vmap",
    "jacobian",
    "jacfwd",
    "jacrev",
    "hessian",
    "vjp",
    "jvp",
}
"""What makes another function of a function."""

TRUE = {"allclose", "equal", "isclose", "array_equal"}
"""What answers yes; all else answers no, so that `while window.is_open()` ends."""


def put(owner: Any, names: str, function: Any) -> None:
    """Let these names of a module or a class stand for a function of ours."""
    for name in names.split():
        setattr(owner, name, function)


class Entered:
    """What a `with` may be opened on, though there is nothing to begin and nothing to end."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing happens."""


class Again:
    """What gives itself again, whatever else is done to it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *a, **o: self


class _Any(type):
    """A class of which every attribute is an absorbing object too."""

    def __getattr__(cls, name: str) -> Any:
        return _attribute(cls.__module__, name)


class Absorbing(Entered, metaclass=_Any):
    """Any attribute, call, item, loop, `with` and sum of it is again such an object.

    A loop over it ends at once; `a, b = it` gives as many as there are names.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Whatever it is given."""
        self._name = ""

    def __getattr__(self, name: str) -> Any:
        return _attribute(self.__dict__.get("_name", ""), name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """A decorator gives back what it decorates; a derivative of a function is not that function."""
        decorated = len(arguments) == 1 and not options and hasattr(arguments[0], "__code__")
        if decorated and self._name.rpartition(".")[2] not in DERIVED:
            return arguments[0]
        return named(self._name)

    def __getitem__(self, index: Any) -> Any:
        return Absorbing()

    def __setitem__(self, index: Any, value: Any) -> None:
        """Nothing happens."""

    def __delitem__(self, index: Any) -> None:
        """Nothing happens."""

    def __contains__(self, item: Any) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter([Absorbing() for _ in range(_unpacked(sys._getframe(1)))])

    def __next__(self) -> Any:
        raise StopIteration

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return self._name.rpartition(".")[2] in TRUE

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((), dtype or float)

    def __float__(self) -> float:
        return 0.0

    def __int__(self) -> int:
        return 0

    __index__ = __int__

    def __str__(self) -> str:
        return ""

    def __format__(self, how: str) -> str:
        return ""

    def _again(self, *others: Any) -> Any:
        return Absorbing()

    def _yes(self, other: Any) -> bool:
        return True

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _again
    __neg__ = __abs__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __or__ = __and__ = __mod__ = __floordiv__ = (
        _again
    )
    __invert__ = __round__ = _again
    __lt__ = __le__ = __gt__ = __ge__ = _yes


def named(name: str) -> Absorbing:
    """An absorbing object that answers for something of this whole name."""
    absorbing = Absorbing()
    absorbing._name = name
    return absorbing


def _attribute(owner: str, name: str) -> Any:
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    if not owner or owner.count(".") > DEEPEST:
        return named(owner)
    used.add(f"{owner}.{name}")
    return named(f"{owner}.{name}")


def _unpacked(frame: Any) -> int:
    """How many names the running line of a frame unpacks into: 0 where it does something else."""
    code = frame.f_code.co_code
    name, count = dis.opname[code[frame.f_lasti]], code[frame.f_lasti + 1]
    return int(count) if name in ("UNPACK_SEQUENCE", "UNPACK_EX") else 0

"""An object that takes everything and does nothing: a plot, a progress bar, a window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


class _Any(type):
    """A class of which every attribute is an absorbing object too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absorbing()


class Absorbing(metaclass=_Any):
    """Any attribute, call, item, loop, `with` and sum of it is again such an object."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Whatever it is given."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Absorbing()

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if len(arguments) == 1 and not options and callable(arguments[0]) and hasattr(arguments[0], "__code__"):
            return arguments[0]  # a decorator
        return Absorbing()

    def __getitem__(self, index: Any) -> Any:
        return Absorbing()

    def __setitem__(self, index: Any, value: Any) -> None:
        """Nothing happens."""

    def __iter__(self) -> Iterator[Any]:
        return iter((Absorbing(), Absorbing()))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *raised: Any) -> None:
        """Nothing happens."""

    def __len__(self) -> int:
        return 2

    def __bool__(self) -> bool:
        return True

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.zeros((), dtype or float)

    def __float__(self) -> float:
        return 0.0

    def __int__(self) -> int:
        return 0

    __index__ = __int__

    def _again(self, *others: Any) -> Any:
        return Absorbing()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _again
    __neg__ = __pow__ = __matmul__ = __or__ = __and__ = __mod__ = _again

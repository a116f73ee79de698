"""What an array's methods are called, on tensors: each is NumPy's function of that name.

The methods that the engine itself needs stand in `Tensor`; these are given to it here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from tinygrad_mnist.array_functions.reductions import clip
from tinygrad_mnist.engine import GraphError, Tensor
from tinygrad_mnist.engine.errors import describe

NAMES = (
    "dot", "ravel", "copy", "repeat", "trace", "diagonal", "sort", "round",
    "cumprod", "argmax", "argmin", "argsort", "nonzero", "searchsorted", "all", "any",
)  # fmt: skip
"""Methods of arrays that are NumPy's functions of the same names."""

IN_PLACE = {
    "t[i] = v": "np.where(mask, v, t), or the rows in a list and np.stack(rows)",
    "t.fill(v)": "np.full_like(t, v)",
    "t.put(i, v)": "np.where(mask, v, t)",
    "t.resize(shape)": "t.reshape(shape)",
}
"""What would write into a tensor, and what to write in its place."""


PYTORCH = {
    "view": "t.reshape(shape)",
    "permute": "t.transpose(axes)",
    "t": "t.T",
    "mm": "a @ b",
    "bmm": "a @ b",
    "unsqueeze": "t.expand_dims(axis), or t[:, None]",
    "expand": "t.broadcast_to(shape)",
    "clone": "t.copy()",
    "clamp": "t.clip(least, most)",
    "masked_fill": "np.where(mask, v, t)",
    "gather": "t.take_along_axis(indices, axis)",
    "topk": "t.take_along_axis(t.argsort(axis=-1)[..., -k:], axis=-1)",
    "norm": "np.linalg.norm(t)",
    "dim": "t.ndim",
    "numel": "t.size",
    "float": "t.astype(np.float32)",
    "double": "t.astype(np.float64)",
    "long": "t.numpy().astype(np.int64)",
    "requires_grad_": "p.requires_grad = True, or False",
    "retain_grad": "grad(loss, [t]), which gives the gradient of any tensor",
    "register_hook": "grad(loss, [t]), which gives the gradient of any tensor",
    "add_": "p.data += x",
    "sub_": "p.data -= x",
    "mul_": "p.data *= x",
    "zero_": "p.grad = None for a gradient, or p.data[:] = 0",
    "fill_": "p.data[:] = v",
    "copy_": "p.data = array",
    "cuda": "model.to('cuda')",
    "cpu": "model.to('cpu')",
}
"""PyTorch's methods that have another name here."""


def _method(function: Any) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **options: Any) -> Any:
        return function(self, *args, **options)

    method.__name__, method.__doc__ = function.__name__, f"np.{function.__name__} of it."
    return method


def _reversed(function: Any) -> Callable[..., Any]:
    return _method(lambda self, other: function(other, self))


def _refusal(words: str, advice: str) -> Callable[..., NoReturn]:
    def method(self: Tensor, *args: Any) -> NoReturn:
        raise TypeError(
            f"{words} would change {describe(self)} after it was recorded: make a new value, {advice}; the numbers of "
            f"a parameter are in t.data"
        )

    return method


def _augmented(sign: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """t -= x calls a new tensor t; of a leaf that learns, which would stay as it is, that can't be meant."""

    def method(self: Tensor, other: Any) -> Any:
        if self.requires_grad and not self.op:
            raise GraphError(
                f"{sign} would make a new tensor, and leave {describe(self)}, which learns, as it is: write "
                f"p.data {sign} …, as in p.data -= lr * p.grad.data"
            )
        return function(self, other)

    return method


class _Missing:
    """What PyTorch's method of a name is here. Not a __getattr__, which makes every look-up of an attribute slow."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice

    def __get__(self, tensor: Tensor | None, kind: type[Tensor]) -> NoReturn:
        raise AttributeError(f"a Tensor has no {self.name}: write {self.advice}", name=self.name, obj=tensor)


def _directory(self: Tensor) -> list[str]:
    return [name for name in object.__dir__(self) if not isinstance(METHODS.get(name), _Missing)]


def tolist(self: Tensor) -> Any:
    """Its numbers as Python numbers, in nested lists."""
    return self.numpy().tolist()


def index(self: Tensor) -> int:
    """A single integer as a Python integer, for ranges and indices."""
    return operator.index(self.numpy()[()])


METHODS: dict[str, Any] = {name: _method(getattr(np, name)) for name in NAMES}
METHODS |= {
    words.partition(".")[2].partition("(")[0] or "__setitem__": _refusal(words, a) for words, a in IN_PLACE.items()
}
METHODS |= {"tolist": tolist, "clip": clip, "__index__": index, "__round__": METHODS["round"]}
METHODS |= {"__mod__": _method(np.remainder), "__rmod__": _reversed(np.remainder)}
METHODS |= {"__floordiv__": _method(np.floor_divide), "__rfloordiv__": _reversed(np.floor_divide)}
METHODS |= {"__divmod__": _method(np.divmod), "__rdivmod__": _reversed(np.divmod)}

METHODS |= {"__iadd__": _augmented("+=", operator.add), "__isub__": _augmented("-=", operator.sub)}
METHODS |= {"__imul__": _augmented("*=", operator.mul), "__itruediv__": _augmented("/=", operator.truediv)}
METHODS |= {name: _Missing(name, advice) for name, advice in PYTORCH.items()} | {"__dir__": _directory}

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)

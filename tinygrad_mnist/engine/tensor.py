"""Tensor: the node that users hold, with the operators and methods of an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_mnist.devices import as_array, own_copy, read_only, to_numpy
from tinygrad_mnist.engine import autodiff, ops
from tinygrad_mnist.engine.errors import GraphError, cut, describe, no_gradient, not_recorded
from tinygrad_mnist.engine.node import Node, plain
from tinygrad_mnist.engine.primitive import Function

DType = DTypeLike | None

NUMPY: dict[Any, Function] = {getattr(np, f.__name__): f for f in ops.FUNCTIONS.values() if hasattr(np, f.__name__)}
"""What NumPy's functions do on tensors: operations are recorded. `array_functions` adds what is composed of them."""
NUMPY["add.reduce"] = lambda x, axis=0, keepdims=False: ops.sum(x, axis, keepdims)

_COMPARISONS = np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal
PLAIN: set[Any] = set(_COMPARISONS)
"""NumPy's functions without a derivative: on tensors they run on the arrays, and give plain arrays."""

UNKNOWN = {"out", "dtype", "where", "initial", "casting"}
"""What NumPy's functions take and no recorded operation does, unless its `options` name it."""


def _reflect(function: Callable[..., Any]) -> Callable[[Tensor, Any], Tensor]:
    return lambda self, other: function(other, self)


def _compare(ufunc: np.ufunc) -> Callable[[Tensor, Any], Any]:
    return lambda self, other: ufunc(self._array, plain(other))


def _as(number: Callable[[Any], Any]) -> Callable[[Tensor], Any]:
    return lambda self: number(self.item())


class Tensor(Node):
    """A NumPy array that remembers how it was computed.

    data: numbers, nested lists of them, an array or a tensor. Arrays keep their dtype and are shared;
        Python numbers become float32.
    requires_grad: make a leaf that learns: it copies its data, and `backward` fills its `.grad`.
    name: what pictures, tables and error messages call it.

    Raises TypeError for what is not numeric, for integers that should require gradients, and for a name that is no
    text; ValueError for lists of unequal length; GraphError for a computed tensor, which would lose its graph.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None, dtype: DType = None) -> None:
        if isinstance(data, Node) and data.op:
            raise GraphError(cut(data))
        data = plain(data)
        array = as_array(data, dtype)
        if array.dtype.kind not in "fiubc":
            raise TypeError(f"a tensor holds numbers, and {data!r:.60} is {array.dtype}")
        if dtype is None and not isinstance(data, (type(array), np.generic)) and array.dtype.kind in "fiu":
            array = array.astype(np.float32)
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(no_gradient(array.dtype))
        if not isinstance(name, str | None):
            raise TypeError(f"a name is text, and {name!r} is none")
        Node.__init__(self, own_copy(array) if requires_grad else array)
        self.requires_grad, self.name = requires_grad, name

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        return ops.swapaxes(self, -1, -2)

    def numpy(self) -> NDArray[Any]:
        """The array, as a read-only view; of one on a device, its numbers."""
        return to_numpy(read_only(self._array))

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() needs one element, and {describe(self)} has {self.size}: take .sum(), say")
        return self._array.item()

    def detach(self) -> Tensor:
        """The same numbers, read-only and without the graph."""
        return Tensor(read_only(self._array), name=self.name)

    backward = autodiff.backward

    def __repr__(self) -> str:
        body = np.array2string(self._array, separator=", ", prefix="Tensor(", precision=4, threshold=100)
        origin = f"op={self.op}" if self.op else "requires_grad=True" if self.requires_grad else ""
        facts = [f"shape={self.shape}" if self.ndim else "", f"dtype={self.dtype}"]
        facts += [f"name={self.name!r}" if self.name else "", origin]
        gap = ",\n       " if "\n" in body else ", "
        return f"Tensor({body}{gap}{', '.join(filter(None, facts))})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{describe(self)} is a single number: it has no length")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, tuple(map(plain, index)) if isinstance(index, tuple) else plain(index))

    __float__, __int__, __bool__ = _as(float), _as(int), _as(bool)

    # comparisons are plain boolean arrays: they have no gradient
    __hash__ = object.__hash__
    __eq__, __ne__, __lt__, __le__, __gt__, __ge__ = map(_compare, _COMPARISONS)

    def __pos__(self) -> Tensor:
        return self

    __neg__, __abs__ = ops.neg, ops.abs
    __add__, __radd__ = ops.add, _reflect(ops.add)
    __sub__, __rsub__ = ops.sub, _reflect(ops.sub)
    __mul__, __rmul__ = ops.mul, _reflect(ops.mul)
    __truediv__, __rtruediv__ = ops.div, _reflect(ops.div)
    __pow__, __rpow__ = ops.pow, _reflect(ops.pow)
    __matmul__, __rmatmul__ = ops.matmul, _reflect(ops.matmul)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape, given as one tuple or as numbers."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order, given as one tuple or as numbers; reversed by default."""
        return ops.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    exp, log, log1p, expm1, sqrt, abs = ops.exp, ops.log, ops.log1p, ops.expm1, ops.sqrt, ops.abs
    sin, cos, tanh, sigmoid, softplus, relu = ops.sin, ops.cos, ops.tanh, ops.sigmoid, ops.softplus, ops.relu
    leaky_relu, elu, gelu, silu, clip = ops.leaky_relu, ops.elu, ops.gelu, ops.silu, ops.clip
    maximum, minimum, max, min, sum, prod = ops.maximum, ops.minimum, ops.max, ops.min, ops.sum, ops.prod
    mean, var, std, cumsum, vdot = ops.mean, ops.var, ops.std, ops.cumsum, ops.vdot
    logsumexp, softmax, log_softmax, astype = ops.logsumexp, ops.softmax, ops.log_softmax, ops.astype
    swapaxes, broadcast_to, flip, expand_dims = ops.swapaxes, ops.broadcast_to, ops.flip, ops.expand_dims
    squeeze, flatten, split, take, take_along_axis = ops.squeeze, ops.flatten, ops.split, ops.take, ops.take_along_axis

    def __array__(self, dtype: DType = None, copy: bool | None = None) -> NDArray[Any]:
        if self.requires_grad:
            raise TypeError(
                f"NumPy would take {describe(self)} from its graph, as array.dot(t) and np.array([t, t]) do: write "
                f"array @ t, np.stack([t, t]), or .numpy() if that is meant"
            )
        return np.array(self._array, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options and ufunc in NUMPY:
            return NUMPY[ufunc](*inputs)
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"  # SciPy's are known by it
        called = ufunc if method == "__call__" and name not in NUMPY else name
        return self.__array_function__(called, (), inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        """A NumPy function on tensors: the op of the same meaning, or an error; never a detached array."""
        options = {name: value for name, value in options.items() if value is not None or name not in UNKNOWN}
        if function in PLAIN and "out" not in options:
            return function(*map(plain, args), **options)
        if (unknown := UNKNOWN & options.keys() - getattr(NUMPY.get(function), "options", ())) or function not in NUMPY:
            raise TypeError(not_recorded(function, unknown))
        return NUMPY[function](*args, **options)

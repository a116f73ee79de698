"""Arrays that write down what NumPy does to them.

A `TracedArray` computes as an array does, and adds a line to a program for each operation; a `TracedNumber` does so
for numbers that are read anew in every step, such as a learning rate. Where either is made an ordinary array or number,
the step can't be compiled: an error says so, and names the line. Nothing becomes a constant by mistake.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.compiler.functions import as_type, with_item
from tinygrad_mnist.compiler.program import Value, leaves, mapped
from tinygrad_mnist.engine import Node, ops
from tinygrad_mnist.places import at, is_inside, user_place

if TYPE_CHECKING:
    from tinygrad_mnist.compiler.capturing.tracing import Trace


def concrete(x: Any) -> Any:
    """What something traced stands for now; anything else as it is."""
    return x.value.like if isinstance(x, TracedArray | TracedNumber) else x


def _reading(what: str, read: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method that reads a number, which no program can: an error once the step is done, if it has none of its own."""

    def method(self: Any, *_: Any, **__: Any) -> Any:
        self.trace.refusals.append(
            CompileError(
                f"a compiled step can't {what}{at(user_place())}: what it was would be taken for what it is in every "
                f"call. Return the tensor and read it outside, or compute with tensors and arrays"
            )
        )
        return read(self.value.like)

    return method


def _class_for_its_asker(array: TracedArray) -> type:
    """An array's for the reader's own code, which may ask for that; what it is for this package and NumPy."""
    return type(array) if is_inside(sys._getframe(1).f_code.co_filename) else np.ndarray


def _converted(to: Any) -> Any:
    return _reading("read a number that is computed in it, as .item() and float() do", to)


def _of_number(function: Any, is_reflected: bool = False) -> Any:
    def compute(self: TracedNumber, *others: Any) -> Any:
        if any(isinstance(x, TracedArray) for x in others):  # whose turn it is
            return NotImplemented
        return self.trace.record(function, (*others, self) if is_reflected else (self, *others))

    return compute


_of_number_reflected = partial(_of_number, is_reflected=True)


class TracedNumber:
    """A Python number that is read anew in every step."""

    __slots__ = ("trace", "value")

    def __init__(self, trace: Trace, value: Value) -> None:
        self.trace, self.value = trace, value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return _ufunc(self.trace, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return self.trace.record(function, args, options)

    __add__, __sub__, __mul__ = map(_of_number, (operator.add, operator.sub, operator.mul))
    __truediv__, __pow__, __neg__ = map(_of_number, (operator.truediv, operator.pow, operator.neg))
    __radd__, __rsub__, __rmul__ = map(_of_number_reflected, (operator.add, operator.sub, operator.mul))
    __rtruediv__, __rpow__ = map(_of_number_reflected, (operator.truediv, operator.pow))
    __lt__, __le__, __gt__, __ge__ = map(_of_number, (operator.lt, operator.le, operator.gt, operator.ge))
    __eq__, __ne__ = map(_of_number, (operator.eq, operator.ne))
    __class__ = property(lambda self: type(self.value.like))  # what isinstance asks
    __float__, __int__, __index__ = map(_converted, (float, int, operator.index))
    __hash__ = _reading("look up a number that is given anew for each call", hash)

    def __bool__(self) -> bool:
        return self.trace.decide(self.value)

    def __repr__(self) -> str:
        return f"<number of a compiled step, {self.value.like} now>"


class TracedArray(NDArrayOperatorsMixin):
    """An array of a step that is being captured. It is no ndarray, and refuses to become one.

    value: what it is at this point of the program. root: the array that it is a view of, itself for most. taken: of a
    part, what it was taken from, and its index.
    """

    __slots__ = ("changes", "root", "seen", "taken", "trace", "value")

    def __init__(self, trace: Trace, value: Value, root: TracedArray | None = None, taken: Any = None) -> None:
        self.trace, self.value, self.changes, self.taken = trace, value, 0, taken
        self.root = self if root is None else root
        self.seen = self.root.changes

    __class__ = property(_class_for_its_asker)
    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.like.ndim)
    size = property(lambda self: self.value.like.size)
    nbytes = property(lambda self: self.value.like.nbytes)
    itemsize = property(lambda self: self.value.like.itemsize)
    flags = property(lambda self: self.value.like.flags)
    base = property(lambda self: None if self.root is self else self.root)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return _ufunc(self.trace, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(issubclass(kind, Node) for kind in types):  # whose turn it is
            return NotImplemented
        if function is np.count_nonzero:
            mask: Any = self if self.dtype == bool else self != 0
            return mask.sum(*args[1:], **options)
        if function in _SHAPES:
            return function(*mapped(args, concrete), **mapped(options, concrete))
        if function in _MAKING:
            return self._made(function, args, options)
        if function in _CHANGING or (function is np.nan_to_num and not options.get("copy", True)):
            raise CompileError(f"np.{function.__name__}{at(user_place())} changes an array in place: use an operation")
        if "out" in options:
            raise CompileError(f"np.{function.__name__} with out= can't be compiled{at(user_place())}")
        return _viewing(self.trace, _CANONICAL.get(function, function), args, options)

    def _made(self, function: Any, args: Any, options: dict[str, Any]) -> Any:
        """An array, which is plain where it is made of what is."""
        first, *rest = args
        if not isinstance(first, TracedArray):
            return function(*args, **options)
        dtype = options.get("dtype", rest[0] if rest else None)
        found = first if dtype is None else first.astype(dtype)
        return found.copy() if function is np.array else found

    __array__ = _reading("make a plain array of one that is computed in it, as np.asarray does", np.array)
    __float__, __int__, __index__ = map(_converted, (float, int, operator.index))
    item, tolist = _converted(np.ndarray.item), _converted(np.ndarray.tolist)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("the truth value of an array with more than one element is ambiguous")
        return self.trace.decide(self.value)

    def __len__(self) -> int:
        return len(self.value.like)

    def __repr__(self) -> str:
        return f"<array of a compiled step, {self.shape} {self.dtype}>"

    def __getitem__(self, index: Any) -> Any:
        return _viewing(self.trace, operator.getitem, (self, index))

    def __setitem__(self, index: Any, new: Any) -> None:
        self.become(self.trace.record(with_item, (self, index, new)))

    __hash__ = object.__hash__

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) in (int, float) and exponent in _POWERS:  # as an array's own
            return self.trace.record(_POWERS[exponent], (self,))
        return self.trace.record(np.power, (self, exponent))

    def __ipow__(self, exponent: Any) -> Any:
        return self.become(self**exponent)

    def check(self) -> None:
        """Raise CompileError for a view of what has been changed since."""
        if self.root is not self and self.root.changes != self.seen:
            raise CompileError(
                f"a view is used after the array was changed in place{at(user_place())}: take a copy, or the view again"
            )

    def become(self, new: Any) -> TracedArray:
        """Take another value of the same shape and dtype: what a change in place is in a program."""
        if self.root is not self and not self.taken:
            raise CompileError(f"a view is changed in place{at(user_place())}: change the array that it is taken from")
        if new.shape != self.shape:
            raise ValueError(f"an array of shape {new.shape} doesn't fit into one of shape {self.shape}")
        if self.taken:
            whole, index = self.taken
            whole[index] = new
        self.value = (new if new.dtype == self.dtype else new.astype(self.dtype)).value
        self.changes += self.root is self
        self.seen = self.root.changes
        return self

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return self.transpose()

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return _viewing(self.trace, np.swapaxes, (self, -1, -2))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """The same elements in another shape."""
        return _viewing(self.trace, np.reshape, (self, shape[0] if len(shape) == 1 else shape), options)

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order."""
        order = axes[0] if len(axes) == 1 else axes or None
        return _viewing(self.trace, np.transpose, (self,) if order is None else (self, tuple(order)))

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Any:
        """The same elements in another dtype; itself where it has that one."""
        if np.dtype(dtype) == self.dtype:
            return self.copy("K") if copy else self
        return self.trace.record(as_type, (self, np.dtype(dtype)))

    def view(self, dtype: DTypeLike | None = None) -> Any:
        """The same bits, as another dtype where one is given."""
        return _viewing(self.trace, np.ndarray.view, (self,) if dtype is None else (self, np.dtype(dtype)))

    def copy(self, order: str = "C") -> Any:
        """The same elements, apart."""
        return self.trace.record(np.copy, (self,), {"order": order})


def _method(function: Callable[..., Any]) -> Any:
    return lambda self, *args, **options: self.__array_function__(function, (), (self, *args), options)


for _name in (
    "all", "any", "argmax", "argmin", "argsort", "clip", "compress", "conj", "cumprod", "cumsum", "diagonal", "dot",
    "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "round", "searchsorted", "squeeze", "std", "sum",
    "swapaxes", "take", "var",
):  # fmt: skip
    setattr(TracedArray, _name, _method(getattr(np, _name)))
TracedArray.flatten = lambda self: self.ravel().copy()  # type: ignore[attr-defined]

_POWERS: dict[float, np.ufunc] = {2: np.square, 1: np.positive, 0.5: np.sqrt, -1: np.reciprocal}

_SHAPES = {
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.may_share_memory, np.shares_memory, np.iscomplexobj,
    np.zeros_like, np.ones_like, np.empty_like,
}  # fmt: skip
"""What is asked of an array's form alone."""

_CHANGING = {np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis, np.putmask}
"""What changes an array and returns nothing."""

_MAKING = {np.array, np.asarray, np.arange, np.empty, np.eye, np.full, np.identity, np.ones, np.zeros}
"""What makes an array where another one, given as `like`, lies."""

_CANONICAL: dict[Any, Any] = {np.sum: np.add.reduce, np.max: np.maximum.reduce, np.min: np.minimum.reduce,
                              np.prod: np.multiply.reduce, np.vdot: np.dot}  # fmt: skip
"""Functions that are written down by the name of what they do."""


def _viewing(trace: Trace, function: Any, args: Any, options: dict[str, Any] | None = None) -> Any:
    """Record a call; where its result lies in the memory of an argument, it is a view of that."""
    args, options = _completed(function, args, options or {})
    result = trace.record(function, args, options)
    if isinstance(result, TracedArray):
        for x in leaves(args):
            if isinstance(x, TracedArray) and np.may_share_memory(result.value.like, x.value.like):
                taken = args if function is operator.getitem else None
                return TracedArray(trace, result.value, x.root, taken)
    return result


def _completed(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """A reduction by its name as a ufunc reduces: over all axes by default."""
    if getattr(function, "__name__", "") == "reduce":
        options = {name: value for name, value in options.items() if value is not np._NoValue}
        return args[:1], {"axis": args[1] if len(args) > 1 else None, **options}
    return args, options


def _ufunc(trace: Trace, ufunc: np.ufunc, method: str, inputs: Any, options: dict[str, Any]) -> Any:
    """What NumPy's universal functions do on traced arrays: a call is written down, and out= is a change in place."""
    if any(isinstance(x, Node) for x in inputs):  # whose turn it is
        return NotImplemented
    targets = options.pop("out", None)
    if method == "at" or (targets and len(targets) > 1):
        raise CompileError(
            f"np.{ufunc.__name__}.{method}{at(user_place())} changes an array in place: use an operation"
        )
    if targets and options.get("where", True) is not True:
        raise CompileError(
            f"np.{ufunc.__name__} with out= and where= can't be compiled{at(user_place())}: use np.where"
        )
    if (ufunc, method) == (np.add, "reduce") and (found := _sum_of_rows(*inputs, **options)) is not None:
        return found
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    result = trace.record(function, inputs, options)
    if not targets:
        return result
    if not isinstance(targets[0], TracedArray):
        raise CompileError(
            f"an array from outside is changed in place{at(user_place())}: keep it in a Tensor, which a compiled step "
            f"follows, and change its .data"
        )
    if not np.can_cast(result.dtype, targets[0].dtype, "same_kind"):
        raise TypeError(f"cannot cast what np.{ufunc.__name__} gives from {result.dtype} to {targets[0].dtype}")
    return targets[0].become(result)


def _sum_of_rows(x: Any, axis: Any = 0, keepdims: bool = False, **others: Any) -> Any:
    """The sum over the first axis of a matrix as the engine adds it; None for other sums."""
    if x.ndim != 2 or axis not in (0, -2, (0,)) or x.dtype.kind != "f" or any(v is not None for v in others.values()):
        return None
    total = ops._sum_of_rows(x)
    return total[None] if keepdims else total

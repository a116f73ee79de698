"""An array type that keeps CuPy's rules on a computer without a GPU, and a module `cupy` around it.

Read off CuPy 14.2 (`core.pyx`, `_kernel.pyx` and `_routines_indexing.pyx` in `cupy/_core`): what its `__array_ufunc__`
and `__array_function__` take up and hand back, that nothing becomes a NumPy array but by `get`, that NumPy's arrays are
no operands, that results without axes stay arrays, and which functions it has with which arguments. What it computes is
NumPy's: neither CuPy's own numbers nor its speed can be seen here.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

SIGNATURES = {
    name: inspect.signature(eval(f"lambda {parameters}: None"))
    for name, parameters in {
        "all": "a, axis=None, out=None, keepdims=False",
        "any": "a, axis=None, out=None, keepdims=False",
        "arange": "start, stop=None, step=1, dtype=None",
        "argmax": "a, axis=None, dtype=None, out=None, keepdims=False",
        "argwhere": "a",
        "array": "obj, dtype=None, copy=True, order='K', subok=False, ndmin=0, *, blocking=False",
        "array2string": "a, *args, **kwargs",
        "asarray": "a, dtype=None, order=None, *, copy=None, blocking=False",
        "broadcast_to": "array, shape",
        "clip": "a, a_min, a_max, out=None",
        "concatenate": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
        "count_nonzero": "a, axis=None",
        "cumsum": "a, axis=None, dtype=None, out=None",
        "dot": "a, b, out=None",
        "einsum": "*operands, **kwargs",
        "empty": "shape, dtype=float, order='C'",
        "expand_dims": "a, axis",
        "eye": "N, M=None, k=0, dtype=float, order='C'",
        "flip": "a, axis=None",
        "full": "shape, fill_value, dtype=None, order='C'",
        "isneginf": "x, out=None",
        "linalg.norm": "x, ord=None, axis=None, keepdims=False",
        "max": "a, axis=None, out=None, keepdims=False",
        "may_share_memory": "a, b, max_work=None",
        "mean": "a, axis=None, dtype=None, out=None, keepdims=False",
        "min": "a, axis=None, out=None, keepdims=False",
        "ndim": "a",
        "ones": "shape, dtype=float, order='C'",
        "ones_like": "a, dtype=None, order='K', subok=None, shape=None",
        "pad": "array, pad_width, mode='constant', **kwargs",
        "prod": "a, axis=None, dtype=None, out=None, keepdims=False",
        "reshape": "a, newshape, order='C', *, copy=None",
        "shape": "a",
        "size": "a, axis=None",
        "squeeze": "a, axis=None",
        "stack": "tup, axis=0, out=None, *, dtype=None, casting='same_kind'",
        "sum": "a, axis=None, dtype=None, out=None, keepdims=False",
        "swapaxes": "a, axis1, axis2",
        "take": "a, indices, axis=None, out=None",
        "transpose": "a, axes=None",
        "vdot": "a, b",
        "where": "condition, x=None, y=None",
        "zeros": "shape, dtype=float, order='C'",
        "zeros_like": "a, dtype=None, order='K', subok=None, shape=None",
    }.items()
}
"""Functions of CuPy 14.2 by the path of NumPy's, as far as they are needed; a function left out is one it lacks."""

METHODS = {
    name: inspect.signature(eval(f"lambda self{parameters}: None"))
    for name, parameters in {
        "all": ", axis=None, out=None, keepdims=False",
        "any": ", axis=None, out=None, keepdims=False",
        "argmax": ", axis=None, out=None, dtype=None, keepdims=False",
        "astype": ", dtype, order='K', casting=None, subok=None, copy=True",
        "clip": ", min=None, max=None, out=None",
        "copy": ", order='C'",
        "max": ", axis=None, out=None, keepdims=False",
        "mean": ", axis=None, dtype=None, out=None, keepdims=False",
        "min": ", axis=None, out=None, keepdims=False",
        "ravel": ", order='C'",
        "reshape": ", *shape, order='C', copy=None",
        "sum": ", axis=None, dtype=None, out=None, keepdims=False",
        "swapaxes": ", axis1, axis2",
        "take": ", indices, axis=None, out=None",
        "transpose": ", *axes",
        "view": ", dtype=None, type=None",
    }.items()
}

MISSING_UFUNCS = {"isnat", "matvec", "spacing", "vecdot", "vecmat"}
COMPARISONS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
REDUCED = {"add", "multiply"}
SCATTERED = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
FROM_HOST = {"array", "asarray", "arange"}
POSITIONAL = {"dot", "may_share_memory", "vdot", "where"}
INDICES = {"indices", "pad_width", "shape", "axes", "axis"}

fetched: list[int] = []
"""How many elements each `get` brought back, since the list was emptied."""


class ndarray:
    """As cupy.ndarray."""

    __array_priority__ = 100

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    base = property(lambda self: self._host.base)
    T = property(lambda self: wrapped(self._host.T))
    mT = property(lambda self: wrapped(self._host.mT))
    real = property(lambda self: wrapped(self._host.real))

    @property
    def flags(self) -> Any:
        """Which can't be set."""
        return Flags(self._host.flags.c_contiguous, self._host.flags.f_contiguous)

    def get(self) -> Any:
        """The only way to the host."""
        fetched.append(self.size)
        return self._host.copy()

    def item(self) -> Any:
        """Of arrays of one element alone."""
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__
        if name in MISSING_UFUNCS:
            return NotImplemented
        for x in (*inputs, *options.get("out", ())):
            if not isinstance(x, int | float | complex | np.generic | np.ndarray | ndarray):
                return NotImplemented
        if "out" in options:
            (options["out"],) = options["out"]
        if name in COMPARISONS:
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs)
        return METHODS_OF_UFUNCS[method](ufunc, *inputs, **options)

    def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
        name = ".".join([*function.__module__.split(".")[1:], function.__name__])
        if name not in SIGNATURES or not all(issubclass(kind, ndarray | np.ndarray) for kind in kinds):
            return NotImplemented
        return called(name, *args, **options)

    def __getitem__(self, index: Any) -> Any:
        index = on_host(index, indices=True)
        found = self._host[index]
        if isinstance(found, np.generic):  # a view too
            found = self._host[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return ndarray(found)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._host[on_host(index, indices=True)] = on_host(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous")
        return bool(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __str__(self) -> str:
        return str(self.get())

    __repr__ = __str__
    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return ndarray, (self.get(),)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()  # type: ignore[attr-defined]


class Flags(NamedTuple):
    """Of an array's memory, for reading."""

    c_contiguous: bool
    f_contiguous: bool


def wrapped(result: Any) -> Any:
    """What NumPy computed, on the device: numbers as arrays without axes."""
    if isinstance(result, np.ndarray | np.generic):
        return ndarray(result)
    return type(result)(map(wrapped, result)) if type(result) in (list, tuple) else result


def on_host(value: Any, indices: bool = False) -> Any:
    """What NumPy computes with; indices may come from the host, and what is computed with may not."""
    if isinstance(value, ndarray):
        return value._host
    if type(value) in (list, tuple):
        return type(value)(on_host(v, indices) for v in value)
    if isinstance(value, np.ndarray) and not indices:
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def called(name: str, *args: Any, **options: Any) -> Any:
    """A function of CuPy's: its own arguments, NumPy's numbers."""
    given = SIGNATURES[name].bind(*args, **options)
    if name == "where" and not isinstance(given.arguments["condition"], ndarray):
        given.arguments["condition"].astype  # noqa: B018  # as CuPy: a number has none
    values = {
        key: value if name in FROM_HOST and isinstance(value, np.ndarray) else on_host(value, key in INDICES)
        for key, value in given.arguments.items()
    }
    values.pop("blocking", None)
    if "newshape" in values:
        values["shape"] = values.pop("newshape")
    function = reduce(getattr, name.split("."), np)
    more = values.pop("kwargs", {})
    if name in POSITIONAL:
        return wrapped(function(*values.values()))
    if name in ("einsum", "array2string"):
        alone, rest = [v for k, v in values.items() if k not in ("args", "operands")], values
        return wrapped(function(*alone, *rest.get("args", ()), *rest.get("operands", ()), **more))
    return wrapped(function(values.pop(next(iter(values))), **values, **more))


def _ufunc(ufunc: np.ufunc, *inputs: Any, **options: Any) -> Any:
    if wrong := options.keys() - {"out", "dtype", "casting"}:
        raise TypeError(f"Wrong arguments {wrong}")
    out = options.pop("out", None)
    if out is not None:
        ufunc(*map(on_host, inputs), out=out._host, **options)
        return out
    return wrapped(ufunc(*map(on_host, inputs), **options))


def _reduce(
    ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False
) -> Any:
    if ufunc.__name__ not in REDUCED:
        raise NotImplementedError(f"`cupy_{ufunc.__name__}.reduce` is not supported yet")
    return wrapped(ufunc.reduce(array._host, axis=axis, dtype=dtype, keepdims=keepdims))


def _at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    if ufunc.__name__ not in SCATTERED:
        raise NotImplementedError(f"`cupy_{ufunc.__name__}.at` is not supported yet")
    ufunc.at(a._host, on_host(indices, indices=True), on_host(b))


METHODS_OF_UFUNCS: dict[str, Callable[..., Any]] = {"__call__": _ufunc, "reduce": _reduce, "at": _at}


def _method(name: str) -> Callable[..., Any]:
    def method(self: ndarray, *args: Any, **options: Any) -> Any:
        METHODS[name].bind(self, *args, **options)
        args, options = on_host(args, name == "take"), {k: on_host(v) for k, v in options.items()}
        return wrapped(getattr(self._host, name)(*args, **options))

    return method


def _operator(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda self, *others: ufunc(self, *others)


def _reflected(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda self, other: ufunc(other, self)


def _in_place(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda self, other: _ufunc(ufunc, self, other, out=self)


OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
}  # fmt: skip

for _name in METHODS:
    setattr(ndarray, _name, _method(_name))
for _name, _function in OPERATORS.items():
    setattr(ndarray, f"__{_name}__", _operator(_function))
    setattr(ndarray, f"__r{_name}__", _reflected(_function))
    setattr(ndarray, f"__i{_name}__", _in_place(_function))
for _name, _function in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():
    setattr(ndarray, f"__{_name}__", _operator(_function))
for _name, _word in {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater"}.items():
    setattr(ndarray, f"__{_name}__", _operator(getattr(np, _word)))
ndarray.__ge__ = _operator(np.greater_equal)  # type: ignore[assignment]

cupy = types.ModuleType("cupy")
"""What stands in sys.modules under that name while a test asks for the device "cuda"."""
cupy.ndarray = ndarray  # type: ignore[attr-defined]
for _name in SIGNATURES:
    if "." not in _name:
        setattr(cupy, _name, (lambda name: lambda *args, **options: called(name, *args, **options))(_name))

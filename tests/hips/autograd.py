"""HIPS autograd's module as its tests import it, made of this package: derivatives by `grad`, checked by its gradcheck.

While a derivative is being taken values are tensors; outside of all derivatives they are plain arrays again. What its
arguments may be, lists, tuples and dictionaries of arrays, is taken apart here. Only reverse mode is there, and no
complex number: a test that comes to one is skipped.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as onp
import pytest

from tinygrad_mnist import check_gradients
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine import grad as engine_grad
from tinygrad_mnist.engine.node import plain

depth = 0
"""How many functions are being run to be differentiated, one within the other."""


def walk(function: Callable[..., Any], value: Any, *others: Any) -> Any:
    """The function of each leaf of lists, tuples and dictionaries, in the same containers."""
    if isinstance(value, dict):
        return {k: walk(function, v, *(x[k] for x in others)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([walk(function, *each) for each in zip(value, *others, strict=True)])
    return function(value, *others)


def leaves(value: Any) -> Any:
    """What lies in the containers, in order."""
    found: Any = []
    walk(found.append, value)
    return found


def inside(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is run to be differentiated."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        global depth
        depth += 1
        try:
            return function(*args, **options)
        finally:
            depth -= 1

    return run


def outside(value: Any) -> Any:
    """A result as the caller holds values: tensors within another derivative, else arrays and numbers."""
    return value if depth else walk(lambda leaf: plain(leaf)[()] if isinstance(leaf, Tensor) else leaf, value)


def is_complex(value: Any) -> bool:
    return any(onp.iscomplexobj(plain(leaf)) for leaf in leaves(value))


def tensor(value: Any) -> Any:
    """What to differentiate by: a step on from the tensor of an outer derivative, or a new leaf."""
    if is_complex(value):
        pytest.skip("complex numbers")
    if isinstance(value, Tensor) and value.requires_grad:
        return value * 1
    return Tensor(onp.asarray(plain(value)), requires_grad=True)


def make_vjp_of_one(fun: Callable[..., Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    """What carries a cotangent of fun(x) back to x, and fun(x)."""
    xs = walk(tensor, x)
    out = inside(fun)(xs)

    def vjp(cotangent: Any) -> Any:
        totals = [Tensor(onp.zeros(leaf.shape, leaf.dtype)) for leaf in leaves(xs)]
        for y, u in zip(leaves(out), leaves(cotangent), strict=True):
            if isinstance(y, Tensor) and y.requires_grad:
                u = u if isinstance(u, Tensor) else onp.broadcast_to(onp.asarray(u), y.shape)
                shares = engine_grad(y, leaves(xs), u, create_graph=True)
                totals = [total + share for total, share in zip(totals, shares, strict=True)]
        each = iter(totals)
        return outside(walk(lambda _: next(each), xs))

    return vjp, outside(out)


def nary(operator: Callable[..., Any]) -> Callable[..., Any]:
    """An operator on functions of one argument as one on functions of several, of which argnum says which."""

    @functools.wraps(operator)
    def of(fun: Callable[..., Any], argnum: Any = 0, *settings: Any, **named: Any) -> Callable[..., Any]:
        def operated(*args: Any, **options: Any) -> Any:
            numbers = [argnum] if isinstance(argnum, int) else list(argnum)

            def of_one(x: Any) -> Any:
                given = dict(zip(numbers, [x] if isinstance(argnum, int) else x, strict=True))
                return fun(*(given.get(i, arg) for i, arg in enumerate(args)), **options)

            x = args[argnum] if isinstance(argnum, int) else tuple(args[i] for i in numbers)
            return operator(of_one, x, *settings, **named)

        return operated

    return of


make_vjp = nary(make_vjp_of_one)


@nary
def grad(fun: Any, x: Any) -> Any:
    vjp, out = make_vjp_of_one(fun, x)
    if onp.size(plain(out)) != 1 or is_complex(out) or onp.result_type(plain(out)).kind == "b":
        raise TypeError("grad is of functions whose value is one real number")
    return vjp(1.0)


@nary
def elementwise_grad(fun: Any, x: Any) -> Any:
    return make_vjp_of_one(fun, x)[0](1.0)


@nary
def value_and_grad(fun: Any, x: Any) -> Any:
    vjp, out = make_vjp_of_one(fun, x)
    return out, vjp(1.0)


@nary
def jacobian(fun: Any, x: Any) -> Any:
    vjp, out = make_vjp_of_one(fun, x)
    rows = [vjp(one.reshape(onp.shape(out))) for one in onp.eye(onp.size(out))]
    return onp.reshape(onp.stack(rows), (*onp.shape(out), *onp.shape(x)))


@nary
def hessian(fun: Any, x: Any) -> Any:
    return jacobian(jacobian(fun))(x)


@nary
def make_hvp(fun: Any, x: Any) -> Any:
    return make_vjp_of_one(grad(fun), x)


@nary
def make_jvp(fun: Any, x: Any) -> Any:
    out = outside(fun(x))
    zeros = walk(lambda y: onp.zeros(onp.shape(y)), out)
    return lambda v: (out, make_vjp_of_one(lambda u: make_vjp_of_one(fun, x)[0](u), zeros)[0](v))


@nary
def deriv(fun: Any, x: Any) -> Any:
    return make_jvp(fun)(x)(onp.ones(onp.shape(x)))[1]


def hessian_tensor_product(fun: Any, argnum: int = 0) -> Any:
    def along(*args: Any) -> Any:
        return onp.sum(grad(fun, argnum)(*args[:-1]) * args[-1])

    return grad(along, argnum)


def tensor_jacobian_product(fun: Any, argnum: int = 0) -> Any:
    return jacobian(lambda *args: onp.tensordot(args[-1], fun(*args[:-1]), onp.ndim(args[-1])), argnum)


def make_ggnvp(fun: Any, loss: Any = lambda y: onp.sum(y**2) / 2) -> Any:
    """Jᵀ H J v, with J the Jacobian of fun and H the Hessian of the loss."""

    def at(x: Any) -> Any:
        vjp, out = make_vjp_of_one(fun, x)
        return lambda v: vjp(make_hvp(loss)(out)[0](make_jvp(fun)(x)(v)[1]))

    return at


@nary
def grad_and_aux(fun: Any, x: Any) -> Any:
    vjp, (_, aux) = make_vjp_of_one(fun, x)
    return vjp((1.0, walk(lambda y: onp.zeros(onp.shape(y)), aux))), aux


def holomorphic_grad(fun: Any) -> Any:
    return lambda x: pytest.skip("complex numbers")


def checkpoint(fun: Any) -> Any:
    return fun


# autograd.test_util


@nary
def check_grads(fun: Any, x: Any, modes: Any = (), order: int = 2) -> None:
    """Both orders by the project's own check, with steps as short as HIPS's: its random numbers may all but tie."""
    flat = leaves(x)
    if is_complex(x):
        pytest.skip("complex numbers")

    @inside
    def of_leaves(*tensors: Any) -> Any:
        each = iter(tensors)
        results = leaves(fun(walk(lambda _: next(each), x)))
        return [y if isinstance(y, Tensor) else Tensor(onp.asarray(y)) for y in results]

    check_gradients(of_leaves, flat, order, step=1e-6, name=getattr(fun, "__name__", None))


def combo_check(fun: Any, *settings: Any, **named: Any) -> Any:
    """check_grads of each combination of arguments; those with complex numbers are left out."""

    def check(*args: Any, **options: Any) -> None:
        combinations = [[]]
        for choices in (*args, *([(name, v) for v in values] for name, values in options.items())):
            combinations = [[*c, choice] for c in combinations for choice in choices]
        real = [c for c in combinations if not is_complex(c)]
        if not real:
            pytest.skip("complex numbers")
        for c in real:
            check_grads(fun, *settings, **named)(*c[: len(args)], **dict(c[len(args) :]))

    return check


def scalar_close(a: float, b: float) -> bool:
    return bool(onp.isclose(a, b, 1e-6, 1e-6))


def check_equivalent(x: Any, y: Any) -> None:
    for a, b in zip(leaves(x), leaves(y), strict=True):
        onp.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6, strict=True)


# autograd.numpy


def array(value: Any, *args: Any, **options: Any) -> Any:
    if any(isinstance(leaf, Tensor) for leaf in leaves(value)):
        return value * 1 if isinstance(value, Tensor) else onp.stack([array(v) for v in value])
    return onp.array(value, *args, **options)


def of_lists(function: Any) -> Any:
    """A function of NumPy's that is given arrays in place of lists; NumPy asks the elements of a list nothing."""
    return lambda *args, **options: function(*(array(x) if isinstance(x, list | tuple) else x for x in args), **options)


class Joined:
    """np.r_ and np.c_: what stands in the brackets, joined along the first axis or the last."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __getitem__(self, parts: Any) -> Any:
        parts = parts if isinstance(parts, tuple) else (parts,)
        arrays = [onp.arange(x.start, x.stop) if isinstance(x, slice) else onp.atleast_1d(x) for x in parts]
        return onp.concatenate(arrays, self.axis)


def module(name: str, **members: Any) -> Any:
    """A module of this package by that name."""
    made = sys.modules[f"autograd.{name}"] = ModuleType(f"autograd.{name}")
    vars(made).update(members)
    return made


numpy = module("numpy", **vars(onp))
vars(numpy).update(
    {name: of_lists(getattr(onp, name)) for name in ("append", "mean", "std", "var")},
    array=array, r_=Joined(0), c_=Joined(-1), linalg=SimpleNamespace(**vars(onp.linalg)),
    int64=type("int64", (onp.int64,), {"__new__": lambda cls, x: onp.int64(plain(x))}),
    make_diagonal=lambda d, **axes: d[..., None] * onp.eye(d.shape[-1]),
)  # fmt: skip
vars(numpy.linalg).update(norm=of_lists(onp.linalg.norm), T=lambda a: onp.swapaxes(a, -1, -2), _dot=onp.matmul)
sys.modules["autograd.numpy.random"] = onp.random
test_util = module(
    "test_util", check_grads=check_grads, combo_check=combo_check, check_equivalent=check_equivalent,
    scalar_close=scalar_close,
)  # fmt: skip
tracer = module("tracer", isbox=lambda x: isinstance(x, Tensor))

globals().update(tuple=tuple, list=list, dict=dict, isinstance=isinstance)

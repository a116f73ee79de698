"""Instructions as calls of NumPy and BLAS, and their arguments, as they stand in the source of a step."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_mnist.compiler import blas
from tinygrad_mnist.compiler.functions import COMPARISONS, as_array, as_type
from tinygrad_mnist.compiler.passes.products import added_product
from tinygrad_mnist.compiler.program import Instruction, Value
from tinygrad_mnist.compiler.writing.naming import Names

_INFIX: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!=",
}  # fmt: skip

INTO: dict[Any, str] = {
    as_type: "np.copyto({out}, {0}, casting='unsafe')",
    as_array: "{out}.fill({0})",
    np.copy: "np.copyto({out}, {0})",
    np.where: "np.copyto({out}, {2}); np.copyto({out}, {1}, where={0})",
    np.dot: "np.dot({0}, {1}, out={out})",
}
"""How functions without out= are told where to put their result."""


def call_of(instruction: Instruction, names: Names) -> str:
    """An instruction as an expression."""
    function, arguments = instruction.function, _arguments(instruction, names)
    if function in _INFIX:
        return f"{arguments[0]} {_INFIX[function]} {arguments[1]}"
    if function is operator.getitem:
        return f"{arguments[0]}[{arguments[1]}]"
    if function is operator.neg:
        return f"-{arguments[0]}"
    if function in (np.reshape, np.swapaxes, np.transpose):  # the method takes a fifth of the time
        return f"{arguments[0]}.{function.__name__}({', '.join(map(_unnamed, arguments[1:]))})"
    return f"{_function(function, names)}({', '.join(arguments)})"


def call_into(instruction: Instruction, names: Names) -> str:
    """An instruction as a statement that puts its result where that has its home."""
    function, out, arguments = instruction.function, names.of(instruction.output), _arguments(instruction, names)
    if function in COMPARISONS and instruction.output.dtype != bool:  # numbers in place of a mask
        arguments.append("casting='unsafe'")
    if _is_mask_of_bits(instruction):
        condition, x, _ = arguments
        bits = f".view('i{instruction.output.dtype.itemsize}')"
        return f"np.multiply({x}{bits}, {condition}, out={out}{bits})"
    if function in INTO:
        return INTO[function].format(*arguments, out=out)
    return f"{_function(function, names)}({', '.join([*arguments, f'out={out}'])})"


def text_of(tree: Any, names: Names) -> str:
    """An argument as source."""
    if isinstance(tree, Value):
        return names.of(tree)
    if type(tree) in (list, tuple):
        inner = ", ".join(text_of(x, names) for x in tree) + ("," if len(tree) == 1 else "")
        return f"[{inner}]" if isinstance(tree, list) else f"({inner})"
    if isinstance(tree, slice):
        return f"slice({', '.join(text_of(x, names) for x in (tree.start, tree.stop, tree.step))})"
    if tree is Ellipsis:
        return "..."
    if tree is None or type(tree) in (int, str, bool) or (type(tree) is float and np.isfinite(tree)):
        return repr(tree)
    if isinstance(tree, np.dtype):
        return f"np.dtype({tree.str!r})"
    return names.known(getattr(tree, "__name__", type(tree).__name__), tree)


def terms_of(instruction: Instruction) -> tuple[Any, ...]:
    """Of a product: c, a, b, alpha and beta of alpha a @ b + beta c; c is None where nothing is added to."""
    return instruction.args if instruction.function is added_product else (None, *instruction.args, 0.0)


def gemm_for(value: Value, names: Names) -> str:
    """The name of BLAS's product of a value's dtype."""
    name = "dgemm" if value.dtype == np.float64 else "sgemm"
    names.things[name] = blas.gemm(name)
    return name


def _arguments(instruction: Instruction, names: Names) -> list[str]:
    named = [f"{name}={text_of(value, names)}" for name, value in instruction.options.items()]
    return [*(text_of(value, names) for value in instruction.args), *named]


def _unnamed(argument: str) -> str:
    """An argument by its place: methods have other names for them."""
    return argument.partition("=")[2] or argument


def _function(function: Any, names: Names) -> str:
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    ufunc = getattr(owner, "__name__", "")
    if isinstance(owner, np.ufunc) and vars(np).get(ufunc) is owner:
        return f"np.{ufunc}.{name}"
    if getattr(np, name, None) is function:
        return f"np.{name}"
    return names.known(name or type(function).__name__, function)


def _is_mask_of_bits(instruction: Instruction) -> bool:
    """Whether x or 0 is chosen, which a product of x's bits with 0 or 1 does several times as fast."""
    if instruction.function is not np.where:
        return False
    condition, x, other = instruction.args
    if not (isinstance(x, Value) and isinstance(condition, Value)) or x.is_number or type(other) not in (int, float):
        return False
    alike = x.dtype == instruction.output.dtype and x.dtype.kind == "f" and x.dtype.itemsize <= 8
    return alike and condition.dtype == bool and str(other) in ("0", "0.0")

"""What is said when something can't be done: the op, its inputs, the reader's own line, and a way out."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tinygrad_mnist.places import Place, at


class MutationError(RuntimeError):
    """A value that a gradient still needs was replaced after it had been used."""


class GraphError(RuntimeError):
    """A derivative was asked for where no graph leads to it."""


def describe(value: Any) -> str:
    """One operand in words: "W1 (10, 784) float32", or the number itself."""
    if not hasattr(value, "shape") or isinstance(value, type):
        return repr(value)
    name = getattr(value, "name", None) or "unnamed"
    made = f" ({value.op}{at(value.place)})" if name == "unnamed" and getattr(value, "op", None) else ""
    return f"{name} {value.shape} {value.dtype}{made}"


def replaced(value: Any, user: Any) -> MutationError:
    """The error that says why no gradient can travel through an operation whose input, or output, has changed since."""
    did = "made" if value is user else "used"
    return MutationError(
        f"the data of {describe(value)} was replaced after {user.op} {did} it{at(user.place)}: its "
        f"gradient would be wrong. Call backward() before you update .data, or run the forward again"
    )


def misfit(array: Any, node: Any) -> Exception:
    """The error for data or a gradient of another shape than a node's, or a dtype that does not convert to its own."""
    if array.shape != node.shape:
        return ValueError(f"an array of shape {array.shape} for {describe(node)}: its shape can't change")
    return TypeError(f"new data of dtype {array.dtype} for {describe(node)}: convert it with .astype first")


def no_graph(output: Any) -> str:
    """Why nothing can be differentiated."""
    return (
        f"no graph leads to {describe(output)}: nothing it was computed from requires gradients, or it was "
        f"computed under no_grad(). Make the parameters with requires_grad=True; a gradient that is to be "
        f"differentiated again is made with create_graph=True"
    )


def no_gradient(dtype: Any) -> str:
    """Why numbers of this dtype can't learn."""
    return f"{dtype} can't require gradients, floating point can: use .astype(np.float32)"


def cut(value: Any) -> str:
    """Why a computed tensor is made no new one."""
    return f"Tensor(…) would cut {describe(value)} from its graph: take it as it is, or .detach() for its numbers alone"


def not_floating(x: Any, user: Any) -> str:
    """Why no gradient comes to an input from the operation that used it."""
    return (
        f"{user.op}{at(user.place)} leads from {describe(x)} to {user.dtype}, and a gradient travels through "
        f"floating point alone: keep to it, or .detach() what needs no gradient"
    )


def misshapen(cotangent: Any, shape: tuple[int, ...], x: Any = None, user: Any = None) -> str:
    """Why a rule's result can't be the gradient of an input x: broadcasting does not lead from its shape there."""
    rule = f"the rule of {user.op} for its input {describe(x)}{at(user.place)}: " if user is not None else ""
    return f"{rule}a cotangent of shape {cotangent.shape} does not fit a value of shape {shape}"


def taken(operation: Any) -> str:
    """Why no other operation can be called as this one is."""
    return f"an operation {operation} is declared in {operation.module}: call yours something else, @op(…, name=…)"


def not_recorded(function: Any, options: Collection[str]) -> str:
    """Why NumPy's own function can't be called on a tensor, or can't write into an array."""
    # numpy.linalg is called np.linalg, and a ufunc has no module of its own
    name = f"np{(getattr(function, '__module__', None) or '')[5:]}.{getattr(function, '__name__', function)}"
    if "out" in options:
        return f"{name} can't write a Tensor into an array, a -= t: write p.data -= lr * p.grad.data, or a = a - t"
    if options:
        return f"{name} on a Tensor takes no {', '.join(sorted(options))}: nothing could be recorded"
    return f"{name} is not recorded: write it with what is, X @ Y, np.exp(t); no gradient flows through t.numpy()"


def explain(
    error: Exception, op: str, inputs: Sequence[Any], params: Mapping[str, Any], place: Place | None
) -> Exception:
    """The error that NumPy raised, retold with the op, the operands, the user's line and what to do."""
    options = {name: textwrap.shorten(repr(v), 60, placeholder=" …") for name, v in params.items() if v is not None}
    operands = ", ".join([*map(describe, inputs), *(f"{name}={value}" for name, value in options.items())])
    kind = next(k for k in (IndexError, TypeError, ValueError) if isinstance(error, k))
    said = "" if "gufunc signature" in str(error) else f"{error}. "
    return kind(f"{op}({operands}){at(place)}: {said}{_advice(op, inputs, error)}".rstrip())


def _advice(op: str, inputs: Sequence[Any], error: Exception) -> str:
    shapes = [x.shape for x in inputs if hasattr(x, "shape")]
    if op == "matmul" and len(shapes) == 2 and all(shapes):
        left, right = shapes
        if len(right) > 1 and left[-1] == right[-1]:
            return "the inner lengths must be equal: transpose the right operand (.mT)."
        return f"the inner lengths must be equal: {left[-1]} columns on the left, {right[-2:][0]} rows on the right."
    if "broadcast" in str(error):
        return "Aligned from the right, lengths must be equal or 1: reshape one of them, or transpose it."
    if op == "reshape" and inputs and hasattr(inputs[0], "size"):
        return f"Only {inputs[0].size} elements can be arranged; -1 lets one length be worked out."
    return ""

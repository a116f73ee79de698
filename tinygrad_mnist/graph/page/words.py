"""One sentence in plain words for each step. Operations without an entry get a general one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.graph.playback import summed_axes

Array = NDArray[Any]

_FORWARD = {
    "matmul": "Each element of {out} is a sum of {inner} products: a row of {0} times a column of {1}.",
    "vdot": "The products of the elements of {0} with those of {1} are added up: an inner product.",
    "add": "{0} and {1} are added{by}.",
    "sub": "{1} is taken from {0}{by}.",
    "mul": "{0} and {1} are multiplied{by}.",
    "div": "{0} is divided by {1}{by}.",
    "pow": "{0} is raised to the power {1}{by}.",
    "neg": "The sign of {0} is turned{by}.",
    "transpose": "The axes of {0} are exchanged; no number changes.",
    "swapaxes": "Two axes of {0} are exchanged; no number changes.",
    "reshape": "The elements of {0} are arranged in another shape; no number changes.",
    "patches": "Each row of {out} is a window of an image of {0}: what a kernel is multiplied with.",
    "max_pool": "Of each window of {0} the largest element is kept.",
    "relu": "Positive elements of {0} pass, negative ones become 0.",
    "leaky_relu": "Positive elements of {0} pass, negative ones are scaled down.",
    "sigmoid": "Each element of {0} is squeezed between 0 and 1.",
    "erf": "Each element of {0} is squeezed between −1 and 1, by the error function.",
    "tanh": "Each element of {0} is squeezed between −1 and 1.",
    "log_softmax": "Scores become log-probabilities, {out}: each element of {0} less the log of its row's Σ exp.",
    "logsumexp": "The log of the sum of exp({0}): a smooth maximum.",
    "sum": "The elements of {0} are added up{each}.",
    "max": "The largest element of {0} is kept.",
    "min": "The smallest element of {0} is kept.",
    "getitem": "Some elements of {0} are picked out.",
}

_BACKWARD = {
    "matmul": "The gradient reaches {to} multiplied by the other factor, {other}, transposed.",
    "vdot": "Each factor gets the gradient, one number, times the other factor.",
    "add": "A sum hands its gradient on unchanged, to each summand.",
    "sub": "A difference hands its gradient on, with the sign turned for what was subtracted.",
    "mul": "Each factor gets the gradient times the other factor.",
    "div": "The chain rule for a quotient: the gradient is divided by the denominator.",
    "pow": "The power rule: the gradient times the exponent times the base to one power less.",
    "neg": "The sign of the gradient is turned.",
    "transpose": "The gradient is transposed back to the shape of {to}.",
    "swapaxes": "The gradient is transposed back to the shape of {to}.",
    "reshape": "The gradient is put back in the shape of {to}.",
    "patches": "Each pixel of {to} gets the gradients of all the windows that it is part of, added up.",
    "max_pool": "Only the largest element of each window gets its gradient.",
    "relu": "The gradient passes where {to} was positive ({passed}), and stops at 0 elsewhere.",
    "leaky_relu": "The gradient passes where {to} was positive ({passed}), and is scaled down elsewhere.",
    "sigmoid": "The gradient is multiplied by the slope σ(1 − σ), at most ¼.",
    "erf": "The gradient is multiplied by the slope 2/√π · exp(−x²).",
    "tanh": "The gradient is multiplied by the slope 1 − tanh², at most 1.",
    "exp": "exp is its own slope: the gradient is multiplied by the result.",
    "log": "The slope of log is 1/x: the gradient is divided by {to}.",
    "log_softmax": "What goes on is the gradient that came in minus ŷ = softmax({to}) times the sum of its row.",
    "logsumexp": "The gradient is shared out in proportion to softmax.",
    "sum": "Every summand gets the same gradient, a copy each.",
    "max": "Only the largest element gets the gradient.",
    "min": "Only the smallest element gets the gradient.",
    "getitem": "The gradient goes back to the elements that were picked, 0 to the others.",
}


def given(count: int) -> str:
    """What stands before the first operation."""
    return f"The graph starts from {count} given {'tensor' if count == 1 else 'tensors'}; nothing is computed yet."


def forward(op: str, out: str, operands: Sequence[str], arrays: Sequence[Array], result: Array) -> str:
    """What an operation does, and what was repeated to fit."""
    inner = np.shape(arrays[0])[-1:] or (1,)
    count = np.size(arrays[0]) // max(result.size, 1)
    each = f", {count} for each element of {out}" if result.size > 1 else f": {count} of them"
    by = ", element by element" if result.ndim else ""
    template = _FORWARD.get(op, "{out} is computed from {all}.")
    text = template.format(*operands, out=out, inner=inner[0], count=count, each=each, by=by, all=_list(operands))
    return " ".join([text, *_repeated(op, operands, arrays, result)])


def _repeated(op: str, operands: Sequence[str], arrays: Sequence[Array], result: Array) -> list[str]:
    if op in ("matmul", "einsum") or len(operands) < 2:
        return []
    return [
        f"{name} is used again for {_extent(summed_axes(result.shape, np.shape(x)), result.shape)}."
        for name, x in zip(operands, arrays, strict=True)
        if np.shape(x) and np.shape(x) != result.shape and math.prod(np.shape(x)) < result.size
    ]


def start(output: str, shape: tuple[int, ...]) -> str:
    """Where the backward pass begins."""
    if math.prod(shape) == 1:
        return f"Backward begins: {output} changes by 1 when {output} changes by 1, so its own gradient is 1."
    return f"Backward begins with the given gradient of {output}."


def backward(op: str, to: str, x: Array, operands: Sequence[str], came_in: Array) -> str:
    """How one input gets its share."""
    other = _list([name for name in operands if name != to]) or to
    passed = f"{np.mean(x > 0):.0%} of it" if x.size else "nowhere"
    template = _BACKWARD.get(op, "The gradient is multiplied by the local derivative of {op} with respect to {to}.")
    text = template.format(to=to, other=other, passed=passed, op=op)
    return f"{text} {_prediction_minus_truth(came_in)}" if op == "log_softmax" else text


def _prediction_minus_truth(came_in: Array) -> str:
    """The softmax cross-entropy's own sentence, where the gradient says that it is one."""
    rows = came_in.sum(axis=-1)
    m = rows.size
    if came_in.ndim < 1 or not m or not np.allclose(rows, -1 / m, rtol=1e-4):
        return ""
    share = f"divided by the {m} examples" if m > 1 else "of this example"
    return f"As −y/{m} came in, (ŷ − y)/{m} comes out: prediction minus truth, the books' δ, {share}."


def shapes(op: str, to: str, position: int, operands: Sequence[tuple[int, ...]], result: tuple[int, ...]) -> str:
    """Why the gradient of a matrix has the shape of the matrix."""
    if op != "matmul" or any(len(shape) != 2 for shape in operands):
        return ""
    left, right = operands
    factors = (result, right[::-1]) if position == 0 else (left[::-1], result)
    (rows, inner), (_, columns) = factors
    of = f"the shape of {to}; each element is a sum of {inner} products"
    return f"shapes: ({rows}, {inner}) times ({inner}, {columns}) gives ({rows}, {columns}), {of}"


def unbroadcast(op: str, to: str, axes: Sequence[int], shape: tuple[int, ...], gradient: str) -> str:
    """Why a gradient is summed where the forward pass had repeated a value."""
    extent, verb = _extent(axes, shape), {"add": "added to", "mul": "multiplied with"}.get(op, "used for")
    return f"{to} was {verb} {extent}, so its gradient is the sum over {extent.replace('all', 'the', 1)} of {gradient}."


def _extent(axes: Sequence[int], shape: tuple[int, ...]) -> str:
    """The repeated axes in words: "all 8 rows"."""
    count = math.prod(shape[axis] for axis in axes)
    last = len(shape) - 1
    what = ("rows" if tuple(axes) == (0,) else "columns") if last == 1 and len(axes) == 1 else "places"
    return f"all {count} {what}"


def accumulated(to: str, number: int, of: int) -> str:
    """That a value used more than once adds up what comes from each use."""
    if of == 1:
        return ""
    if number == 1:
        return f"{to} is used {of} times, so its gradient is a sum of {of} shares; this is the first."
    return f"{to} is used {of} times: this is share {number} of {of}, added to what came before."


def summary(output: str, parameters: int) -> str:
    """What has been reached."""
    what = "parameter has its" if parameters == 1 else "parameters have their"
    return f"Done: {parameters} {what} gradient. Each says how {output} changes when the parameter does."


def _list(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""

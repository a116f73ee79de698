"""Print docs/ops.md: every operation with its rules, written by running them on named tensors.

python docs/ops_table.py > docs/ops.md
"""

import sys

import numpy as np

from tinygrad_mnist import Tensor, graph
from tinygrad_mnist.array_functions.einstein import einsum
from tinygrad_mnist.engine import OPS, ops

HEAD = """\
# Every operation and its rules

Written by `python docs/ops_table.py`, which runs each rule on named tensors and prints what it computes. g is
∂L/∂z, the gradient that reaches the result; [x > 0] is 1 where it holds and 0 elsewhere. Where an operand was
broadcast, its gradient is summed over the axes along which it was repeated.

| operation | z | gradients |
|---|---|---|
"""


def tensor(*shape, positive=False):
    """Distinct numbers of either sign, none at a kink."""
    numbers = np.linspace(0.3, 1.9, int(np.prod(shape)))
    signs = 1 if positive else (-1) ** np.arange(numbers.size)
    return Tensor((numbers * signs).reshape(shape), requires_grad=True)


def matrix(positive=False):
    return tensor(3, 4, positive=positive)


MASK = np.arange(12).reshape(3, 4) % 3 == 0
EXAMPLES = {
    "pow": [lambda: ops.pow(matrix(), 3), lambda: ops.pow(matrix(positive=True), matrix(positive=True))],
    "matmul": [
        lambda: ops.matmul(tensor(3, 4), tensor(4, 2)),
        lambda: ops.matmul(tensor(3, 4), tensor(4)),
        lambda: ops.matmul(tensor(4), tensor(4)),
    ],
    "add": [lambda: ops.add(matrix(), matrix()), lambda: ops.add(matrix(), tensor(4))],
    "mul": [lambda: ops.mul(matrix(), matrix()), lambda: ops.mul(matrix(), 3)],
    "clip": [lambda: ops.clip(matrix(), -1, 1)],
    "where": [lambda: ops.where(Tensor(MASK, name="c"), matrix(), matrix())],
    "reshape": [lambda: ops.reshape(matrix(), (2, 6))],
    "transpose": [lambda: ops.transpose(matrix()), lambda: ops.transpose(tensor(2, 3, 4), (1, 2, 0))],
    "swapaxes": [lambda: ops.swapaxes(tensor(2, 3, 4), 0, 1)],
    "flip": [lambda: ops.flip(matrix(), 0)],
    "astype": [lambda: ops.astype(matrix(), np.float32)],
    "broadcast_to": [lambda: ops.broadcast_to(tensor(4), (3, 4))],
    "pad": [lambda: ops.pad(matrix(), 1)],
    "sum": [lambda: ops.sum(matrix()), lambda: ops.sum(matrix(), 0), lambda: ops.sum(matrix(), -1, keepdims=True)],
    "max": [lambda: ops.max(matrix(), -1, keepdims=True)],
    "min": [lambda: ops.min(matrix(), -1, keepdims=True)],
    "prod": [lambda: ops.prod(matrix())],
    "cumsum": [lambda: ops.cumsum(tensor(4), 0)],
    "logsumexp": [lambda: ops.logsumexp(matrix(), -1, keepdims=True)],
    "getitem": [lambda: ops.getitem(matrix(), slice(0, 2)), lambda: ops.getitem(matrix(), [0, 2, 2])],
    "scatter_add": [lambda: ops.scatter_add(tensor(2, 4), slice(0, 2), (3, 4))],
    "concatenate": [lambda: ops.concatenate([matrix(), matrix()])],
    "einsum": [lambda: einsum("ij,jk->ik", tensor(3, 4), tensor(4, 2))],
}
"""Calls of the operations that do not simply take arrays of one shape."""


def calls(name):
    """Examples of one operation, run."""
    positive = name in ("log", "log1p", "sqrt")
    default = [lambda: getattr(ops, name)(*[matrix(positive) for _ in range(OPS[name].arity)])]
    return [example() for example in EXAMPLES.get(name, default)]


def row(name, node):
    """An operation's line of the table."""
    value, *gradients = graph.rules(node)
    rules = " <br> ".join(f"${e.left.latex} = {e.right.latex}$" for e in gradients)
    return f"| {name} | ${value.right.latex}$ | {rules} |\n".replace("\\left|", "\\left\\vert ").replace(
        "\\right|", "\\right\\vert "
    )


def table():
    """The whole document."""
    return HEAD + "".join(
        row(name, node) for name in OPS if hasattr(ops, name) or name in EXAMPLES for node in calls(name)
    )


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    print(table(), end="")

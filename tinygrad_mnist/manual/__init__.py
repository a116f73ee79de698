"""Backprop derived by hand, in NumPy alone: the independent judge of what autograd computes.

`rows` has one example per row (batch × features), as the library does; `columns` has one per column
(features × m), as the tutorials write it. Both are the same derivation, for any depth and width. They are written to
be read beside the book, and not optimized.
"""

from tinygrad_mnist.manual import columns, heads, rows
from tinygrad_mnist.manual.activations import ACTIVATIONS, Activation, leaky_relu, relu, sigmoid, tanh
from tinygrad_mnist.manual.heads import HEADS, PENALTIES, Head, Penalty

__all__ = [
    "ACTIVATIONS", "HEADS", "PENALTIES", "Activation", "Head", "Penalty", "columns", "heads", "leaky_relu", "relu",
    "rows", "sigmoid", "tanh",
]  # fmt: skip

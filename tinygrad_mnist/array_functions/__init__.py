"""NumPy's own words on tensors: what a program written for arrays calls, put together from the engine's operations.

`Tensor` finds a NumPy function in the tables `NUMPY` and `PLAIN` of `engine.tensor`. The engine fills them with its
operations; the modules here add what is composed of these (`products`, `elementwise`, `reductions`, `shapes`,
`padding`, `lines`), some with rules of their own (in `elementwise`, `linear_algebra` and `einstein`), what has no
derivative and gives plain arrays (`plain`), what an array's methods are called (`methods`), and what to write in place
of the words that can't be recorded (`refused`). `leaving` refuses what would take a number out of the graph without a
word. Nothing in the engine needs them.
"""

from tinygrad_mnist.array_functions import (
    einstein,
    elementwise,
    leaving,
    linear_algebra,
    lines,
    methods,
    padding,
    plain,
    products,
    reductions,
    refused,
    shapes,
)  # fmt: skip

__all__ = [
    "einstein", "elementwise", "leaving", "linear_algebra", "lines", "methods", "padding", "plain", "products",
    "reductions", "refused", "shapes",
]  # fmt: skip

"""Parameters that are single numbers, without arrays: no shape tells a learning rate from what enters the network."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinygrad_mnist.grading.watching.graph import Node
from tinygrad_mnist.grading.watching.training import Step


def rate_before(product: Node, step: Step) -> float:
    """The rate in a product of it with several numbers, as lr * delta * x is; 0 where it is one of the rate with one.

    It is what does not depend on labels, and is used nowhere in the forward pass.
    """
    used = {o for node in step.forward for o in node.operands} | step.forward | step.by_labels
    factors = list(_factors(product))
    rates = [float(o.value) for o in factors if o not in used]
    return math.prod(rates) if len(factors) - len(rates) > 1 else 0.0


def _factors(node: Node) -> Iterator[Node]:
    """The numbers that a number is a product of, as far as they have no name."""
    if node.names or node.op not in ("*", "neg"):
        yield node
        return
    for operand in node.operands:
        yield from _factors(operand)

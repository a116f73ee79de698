"""In which order a learner's function returns its gradients, told by their shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinygrad_mnist.grading.settings import Convention
from tinygrad_mnist.grading.textbook.derivation import Network

Order = tuple[tuple[str, int], ...]
"""A "W" or "b" and its layer, for each array that is returned."""


def orders(L: int) -> Iterator[Order]:
    """The usual order first: layer by layer, all weights before all biases, each from either end."""
    for layers in (range(1, L + 1), range(L, 0, -1)):
        yield tuple((p, l) for l in layers for p in "Wb")
        yield tuple((p, l) for p in "Wb" for l in layers)


def reordered(
    outcomes: Sequence[dict[str, Any]], nets: Sequence[Network], convention: Convention
) -> tuple[list[dict[str, Any]], str]:
    """The outcomes with their arrays as dW1, db1, dW2, …, and the order that they had; nothing where it was that.

    Another order is taken only where more of the arrays then have their parameters' shapes: networks of different
    sizes tell, where anything was returned on them.
    """
    usual, *others = orders(nets[0].L)

    def fitting(order: Order) -> int:
        return sum(
            convention.to_columns(array, parameter).shape == parameter.shape
            for outcome, net in zip(outcomes, nets, strict=True)
            for array, (p, l) in zip(outcome.get("arrays", ()), order, strict=False)
            for parameter in (getattr(net, p)[l],)
        )

    order = max((usual, *others), key=fitting)
    if order == usual:
        return list(outcomes), ""
    places = [order.index(place) for place in usual]
    moved = [o | {"arrays": [o["arrays"][i] for i in places]} if "arrays" in o else o for o in outcomes]
    return moved, ", ".join(f"d{p}{l}" for p, l in order)

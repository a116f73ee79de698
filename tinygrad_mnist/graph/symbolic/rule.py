"""The local rule of each share, as a formula: the operation's own vjp, run on named tensors and written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.page.naming import LOG_PREDICTION
from tinygrad_mnist.graph.symbolic.notation import Text, number, write
from tinygrad_mnist.graph.symbolic.traced import Traced, pull

LONGEST = 600
"""How many characters of LaTeX a formula may have."""

_TRANSPOSES = ("transpose", "swapaxes")
_TRANSPOSED = r"^{\top}"


def local_rule(node: Node, position: int, cotangent: Any, names: Sequence[Text], out: Text, g: Text) -> str | None:
    """∂L/∂input in LaTeX; None where the rule does not run on names, or comes out too long to help.

    names: of the inputs, in order; out and g: of the result and of the gradient that came in.
    """
    assert node.op
    traced = [Traced(x.data) if isinstance(x, Node) else x for x in node.inputs]
    gradient, value = Traced(cotangent), Traced(node.data)
    named = dict[Any, Text]()
    named.update((x, name) for x, name in zip(traced, names, strict=True) if isinstance(x, Node))
    named.update({gradient: g, value: out})
    try:
        with np.errstate(all="ignore"):
            share = pull(node.op, position, gradient, value, traced, node.params)
    except (TypeError, ValueError, IndexError):
        return None
    text = _write(share, named).text
    return text if len(text) <= LONGEST else None


def _write(value: Any, named: dict[Any, Text]) -> Text:
    """An expression down to what has a name; rules are a few operations deep."""
    if isinstance(value, Node) and value in named:
        return named[value]
    if not isinstance(value, Node) or value.op is None:
        array = np.asarray(plain(value))
        return number(array.item(), "latex") if array.size == 1 else Text(r"\mathrm{const}")
    operands = [_write(x, named) for x in value.inputs]
    shapes = [getattr(plain(x), "shape", ()) for x in value.inputs]
    name, first = value.op.name, operands[0]
    if name == "swapaxes" and first.op in _TRANSPOSES and first.text.endswith(_TRANSPOSED):
        return Text(first.text.removesuffix(_TRANSPOSED))
    if name == "exp" and first == LOG_PREDICTION:
        return Text("ŷ")
    return write(name, operands, value.params, shapes, "latex")

"""What the page calls each value: the learner's own name, else the book's, else a short expression, else v7."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from tinygrad_mnist.graph.description import Description, Vertex
from tinygrad_mnist.graph.symbolic.notation import Style, Text, name, number, write

LONGEST = 15
_BIAS = re.compile(r"b_?(\d+)")
_ACTIVATIONS = {"relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus"}

LOG_PREDICTION = Text(r"\log ŷ", "factor", "log_softmax")
"""What a log-softmax is called: the logarithm of the prediction."""


@dataclass(frozen=True)
class Named:
    """A value as text and formulas write it."""

    text: Text
    latex: Text


def names(description: Description, operands: dict[str, list[str]]) -> dict[str, Named]:
    """A name for every vertex, each different: a second W is W (2).

    An output without a name is L. The sum with a bias b1 is called z1 and an activation of z1 is called a1, as
    textbooks do; the log-softmax, whatever it is taken of, is log ŷ. v7 is the seventh operation.
    """
    found: dict[str, Named] = {}
    taken = Counter(vertex.name for vertex in description.vertices if vertex.name)
    numbers = {vertex.key: number for number, vertex in enumerate(description.operations, start=1)}
    used: Counter[str] = Counter()
    for vertex in description.vertices:
        inputs = [found[key] for key in operands[vertex.key]]
        own = vertex.name or _textbook(vertex, inputs, taken)
        if own is None and vertex.kind == "output":
            own = "L" if "L" not in taken else "output"
        if vertex.kind == "constant":
            found[vertex.key] = _constant(vertex, description)
            continue
        if own is None and vertex.op:
            expression = written(vertex, inputs, description, operands)
            own = None if len(expression.text.text) <= LONGEST else f"v{numbers[vertex.key]}"
        used[shown := own or (expression.text.text if vertex.op else vertex.label)] += 1
        if own is None and vertex.op and used[shown] == 1:
            found[vertex.key] = expression
        else:
            unique = f"{shown} ({used[shown]})" if used[shown] > 1 else shown
            latex = LOG_PREDICTION if unique == "log ŷ" and not vertex.name else name(unique, "latex")
            found[vertex.key] = Named(name(unique, "text"), latex)
    return found


def written(vertex: Vertex, inputs: list[Named], description: Description, operands: dict[str, list[str]]) -> Named:
    """An operation on values that have their names."""
    params = description.node(vertex.key).params
    shapes = [description.value(key).shape for key in operands[vertex.key]]

    def style(language: Style) -> Text:
        parts = [x.latex if language == "latex" else x.text for x in inputs]
        return write(str(vertex.op), parts, params, shapes, language)

    return Named(style("text"), style("latex"))


def _constant(vertex: Vertex, description: Description) -> Named:
    value = description.value(vertex.key).item()
    if isinstance(value, complex):
        return Named(Text(vertex.label), Text(vertex.label))
    return Named(number(value, "text"), number(value, "latex"))


def _textbook(vertex: Vertex, inputs: list[Named], taken: Counter[str]) -> str | None:
    found = None
    texts = [x.text.text for x in inputs]
    if vertex.op == "add" and (biases := [match for x in texts if (match := _BIAS.fullmatch(x))]):
        found = f"z{biases[-1][1]}"
    elif vertex.op == "log_softmax":
        found = "log ŷ"
    elif vertex.op in _ACTIVATIONS and (match := re.fullmatch(r"z(\d+)", texts[0])):
        found = f"a{match[1]}"
    return found if found and not taken[found] else None

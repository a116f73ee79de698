"""What the page calls each value: the name it goes by everywhere, else a short expression, else v7."""

from __future__ import annotations

from collections import Counter

from tinygrad_mnist.graph.description import Description, Vertex
from tinygrad_mnist.graph.symbolic.names import Name, applied, named
from tinygrad_mnist.graph.symbolic.pieces import number

LONGEST = 15


def names(description: Description) -> dict[str, Name]:
    """A name for every vertex, each different: a second W is W (2).

    An output without a name is L. v7 is the seventh operation.
    """
    found: dict[str, Name] = {}
    taken = {vertex.name for vertex in description.vertices}
    numbers = {vertex.key: number for number, vertex in enumerate(description.operations, start=1)}
    used: Counter[str] = Counter()
    for vertex in description.vertices:
        if vertex.kind == "constant":
            found[vertex.key] = _constant(vertex, description)
            continue
        wanted = named(vertex.name) if vertex.name else None
        if wanted is None and vertex.kind == "output":
            wanted = named("output" if "L" in taken else "L")
        if wanted is None and vertex.op:
            expression = written(vertex, found, description)
            wanted = expression if len(expression.text) <= LONGEST else named(f"v{numbers[vertex.key]}")
        wanted = wanted or named(vertex.label)
        used[wanted.text] += 1
        count = used[wanted.text]
        found[vertex.key] = wanted if count == 1 else named(f"{wanted.text} ({count})")
    return found


def written(vertex: Vertex, names: dict[str, Name], description: Description) -> Name:
    """An operation on values that have their names."""
    operands = description.operands(vertex.key)
    shapes = [description.value(key).shape for key in operands]
    return applied(str(vertex.op), [names[key] for key in operands], description.node(vertex.key).params, shapes)


def _constant(vertex: Vertex, description: Description) -> Name:
    value = description.value(vertex.key).item()
    if isinstance(value, complex):
        return named(vertex.label)
    return Name(number(value, "latex"), number(value, "text"))

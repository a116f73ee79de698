"""Autograd's formulas for a program's own loss, in the program's names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist import graph
from tinygrad_mnist.engine import Node as Recorded
from tinygrad_mnist.grading.watching.tape import Node
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.explanation import Equation

LOSS = "L"
"""What the loss is called."""


@dataclass(frozen=True)
class Formulas:
    """∂L/∂x as text for each value, and what the letters in it stand for."""

    of: dict[Node, str]
    where: tuple[str, ...]


def formulas(
    loss: Any, values: Mapping[Node, Any], wanted: Sequence[Node], names: Mapping[Node, str], data: Sequence[Node]
) -> Formulas:
    """The formulas of the wanted values, derived from the graph of the loss.

    values: the tensors of nodes. names: what the values are called; where none is asked for, it is in none of the
    formulas but as a value. data: what else has names in the program.
    """
    recorded = set(Recording(loss).nodes)
    tensors = {node: t for node, t in values.items() if isinstance(t, Recorded) and t in recorded}
    for node, tensor in tensors.items():
        tensor.name = names.get(node)
    _name_data(loss, data)
    loss.name = LOSS
    targets = {node: tensors[node] for node in wanted if node in tensors and tensors[node] is not loss}
    if not targets:
        return Formulas({}, ())
    sections = graph.explain(loss, dict.fromkeys(targets.values())).sections
    together = next(s for s in sections if s.title.startswith("Together"))
    rest = [e for s in sections if s is not together and s.title in ("Forward", "Where") for e in s.equations]
    unguarded = {e.left.text.partition(" without ")[0]: e for e in rest if " without " in e.left.text}
    written = {}
    for node in targets:
        partial = f"∂{LOSS}/∂{names[node]}"
        equation = unguarded.get(partial) or next(
            (e for e in together.equations if e.left.text.split(" = ")[-1] == partial), None
        )
        if equation is not None:
            written[node] = f"{equation.left.text.partition(' without ')[0]} = {equation.right.text}"
    where = _where(written.values(), [*together.equations, *rest], set(names.values()))
    return Formulas(written, tuple(where))


def _name_data(loss: Any, data: Sequence[Node]) -> None:
    """Put leaves with names in place of the arrays in a graph that have names in the program."""
    arrays = [node for node in data if np.ndim(node.value) > 0]
    leaves: dict[int, Any] = {}
    for operation in Recording(loss).operations:
        for x in operation.inputs:
            if isinstance(x, np.ndarray) and x.size > 1 and id(x) not in leaves:
                name = next((_called(n) for n in arrays if _called(n) and _same(n.value, x)), None)
                leaves[id(x)] = Recorded(x)
                leaves[id(x)].name = name
        operation.inputs = tuple(leaves.get(id(x), x) for x in operation.inputs)


def _called(node: Node) -> str:
    if node.names:
        return node.name.rpartition(".")[2]
    turned = node.op in ("T", "transpose") and node.operands and node.operands[0].names
    return f"{_called(node.operands[0])}ᵀ" if turned else ""


def _same(value: Any, array: Any) -> bool:
    return value is array or (value.shape == array.shape and bool(np.array_equal(value, array)))


def _where(written: Any, equations: Sequence[Equation], names: set[str]) -> Iterator[str]:
    """The equations of what stands in the formulas and is no name in the program."""
    text = list(written)
    left = [
        e for e in equations if e.left.text not in names and "∂" not in e.left.text and " without " not in e.left.text
    ]
    used: list[Equation] = []
    for line in text:
        for e in left:
            if e not in used and re.search(rf"(?<!\w){re.escape(e.left.text)}(?!\w)", line):
                used.append(e)
                text.append(e.right.text)
    for e in used:
        if not e.remark.startswith("where "):
            remark = f" ({e.remark})" if e.remark and "×" not in e.remark else ""
            yield f"{e.left.text} = {e.right.text}{remark}"

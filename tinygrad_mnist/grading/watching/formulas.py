"""Autograd's formulas for a program's own loss, in the program's names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist import graph
from tinygrad_mnist.engine import Node as Recorded
from tinygrad_mnist.grading.watching.graph import Node
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.graph.symbolic.explanation import Equation

LOSS = "L"
"""What the loss is called."""

Names = Mapping[Node, str]
"""What values are called."""

COMPARISONS = {">", ">=", "<", "<="}


@dataclass(frozen=True)
class Formulas:
    """∂L/∂x as text for each value, and what the letters in it stand for."""

    of: dict[Node, str]
    where: tuple[str, ...]


def formulas(
    loss: Any, values: Mapping[Node, Any], wanted: Sequence[Node], names: Names, data: Sequence[Node], prediction: str
) -> Formulas:
    """The formulas of the wanted values, derived from the graph of the loss.

    values: the tensors of nodes. wanted: those whose derivatives stand in the formulas, where a formula leads through
    them. data: what else has names in the program. prediction: what it calls the output, where the loss is of what a
    softmax is taken of; "" where it has no name.
    """
    recorded = set(Recording(loss).nodes)
    tensors = {node: t for node, t in values.items() if isinstance(t, Recorded) and t in recorded}
    for node, tensor in tensors.items():
        tensor.name = names.get(node)
    _name_data(loss, data, names)
    loss.name = LOSS
    targets = {node: tensors[node] for node in wanted if node in tensors and tensors[node] is not loss}
    if not targets:
        return Formulas({}, ())
    sections = graph.explain(loss, dict.fromkeys(targets.values())).sections
    equations = [e for s in sections if not s.title.startswith("Backward") for e in s.equations]
    whole = {name: e for e in equations for name in e.left.text.split(" = ")}
    unguarded = {name.partition(" without ")[0]: e for name, e in whole.items() if " without " in name}
    written = {}
    for node in targets:
        equation = whole.get(f"∂{LOSS}/∂{names[node]}")
        if equation is not None:
            left = equation.left.text
            plain = next((unguarded[name] for name in left.split(" = ") if name in unguarded), equation)
            written[node] = left, plain.right.text
    shown = {name for left, _ in written.values() for name in left.split(" = ")} | set(names.values())
    where = _where([right for _, right in written.values()], equations, shown)
    called = prediction if prediction not in ("", *(tensor.name for tensor in tensors.values())) else "ŷ"
    of = {node: f"{left} = {right}".replace("ŷ", called) for node, (left, right) in written.items()}
    return Formulas(of, tuple(line.replace("ŷ", called) for line in where))


def _name_data(loss: Any, data: Sequence[Node], names: Names) -> None:
    """Put leaves with names in place of the arrays in a graph that have names in the program."""
    called = [(name, node.value) for node in data if np.ndim(node.value) > 0 and (name := _called(node, names))]
    leaves: dict[int, Any] = {}
    for operation in Recording(loss).operations:
        for x in operation.inputs:
            if isinstance(x, np.ndarray) and x.size > 1 and id(x) not in leaves:
                leaves[id(x)] = Recorded(x)
                leaves[id(x)].name = next((name for name, value in called if _same(value, x)), None)
        operation.inputs = tuple(leaves.get(id(x), x) for x in operation.inputs)


def _called(node: Node, names: Names) -> str:
    """What an array is called: Y, Xᵀ, or (Z1 > 0); "" for what is none of these."""
    if node in names:
        return names[node]
    if node.names:
        return min((name.rpartition(".")[2] for name in node.names), key=len)
    of = _called(node.operands[0], names) if len(node.operands) == 1 else ""
    if of and node.op in ("T", "transpose"):
        return f"{of}ᵀ"
    if of and node.op in COMPARISONS and isinstance(node.arguments[-1], (int, float)):
        return f"({of} {node.op} {node.arguments[-1]:g})"
    return ""


def _same(value: Any, array: Any) -> bool:
    return value is array or (value.shape == array.shape and bool(np.array_equal(value, array)))


def _where(written: Sequence[str], equations: Sequence[Equation], shown: Collection[str]) -> Iterator[str]:
    """The equations of what stands in the formulas and is neither a name in the program nor shown itself."""
    texts = [LOSS, *written]
    left = {e.left.text: e for e in equations if e.left.text not in shown and " without " not in e.left.text}
    for text in texts:
        for name in [n for n in left if re.search(rf"(?<![\w/∂]){re.escape(n)}(?!\w)", text)]:
            equation = left.pop(name)
            texts.append(equation.right.text)
            if not equation.remark.startswith("where "):
                remark = f" ({equation.remark})" if equation.remark and "×" not in equation.remark else ""
                yield f"{name} = {equation.right.text}{remark}"

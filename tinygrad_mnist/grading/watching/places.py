"""Where the quantities that a finding is about stand in a watched program: the learner's own lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.watching.graph import LINEAR, MULTIPLYING, Node, seen_through, walk
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.rewriting import round_numbers, shrunk
from tinygrad_mnist.grading.watching.source import Source
from tinygrad_mnist.grading.watching.textbook import Observed
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.notation import SYMBOLS

PRODUCTS = LINEAR | {"outer", "einsum", "tensordot"}
"""Operations by which δ becomes a gradient of weights, and is carried back."""

PICKING = {"[]", "take"}
"""Operations that take some of the examples."""

OF_A_FACTOR = {"error-doubled", "error-square-factor"}
"""Mistakes in δ(L) that may stand where it is multiplied by a number."""


class Places:
    """Where the quantities of a finding stand in the program.

    nodes: what they are. within: those in whose own line a mistake of this slot is.
    """

    def __init__(self, observed: Observed | None, source: Source) -> None:
        self.source = source
        self.nodes: dict[str, list[Node]] = {}
        self.within: dict[str, dict[str, list[Node]]] = {"carried": {}, "error": {}}
        self.last = ""
        if observed is not None:
            self.last = f"δ({len(observed.layers)})"
            self.nodes["ŷ"] = [seen_through(p.output) for p in observed.passes[:1]]
            for (quantity, l), part in observed.parameters.items():
                if isinstance(part, Lineage) and part in observed.step.after:
                    self.nodes[f"update of {quantity[1]}({l})"] = [observed.step.after[part]]
            self._add_gradients(observed)

    def _add_gradients(self, observed: Observed) -> None:
        for (quantity, l), gradient in observed.gradients.items():
            if gradient is None:
                continue
            self.nodes[f"{SYMBOLS[quantity]}({l})"] = [gradient.node]
            error = next(_errors(gradient.node, observed.step), None) if quantity == "dW" else None
            if error is not None:
                self.nodes[f"δ({l})"] = [error]
                self.within["carried"][f"δ({l})"] = _carried(error, observed, l)
                self.within["error"][f"δ({l})"] = [_unscaled(error)]

    def of(self, finding: Finding) -> Finding:
        known = self.nodes | self.within.get(_slot(finding), {})
        nodes = [node for symbol in self._symbols(finding) for node in known.get(symbol, ())]
        numbers = [int(place) for place in finding.places] or [node.line for node in nodes]
        texts = dict.fromkeys(written(self.source, line) for line in numbers if line > 0)
        counted = finding.names == ("error-constant",)
        what = re.sub(r"\b\d{2,}\b", self._as_written, finding.what) if counted else finding.what
        return replace(finding, places=tuple(texts), what=what)

    def _as_written(self, number: re.Match[str]) -> str:
        """A count as the program has it, and not as it was shrunk."""
        counts = round_numbers(self.source.text)
        return next((str(count) for count in sorted(counts) if shrunk(count, counts) == int(number[0])), number[0])

    def _symbols(self, finding: Finding) -> Iterator[str]:
        for where in finding.where:
            if where in self.nodes:
                yield where
            of_all = [s for s in self.nodes if s != self.last or not where.endswith("hidden layer")]
            for kind in re.findall(r"(\S+)(?= in every| and )", where) + re.findall(r" and (\S+) in every", where):
                yield from (s for s in of_all if s.startswith(f"{kind}("))


def written(source: Source, line: int) -> str:
    return f"{source.place(line)}: {source.line(line)}"


def _errors(gradient: Node, step: Step) -> Iterator[Node]:
    """The δ in the product that a gradient of weights is."""
    for product in _products(gradient, step):
        yield from map(seen_through, _learned(product, step))


def picked(labels: Node | None) -> tuple[str, ...]:
    """The line in which the labels of a step were picked from all."""
    while labels is not None and labels.op not in PICKING:
        labels = labels.operands[0] if labels.operands else None
    return (str(labels.line),) if labels is not None else ()


def _products(node: Node, step: Step) -> Iterator[Node]:
    """The products that a value on the way back is made of, the nearest first; itself where it is one."""
    way_back = walk([node], lambda n: () if n.op in PRODUCTS else _learned(n, step))
    return (n for n in way_back if n.op in PRODUCTS)


def _carried(error: Node, observed: Observed, l: int) -> list[Node]:
    """The product with W(l + 1) that δ(l) is made of; the nearest one, where that is not to be seen."""
    products = list(_products(error, observed.step))
    above = observed.layers[l].weight if l < len(observed.layers) else None
    weights = [observed.step.before.get(above)] if isinstance(above, Lineage) else []
    return [p for p in products if any(seen_through(o) in weights for o in p.operands)][:1] or products[:1]


def _learned(node: Node, step: Step) -> list[Node]:
    """The operands of a value that are on the way back."""
    return [o for o in node.operands if o in step.by_labels and o in step.by_parameters]


def _unscaled(node: Node) -> Node:
    """What a value is a multiple of."""
    while node.op in MULTIPLYING and len(arrays := [o for o in node.operands if np.ndim(o.value)]) == 1:
        node = arrays[0]
    return node


def _slot(finding: Finding) -> str:
    """The line of the derivation that its mistakes stand in; "" where they are of several, or about a factor of it."""
    slots = {m.slot for m in MISTAKES if m.name in finding.names and m.name not in OF_A_FACTOR}
    return slots.pop() if len(slots) == 1 else ""

"""The step in which a program stopped before its updates: parameters and gradients are told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from tinygrad_mnist.grading.watching.graph import Node, depending, used_by
from tinygrad_mnist.grading.watching.labels import is_label
from tinygrad_mnist.grading.watching.lineages import Lineage, begin_with
from tinygrad_mnist.grading.watching.names import CALLED_PARAMETER, NAMED_PARAMETER
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step, step_between

NUMBER = re.compile(r"\[?\d+\]?")
"""The name of what lies in a list, or in a dict by its layer."""


def cut_off(tape: Tape, known: Step | None = None, nodes: Sequence[Node] = ()) -> Step | None:
    """The step in which a program stopped before its updates, or after those that are known.

    The other parameters and gradients are told by their names. nodes: what is looked at, if not the whole tape.
    """
    earlier = {update.new: update.old for update in tape.updates}
    nodes = nodes or tape.nodes
    labelled = depending(nodes, is_label)
    named = [(name, _first(node, earlier)) for node in nodes for name in last_names(node)]
    by_name = dict(named)
    parameters = {name: node for name, node in named if node not in labelled}
    before, after = (dict(known.before), dict(known.after)) if known else ({}, {})
    objects = _of_objects(tape, earlier)
    of_objects = ((names, names) for names in objects)
    for parameter, gradient in (pair for names in (*of_objects, (parameters, by_name)) for pair in _pairs(*names)):
        if parameter not in before.values():
            lineage = _lineage(parameter)
            before[lineage], after[lineage] = parameter, gradient
    users, size = used_by(nodes), sum(np.size(parameter.value) for parameter in before.values())
    for parameter in _not_reached(parameters, objects):
        if parameter in before.values() or not users[parameter] or np.size(parameter.value) == size:
            continue  # one that is used nowhere, or is all of them in one vector
        if np.ndim(parameter.value) > 0 and not is_label(parameter):
            before[_lineage(parameter)] = parameter
    if not before:
        return None
    for parameter in before.values():
        begin_with(parameter)
    step = step_between(before, after, tape)
    return step if step.forward else None


def _lineage(parameter: Node) -> Lineage:
    """That of a parameter which has one value so far."""
    return Lineage((last_names(parameter) or ["parameter"])[0], (parameter,), ())


def _first(node: Node, earlier: dict[Node, Node]) -> Node:
    """What a value was before it was updated."""
    while node in earlier:
        node = earlier[node]
    return node


def last_names(node: Node) -> list[str]:
    """Its names without what has them: "W1" for self.W1, and for self.W[1] of a list, or a dict by layer."""
    numbered = [f"{holder}{name}" for name in node.names for holder in node.holders if NUMBER.fullmatch(name)]
    return [re.sub(r"[\[\]]", "", name.rpartition(".")[2]) for name in (*numbered, *node.names)]


def _of_objects(tape: Tape, earlier: dict[Node, Node]) -> list[dict[str, Node]]:
    """What each of several objects of one kind has by its names, as the layers of a network do."""
    found: dict[int, dict[str, Node]] = {}
    of_objects = (item for item in tape.bindings.nodes.items() if item[0][0] > len(tape.entered))
    for (owner, name), node in of_objects:
        found.setdefault(owner, {})[name] = _first(node, earlier)
    kinds = {frozenset(name for name, node in names.items() if node in _paired(names)) for names in found.values()}
    several = []
    for kind in filter(None, kinds):
        alike = [names for names in found.values() if kind <= set(names)]
        several += alike if len(alike) > 1 else []
    return several


def _paired(names: dict[str, Node]) -> set[Node]:
    """The parameters in it that have gradients."""
    return {parameter for parameter, _ in _pairs(names, names)}


def _not_reached(parameters: dict[str, Node], objects: Sequence[dict[str, Node]]) -> Iterator[Node]:
    """What is called as parameters are, by itself or in a layer, whether or not its gradient was computed."""
    for names in (parameters, *objects):
        yield from (node for name, node in names.items() if NAMED_PARAMETER.fullmatch(name))


def _pairs(parameters: dict[str, Node], gradients: dict[str, Node]) -> Iterator[tuple[Node, Node]]:
    """The parameters among what has names, each with its gradient."""
    for name, gradient in gradients.items():
        parameter = parameters.get(re.sub(r"^(d_?|grads?_?|nabla_?|delta_?)|(_?grads?)$", "", name))
        if parameter is None or parameter is gradient or not CALLED_PARAMETER.search(name) or gradient.op == "leaf":
            continue
        if parameter.index < gradient.index and np.ndim(parameter.value) > 0 and not is_label(parameter):
            yield parameter, gradient

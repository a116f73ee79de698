"""The parameters of a program, each with all the values that it had.

A parameter is what gets a new value from its old one and from the labels, and was combined with other arrays before.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

import numpy as np

from tinygrad_mnist.grading.watching.graph import (
    JOINING,
    LINEAR,
    SUMS,
    UPDATING,
    Node,
    depending,
    in_order,
    is_view,
    made_of,
    seen_through,
    walk,
)
from tinygrad_mnist.grading.watching.labels import SCALING, label_behind, masks_among, target_of
from tinygrad_mnist.grading.watching.names import CALLED_ERROR, is_called_gradient
from tinygrad_mnist.grading.watching.tape import Tape, Update

PRODUCTS = {"@", "dot", "matmul", "inner", "outer", "tensordot", "einsum", "multiply", "*", "+", "add", "-", "subtract",
            "vdot", "kron", "linear"}  # fmt: skip
"""Operations by which parameters meet what goes through the network."""


NEAR = 30
"""So many values are looked at of what a value was made of."""


@dataclass(frozen=True)
class Lineage:
    """A parameter: its name, and every value that it had, each made from the one before."""

    name: str
    versions: tuple[Node, ...]
    lines: tuple[int, ...]


def lineages(tape: Tape) -> list[Lineage]:
    """The parameters of what was trained, in the order in which they first were combined with something."""
    followed = _followed(tape.updates)
    made = {update.new for update in followed.values()}
    roots = {update.old: 1 << i for i, update in enumerate(followed.values()) if update.old not in made}
    origins = _origins(tape.nodes, roots)
    for root in roots:
        if not any(origins[operand] for operand in root.operands):
            begin_with(root)
    by_roots = {n for n, bits in origins.items() if bits}
    ways = {bit: list(_way(root, followed)) for root, bit in roots.items() if origins[root] == bit}
    whose = {n: bit for bit, steps in ways.items() for n in (steps[0].old, *(update.new for update in steps))}
    labelled = labelled_among(tape.nodes, by_roots, whose)
    found = []
    met = [*_in_order_of_meeting(tape.nodes, origins, labelled, whose)]
    for bit in met or islice(_picked_from(tape.nodes, origins, labelled, whose), 1):
        steps = ways[bit]
        learns = max(_learns(update, bit, origins, labelled) for update in steps)
        versions = steps[0].old, *(update.new for update in steps)
        name = next((n for v in versions for n in v.names), steps[0].text)
        found.append((learns, Lineage(name, versions, tuple(u.line for u in steps))))
    most = max((learns for learns, _ in found), default=0)
    learned = [lineage for learns, lineage in found if learns == most > 0]
    if most == 2:
        states = _states_among(learned, tape.nodes, by_roots)
        found = [(learns, lineage) for learns, lineage in found if lineage not in states]
        learned = [lineage for lineage in learned if lineage not in states]
        below = _entering_layers(tape.nodes, {v for l in learned for v in l.versions}, labelled)
        return [l for learns, l in found if learns == most or _is_a_layer_s(l, tape.nodes, below, labelled & by_roots)]
    return [l for l in learned if not is_called_gradient(l.name)] or learned  # no label tells what gradients add up


def _states_among(learned: Sequence[Lineage], nodes: Collection[Node], by_roots: Collection[Node]) -> list[Lineage]:
    """Those that learn through what the others have learned alone: what a recurrent network carries from step to step.

    A parameter made of what another one became, be it a velocity, may have met the labels there.
    """
    versions = {v for lineage in learned if not is_called_gradient(lineage.name) for v in lineage.versions}
    labelled = versions | labelled_among(nodes, by_roots, versions, versions)
    states = []
    for lineage in learned:
        pairs = zip(lineage.versions, lineage.versions[1:], strict=False)
        if not any(o in labelled for old, new in pairs for o in new.operands if o is not old):
            states.append(lineage)
    return states if len(states) < len(learned) else []


def begin_with(parameter: Node) -> None:
    """Let a parameter be what it was first, and no view or copy of what it was made of: nothing is seen through it."""
    if is_view(parameter):
        parameter.operands = ()


def _origins(nodes: Sequence[Node], roots: dict[Node, int]) -> dict[Node, int]:
    """For each node the roots that it was made of, as the bits of a number."""
    origins: dict[Node, int] = {}
    for node in nodes:
        bits = roots.get(node, 0)
        for operand in node.operands:
            bits |= origins[operand]
        origins[node] = bits
    return origins


def labelled_among(
    nodes: Collection[Node], by_parameters: Collection[Node], parameters: Collection[Node], stop: Collection[Node] = ()
) -> set[Node]:
    """The labels, and what is made of parameters and labels; inputs that were split or shuffled with them are not.

    Where there are none, as in a regression or an autoencoder, what is made of differences from other targets is; and
    where nothing is subtracted, names tell what is on the way back.
    """
    inputs = set(_entering(nodes, parameters))
    labels = {n for n in nodes if n not in by_parameters and n not in inputs and label_behind(n)}
    labels -= masks_among(labels, nodes)
    labels |= _scaled_by_one(labels, nodes) - inputs - set(by_parameters)
    chosen = {n for n in by_parameters if n.op == "[]" and n.operands[-1:] and n.operands[-1] in by_parameters}
    met = (n for n in by_parameters if n not in stop and n not in chosen and not labels.isdisjoint(n.operands))
    meets = depending(by_parameters, {*met}.__contains__, stop)
    meets = meets or depending(by_parameters, lambda n: n not in stop and bool(target_of(n, by_parameters)), stop)
    if meets:
        return labels | meets
    known = {name.rpartition(".")[2] for node in nodes for name in node.names}
    return labels | depending(by_parameters, lambda n: n not in stop and _on_the_way_back(n, known), stop)


def _scaled_by_one(labels: Collection[Node], nodes: Collection[Node]) -> set[Node]:
    """An example's label, its difference from a number, and what these are multiplied with, as the example itself."""
    ones = {label for label in labels if np.size(label.value) == 1}
    found = set(ones)
    for node in in_order(nodes) if ones else ():
        if node.op in SCALING - SUMS and not found.isdisjoint(node.operands):
            found.add(node)
    return found


def _entering(nodes: Collection[Node], parameters: Collection[Node]) -> Iterator[Node]:
    """What is multiplied with parameters, or picks rows of them, which no labels do.

    A picture may be black and white as they are, and the words of a sentence are whole numbers too. Of a row that is
    moved, as a perceptron's is, the number is a label.
    """
    moved = {part for node in nodes if node.op == "[]=" for part in (*node.operands[1:], *node.operands[-1].operands)}
    for node in nodes:
        is_taken = node.op == "[]" and bool(node.operands)
        if is_taken and seen_through(node.operands[0]) in parameters and node not in moved:
            yield from node.operands[1:]
        if (node.op in LINEAR or node.op in ("*", "multiply")) and len(node.operands) == 2:
            for one, other in (node.operands, node.operands[::-1]):
                if seen_through(one) in parameters:
                    yield other
                    yield (whole := seen_through(other))
                    yield from whole.operands if whole.op in JOINING | {"vstack", "column_stack"} else ()


def _on_the_way_back(node: Node, known: set[str]) -> bool:
    """Whether it is called the derivative by something known, or made of what is called so beside another name."""
    names = [*node.names[:1], *(name for operand in node.operands for name in operand.names)]
    last = [name.rpartition(".")[2] for name in names]
    derived = (re.sub(r"^_?d_?", "", name) for name in last if len(name) > 1 and is_called_gradient(name))
    return any(map(CALLED_ERROR.search, last)) or not known.isdisjoint(derived)


def _followed(updates: Sequence[Update]) -> dict[Node, Update]:
    """The last update of each value: where one is changed on the way and then named, the whole way.

    What comes again at a line is of another step, and of a value that was never replaced.
    """
    made = {update.new for update in updates}
    updates = [u for u in updates if (u.old in made or not _is_a_copy(u)) and not _is_gated(u)]
    first = {(update.old, update.line): update for update in reversed(updates)}
    return {update.old: update for update in updates if update.in_parts or first[update.old, update.line] is update}


def _is_a_copy(update: Update) -> bool:
    """Whether a copy or a cast took the name of what nothing was added to yet."""
    return not update.new.operands or (is_view(update.new) and update.new.operands[0] is update.old)


def _is_gated(update: Update) -> bool:
    """Whether the old value is multiplied with what comes of a product with weights, as a memory of an LSTM is."""
    old, new = update.old, update.new

    def below(node: Node) -> list[Node]:
        is_on_the_way = node is not old and node.op in UPDATING
        return [o for o in node.operands if o.shape == new.shape] if is_on_the_way else []

    products = (n for n in islice(walk([new], below), NEAR) if n.op in ("*", "multiply") and old in n.operands)
    gates = (o for n in products for o in n.operands if o is not old and np.ndim(o.value) and o.shape == n.shape)
    return any(n.op in LINEAR for gate in gates for n in islice(walk([gate]), NEAR))


def _way(root: Node, followed: dict[Node, Update]) -> Iterator[Update]:
    """The updates of a value, one after the other."""
    while root in followed:
        yield followed[root]
        root = followed[root].new


def _in_order_of_meeting(
    nodes: Sequence[Node], origins: dict[Node, int], labelled: set[Node], whose: dict[Node, int]
) -> Iterator[int]:
    """Parameters, each a bit, as they are first combined with an array that is not made of them, before any label."""
    waiting = sum({*whose.values()})
    for node in nodes:
        if node.op in PRODUCTS and node not in labelled and origins[node] & waiting:
            others = (origins[o] for o in node.operands if np.ndim(o.value) > 0 or origins[o])
            of_all = functools.reduce(operator.and_, others, origins[node])
            met = origins[node] & ~of_all & waiting & ~whose.get(node, 0)
            waiting &= ~met
            while met:
                yield met & -met
                met &= met - 1


def _picked_from(
    nodes: Sequence[Node], origins: dict[Node, int], labelled: set[Node], whose: dict[Node, int]
) -> Iterator[int]:
    """Parameters, each a bit, of which rows are taken before a label is met: those of a bigram are its outputs."""
    for node in takewhile(lambda node: not (node in labelled and origins[node]), nodes):
        if node.op == "[]" and node.operands and node.operands[0] in whose:
            yield whose[node.operands[0]]


def _entering_layers(nodes: Sequence[Node], learned: set[Node], labelled: set[Node]) -> set[Node]:
    """What goes through the network below the layers that learn from labels."""
    products = (
        n for n in nodes if n.op in LINEAR and n not in labelled and learned & set(map(seen_through, n.operands))
    )
    return made_of(o for n in products for o in n.operands if seen_through(o) not in learned)


def _is_a_layer_s(lineage: Lineage, nodes: Sequence[Node], below: set[Node], back: set[Node]) -> bool:
    """Whether it is multiplied with, or added to, what enters the layers above, whatever its updates are made of.

    A state is not, whose next value is there before anything on the way back is.
    """
    first, second = lineage.versions[:2]
    if back.isdisjoint(nodes[first.index : second.index]):
        return False
    others = (n for n in nodes[first.index :] if n in below and n not in lineage.versions)
    uses = (n for n in others if first in map(seen_through, n.operands))
    return any(n.op in LINEAR or n.op in SUMS for n in uses)


def _learns(update: Update, bit: int, origins: dict[Node, int], labelled: set[Node]) -> int:
    """2 where what is added depends on labels, 1 where it depends on other parameters, else 0."""
    added = [o for o in update.new.operands if o is not update.old]
    if any(o in labelled for o in added):
        return 2
    return int(any(origins[o] & ~bit for o in added))

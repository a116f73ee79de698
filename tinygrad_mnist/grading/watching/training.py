"""What a program trains, and how: its parameters and labels, and each step from one update to the next.

A parameter is what gets a new value from its old one and from the labels, and was combined with other arrays before.
A label is known by its values: whole numbers, or one 1 among zeros for each example.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import LINEAR, Node, depending, is_view, made_of, seen_through, used_by, walk
from tinygrad_mnist.grading.watching.names import CALLED_ERROR, CALLED_PARAMETER, is_called_gradient
from tinygrad_mnist.grading.watching.tape import Tape, Update

CLASSES = 26
"""How many classes labels may have."""

NAMED_PARAMETER = re.compile(r"(w|b|theta|syn|weights?|bias(es)?)_?\d*", re.IGNORECASE)
"""What a parameter is called where nothing else tells that it is one."""

NUMBER = re.compile(r"\[?\d+\]?")
"""The name of what lies in a list, or in a dict by its layer."""

PRODUCTS = {"@", "dot", "matmul", "inner", "outer", "tensordot", "einsum", "multiply", "*", "+", "add", "-", "subtract",
            "vdot", "kron", "linear"}  # fmt: skip
"""Operations by which parameters meet what goes through the network."""

JOINING = {"concatenate", "hstack", "append", "r_"}
"""Operations by which the gradients of parts become that of the whole."""

SCALING = {"neg", "negative", "+", "add", "-", "subtract", "*", "multiply", "/", "divide", "true_divide"}
"""Operations by which labels get another sign or factor."""


@dataclass(frozen=True)
class Lineage:
    """A parameter: its name, and every value that it had, each made from the one before."""

    name: str
    versions: tuple[Node, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """From the parameters that a forward pass was run with to the updated ones.

    before, after: for each lineage, its value. nodes: all that the new values were made of.
    by_labels, by_parameters: those of the nodes that depend on them.
    labels: every label that was there before its end.
    """

    lineages: tuple[Lineage, ...]
    before: dict[Lineage, Node]
    after: dict[Lineage, Node]
    nodes: set[Node]
    by_labels: set[Node]
    by_parameters: set[Node]
    labels: tuple[Node, ...]

    @property
    def forward(self) -> set[Node]:
        """What depends on the parameters, and not on the labels."""
        return self.by_parameters - self.by_labels


@cache
def is_label(node: Node) -> bool:
    """Whether it is labels by its values: for each example a whole number below 26, -1 or 1, or one that stands out."""
    value: Any = node.value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub" or not 2 <= value.size <= 3_000_000:
        return False
    if value.ndim > 2 or not np.isfinite(value).all():
        return False
    low, high = value.min(), value.max()
    if low == high:
        return False
    if ((value == low) | (value == high)).all() and low >= -1 and high <= 1:
        hot = value == high
        axes = [axis for axis in range(value.ndim) if value.shape[axis] > 2]
        if any((hot.sum(axis=axis) == 1).all() for axis in axes):
            return True
        if (low, high) == (-1, 1) and value.size == max(value.shape) and node.op != "sign":
            return True
    whole = low >= 0 and high <= CLASSES and (value == np.floor(value)).all()
    return bool(whole and value.size == max(value.shape))


@cache
def label_behind(node: Node) -> Node | None:
    """The labels that a value is, with another sign or factor perhaps, as -y is; None where it is none."""
    if is_label(node):
        return node
    arrays = [o for o in node.operands if np.ndim(o.value)]
    whole = node.op in SCALING and len(arrays) == 1 and arrays[0].shape == node.shape
    return label_behind(arrays[0]) if whole else None


def lineages(tape: Tape) -> list[Lineage]:
    """The parameters of what was trained, in the order in which they first were combined with something."""
    followed = _followed(tape.updates)
    made = {update.new for update in followed.values()}
    roots = {update.old: 1 << i for i, update in enumerate(followed.values()) if update.old not in made}
    origins = _origins(tape.nodes, roots)
    for root in roots:
        if not any(origins[operand] for operand in root.operands):
            _begin_with(root)
    every = {n for update in followed.values() for n in (update.old, update.new)}
    labelled = _labelled(tape.nodes, {n for n, bits in origins.items() if bits}, every)
    found = []
    for root, bit in roots.items():
        if origins[root] != bit:
            continue
        versions = [root]
        steps: list[Update] = []
        while versions[-1] in followed:
            steps.append(followed[versions[-1]])
            versions.append(steps[-1].new)
        learns = max(_learns(update, bit, origins, labelled) for update in steps)
        meets = _meets(tape.nodes[root.index :], bit, origins, {*versions, *labelled})
        if meets is not None:
            name = next((n for v in versions for n in v.names), steps[0].text)
            found.append((learns, meets, Lineage(name, tuple(versions), tuple(u.line for u in steps))))
    most = max((learns for learns, _, _ in found), default=0)
    by_meeting = [(learns, lineage) for learns, _, lineage in sorted(found, key=lambda f: f[1])]
    learned = [lineage for learns, lineage in by_meeting if learns == most > 0]
    if most == 2:
        below = _entering_layers(tape.nodes, {v for l in learned for v in l.versions}, labelled)
        return [l for learns, l in by_meeting if learns == most or _is_a_layer_s(l, tape.nodes, below)]
    return [l for l in learned if not is_called_gradient(l.name)] or learned  # no label tells what gradients add up


def _begin_with(parameter: Node) -> None:
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


def _labelled(
    nodes: Collection[Node], by_parameters: Collection[Node], parameters: Collection[Node], stop: Collection[Node] = ()
) -> set[Node]:
    """The labels, and what is made of parameters and labels; inputs that were split or shuffled with them are not.

    Where labels are nowhere subtracted, names tell what is on the way back.
    """
    inputs = set(_entering(nodes, parameters))
    labels = {n for n in nodes if n not in by_parameters and n not in inputs and label_behind(n)}
    meets = depending(by_parameters, lambda n: any(o in labels for o in n.operands) and n not in stop, stop)
    if meets:
        return labels | meets
    known = {name.rpartition(".")[2] for node in nodes for name in node.names}
    return labels | depending(by_parameters, lambda n: n not in stop and _on_the_way_back(n, known), stop)


def _entering(nodes: Collection[Node], parameters: Collection[Node]) -> Iterator[Node]:
    """What is multiplied with parameters, which no labels are, black and white though a picture may be as they are."""
    for node in nodes:
        if node.op in LINEAR and len(node.operands) == 2:
            for one, other in (node.operands, node.operands[::-1]):
                if seen_through(one) in parameters:
                    yield other
                    yield seen_through(other)


def _on_the_way_back(node: Node, known: Collection[str]) -> bool:
    """Whether it is called the derivative by something known, or made of what is called so beside another name."""
    names = [*node.names[:1], *(name for operand in node.operands for name in operand.names)]
    last = [name.rpartition(".")[2] for name in names]
    return any(
        (is_called_gradient(name) and re.sub(r"^_?d_?", "", name) in known) or CALLED_ERROR.search(name)
        for name in last
    )


def _followed(updates: Sequence[Update]) -> dict[Node, Update]:
    """The last update of each value: where one is changed on the way and then named, the whole way.

    What comes again at a line is of another step, and of a value that was never replaced.
    """
    made = {update.new for update in updates}
    updates = [update for update in updates if update.old in made or not _is_a_copy(update)]
    first = {(update.old, update.line): update for update in reversed(updates)}
    return {update.old: update for update in updates if first[update.old, update.line] is update}


def _is_a_copy(update: Update) -> bool:
    """Whether a copy or a cast took the name of what nothing was added to yet."""
    return not update.new.operands or (is_view(update.new) and update.new.operands[0] is update.old)


def _meets(nodes: Sequence[Node], bit: int, origins: dict[Node, int], apart: set[Node]) -> int | None:
    """Where a parameter is first combined with an array that does not come from it, before any label."""
    for node in nodes:
        meets = origins[node] & bit and node.op in PRODUCTS and node not in apart
        if meets and any(not origins[o] & bit and np.ndim(o.value) > 0 for o in node.operands):
            return node.index
    return None


def _entering_layers(nodes: Sequence[Node], learned: set[Node], labelled: set[Node]) -> set[Node]:
    """What goes through the network below the layers that learn from labels."""
    products = (
        n for n in nodes if n.op in LINEAR and n not in labelled and learned & set(map(seen_through, n.operands))
    )
    return made_of(o for n in products for o in n.operands if seen_through(o) not in learned)


def _is_a_layer_s(lineage: Lineage, nodes: Sequence[Node], below: set[Node]) -> bool:
    """Whether it is multiplied with, or added to, what enters the layers above, whatever its updates are made of."""
    first = lineage.versions[0]
    uses = (n for n in nodes[first.index :] if n in below and first in map(seen_through, n.operands))
    return any(n.op in LINEAR or n.op in ("+", "add") for n in uses)


def _learns(update: Update, bit: int, origins: dict[Node, int], labelled: set[Node]) -> int:
    """2 where what is added depends on labels, 1 where it depends on other parameters, else 0."""
    added = [o for o in update.new.operands if o is not update.old]
    if any(o in labelled for o in added):
        return 2
    return int(any(origins[o] & ~bit for o in added))


Values = dict[Lineage, Node]
"""What each parameter is at one time."""


def steps(tape: Tape) -> Iterator[Step]:
    """The steps of a training, as far as it was watched."""
    return (_step(before, after, tape) for before, after in transitions(tape))


def versions_of(trained: Iterable[Step]) -> set[Node]:
    """Every value that the parameters had in these steps."""
    return {version for step in trained for version in (*step.before.values(), *step.after.values())}


def transitions(tape: Tape) -> Iterator[tuple[Values, Values]]:
    """The parameters before each step and after it."""
    live = live_versions(tape, lineages(tape))
    for number in range(max(map(len, live.values()), default=0)):
        before = {lineage: versions[number] for lineage, versions in live.items() if number < len(versions)}
        after = {l: _next(l, v, live[l], number) for l, v in before.items()}
        if all(after[l] is before[l] for l in before):
            return
        yield before, after


def live_versions(tape: Tape, every: Sequence[Lineage]) -> dict[Lineage, list[Node]]:
    """For each parameter those of its values that a forward pass was run with."""
    nodes = set(tape.nodes)
    users = used_by(nodes)
    versions = {v for lineage in every for v in lineage.versions}
    from_parameters = depending(nodes, lambda n: n in versions)
    labelled = _labelled(nodes, from_parameters, versions, versions)
    apart = labelled | versions

    used: set[Node] = set()
    for node in sorted(nodes, key=lambda n: n.index, reverse=True):  # users come after what they use
        others = (user for user in users[node] if user not in apart)
        if any(user in used or not (is_view(user) or user.op == "shared") for user in others):
            used.add(node)
    return {lineage: [version for version in lineage.versions if version in used] for lineage in every}


def _next(lineage: Lineage, version: Node, live: list[Node], number: int) -> Node:
    """What a version has become when the next forward pass is run; without one, when a line comes again."""
    if number + 1 < len(live):
        return live[number + 1]
    place = lineage.versions.index(version)
    lines: set[int] = set()
    for new, line in zip(lineage.versions[place + 1 :], lineage.lines[place:], strict=True):
        if line in lines:
            break
        lines.add(line)
        version = new
    return version


def _step(before: Values, after: Values, tape: Tape) -> Step:
    start = set(before.values())
    failed = tape.failed.operands if tape.failed and not all(l.versions[1:] for l in before) else ()
    nodes = made_of([*after.values(), *failed], start)
    by_parameters = depending(nodes, lambda n: n in start)
    by_labels = _labelled(nodes, by_parameters, start, start)
    by_labels |= _without_labels(after.values(), by_labels, by_parameters)
    end = max((n.index for n in nodes), default=0)
    ever = depending(tape.nodes[: end + 1], lambda n: n in start)
    labels = tuple(n for n in tape.nodes[:end] if n not in ever and is_label(n))
    return Step(tuple(before), before, after, nodes, by_labels & nodes, by_parameters, labels)


def _without_labels(after: Iterable[Node], by_labels: set[Node], by_parameters: set[Node]) -> set[Node]:
    """What updates are made of that the labels were lost on the way to: it leads to nothing that depends on them."""
    if not by_labels & by_parameters:
        return set()
    forward = made_of(by_labels)
    lost = made_of(new for new in after if new not in by_labels) & by_parameters
    return {node for node in lost if seen_through(node) not in forward}


def _first(node: Node, earlier: dict[Node, Node]) -> Node:
    """What a value was before it was updated."""
    while node in earlier:
        node = earlier[node]
    return node


def is_unrolled(step: Step) -> bool:
    """Whether all that is learned is one vector, of which parts are taken for the layers."""
    (whole, *others) = step.before.values()
    taken = [node for node in step.nodes if node.op == "[]" and whole in node.operands]
    return not others and np.ndim(whole.value) == 1 and len(taken) > 1


def in_parts(tape: Tape, step: Step, gradient: Node | None) -> Step | None:
    """A step of a vector as one of its parts, with the gradients of which its own is put together."""
    end = max(node.index for node in step.after.values())
    (whole,) = step.before.values()
    joined = (
        next((n for n in walk([gradient]) if n.op in JOINING and n.shape == whole.shape), None) if gradient else None
    )
    pairs = dict(_by_place(whole, joined, step)) if joined else {}
    found = _of_pairs(pairs, tape) if pairs else cut_off(tape, nodes=tape.nodes[:end])
    is_whole = found and sum(np.size(part.value) for part in found.before.values()) == np.size(whole.value)
    return found if is_whole else None


def _by_place(whole: Node, joined: Node, step: Step) -> Iterator[tuple[Node, Node]]:
    """The parts of a vector, and those of its gradient that lie where they lie."""
    users, starts = used_by(step.nodes), {}
    for node in users[whole]:
        if node.op == "[]" and len(node.operands) == 1:
            places = np.arange(np.size(whole.value))[node.arguments[1]]
            starts[int(places.flat[0]), np.size(places)] = next((n for n in users[node] if is_view(n)), node)
    start = 0
    for part in joined.operands:
        size = np.size(part.value)
        if (start, size) in starts:
            yield starts[start, size], seen_through(part)
        start += size


def _of_pairs(pairs: dict[Node, Node], tape: Tape) -> Step:
    """The step from parameters to their gradients."""
    lineages = {parameter: Lineage(parameter.name, (parameter,), ()) for parameter in pairs}
    before = {lineage: parameter for parameter, lineage in lineages.items()}
    for parameter in pairs:
        _begin_with(parameter)
    return _step(before, {lineages[parameter]: gradient for parameter, gradient in pairs.items()}, tape)


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
            lineage = Lineage(last_names(parameter)[0], (parameter,), ())
            before[lineage], after[lineage] = parameter, gradient
    users, size = used_by(nodes), sum(np.size(parameter.value) for parameter in before.values())
    for parameter in _not_reached(parameters, objects):
        if parameter in before.values() or not users[parameter] or np.size(parameter.value) == size:
            continue  # one that is used nowhere, or is all of them in one vector
        if np.ndim(parameter.value) > 0 and not is_label(parameter):
            before[Lineage(last_names(parameter)[0], (parameter,), ())] = parameter
    if not before:
        return None
    for parameter in before.values():
        _begin_with(parameter)
    step = _step(before, after, tape)
    return step if step.forward else None


def last_names(node: Node) -> list[str]:
    """Its names without what has them: "W1" for self.W1, and for self.W[1] of a list, or a dict by layer."""
    numbered = [f"{holder}{name}" for name in node.names for holder in node.holders if NUMBER.fullmatch(name)]
    return [re.sub(r"[\[\]]", "", name.rpartition(".")[2]) for name in (*numbered, *node.names)]


def _of_objects(tape: Tape, earlier: dict[Node, Node]) -> list[dict[str, Node]]:
    """What each of several objects of one kind has by its names, as the layers of a network do."""
    found: dict[int, dict[str, Node]] = {}
    for (owner, name), node in tape.attributes():
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

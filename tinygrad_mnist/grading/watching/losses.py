"""Which loss a program computes itself: as the textbook writes it, or any number of outputs and labels."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, product, takewhile
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.grading.textbook.derivation import Network
from tinygrad_mnist.grading.watching.changes import place_of
from tinygrad_mnist.grading.watching.graph import LINEAR, SUMS, Node, depending, in_order, made_of, walk
from tinygrad_mnist.grading.watching.labels import COMPARING, is_label, label_behind, target_of
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.names import is_called_loss
from tinygrad_mnist.grading.watching.outputs import USUAL, Output, is_real, one_hot, outputs_of
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import Step, versions_of
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import HALF, PENALTIES, Head, Penalty

LARGEST = 10.0
"""What λ may be."""

PATIENCE = 2.0
"""Seconds of a processor for all numbers that may be a loss: where a program computes number by number, many may be."""

LATER = 12
"""How many numbers that are computed after the steps are looked at."""

NOT_DIFFERENTIABLE = {"==", "!=", "argmax", "argmin", "round", "isclose", "equal", "heaviside", "sign"}


def own_losses(tape: Tape, step: Step, versions: set[Node], picked: bool = False) -> list[Node]:
    """The numbers that a program computes from a step's outputs and labels, those that are called a loss last.

    picked: also those of what is taken from an output at the place of a label, whose node is not among the operands.
    """
    start = set(step.before.values())
    first = min(n.index for n in step.forward)
    last = max((n.index for n in step.after.values()), default=first)
    targets = {t for n in step.nodes if (t := target_of(n, step.by_parameters))}
    labels = {n for n in step.by_labels - step.by_parameters if label_behind(n) is n}
    labels = labels or (set() if targets else set(step.labels))
    nodes = [n for n in tape.nodes if n in start or n in step.by_labels or n in labels or first <= n.index]
    reached = depending(nodes, lambda n: n in start, versions)
    classes = {(label.shape, np.unravel_index(np.argmax(label.value), label.shape)) for label in labels}
    taken = {n for n in reached if picked and n.op == "[]" and _picks(n, classes)}
    meets = labels | taken or {n for n in nodes if _meets(n, targets, reached)}
    labelled = depending(nodes, lambda n: n in meets, versions)
    blocked = depending(nodes, lambda n: n.op in NOT_DIFFERENTIABLE and n in reached)
    found = in_order(filter(_is_number, (reached & labelled) - step.nodes - blocked))
    found = [n for n in found if not _is_running_total(n, found, reached) and not _is_a_sum(n, found, labels)]
    compared = {o for n in nodes if n.op in COMPARING for o in n.operands}
    found = [n for n in found if not _is_a_share(n) and (n not in compared or _is_called_so(n))]  # as y (w·x) is
    turned = {o for n in found for o in n.operands if n.op in ("neg", "*", "/") and n.value * np.asarray(o.value) < 0}
    near = [n for n in found if n.index <= last + 40 and n not in turned]
    return sorted(near, key=_is_called_so)


def _meets(node: Node, targets: Collection[Node], reached: Collection[Node]) -> bool:
    """Whether one of the targets is combined with an output, and does not just enter a layer."""
    operands = set(node.operands)
    return node.op not in LINEAR and not operands.isdisjoint(targets) and not operands.isdisjoint(reached)


def _picks(node: Node, classes: Collection[tuple[tuple[int, ...], tuple[Any, ...]]]) -> bool:
    """Whether it is the number at the place of a label that is given as a whole number."""
    at, shape = place_of(node.arguments[1]), node.operands[0].shape
    if at is None or np.size(node.value) != 1:
        return False
    return any(shape == of_label and at == place[: len(at)] for of_label, place in classes)


def _is_running_total(node: Node, losses: Sequence[Node], reached: Collection[Node]) -> bool:
    """Whether it is a loss added to what was there before: to no penalty, which depends on the parameters too."""
    return node.op in SUMS and sum(o in reached for o in node.operands) == 1 and node.operands[-1] in losses


def _is_a_sum(node: Node, losses: Sequence[Node], labels: Collection[Node]) -> bool:
    """Whether it is a loss times the number of examples, to be added up over the batches."""
    if node.op not in ("*", "multiply") or not any(o in losses for o in node.operands):
        return False
    lengths = {length for label in labels for length in label.shape}
    return any(isinstance(a, (int, np.integer)) and a > 1 and int(a) in lengths for a in node.arguments)


def _is_a_share(node: Node) -> bool:
    """Whether it is a multiple of a loss that has no name, as the share that a smoothed loss takes of it."""
    is_multiple = node.op in ("*", "multiply") and len(node.operands) == 1
    return is_multiple and not node.names and _is_called_so(node.operands[0])


def _is_called_so(node: Node) -> bool:
    """Whether it is called a loss."""
    return any(map(is_called_loss, node.names))


@dataclass(frozen=True)
class Own:
    """The loss that a program computes itself, as the textbook writes it: an output with its loss, and a penalty.

    head: None where it has a penalty, and the rest is none of the textbook's. l2: λ, 0 without a penalty.
    mean: whether it is the mean over the examples, or their sum. shares: the part of λ that what is penalized has.
    elsewhere: whether it is of other examples than a step's, so that λ may be over another number of them.
    """

    head: Head | None
    l2: float
    mean: bool
    penalty: Penalty = HALF
    shares: Mapping[Lineage, float] = field(default_factory=dict)
    elsewhere: bool = False

    def may_have(self, head: Head) -> bool:
        """Whether it is of this output and loss, as far as it could be read."""
        return self.head is None or self.head.name == head.name


Versions = dict[Node, Lineage]


@dataclass(frozen=True)
class _Parts:
    """A loss as a sum: of what depends on labels, each with its factor, and of what depends on parameters alone.

    versions: the values of the parameters, and whose they are.
    """

    node: Node
    versions: Versions
    data: tuple[tuple[float, Node], ...]
    penalty: tuple[tuple[float, Node], ...]

    @property
    def value(self) -> float:
        """Without the penalty."""
        return sum(factor * _number(node) for factor, node in self.data)


def own_loss(tape: Tape, networks: Sequence[tuple[Step, Network]], heads: Sequence[Head]) -> Own | None:
    """The loss in the record of the steps, or after them, that is a textbook's, with its penalty; None without one."""
    own = _own_loss(tape, networks, heads)
    return own and _with_lambda(own, tape, networks[0][1].m)


def _own_loss(tape: Tape, networks: Sequence[tuple[Step, Network]], heads: Sequence[Head]) -> Own | None:
    step, net = networks[0]
    versions = {version: lineage for lineage in step.before for version in lineage.versions}
    found = [_parts(node, versions) for node in reversed(own_losses(tape, step, versions_of(s for s, _ in networks)))]
    found.sort(key=lambda parts: not parts.penalty)
    for head, mean, parts in product(heads, (True, False), found):
        if _is_loss_of(parts.value, head, net, mean):
            return _own(head, parts, mean, net.m)
    end = max((node.index for s, _ in networks for node in s.after.values()), default=len(tape.nodes))
    patience = time.process_time() + PATIENCE
    for parts in takewhile(lambda _: time.process_time() < patience, chain(found, _after(tape, end, versions))):
        own = _read(parts, heads)
        if own is not None:
            return replace(own, elsewhere=parts.node.index > end)
    penalized = next((parts for parts in found if parts.penalty), None)
    return None if penalized is None else _own(None, penalized, True, net.m)


def _own(head: Head | None, parts: _Parts, mean: bool, m: int) -> Own:
    """With what it has beside the mean over the examples."""
    rates = _rates(parts)
    most = max(rates.values(), default=0.0)
    rate = most / (1 if mean else m)
    shares = {lineage: float(f"{r / most:.6g}") for lineage, r in rates.items()} if most else dict.fromkeys(rates, 1.0)
    return Own(head, rate if 0 < rate < LARGEST else 0.0, mean, shares=shares)


def _rates(parts: _Parts) -> dict[Lineage, float]:
    """By what a penalty multiplies half of the squares of each parameter that it is on."""
    rates: dict[Lineage, float] = {}
    for factor, node in parts.penalty:
        penalized = [n for n in made_of([node], parts.versions) if n in parts.versions]
        squares = sum(float((np.asarray(n.value, float) ** 2).sum()) for n in penalized)
        for lineage in (parts.versions[n] for n in penalized if squares):
            rates[lineage] = rates.get(lineage, 0.0) + 2 * factor * _number(node) / squares
    return rates


def _with_lambda(own: Own, tape: Tape, m: int) -> Own:
    """The loss with the penalty that it is written with: the one whose λ is a number with a name in the program."""
    numbers = [float(n.value) for n in tape.nodes if n.names and np.ndim(n.value) == 0]
    for penalty in PENALTIES.values():
        l2 = own.l2 / penalty.rate(1.0, m)
        if own.l2 and any(np.isclose(l2, number, rtol=1e-6, atol=0) for number in numbers):
            return replace(own, l2=float(f"{l2:.6g}"), penalty=penalty)
    return replace(own, l2=float(f"{own.l2:.6g}"))


def _after(tape: Tape, end: int, versions: Versions) -> Iterator[_Parts]:
    """What was computed of labels and of outputs after a step; what is whole first."""
    later, updates = tape.later
    every = versions.copy()
    for update in updates:
        if update.old in every:
            every[update.new] = every[update.old]
    found = list(evaluated([*(n for n in tape.nodes if n.index > end or is_label(n)), *later], every))
    yield from (_parts(node, every) for node in found[::-1][:LATER])


def evaluated(nodes: Sequence[Node], versions: Collection[Node]) -> Iterator[Node]:
    """The numbers that are made of labels and of what a network gives with its parameters, in the order of the program.

    versions: what the parameters were. What is not differentiable, as the share of right answers, is left out.
    """
    every = {*nodes, *versions}
    reached = depending(every, lambda n: n in versions, versions)
    labelled = depending(every, lambda n: n not in reached and any(map(label_behind, (n, *n.operands))), versions)
    blocked = depending(every, lambda n: n.op in NOT_DIFFERENTIABLE and n in reached, versions)
    among = (reached & labelled) - blocked - set(versions)
    return (n for n in nodes if n in among and _is_number(n))


def _parts(node: Node, versions: Versions) -> _Parts:
    """A number written out as far as it is a sum of others, or a multiple."""
    data: list[tuple[float, Node]] = []
    penalty: list[tuple[float, Node]] = []
    waiting = [(1.0, node)]
    graph = made_of([node], versions)
    reached = depending(graph, lambda n: n in versions, versions)
    labelled = depending(graph, lambda n: n not in reached and label_behind(n) is not None, versions)
    while waiting:
        factor, part = waiting.pop()
        terms = _terms(part, reached)
        by_a_label = any(o in labelled and o not in reached for o in part.operands)  # of one example a number
        if terms is not None and not by_a_label:
            waiting += [(factor * f, n) for f, n in terms]
        elif part in labelled:
            data.append((factor, part))
        elif part in reached:
            penalty.append((factor, part))
    return _Parts(node, versions, tuple(reversed(data)), tuple(penalty))


def _terms(node: Node, reached: Collection[Node]) -> list[tuple[float, Node]] | None:
    """The numbers that a number is the sum of, with their factors; None where it is none."""
    operands = [o for o in node.operands if o in reached]
    if not operands or not all(map(_is_number, operands)):
        return None
    if node.op in ("float", "item", "+", "add") or node.function is sum:
        return [(1.0, o) for o in operands]
    first = bool(node.arguments) and node.arguments[0] is operands[0]
    if node.op in ("-", "subtract"):
        return [(1.0 if first else -1.0, operands[0]), *((-1.0, o) for o in operands[1:])]
    if node.op in ("neg", "negative"):
        return [(-1.0, operands[0])]
    value = _number(operands[0])
    if len(operands) == 1 and value and (node.op in ("*", "multiply") or (first and node.op in ("/", "divide"))):
        return [(_number(node) / value, operands[0])]
    return None


def _is_number(node: Node) -> bool:
    return np.size(node.value) == 1 and is_real(node)


def _number(node: Node) -> float:
    return float(np.asarray(node.value).reshape(()))


def _is_loss_of(value: float, head: Head, net: Network, mean: bool) -> bool:
    """Whether a number is the loss of the network's outputs."""
    with np.errstate(all="ignore"):
        loss = head.value(net.z[net.L], net.Y, CLASSES_AXIS) / (net.m if mean else 1)
    return abs(value - loss) <= 1e-5 * abs(loss)


def _read(parts: _Parts, heads: Sequence[Head]) -> Own | None:
    """A loss whose first term is a usual one, of a value that was made of parameters and of labels beside it."""
    if not parts.data:
        return None
    (factor, term), versions = parts.data[0], parts.versions
    graph = made_of([term], versions)
    reached = depending(graph, lambda n: n in versions, versions)
    labels = [n for n in graph if n not in reached and label_behind(n) is n]
    forward = reached - depending(graph, lambda n: n in labels, versions) - set(versions)
    outputs = [n for n in _met(graph - set(versions), forward) if np.ndim(n.value) and is_real(n)]
    for node, label, head in product(sorted(outputs, key=lambda n: -n.index), labels, heads):
        hot = one_hot(Output(node, label))
        if hot is None or hot.shape != node.shape or head.loss not in USUAL:
            continue
        n = outputs_of(hot)
        m = hot.size // n
        with np.errstate(all="ignore"):
            summed = float(USUAL[head.loss](Tensor(np.asarray(node.value, float)), hot).item()) * head.scale(n)
        for share in (1, m):
            if np.isclose(_number(term) * np.sign(factor), summed / share, rtol=1e-4, atol=0):
                examples = m * len(parts.data)
                return _own(head, parts, examples == 1 or not np.isclose(abs(factor), share), examples)
    return None


def _met(graph: Collection[Node], forward: Collection[Node]) -> set[Node]:
    """What of the forward pass meets the labels, and what it is a function of alone: ŷ, where log ŷ meets them."""
    meeting = (o for n in graph if n not in forward for o in n.operands if o in forward)

    def below(node: Node) -> set[Node]:
        inner = {o for o in node.operands if o in forward}
        return inner if len(inner) == 1 and node.op not in LINEAR else set()

    return set(walk(meeting, below))

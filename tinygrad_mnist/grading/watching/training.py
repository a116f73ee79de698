"""The steps of a training, from one update to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinygrad_mnist.grading.watching.graph import Node, depending, is_view, made_of, seen_through, used_by
from tinygrad_mnist.grading.watching.labels import is_label
from tinygrad_mnist.grading.watching.lineages import Lineage, labelled_among, lineages
from tinygrad_mnist.grading.watching.tape import Tape


@dataclass(frozen=True)
class Step:
    """From the parameters that a forward pass was run with to the updated ones.

    before, after: for each lineage, its value. nodes: all that the new values were made of.
    by_labels, by_parameters: those of the nodes that depend on them.
    labels: every label that was there before its end. meanwhile: all that was recorded from the former values on.
    others: values of what is updated, too, and is no parameter.
    """

    before: dict[Lineage, Node]
    after: dict[Lineage, Node]
    nodes: set[Node]
    by_labels: set[Node]
    by_parameters: set[Node]
    labels: tuple[Node, ...]
    meanwhile: tuple[Node, ...] = ()
    others: frozenset[Node] = frozenset()

    @cached_property
    def forward(self) -> set[Node]:
        """What depends on the parameters, and not on the labels."""
        return self.by_parameters - self.by_labels

    @property
    def updated(self) -> set[Node]:
        """The new values of what was updated; where it stopped before that, `after` holds gradients."""
        return {after for lineage, after in self.after.items() if len(lineage.versions) > 1}


Values = dict[Lineage, Node]
"""What each parameter is at one time."""


def steps(tape: Tape) -> Iterator[Step]:
    """The steps of a training, as far as it was watched."""
    return (step_between(before, after, tape) for before, after in transitions(tape))


def versions_of(trained: Iterable[Step]) -> set[Node]:
    """Every value that the parameters had in these steps."""
    return {version for step in trained for version in (*step.before.values(), *step.after.values())}


def transitions(tape: Tape) -> Iterator[tuple[Values, Values]]:
    """The parameters before each step and after it."""
    live = _most_trained(live_versions(tape, lineages(tape)), tape)
    for number in range(max(map(len, live.values()), default=0)):
        before = {lineage: versions[number] for lineage, versions in live.items() if number < len(versions)}
        after = {l: _next(l, v, live[l], number) for l, v in before.items()}
        if all(after[l] is before[l] for l in before):
            return
        yield before, after


def live_versions(tape: Tape, every: Sequence[Lineage]) -> dict[Lineage, list[Node]]:
    """For each parameter those of its values that a forward pass was run with, and not another update alone."""
    users = used_by(tape.nodes)
    versions = {v for lineage in every for v in lineage.versions}
    from_parameters = depending(tape.nodes, lambda n: n in versions)
    apart = versions | labelled_among(tape.nodes, from_parameters, versions, versions)
    used: set[Node] = set()
    updating = set(versions)
    for node in reversed(tape.nodes):  # users come after what they use
        others = [user for user in users[node] if user not in apart and user not in updating]
        if node not in apart and users[node] and updating.issuperset(users[node]):
            updating.add(node)  # as λ W is, by which weights decay
        if any(user in used or not (is_view(user) or user.op == "shared") for user in others):
            used.add(node)
    return {lineage: [version for version in lineage.versions if version in used] for lineage in every}


def _most_trained(live: dict[Lineage, list[Node]], tape: Tape) -> dict[Lineage, list[Node]]:
    """The parameters of the network with most steps, where one was trained after the other was done with."""
    first_use = {operand: node.index for node in reversed(tape.nodes) for operand in node.operands}

    def begin(network: Sequence[Lineage]) -> int:
        return min(first_use.get(lineage.versions[0], 0) for lineage in network)

    one_after_another: list[list[Lineage]] = []
    end = -1
    for network in sorted(_networks(live, tape), key=begin):
        if begin(network) > end:
            one_after_another.append([])
        one_after_another[-1] += network
        end = max(end, *(lineage.versions[-1].index for lineage in network))
    most = max(one_after_another, key=lambda every: max(len(live[l]) for l in every), default=[])
    return {lineage: versions for lineage, versions in live.items() if lineage in most}


def _networks(every: Iterable[Lineage], tape: Tape) -> list[list[Lineage]]:
    """Parameters that anything was made of both of are those of one network."""
    networks = {lineage: [lineage] for lineage in every}
    whose = {version: lineage for lineage in networks for version in lineage.versions}
    for node in tape.nodes:
        for operand in node.operands:
            theirs = whose.get(operand)
            if theirs is None:
                continue
            mine = networks[whose.setdefault(node, theirs)]
            if networks[theirs] is not mine:
                mine += networks[theirs]
                networks.update(dict.fromkeys(networks[theirs], mine))
    return list({id(network): network for network in networks.values()}.values())


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


def step_between(before: Values, after: Values, tape: Tape) -> Step:
    """The step from these values of the parameters to those."""
    start = set(before.values())
    failed = tape.failed.operands if tape.failed and not all(l.versions[1:] for l in before) else ()
    nodes = made_of([*after.values(), *failed], start)
    by_parameters = depending(nodes, lambda n: n in start)
    by_labels = labelled_among(nodes, by_parameters, start, start)
    by_labels |= _without_labels(after.values(), by_labels, by_parameters)
    end = max((n.index for n in nodes), default=0)
    ever = depending(tape.nodes[: end + 1], lambda n: n in start)
    labels = tuple(n for n in tape.nodes[:end] if n not in ever and is_label(n))
    meanwhile = tuple(tape.nodes[max((n.index for n in start), default=0) : end + 1])
    others = frozenset(n for u in tape.updates for n in (u.old, u.new)) - {v for l in before for v in l.versions}
    return Step(before, after, nodes, by_labels & nodes, by_parameters, labels, meanwhile, others)


def _without_labels(after: Iterable[Node], by_labels: set[Node], by_parameters: set[Node]) -> set[Node]:
    """What updates are made of that the labels were lost on the way to: it leads to nothing that depends on them."""
    if not by_labels & by_parameters:
        return set()
    forward = made_of(by_labels)
    lost = made_of(new for new in after if new not in by_labels) & by_parameters
    return {node for node in lost if seen_through(node) not in forward}

"""Updates that no forward pass sees: it is run only once, or always with the old values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.updating import wrong_updates
from tinygrad_mnist.grading.watching.graph import LINEAR, Node, depending, in_order, made_of
from tinygrad_mnist.grading.watching.lineages import Lineage, labelled_among
from tinygrad_mnist.grading.watching.tape import Tape
from tinygrad_mnist.grading.watching.training import live_versions


def stale(tape: Tape, called: Mapping[Lineage, str]) -> Iterator[Finding]:
    """Parameters that are updated again and again, while nothing is computed with what they become.

    called: what the parameters are called that are judged.
    """
    every = [lineage for lineage in called if lineage.lines]
    versions = {version for lineage in every for version in lineage.versions}
    learned = depending(tape.nodes, lambda node: node in versions)
    live = live_versions(tape, every)
    late = [l for l in every if live[l] and live[l][-1] in l.versions[:-2]]
    old = [l for l in late if _goes_on_with(live[l][-1], l, tape, learned, versions)]
    if old:
        yield wrong_updates("update-unused", [called[lineage] for lineage in old], line=old[0].lines[0])
    unused = [l for l in every if live[l] and l not in old and _comes_again(l, live[l], learned, versions)]
    if unused:
        last = live[unused[0]][-1]
        use = next(node for node in tape.nodes if last in node.operands)
        yield wrong_updates("update-stale", [called[lineage] for lineage in unused], line=use.line)


def _goes_on_with(last: Node, lineage: Lineage, tape: Tape, learned: set[Node], versions: set[Node]) -> bool:
    """Whether the forward pass is run with an old value, or what was made of it alone, when there are newer ones."""
    newer = lineage.versions[lineage.versions.index(last) + 1].index
    labelled = labelled_among(tape.nodes, learned, versions, versions)
    made = {last}
    for node in tape.nodes[last.index + 1 :]:
        if node in labelled or node in versions or made.isdisjoint(node.operands):
            continue
        if node.index > newer:
            return True
        others = [o.value for o in node.operands if o not in made and np.ndim(o.value)]
        if node.op not in LINEAR and not any(map(np.any, others)):
            made.add(node)
    return False


def _comes_again(lineage: Lineage, live: Sequence[Node], learned: set[Node], versions: set[Node]) -> bool:
    """Whether the line that updates a parameter after its last use comes again, and with the same data.

    That is more often than between two of its uses: one step may take a gradient twice.
    """
    uses = [lineage.versions.index(version) for version in live]
    place = uses[-1]
    if place == len(lineage.lines):
        return False
    line = lineage.lines[place]
    in_a_step = max((lineage.lines[use:following].count(line) for use, following in pairwise(uses)), default=1)
    updates = [i for i, other in enumerate(lineage.lines) if i >= place and other == line]
    made = (made_of(lineage.versions[i + 1].operands, versions) for i in updates[:: max(1, in_a_step)][:2])
    data = [_met(nodes & (learned - versions), learned) for nodes in made]
    return len(data) == 2 and len(data[0]) == len(data[1]) and all(map(np.array_equal, *data))


def _met(nodes: set[Node], learned: set[Node]) -> list[Any]:
    """What nodes are made with that does not come from the parameters, in the order of the program."""
    met = {operand for node in nodes for operand in node.operands} - learned
    return [node.value for node in in_order(met)]

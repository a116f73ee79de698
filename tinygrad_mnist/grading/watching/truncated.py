"""Truncated backpropagation through time: of a recurrent network's gradients, what comes over so many steps alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice

import numpy as np

from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.grading.watching.graph import (
    ADDING,
    LINEAR,
    MULTIPLYING,
    Node,
    depending,
    in_order,
    made_of,
    seen_through,
    walk,
)
from tinygrad_mnist.grading.watching.replay import Edge, Loss
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array

PATIENCE = 2.0
"""Seconds of a processor for what comes over every number of steps."""

MOST_BYTES = 1 << 28
"""Parts of derivatives are no larger, all together."""

CUT = "truncated backpropagation through time: "

Sums = dict[Node, Array]
"""For each parameter a part of its gradient."""


def truncated(step: Step, loss: Loss, whole: Mapping[Node, Array]) -> Iterator[tuple[str, Sums]]:
    """In words, and as gradients, every truncation of a step's; whole: its gradients, which are not truncated.

    Either each error is carried back over so many steps, or the last steps alone are gone back through. Where nothing
    is carried back at all, a line is missing; and where the first step alone is left out, a loop ends too early.
    """
    parts = _Chain([*step.before.values()], loss).contributions()
    most, last = (max((key[i] for key in parts), default=0) for i in range(2))
    if most < 2:
        return
    over, within = (_sums(parts, i, step) for i in range(2))
    rest = {node: whole[node] - sum(part.get(node, 0) for part in parts.values()) for node in step.before.values()}
    is_of_the_last = all(j + t == last for j, t in parts)
    carried = accumulate((over[j] for j in range(most - is_of_the_last)), _added)
    for k, sums in islice(enumerate(carried), 1, None):
        yield f"{CUT}each error is carried back over {_steps(k)}, and no further", _added(rest, sums)
    recent = accumulate((within[t] for t in range(last, 1, -1)), _added)
    alone = {node for node in rest if not any(np.any(over[j].get(node, 0)) for j in range(1, most + 1))}
    for n, sums in islice(enumerate(recent, 1), 1, None):
        gradients = _added(rest, sums)
        yield f"{CUT}the last {_steps(n)} alone are gone back through", gradients
        yield f"{CUT}the chain is cut before the last {_steps(n)}", gradients | {node: whole[node] for node in alone}


@dataclass(frozen=True)
class Parts:
    """Of what derivatives are sums.

    of_uses: what each use of a parameter has in its gradient. of_outputs: what the error of each output of a recurrent
    network by itself has in these, and in the derivatives of what lies between; further_back: at an earlier time.
    """

    of_uses: list[Array]
    of_outputs: list[Array]
    further_back: list[Array]


def parts(step: Step, loss: Loss) -> Parts:
    """Those of a step's derivatives; nothing where they would take too much memory."""
    start = [*step.before.values()]
    uses = [(o, n) for n in made_of(loss.targets, {*start, *loss.later}) for o in n.operands if o in start]
    if 8 * sum(np.size(node.value) for node, _ in uses) > MOST_BYTES:
        return Parts([], [], [])
    cut = {edge: Tensor(np.array(edge[0].value, float), requires_grad=True) for edge in uses}
    of_uses = [slope.numpy() for slope in grad(loss.of(loss.values(start, cut)), [*cut.values()])]
    chain = _Chain(start, loss)
    contributions = chain.contributions()
    held = sum(array.nbytes for sums in contributions.values() for array in sums.values())
    if held > MOST_BYTES or not any(steps for steps, _ in contributions):
        return Parts(of_uses, [], [])
    every = [(steps, array) for (steps, _), sums in contributions.items() for array in sums.values()]
    every += [(steps, array) for steps, array in chain.carried if steps]
    return Parts(of_uses, [array for _, array in every + chain.carried], [array for steps, array in every if steps])


def _steps(number: int) -> str:
    return f"{number} steps" if number > 1 else "one step"


def _sums(parts: Mapping[tuple[int, int], Sums], i: int, step: Step) -> dict[int, Sums]:
    """The parts of the gradients, added up for each number of steps (0), or for each time (1)."""
    found: dict[int, Sums] = defaultdict(lambda: {node: np.zeros(node.shape) for node in step.before.values()})
    for key, part in parts.items():
        found[key[i]] = _added(found[key[i]], part)
    return found


def _added(one: Mapping[Node, Array], other: Mapping[Node, Array]) -> Sums:
    return {node: array + other.get(node, 0) for node, array in one.items()}


class _Chain:
    """The values that a loss is made of, by the time that they are of.

    That is how often the weight which is the first to meet what was made of itself has met that. links: what goes on to
    a later time, and whether it is carried there by the network: what holds the values of several times is not.
    carried: the derivatives by each of them that came over a number of steps, as far as these were looked for.
    """

    def __init__(self, start: Collection[Node], loss: Loss) -> None:
        self.start, self.loss = start, loss
        made = made_of(loss.targets, {*start, *loss.later})
        self.nodes = in_order(depending(made, lambda node: node in start) - set(start))
        recurrent = self._recurrent()
        self.times = self._times(recurrent)
        self.links = self._links(recurrent)
        self.carried: list[tuple[int, Array]] = []

    def _recurrent(self) -> set[Edge]:
        made: dict[Node, frozenset[Node]] = {node: frozenset((node,)) for node in self.start}
        found: dict[Node, set[Edge]] = {}
        for node in self.nodes:
            made[node] = frozenset[Node]().union(*(made.get(o, ()) for o in node.operands))
            weights = self._weights(node) if node.op in LINEAR | MULTIPLYING else set()
            for o in node.operands:
                for weight in weights & made.get(o, set()) if seen_through(o) not in weights else ():
                    found.setdefault(weight, set()).add((o, node))
        return next(iter(found.values()), set())

    def _weights(self, node: Node) -> set[Node]:
        """The parameters that it is first made of."""
        return set(map(seen_through, node.operands)) & set(self.start)

    def _times(self, recurrent: Collection[Edge]) -> dict[Node, int]:
        found: dict[Node, int] = {}
        for node in self.nodes:
            found[node] = max((found[o] + ((o, node) in recurrent) for o in node.operands if o in found), default=0)
        return found

    def _links(self, recurrent: Collection[Edge]) -> dict[Edge, bool]:
        """What goes on to a later time is made anew there by the same operation of a line."""
        kinds = {node: (node.line, node.op, frozenset(self._weights(node))) for node in self.nodes}
        anew = {(kinds[node], self.times[node]) for node in self.nodes}
        carried = {kinds[node] for node in made_of(o for o, _ in recurrent) if node in kinds}
        found = dict.fromkeys(recurrent, True)
        for node in self.nodes:
            later = self.times[node]
            for o in (o for o in node.operands if (o, node) not in recurrent and o in kinds):
                if self.times[o] < later and (kinds[o], later) in anew:
                    found[o, node] = node.op in ADDING | MULTIPLYING and kinds[node] in carried
        return found

    def contributions(self) -> dict[tuple[int, int], Sums]:
        """What comes of each number of steps back, and each time, in the gradients of the parameters.

        Nothing where it takes too long.
        """
        cut = {edge: Tensor(np.array(edge[0].value, float), requires_grad=True) for edge in self.links}
        values = self.loss.values(self.start, cut)
        targets = (node for node in self.loss.targets if node in self.times)
        ends = {node: Tensor(values[node].numpy(), requires_grad=True) for node in targets}
        found: dict[tuple[int, int], Sums] = {}
        messages: dict[Node, dict[int, Array]] = defaultdict(dict)
        for node, slope in zip(ends, grad(self.loss.of(values | ends), [*ends.values()]), strict=True):
            messages[node][0] = slope.numpy()
        until = time.process_time() + PATIENCE
        for node in reversed(self.nodes):
            for steps, message in messages.pop(node, {}).items():
                if time.process_time() > until:
                    return {}
                made = [n for n in self._until_cut(node) if isinstance(values[n], Tensor)]
                edges = [(o, n) for n in made for o in n.operands if (o, n) in cut]
                slopes = grad((values[node] * message).sum(), [values[n] for n in made] + [cut[e] for e in edges])
                arrays = [slope.numpy() for slope in slopes]
                part = found.setdefault((steps, self.times[node]), {})
                for n, array in zip(made, arrays, strict=False):
                    if n in self.start:
                        part[n] = part.get(n, 0) + array
                    else:
                        self.carried.append((steps, array))
                for edge, array in zip(edges, arrays[len(made) :], strict=True):
                    of_edge = messages[edge[0]]
                    further = steps + self.links[edge]
                    of_edge[further] = of_edge.get(further, 0) + array
        return found

    def _until_cut(self, node: Node) -> set[Node]:
        """What a value is made of, up to what was there at an earlier time."""
        below = walk([node], lambda n: () if n in self.start else [o for o in n.operands if (o, n) not in self.links])
        return {n for n in below if n in self.times or n in self.start}

"""Which of a program's values is its gradient of a parameter: what the parameter's update was made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol, TypeVar

import numpy as np

from tinygrad_mnist.grading.watching.graph import (
    ADDING,
    DIVISIONS,
    FILLED,
    MULTIPLYING,
    SUMS,
    Node,
    changes_since,
    is_changed_from,
    is_view,
    names_of,
    walk,
)
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.multiples import like, ratio
from tinygrad_mnist.grading.watching.names import CALLED_RATE, is_called_gradient
from tinygrad_mnist.grading.watching.rows import is_of_rows
from tinygrad_mnist.grading.watching.single_numbers import rate_before
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual.activations import Array

ELEMENTWISE = {"+", "-", "*", "/", "neg", "add", "subtract", "multiply", "divide", "true_divide", "negative", "clip",
               "sqrt", "**", "square", "power", "sum", "mean", "stack", "array", "sign"}  # fmt: skip
"""Operations between a gradient and the update that is made of it: rates, decays, momentum, sums over examples."""

K = TypeVar("K")

Named = Callable[[Iterable[K]], list[str]]
"""What parameters are called."""

SHORT = re.compile(r"\w{2,12}")
"""A name that fits into a column."""

ZEROING = {"zeros_like", "*", "multiply"}
"""Operations by which something becomes 0."""


@dataclass(frozen=True)
class Gradient:
    """A program's gradient of a parameter.

    along: 1 where the update goes against it, as gradient descent does, -1 where it goes along, else 0.
    factor: what the node is multiplied with to be the gradient. turned: whether the update takes its transpose.
    zeroed: the zeros that the update took in its place.
    """

    lineage: Lineage
    node: Node
    along: float
    candidates: tuple[Node, ...]
    factor: float = 1.0
    turned: bool = False
    zeroed: Node | None = None

    @property
    def value(self) -> Array:
        """The gradient as an array, as the update takes it."""
        value = np.asarray(self.node.value, float) * self.factor
        return value.T if self.turned else value

    @property
    def named(self) -> bool:
        """Whether the program calls it a gradient, and no velocity."""
        began_as = _zeros_of(self.node) or self.node
        return not _is_velocity(self.node) and any(
            _is_named(node, self.lineage.versions[0]) for node in (self.node, began_as)
        )

    @property
    def short_name(self) -> str:
        """The last short name that the program gave it, without what has it; "" where there is none."""
        names = [name.rpartition(".")[2] for name in names_of(self.node)]
        return next((name for name in reversed(names) if SHORT.fullmatch(name)), "")

    @property
    def product(self) -> Node:
        """The product, or the sum over examples, that it is first of all."""
        return next((n for n in self.candidates if n.op not in ELEMENTWISE or _is_over_examples(n)), self.node)

    @property
    def times_its_product(self) -> list[float]:
        """Which multiples of that product there are between it and the update."""
        product = self.product
        return [factor for node in self.candidates if (factor := ratio(node, product))]

    def as_its_product(self, step: Step, factor: float) -> Gradient:
        """The gradient as that product times a number."""
        return replace(self, node=self.product, factor=factor, along=_against(step, self.lineage, self.product.value))

    @property
    def is_used(self) -> bool:
        """Whether it is no multiple of that product, and has no name: an update makes more of the gradient."""
        return not self.named and ratio(self.node, self.product) is None

    @property
    def descends(self) -> bool:
        return self.along >= 0


Gradients = Mapping[K, Gradient | None]
"""A program's gradients, by what stands for their parameters; None where none was seen."""


class Judged(Protocol[K]):
    """A step with its gradients, by what stands for their parameters."""

    @property
    def step(self) -> Step: ...

    @property
    def gradients(self) -> Gradients[K]: ...


def gradient(step: Step, lineage: Lineage) -> Gradient | None:
    """The gradient behind a parameter's update: what is called so, or else what a number is multiplied with."""
    if lineage not in step.after:
        return None
    before, after = step.before[lineage], step.after[lineage]
    if len(lineage.versions) == 1:  # it stopped before an update
        return Gradient(lineage, after, 1.0, (after,))
    if after is not before and after.op == "[]=" and after.operands[-1].shape != after.shape:
        return _in_parts(step, lineage)
    candidates = [node for node in _candidates(step, before, after) if not _decays(node, lineage)]
    if not candidates:
        return None
    sums = _running_sums(candidates)
    called = [n for n in candidates if _is_named(sums.get(n, n), before) or _is_named(n, before)]
    products, rows = _products(candidates), _in_rows(candidates)
    named = [n for n in called if n not in rows and not _is_a_factor(n, products.get(n.shape, []), step)]
    named = [n for n in named if not _is_velocity(n) and not _is_above_a_root(n, candidates)]
    if np.ndim(before.value) == 0 and (rate := rate_before(candidates[0], step)):
        first = candidates[0]
        return Gradient(lineage, first, _against(step, lineage, first.value), (first,), 1 / rate)
    chosen = _of_named(named[0], candidates, step) if named else _without_rate(candidates)
    factor = 1.0 if named else 1 / _rate_within(chosen, is_all=_without_a_count(candidates) is chosen)
    zeroed = _zeroed(candidates[0], before, step)
    if zeroed:
        former, zeros = zeroed
        return Gradient(lineage, former, 1.0, tuple(candidates), factor, zeroed=zeros)
    turned = _is_turned(chosen, candidates)
    along = _against(step, lineage, chosen.value.T if turned else chosen.value)
    return Gradient(lineage, chosen, along, tuple(candidates), factor, turned)


def _decays(node: Node, lineage: Lineage) -> bool:
    """Whether it is the parameter itself between two updates, or made of that alone, as of weights that decay."""
    return node in lineage.versions or (bool(node.operands) and {*node.operands} <= {*lineage.versions})


def _is_turned(node: Node, candidates: Sequence[Node]) -> bool:
    """Whether it is a matrix whose transpose is taken before it is subtracted."""
    turns = (c for c in candidates if c.op in ("T", "transpose", "swapaxes") and c.operands[:1] == (node,))
    return np.ndim(node.value) == 2 and any(np.array_equal(c.value, np.transpose(node.value)) for c in turns)


def _of_named(node: Node, candidates: list[Node], step: Step) -> Node:
    """The gradient that a value which is called so stands for."""
    return _added_up(_not_shortened(_completed(node, candidates), step), candidates)


def _in_rows(candidates: Sequence[Node]) -> set[Node]:
    """What is put together as rows, and what these were made of."""
    way = {*candidates}
    rows = (o for c in candidates if is_of_rows(c) for o in c.operands)
    return {*walk(rows, lambda n: (o for o in n.operands if o in way))}


Products = list[tuple[Node, Node]]
"""Products on the way to an update, each with the factor in it that does not lie there."""


def _products(candidates: Sequence[Node]) -> dict[tuple[int, ...], Products]:
    """Those of an array that lies there and one that does not, by the shape of the first."""
    way, found = {*candidates}, dict[tuple[int, ...], Products]()
    for c in candidates:
        if c.op in ("*", "multiply") and len(c.operands) == 2:
            others = [(c, o) for o in c.operands if np.ndim(o.value) and o not in way]
            for shape in {o.shape for o in c.operands if o in way}:
                found.setdefault(shape, []).extend(others)
    return found


def _is_a_factor(node: Node, products: Products, step: Step) -> bool:
    """Whether it is the error of a unit, or of all, and no gradient yet: a slope or an input is still to come."""
    is_sloped = any(o in step.forward and o not in step.before.values() and node in c.operands for c, o in products)
    return is_sloped or any(np.size(c.value) > np.size(node.value) for c, _ in products)


def _is_over_examples(node: Node) -> bool:
    """Whether it is a sum or a mean, or what was added to zeros one after the other."""
    while node.op in SUMS and node.operands:
        node = node.operands[0]
        if not np.any(node.value):
            return node.op not in MULTIPLYING
    return node.op in ("sum", "mean")


def _completed(node: Node, candidates: Sequence[Node]) -> Node:
    """What has become of a gradient in its place: of zeros, and where something is added to parts of it."""
    later = (c for c in candidates if is_changed_from(c, node))
    return next((c for c in later if not np.any(node.value) or _adds_to_a_part(c)), node)


def _adds_to_a_part(node: Node) -> bool:
    return node.op == "[]=" and node.operands[-1].op in ADDING


def _in_parts(step: Step, lineage: Lineage) -> Gradient:
    """The gradient behind an update of parts: the array of which they take theirs, or else the whole change."""
    before, after = step.before[lineage], step.after[lineage]
    links = list(changes_since(after, before))
    change = (np.asarray(before.value, float) - after.value) / _rate_of_a_part(after, step)
    stored = tuple(link.operands[-1] for link in links)
    whole = Node(after.index, "parts", None, (), {}, stored, change, links[-1].line)
    taken = [n for n in _taken(step, before, after) if n not in links]
    plain = [n for n in taken if n.changes is None or _zeros_of(n)]
    alike = [n for n in plain if n in step.by_parameters and ratio(whole, n) is not None]
    velocities = [n for n in taken if n not in plain]
    behind = [n for v in velocities for n in _taken(step, before, v) if _is_named(n, before) or _zeros_of(n)]
    node = [*alike, *behind, whole][0]
    return Gradient(lineage, node, _against(step, lineage, node.value), (node,))


def _zeros_of(node: Node) -> Node | None:
    """The zeros that a running sum began as, to which, or to parts of it, was added; of a velocity a share is kept."""
    last = node
    while node.changes is not None:
        stored = node.operands[-1] if node.op == "[]=" else node
        items = (o.operands[0] for o in stored.operands if o.op == "[]")
        added_to = {*stored.operands, *(owner for item in items for owner in (item, *item.operands[:1]))}
        if stored.op not in ADDING or node.changes not in added_to:
            return None
        node = node.changes
    return None if node is last or np.any(node.value) else node


def _running_sums(candidates: Iterable[Node]) -> dict[Node, Node]:
    """Those that are running sums, each as it is last, with the zeros that it began as."""
    found: dict[Node, Node] = {}
    earlier: set[Node] = set()
    for node in candidates:
        zeros = None if node.changes is None or node in earlier else _zeros_of(node)
        if zeros:
            found[node] = zeros
            earlier.update(changes_since(node, zeros))
    return found


def _taken(step: Step, before: Node, after: Node) -> dict[Node, None]:
    """The arrays of which parts were taken for the parts of another one."""
    items = (node for node in _candidates(step, before, after) if node.op == "[]")
    return dict.fromkeys(item.operands[0] for item in items if item.operands[0].shape == after.shape)


def _rate_of_a_part(part: Node, step: Step) -> float:
    """By which number an update of a part multiplies what it subtracts; one that adds has a negative one."""
    stored, array = part.operands[-1], part.operands[0]
    added = [o for o in stored.operands if not (o.op == "[]" and o.operands[0] is array)]
    if len(added) != 1:
        return 1.0
    rate = ratio(added[0], _without_rate([added[0], *_candidates(step, array, added[0])])) or 1.0
    return -rate if stored.op in SUMS else rate


def _not_shortened(node: Node, step: Step) -> Node:
    """What a gradient was before it was clipped: by value, or by a number that depends on the labels, as norms do."""
    numbers = [o for o in node.operands if o in step.by_labels and not np.ndim(o.value)]
    arrays = [o for o in node.operands if o not in numbers]
    is_scaled = node.op in ("*", "/", "multiply", "divide") and numbers and np.ndim(node.value)
    is_shortened = len(arrays) == 1 and (is_scaled or node.op == "clip")
    return _not_shortened(arrays[0], step) if is_shortened and names_of(arrays[0]) else node


def _zeroed(node: Node, parameter: Node, step: Step) -> tuple[Node, Node] | None:
    """What became 0 in this parameter's step, and the zeros that it became; None for what is not 0, or always was."""
    while not np.any(node.value) and np.ndim(node.value):
        learned = (o for o in node.operands if o in step.by_labels and o.shape == node.shape)
        former = node.changes or next(learned if node.op in ZEROING else iter(()), None)
        if former is None or former.index < parameter.index:
            return None
        if np.any(former.value):
            return former, node
        node = former
    return None


def _against(step: Step, lineage: Lineage, value: Any) -> float:
    """1 where an update goes against a value, -1 where it goes along, else 0."""
    change = np.asarray(step.before[lineage].value, float) - np.asarray(step.after[lineage].value, float)
    return float(np.sign((change * like(value, change)).sum()))


def _candidates(step: Step, before: Node, after: Node) -> Iterator[Node]:
    """What an update was made of, from it down to the first value that is no sum, difference or multiple."""
    learned = step.by_labels or step.by_parameters
    on_its_way = _on_its_way(before, after)

    def below(node: Node) -> Iterable[Node]:
        is_looked_into = node.op in ELEMENTWISE or is_view(node) or node.op in ("[]=", FILLED, "maximum", "where")
        operands = node.operands if is_looked_into and node is not before else ()
        return (o for o in operands if o in learned and np.size(o.value) <= np.size(after.value))

    return (node for node in walk([after], below) if node not in on_its_way)


def _is_named(node: Node, parameter: Node) -> bool:
    """Whether it is called a gradient, or lies in a dict of what is called so, and not as γ is, whose name is g."""
    return any(map(is_called_gradient, ({*node.names} - {*parameter.names}) | node.holders))


def _added_up(node: Node, candidates: list[Node]) -> Node:
    """The sum over the examples where a node is the last of the like-named that were added up; else the node itself."""
    for total in candidates:
        before = [o for o in total.operands if o is not node and o.op == total.op] if node in total.operands else []
        if total.op in SUMS and any({*o.names} & {*node.names} for b in before for o in b.operands):
            return total
    return node


def _is_velocity(node: Node) -> bool:
    """Whether it is a sum with a multiple of what was called so before: momentum, whatever its name says."""
    scaled = [o for o in node.operands if o.op in ("*", "multiply")]
    return any(_whole_names(node) & _whole_names(former) for multiple in scaled for former in multiple.operands)


def _is_above_a_root(node: Node, candidates: Sequence[Node]) -> bool:
    """Whether it is made of a root, as of squares by Adam: a step, whatever its name says."""
    roots = (c for c in candidates if c.op == "sqrt" or (c.op in ("**", "power") and c.arguments[-1] == 0.5))
    return any(root.index < node.index for root in roots)


def _whole_names(node: Node) -> set[tuple[str, str]]:
    """Its names, with those of the dicts that it lies in."""
    return {(holder, name) for holder in node.holders or {""} for name in node.names}


def _on_its_way(before: Node, after: Node) -> set[Node]:
    """The parameter from its old value to its new one: where something is added to it, or it is made a little less."""
    way = {before}
    node = after
    while node not in way:
        way.add(node)
        close = (o for o in node.operands if o is before or _close(o.value, before.value))
        node = node.operands[-1] if node.op == "[]=" else next(close, before)  # what is stored, not what was there
    return way


def _close(value: Any, old: Any) -> bool:
    """Whether it may be the old value of a parameter with a small change."""
    if np.shape(value) != np.shape(old) or not np.ndim(old):
        return False
    return bool(np.linalg.norm(value - old) < 0.5 * np.linalg.norm(old))


def _without_rate(candidates: list[Node]) -> Node:
    """The first candidate, or what it multiplies with a single number that does not depend on the labels."""
    node = candidates[0]
    while node.op in ("*", "/", "neg", "multiply", "divide") and len(node.operands) <= 2:
        factors = [o for o in node.operands if o in candidates]
        if len(factors) != 1 or any(np.size(o.value) > 1 for o in node.operands if o not in factors):
            break
        node = factors[0]
    return node


def _without_a_count(candidates: Sequence[Node]) -> Node:
    """The first candidate, or what it divides by whole numbers, as the examples' is, and no rate."""
    node = candidates[0]
    while node.op in DIVISIONS and node.operands[0] in candidates and _is_a_count(node.arguments[-1]):
        node = node.operands[0]
    return node


def _is_a_count(divisor: Any) -> bool:
    number = divisor.value if isinstance(divisor, Node) else divisor
    return np.ndim(number) == 0 and number > 1 and number == np.floor(number)


def _rate_within(product: Node, is_all: bool) -> float:
    """The learning rate in the first factor of a product without a name: lr * a.T @ d is (lr * a.T) @ d.

    is_all: whether the update subtracts the product, over m perhaps, so that a number in it without a name is the rate.
    """
    scaled = [o for o in product.operands if o.op in ("*", "multiply")]
    numbers = [n for o in scaled for n in o.operands if np.ndim(n.value) == 0 and n.value]
    plain = [abs(a) for o in scaled for a in o.arguments if is_all and isinstance(a, float) and a]
    named = (float(n.value) for n in numbers if any(map(CALLED_RATE.search, n.names)))
    return next(chain(named, plain), 1.0)

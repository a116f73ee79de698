"""Why a backward pass stops: the operation whose shapes don't fit, read as the line of the derivation that it is."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.catalogue import named
from tinygrad_mnist.grading.textbook.findings import findings
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Placement
from tinygrad_mnist.grading.watching.gradients import ELEMENTWISE
from tinygrad_mnist.grading.watching.graph import LINEAR, Node, made_of, seen_through
from tinygrad_mnist.grading.watching.labels import label_behind
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.network import turned
from tinygrad_mnist.grading.watching.textbook import Observed


def why(observed: Observed, failed: Node) -> Iterator[Finding]:
    """The mistake in an operation that raised, as far as it is a carry, a slope or a product with the wrong operand."""
    backward = _Backward(observed)
    read = (backward.carry(n) or backward.product(n) or backward.slope(n) for n in (failed, *failed.operands))
    placements = (Placement(named(name), l) for name, l in filter(None, read))
    fitting = next((p for p in placements if p.mistake.fits(observed.network, p.layer)), None)
    if fitting:
        yield from findings([Explanation((fitting,))], observed.network, observed.notation)


class _Backward:
    """Which layer the values of a backward pass belong to."""

    def __init__(self, observed: Observed) -> None:
        self.step = observed.step
        self.layers = observed.layers
        self.L = len(self.layers)
        weights = enumerate((linear.weight for linear in self.layers), 1)
        self.weights = {self.step.before[weight]: l for l, weight in weights if isinstance(weight, Lineage)}
        self.entering = {seen_through(linear.entering): l - 1 for l, linear in enumerate(self.layers, 1)}
        self.entering[observed.passes[0].output] = self.L
        self.z = {linear.z: l for l, linear in enumerate(self.layers, 1)}

    def _error(self, node: Node) -> int | None:
        """The layer of a δ: one less for each carry that it came through."""
        if node not in self.step.by_labels or node not in self.step.by_parameters or self._updated(node):
            return None
        made = made_of([node], self.step.nodes - self.step.by_labels)
        if not any(map(label_behind, made)):
            return None
        return self.L - sum(n.op in LINEAR and self._weight(n) is not None for n in made)

    def _updated(self, node: Node) -> bool:
        """Whether something is added to weights, or subtracted: it is what they became, and no error."""
        return node.op in ELEMENTWISE and any(seen_through(o) in self.weights for o in node.operands)

    def _weight(self, node: Node) -> tuple[int, Node] | None:
        """The layer of the weights in a product, and how they stand in it."""
        found = ((self.weights[w], o) for o in node.operands if (w := seen_through(o)) in self.weights)
        return next(found, None)

    def carry(self, node: Node) -> tuple[str, int] | None:
        """The mistake in δ(l+1) on its way through W(l+1)."""
        weight = self._weight(node)
        if node.op not in LINEAR or weight is None or len(node.operands) != 2:
            return None
        error = self._error(next(o for o in node.operands if o is not weight[1]))
        if error is None or error < 2:
            return None
        if weight[0] == error:
            forward = self.layers[error - 1].product
            same = turned(weight[1]) == turned(next(o for o in forward.operands if seen_through(o) in self.weights))
            return ("carried-untransposed", error - 1) if same else None
        return {error - 1: "carried-own", error + 1: "carried-next"}.get(weight[0], "carried-own"), error - 1

    def slope(self, node: Node) -> tuple[str, int] | None:
        """The mistake in δ(l) where what comes back through W(l+1) is multiplied by f' of another layer."""
        if node.op not in ("*", "multiply", "[]=") or len(node.operands) < 2:
            return None
        first, second = node.operands[:2]
        for operand, other in ((first, second), (second, first)):
            l, layer = self._error(operand), self._layer(other)
            if l is not None and layer in (l + 1, l - 1):
                return "slope-next" if layer > l else "slope-previous", l
        return None

    def _layer(self, slope: Node) -> int | None:
        """The layer whose z(l) or a(l) a value is computed of, and of nothing else that goes through the network."""
        of_layer = {seen_through(z): l for z, l in self.z.items()} | self.entering
        met = made_of([slope], of_layer) & set(of_layer)
        return of_layer[met.pop()] if len(met) == 1 else None

    def product(self, node: Node) -> tuple[str, int] | None:
        """The mistake in ∂L/∂W(l) = δ(l) a(l-1)ᵀ."""
        if node.op not in LINEAR or len(node.operands) != 2:
            return None
        for operand, other in (node.operands, node.operands[::-1]):
            l, base = self._error(operand), seen_through(other)
            if l is None:
                continue
            if base in self.z and self.z[base] == l - 1:
                return "entering-z", l
            if base in self.entering:
                names = {l: "entering-own", l - 2: "entering-earlier", l - 1: "product-transposed"}
                return (names[self.entering[base]], l) if self.entering[base] in names else None
        return None

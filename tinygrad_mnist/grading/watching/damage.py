"""Rules damaged on purpose, in the layers of any network: the catalogue's lines with autograd's cotangents in them.

Where a network is not the textbook's, its products with weights still are: ∂L/∂W(l), ∂L/∂b(l) and what is carried back
through W(l) follow from the cotangent at z(l), whatever lies between the layers. What lies there is autograd's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.grading.report import Finding
from tinygrad_mnist.grading.textbook.candidates import GRADIENTS, NOTHING
from tinygrad_mnist.grading.textbook.catalogue import MISTAKES, named
from tinygrad_mnist.grading.textbook.derivation import CORRECT, QUANTITY, Derived, Network, attempt, delta
from tinygrad_mnist.grading.textbook.findings import EVERY, findings
from tinygrad_mnist.grading.textbook.mistakes import Explanation, Mistake, Mistakes, Placement, lines
from tinygrad_mnist.grading.textbook.probes import same
from tinygrad_mnist.grading.watching.general import Reading
from tinygrad_mnist.grading.watching.graph import Node, in_order
from tinygrad_mnist.grading.watching.multiples import RTOL
from tinygrad_mnist.grading.watching.network import in_columns
from tinygrad_mnist.grading.watching.replay import cotangents
from tinygrad_mnist.grading.watching.textbook import Columns, Observed, activation_of
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.columns import CLASSES_AXIS
from tinygrad_mnist.manual.heads import Head
from tinygrad_mnist.manual.notation import COLUMNS
from tinygrad_mnist.manual.rows import Backward

MOST = 2
"""How many mistakes are looked for in a layer."""

_BETWEEN = "what lies between the activation and the next layer"

LEFT_OUT = Mistake(
    "between-missing", "passed", f"{_BETWEEN} is left out on the way back",
    "What the forward pass multiplies by, or goes through, comes back as a factor too: a dropout's mask, a scale.",
    "What happens to a(l) before W(l+1) is multiplied with it?",
)  # fmt: skip
OTHER_PATH = Mistake(
    "path-missing", "passed", "one of the paths on which a(l) goes on is left out",
    "Where a value is used more than once, the derivatives of all of its uses are added.",
    "Where else is a(l) used in the forward pass?",
)  # fmt: skip


def of_the_loss(reading: Reading, observed: Observed) -> Iterator[Finding]:
    """What all gradients share: their sign, or, where the program computes its loss, that they are m times another."""
    net = observed.network
    names = []
    if reading.right and reading.scale < 0 and all(g.descends for g in reading.computed.values()):
        names.append("error-sign")
    if reading.right and not reading.summed and net.m > 1:
        factors = {"error-sum": float(net.m)} | ({"error-mean-twice": 1 / net.m} if reading.is_mean(net.m) else {})
        factors |= {"error-doubled": 2.0} if observed.heads[0].folded and net.m != 2 else {}
        names += [name for name, factor in factors.items() if np.isclose(abs(reading.scale), factor, rtol=1e-6)]
    for name in names:
        yield from findings([Explanation((Placement(named(name), net.L),))], net, observed.notation)


def of_a_mean(reading: Reading, m: int) -> Iterator[Finding]:
    """Where the program computes the mean of its loss over m examples, that all gradients are those of the sum."""
    is_m_times = not reading.summed and m > 1 and np.isclose(reading.scale, m, rtol=1e-6)
    if reading.right and is_m_times and reading.is_mean(m):
        mistake = named("error-sum")
        yield Finding((mistake.name,), (EVERY,), mistake.title, (), mistake.explanation, mistake.hint)


def explained(reading: Reading, observed: Observed) -> Iterator[Finding]:
    """The mistakes in a network's layers by the catalogue's names, from the last one down to the first unknown one."""
    if reading.by_differences or len(observed.passes) > 1:
        return
    for scale in _scales(reading, observed.network.m):
        layers = _Layers(observed, reading, scale)
        explanation = _Search(layers).explanation() if layers.known else None
        if explanation and explanation.mistakes:
            for finding in findings([explanation], layers.net, observed.notation):
                yield finding if f"δ({layers.net.L})" in finding.where else _without_the_textbook_s_error(finding)
            return


def _without_the_textbook_s_error(finding: Finding) -> Finding:
    """A finding without the formula of δ(l), which is another one in this network."""
    return replace(finding, formulas=tuple(f for f in finding.formulas if not f.startswith("δ")))


def _scales(reading: Reading, m: int) -> list[float]:
    """By what the program's gradients may be multiples of the loss's."""
    if reading.right:
        return [reading.scale]
    return [1.0, 1.0 / m] if reading.summed else [1.0]


@dataclass(frozen=True)
class _Error:
    """A δ(l), with the mistakes in it."""

    mistakes: Mistakes
    delta: Array


class _Layers:
    """A network's layers in columns, with the cotangents at z(l), as the textbook writes them: of the sum, times m."""

    def __init__(self, observed: Observed, reading: Reading, scale: float) -> None:
        self.observed, self.reading = observed, reading
        self.scale, self.factor = scale, scale * observed.network.m
        self.columns = Columns(observed, observed.heads[0])
        self.z = {l: linear.z for l, linear in enumerate(observed.layers, 1)}
        self.activated = {l: self._activated(l) for l in range(1, len(observed.layers))}
        self.net = self.columns.network

    def at(self, l: int) -> Network:
        """The network with the activation of this layer: each may have its own."""
        activated = self.activated.get(l)
        if activated is None:
            return self.net
        a = self.in_columns(activated.value)
        activation = activation_of([(self.net.z[l], a)])
        return replace(self.net, a={**self.net.a, l: a}, activation=activation or self.net.activation)

    @property
    def known(self) -> bool:
        """Whether autograd has a cotangent at every layer."""
        return all(z in self.reading.expected for z in self.z.values())

    def in_columns(self, value: object) -> Array:
        return in_columns(value, self.observed.notation)

    def expected(self, node: Node) -> Array:
        return self.factor * self.in_columns(self.reading.expected[node])

    def _activated(self, l: int) -> Node | None:
        """The first value after z(l) that is a known activation of it."""
        z = self.z[l]
        after = [n for n in self.reading.step.forward if n.index > z.index and n.shape == z.shape and n.operands]
        known = (n for n in in_order(after) if n in self.reading.expected)
        return next((n for n in known if activation_of([(np.asarray(z.value, float), np.asarray(n.value))])), None)

    def found(self) -> Backward:
        """The program's gradients, without what the loss has of a parameter beside its layer's product."""
        found = self.columns.found()
        for (quantity, l), g in self.observed.gradients.items():
            of_quantity = getattr(found, quantity)
            if g is None or of_quantity[l] is None:
                continue
            expected = self.scale * self.reading.expected_of(g.lineage)
            whole = self.columns.turned(expected, g.lineage, quantity, l)
            of_layer = GRADIENTS[quantity](self.at(l), l, {}, self.expected(self.z[l]))
            if whole.shape == of_layer.shape == of_quantity[l].shape:
                of_quantity[l] = of_quantity[l] - (whole - of_layer)
        return found

    def brought(self, l: int, carried: Array) -> Array:
        """What arrives at the activation of layer l of a cotangent at what enters the next one."""
        activated = self.activated[l]
        entering = self.reading.values[self.observed.layers[l].entering]
        assert activated
        if not carried.any():
            return np.zeros_like(self.expected(activated))
        there = carried if self.observed.notation is COLUMNS else carried.T
        loss = (entering * Tensor(there.reshape(entering.shape))).sum()
        return self.in_columns(cotangents(loss, self.reading.values, [activated])[activated])


class _Search:
    """Which mistakes lead to a program's gradients, layer by layer."""

    def __init__(self, layers: _Layers) -> None:
        self.layers = layers

    def explanation(self) -> Explanation:
        """As few mistakes as give the program's gradients, in each layer down to one that has none that do."""
        found = self.layers.found()
        made: Mistakes = ()
        above: _Error | None = None
        for l in range(self.layers.net.L, 0, -1):
            way = self._layer(l, above, found)
            if way is None:
                break
            above, own = way
            made = (*made, *above.mistakes, *own)
        return Explanation(made)

    def _layer(self, l: int, above: _Error | None, found: Backward) -> tuple[_Error, Mistakes] | None:
        """The δ(l) and the mistakes in the gradients that have the fewest mistakes together."""
        errors = self._errors(l, above)
        right = next(errors, None)
        if right is None:
            return None
        in_gradients = self._in_gradients(l, right.delta, found)
        if () in in_gradients:
            return right, ()
        ways = [(right, mistakes) for mistakes in in_gradients]
        ways += [(error, mistakes) for error in errors for mistakes in self._in_gradients(l, error.delta, found)]
        few = [(error, mistakes) for error, mistakes in ways if len(error.mistakes) + len(mistakes) <= MOST]
        return min(few, key=lambda way: len(way[0].mistakes) + len(way[1]), default=None)

    def _in_gradients(self, l: int, error: Array, found: Backward) -> list[Mistakes]:
        """Every choice of mistakes, one at most in each gradient, with which both are what was found."""
        ways = (self._ways(quantity, l, error, getattr(found, quantity)[l]) for quantity in GRADIENTS)
        return [(*in_weights, *in_bias) for in_weights, in_bias in product(*ways)]

    def _ways(self, quantity: str, l: int, error: Array, found: Array | None) -> Iterator[Mistakes]:
        if found is None:
            yield ()
            return
        net = self.layers.at(l)
        right = GRADIENTS[quantity](net, l, {}, error)
        size = float(np.abs(right).max(initial=0))
        for mistakes in ((), *((p,) for p in self._placements(quantity, net, l))):
            made = attempt(GRADIENTS[quantity], net, l, lines(mistakes), error)
            if made is not None and made.any() and same(found, np.asarray(made), size, RTOL):
                yield mistakes
                if not mistakes:
                    return

    def _placements(self, quantity: str, net: Network, l: int) -> list[Placement]:
        fitting = [m for m in MISTAKES if QUANTITY[m.slot] == quantity and m.variants and m.fits(net, l)]
        return [Placement(m, l, variant) for m in fitting for variant in range(len(m.variants))]

    # δ(l)

    def _errors(self, l: int, above: _Error | None) -> Iterator[_Error]:
        right = self.layers.expected(self.layers.z[l])
        if l == self.layers.net.L:
            yield _Error((), right)
            yield from self._at_the_output(l, right)
            return
        assert above
        net = self.layers.at(l)
        derived = Derived({l + 1: above.delta}, {l + 1: GRADIENTS["dW"](net, l + 1, {}, above.delta)}, {}, {})
        activated = self.layers.activated[l]
        slope = net.activation.f_prime(net.z[l])
        if activated is None or not same(
            self.layers.expected(activated) * slope, right, float(np.abs(right).max()), RTOL
        ):
            if not above.mistakes:
                yield _Error((), right)
            return
        carried = CORRECT["carried"](net, l, derived)
        expected = net.W[l + 1].T @ self.layers.expected(self.layers.z[l + 1])
        arriving = self.layers.expected(activated) + self.layers.brought(l, carried - expected)
        yield _Error((), arriving * slope)
        for p in self._placements("delta", net, l):
            slot, line = p.mistake.slot, p.line
            if slot == "carried":
                made = attempt(line, net, l, derived)
                if made is not None and np.shape(made) == expected.shape:
                    yield _Error((p,), (arriving + self.layers.brought(l, made - carried)) * slope)
            elif slot == "slope":
                made = attempt(lambda line=line: arriving * line(net, l))
                if made is not None and made.shape == slope.shape:
                    yield _Error((p,), made)
            elif slot == "passed":
                yield _Error((p,), line(net, l, arriving, slope))
        brought = self.layers.brought(l, carried)
        if brought.shape == carried.shape and not np.allclose(brought, carried):
            yield _Error((Placement(LEFT_OUT, l),), carried * slope)
        if not np.allclose(brought, arriving):
            yield from (_Error((Placement(OTHER_PATH, l),), one * slope) for one in (brought, arriving - brought))

    def _at_the_output(self, l: int, right: Array) -> Iterator[_Error]:
        """The mistakes in δ(L), where the loss is one of the textbook's."""
        head = self._head(l, right)
        if head is None:
            return
        net = replace(self.layers.net, head=head)
        for p in self._placements("delta", net, l):
            made = delta(net, l, lines((p,)), NOTHING)
            if np.shape(made) == right.shape:
                yield _Error((p,), np.asarray(made))

    def _head(self, l: int, right: Array) -> Head | None:
        """The output and loss whose error this is, of those that the program may have."""
        net, size = self.layers.net, float(np.abs(right).max(initial=0))
        heads = self.layers.observed.scaled_heads
        return next((h for h in heads if same(h.error(net.a[l], net.Y, CLASSES_AXIS), right, size, RTOL)), None)

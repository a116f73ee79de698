"""The networks on which a learner's function is run, with their right gradients."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.textbook.derivation import Derived, Lines, Network, Values, attempt, derive, run
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.heads import HALF, SOFTMAX_CROSS_ENTROPY, Head, Penalty
from tinygrad_mnist.manual.rows import Backward

Found = Sequence[Backward | None]
"""Gradients on each probe, in columns; None where there are none."""

Mask = NDArray[np.bool_]
"""For each probe, whether what was found on it is evidence."""


@dataclass(frozen=True)
class Probe:
    """A network with its inputs; what it is there for; the relative difference that rounding may make.

    The tolerance admits a learner who computes in float32 inside.
    """

    about: str
    net: Network
    rtol: float = 1e-5

    @property
    def strict(self) -> bool:
        """Whether nothing but rounding is tolerated; not where logits are so large that float32 loses digits."""
        return self.rtol <= 1e-5

    @property
    def sizes(self) -> str:
        """The layer sizes and the number of examples, in words."""
        layers = [len(self.net.a[0]), *(len(w) for w in self.net.W.values())]
        return f"{'-'.join(map(str, layers))} with {self.net.m} examples"


def same(found: Array | None, expected: Array | None, scale: float, rtol: float) -> bool:
    """Whether two arrays are equal up to rounding, relative to the largest number in the expected one, or to scale."""
    if found is None or expected is None:
        return found is expected
    if found.shape != expected.shape:
        return False
    finite = np.isfinite(expected)
    if finite.all():
        size = max(scale, float(np.abs(expected).max(initial=0)))
        return bool((np.abs(found - expected) <= rtol * size).all())  # a NaN compares false
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    return same(found[finite], expected[finite], scale, rtol)


def is_zero(values: Values, usable: Mask) -> bool:
    """Whether a quantity is nothing but zeros where it is evidence."""
    return not any(x is not None and x.any() for x, use in zip(values, usable, strict=True) if use)


def values_of(gradients: Found, quantity: str, l: int) -> Values:
    """One gradient of a layer on each probe: "dW" or "db"."""
    return [None if g is None else getattr(g, quantity)[l] for g in gradients]


def _sizes(values: Values) -> list[float]:
    """The largest number in each array, or a billionth of that in all of them; 1 where there are zeros alone."""
    sizes = [0.0 if x is None else float(np.abs(x).max(initial=0)) for x in values]
    return [max(size, 1e-9 * max(sizes)) or 1.0 for size in sizes]


class Probes:
    """Several probes of one depth, with their right gradients.

    scale: how large each of them is on each probe; where an output is saturated and nothing comes back, what rounding
        can leave.
    missing: gradients that the learner's program has not: of biases, where there are none.
    deadline: the moment of `time.process_time` after which no more is worked out to be compared with what was found.
    """

    def __init__(self, probes: Sequence[Probe], missing: Collection[tuple[str, int]] = ()) -> None:
        self._probes = probes
        self.missing = frozenset(missing)
        self.deadline = math.inf
        self.nets = [p.net for p in probes]
        self.rtol = [p.rtol for p in probes]
        self.correct = [derive(net) for net in self.nets]
        self.L = self.nets[0].L
        self.gradients = [(quantity, l) for l, quantity in product(range(1, self.L + 1), ("dW", "db"))]
        self.scale = {key: _sizes(values_of(self.correct, *key)) for key in self.gradients}

    @property
    def late(self) -> bool:
        """Whether the deadline has passed."""
        return time.process_time() > self.deadline

    def __iter__(self) -> Iterator[Probe]:
        return iter(self._probes)

    def same(self, quantity: str, l: int, found: Values, candidate: Values, usable: Mask, small: bool = False) -> bool:
        """Whether a candidate for a gradient is what was found, on every probe that is evidence.

        small: relative to how large the candidate is on all probes together, where that is less than what is right.
        Zeros on all of them were not computed: they are no evidence for a sum that rounding leaves near zero.
        """
        if (quantity, l) in self.missing:
            return True
        if is_zero(found, usable) and not is_zero(candidate, usable):
            return False
        share = self._share(quantity, l, candidate) if small else 1.0
        return all(
            same(f, c, scale * share, probe.rtol)
            for f, c, scale, probe, use in zip(found, candidate, self.scale[quantity, l], self, usable, strict=True)
            if use
        )

    def _share(self, quantity: str, l: int, candidate: Values) -> float:
        """How large a candidate is beside what is right, at most 1."""
        sizes = [
            (float(np.abs(c).max(initial=0)), scale)
            for c, scale in zip(candidate, self.scale[quantity, l], strict=True)
            if c is not None and np.isfinite(c).all()
        ]
        return min(1.0, sum(size for size, _ in sizes) / (sum(scale for _, scale in sizes) or 1))

    def agree(self, quantity: str, l: int, found: Found, candidate: Found) -> bool:
        """Whether one gradient is what was found, wherever something was."""
        return self.same(quantity, l, values_of(found, quantity, l), values_of(candidate, quantity, l), given(found))

    def all_agree(self, found: Found, candidate: Found) -> bool:
        """Whether every gradient is what was found, wherever something was."""
        return all(self.agree(quantity, l, found, candidate) for quantity, l in self.gradients)

    def derive(self, replaced: Lines, down_to: int = 1) -> list[Derived | None]:
        """The gradients with lines of the derivation replaced; None where the shapes don't fit."""
        return [attempt(derive, net, replaced, down_to) for net in self.nets]


def given(found: Found | Values) -> Mask:
    """Where there is something."""
    return np.array([x is not None for x in found])


CLASSES = 10
NO_LAST_CLASS = "no example of the last class"
ON_THE_KINK = "units with z = 0"

Change = Callable[[Array, list[Array], list[Array]], None]
"""Changes X, every W(l) and every b(l) of a network in place, before it runs."""


def _unchanged(X: Array, W: list[Array], b: list[Array]) -> None:
    """As the numbers were drawn."""


def _on_the_kink(X: Array, W: list[Array], b: list[Array]) -> None:
    """One unit of each hidden layer has z = 0 exactly, another one in each."""
    for l, (w, c) in enumerate(zip(W[:-1], b[:-1], strict=True)):
        unit = l % len(w)
        w[unit], c[unit] = 0, 0


def _large_logits(X: Array, W: list[Array], b: list[Array]) -> None:
    """Every logit lies near 1000, where exp overflows."""
    b[-1] += 1000


def _spread_logits(X: Array, W: list[Array], b: list[Array]) -> None:
    """Logits near -150 for some examples and near 650 for others: 800 apart, and each within exp's range.

    The first feature is carried alone through the first unit of every layer and added to all logits.
    """
    X[0] = np.where(np.arange(X.shape[1]) % 2, 800, 0)
    for w, c in zip(W[:-1], b[:-1], strict=True):
        w[0], w[:, 0], c[0] = 0, 0, 0
        w[0, 0] = 1
    W[-1][:, 0] = 1
    b[-1] -= 150


def _arrays(seed: int, sizes: Sequence[int], m: int, occurring: int) -> tuple[Array, Array, list[Array], list[Array]]:
    """Random X, Y with so many classes that occur, every W(l) and every b(l)."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((sizes[0], m))
    Y = np.eye(sizes[-1])[rng.permutation(np.arange(m) % occurring)].T.copy()
    W = [rng.standard_normal((o, i)) * 1.2 / np.sqrt(i) for i, o in zip(sizes, sizes[1:], strict=False)]
    b = [rng.standard_normal((o, 1)) / 2 for o in sizes[1:]]
    return X, Y, W, b


@lru_cache(maxsize=1024)
def probes_for(
    depth: int, activation: Activation, l2: float, head: Head = SOFTMAX_CROSS_ENTROPY, penalty: Penalty = HALF
) -> Probes:
    """The networks of so many layers that a learner's function is run on, in float64 and from fixed seeds.

    Where all sizes are equal everything fits everything, so that a mistake with a transpose runs and can be named;
    where all are different it can't hide. There are ten classes, as programs for MNIST have them written in.
    """
    equal = [CLASSES] * (depth + 1)

    def probe(
        about: str,
        seed: int,
        sizes: Sequence[int],
        m: int,
        change: Change = _unchanged,
        rtol: float = 1e-5,
        occurring: int = CLASSES,
    ) -> Probe:
        X, Y, W, b = _arrays(seed, sizes, m, occurring)
        change(X, W, b)
        return Probe(about, run(X, Y, W, b, activation, l2, head, penalty), rtol)

    return Probes(
        (
            probe("all sizes equal", 1, equal, CLASSES),
            probe("all sizes different", 2, [*range(20 + depth, 20, -1), CLASSES], 11),
            probe("square weights", 3, equal, 12),
            probe("inputs of another size", 7, [8, *equal[1:]], CLASSES),
            probe(ON_THE_KINK, 4, equal, CLASSES, _on_the_kink),
            probe(NO_LAST_CLASS, 8, equal, CLASSES, occurring=CLASSES - 1),
            probe("large logits", 5, equal, CLASSES, _large_logits, rtol=1e-3),
            probe("logits far apart", 6, equal, CLASSES, _spread_logits, rtol=1e-3),
        )
    )

"""The inputs on which a learner's backprop is run, and the conventions it may be written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from tinygrad_mnist.grading.derivation import Network, run
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.activations import Array

Labels = Literal["one-hot", "integers"]


@dataclass(frozen=True)
class Convention:
    """How a learner writes a layer: columns W @ X + b, rows X @ W.T + b, or rows X @ W + b."""

    columns: bool = False
    weights_in_out: bool = False
    labels: Labels = "one-hot"

    def arguments(self, net: Network) -> list[Array]:
        """X, Y, W1, b1, … as the learner's function takes them; copies."""
        X, Y = net.a[0], net.Y
        arrays = [X if self.columns else X.T, Y if self.columns else Y.T]
        if self.labels == "integers":
            arrays[1] = Y.argmax(axis=0)
        for l in range(1, net.L + 1):
            arrays.append(net.W[l].T if self.weights_in_out else net.W[l])
            arrays.append(net.b[l] if self.columns else net.b[l][:, 0])
        return [np.array(a, order="C") for a in arrays]

    def to_columns(self, gradient: Array, parameter: Array) -> Array:
        """A learner's gradient of W (out, in) or b (out, 1) as it is written in columns.

        One axis less broadcasts as one axis of length 1 in front, as in NumPy. A vector that is not as long as
        the bias is a row, whichever way it was kept.
        """
        bias = parameter.shape[1] == 1
        turned = not self.columns if bias else self.weights_in_out
        array = np.atleast_2d(gradient)
        array = array.T if turned else array
        return array.T if bias and array.shape[1] == 1 and 1 < len(array) != len(parameter) else array

    def from_columns(self, gradient: Array, parameter: Array) -> Array:
        """The reverse, for a gradient that was derived in columns."""
        if parameter.shape[1] > 1:
            return gradient.T if self.weights_in_out else gradient
        if self.columns:
            return gradient
        return gradient[:, 0] if gradient.shape == parameter.shape else gradient.T


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


Damage = Callable[[Array, list[Array], list[Array]], None]


def _probe(
    about: str,
    seed: int,
    sizes: list[int],
    m: int,
    activation: Activation,
    l2: float,
    change: Damage | None = None,
    rtol: float = 1e-5,
) -> Probe:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((sizes[0], m))
    Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], m)].T.copy()
    W = [rng.standard_normal((o, i)) * 1.2 / np.sqrt(i) for i, o in zip(sizes, sizes[1:], strict=False)]
    b = [rng.standard_normal((o, 1)) / 2 for o in sizes[1:]]
    if change:
        change(X, W, b)
    return Probe(about, run(X, Y, W, b, activation, l2), rtol)


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


@lru_cache
def probes(depth: int, activation: Activation, l2: float) -> tuple[Probe, ...]:
    """The networks of so many layers that a learner's function is run on, in float64 and from fixed seeds.

    Where all sizes are equal everything fits everything, so that a mistake with a transpose runs and can be named;
    where all are different it can't hide.
    """
    equal = [6] * (depth + 1)

    def probe(about: str, seed: int, sizes: list[int], m: int, **options: Any) -> Probe:
        return _probe(about, seed, sizes, m, activation, l2, **options)

    return (
        probe("all sizes equal", 1, equal, 6),
        probe("all sizes different", 2, [*range(12 + depth, 12, -1), 4], 5),
        probe("square weights", 3, [7] * (depth + 1), 5),
        probe("inputs of another size", 7, [8, *equal[1:]], 6),
        probe("units with z = 0", 4, equal, 6, change=_on_the_kink),
        probe("large logits", 5, equal, 6, change=_large_logits, rtol=1e-3),
        probe("logits far apart", 6, equal, 6, change=_spread_logits, rtol=1e-3),
    )

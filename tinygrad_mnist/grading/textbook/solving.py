"""What no list can hold, solved for from a learner's gradients: the number in a mistake, or a whole δ(l)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.textbook.derivation import QUANTITY, Values
from tinygrad_mnist.grading.textbook.layer import Layer, State
from tinygrad_mnist.grading.textbook.mistakes import Mistake, Mistakes, Placement, Unknown
from tinygrad_mnist.grading.textbook.observations import facts
from tinygrad_mnist.grading.textbook.probes import given
from tinygrad_mnist.manual.activations import Array

NOTHING = 1e-12
"""A number as small as this leaves nothing of what it multiplies."""


def _families(layer: Layer, quantity: str) -> list[Mistake]:
    """The mistakes in a quantity that have a number in them."""
    net = layer.probes.nets[0]
    return [m for m in MISTAKES if m.family and QUANTITY[m.slot] == quantity and m.fits(net, layer.l)]


def fitted(layer: Layer) -> list[State]:
    """The layer with a mistake that has a number in it: alone in δ(l), in a gradient, or beside one of the catalogue's.

    What is simpler is looked for first, and what holds ends the search.
    """
    stages = (
        alone,
        partial(_in_gradients, in_delta=0, beside=0),
        _beside_others,
        partial(_in_gradients, in_delta=0, beside=1),
        partial(_in_gradients, in_delta=1, beside=0),
    )
    return next((states for states in (stage(layer) for stage in stages if not layer.probes.late) if states), [])


def alone(layer: Layer) -> list[State]:
    """The layer with one mistake in δ(l) that has a number in it, and no other."""
    return [state for mistake in _families(layer, "delta") for state in _in_delta(layer, mistake, (), 0)]


def _beside_others(layer: Layer) -> list[State]:
    return [
        state
        for mistake in _families(layer, "delta")
        for other in layer.choices("delta", 1)
        if all(p.mistake.slot != mistake.slot for p in other)
        for state in _in_delta(layer, mistake, other, 1)
    ]


def _in_delta(layer: Layer, mistake: Mistake, other: Mistakes, most: int) -> list[State]:
    """The first state that holds, of this mistake with another one in δ(l), or with so many in each gradient.

    δ is linear in the number, so two values give the line.
    """
    at = [(*other, Placement(mistake, layer.l, value=value)) for value in (0.0, 1.0)]
    delta_0, delta_1 = (layer.candidates.delta(mistakes, layer.above.dW) for mistakes in at)
    for in_weights in layer.choices("dW", 0 if other else most):
        dW_0, dW_1 = (layer.candidates.gradient("dW", delta, in_weights) for delta in (delta_0, delta_1))
        value = _fit(layer, "dW", dW_0, dW_1)
        if value is None or abs(value) < NOTHING:
            continue
        solved = (*other, Placement(mistake, layer.l, value=value))
        delta = layer.candidates.delta(solved, layer.above.dW)
        if _alike(delta, layer.candidates.delta(other)) or not layer.gives("dW", delta, in_weights, small=True):
            continue
        for in_bias in [*layer.choices("db", most), *(_numbered(layer, "db", delta) if most else ())]:
            if layer.gives("db", delta, in_bias, small=True):
                return [replace(layer.state(delta, (*solved, *in_weights, *in_bias)), known=False)]
    return []


def _in_gradients(layer: Layer, in_delta: int, beside: int) -> list[State]:
    """The numbers in one or both gradients, beside up to one mistake of the catalogue in the other."""
    states: list[State] = []
    for mistakes, delta in layer.candidates.deltas(in_delta):
        ways = {q: _catalogued(layer, q, delta) or _numbered(layer, q, delta, beside) for q in layer.found}
        states += [layer.state(delta, (*mistakes, *w, *b)) for w, b in product(ways["dW"], ways["db"])]
    return states


def _catalogued(layer: Layer, quantity: str, delta: Values) -> list[Mistakes]:
    """The fewest mistakes of the catalogue, one at most, with which a gradient is what was found."""
    ways = [mistakes for mistakes in layer.choices(quantity, 1) if layer.gives(quantity, delta, mistakes)]
    return [way for way in ways if len(way) == len(ways[0])]


def _numbered(layer: Layer, quantity: str, delta: Values, most: int = 0) -> list[Mistakes]:
    """The mistakes with a number, beside so many others, with which a gradient is what was found: the fewest."""
    ways: list[Mistakes] = []
    for other, mistake in product(layer.choices(quantity, most), _families(layer, quantity)):
        value = _number(layer, quantity, delta, other, mistake)
        if value is None or abs(value) < NOTHING or any(p.mistake.slot == mistake.slot for p in other):
            continue
        way = (*other, Placement(mistake, layer.l, value=value))
        gradient = layer.candidates.gradient(quantity, delta, way)
        changes = not _alike(gradient, layer.candidates.gradient(quantity, delta, other))
        if changes and layer.same(quantity, gradient, small=True):
            ways.append(way)
    return [way for way in ways if len(way) == len(ways[0])]


def _number(layer: Layer, quantity: str, delta: Values, other: Mistakes, mistake: Mistake) -> float | None:
    """The only number that a mistake in a gradient can have, beside others."""
    if mistake.guess:
        return mistake.guess(layer.found[quantity], layer.candidates.gradient(quantity, delta, other))
    at_0, at_1 = (
        layer.candidates.gradient(quantity, delta, (*other, Placement(mistake, layer.l, value=value)))
        for value in (0.0, 1.0)
    )
    return _fit(layer, quantity, at_0, at_1)


def _alike(some: Values, others: Values) -> bool:
    """Whether a mistake with its number changes nothing."""
    pairs = [(a, b) for a, b in zip(some, others, strict=True) if a is not None and b is not None]
    return all(a.shape == b.shape and np.allclose(a, b, 1e-7, 1e-12, equal_nan=True) for a, b in pairs)


def _fit(layer: Layer, quantity: str, at_0: Values, at_1: Values) -> float | None:
    """The number for which the line through two values comes nearest to what was found, by least squares."""
    top = bottom = 0.0
    scale = layer.probes.scale[quantity, layer.l]
    for f, a, b, size, use in zip(layer.found[quantity], at_0, at_1, scale, layer.usable, strict=True):
        if not use or f is None or a is None or b is None:
            continue
        if f.shape == a.shape == b.shape and np.isfinite([f, a, b]).all():
            top += float(((f - a) * (b - a)).sum()) / size**2
            bottom += float(((b - a) ** 2).sum()) / size**2
    return top / bottom if bottom > 1e-12 else None


def recovered(layer: Layer) -> list[State]:
    """The layer with an unknown δ(l), where it can be had from the learner's ∂L/∂W(l) and is seen to be wrong."""
    delta = _delta_behind_the_weights(layer)
    usable = given(delta)
    expected = layer.candidates.deltas(0)[0][1]
    observed = facts("delta", layer.l, delta, expected, layer.probes, usable)
    if not observed:
        return []
    wrong = Unknown("delta", layer.l, observed)
    in_bias = next((way for way in layer.choices("db", 2) if layer.gives("db", delta, way, usable)), None)
    unknown = (wrong,) if in_bias is not None else (wrong, layer.unknown("db", delta))
    return [replace(layer.state(delta, in_bias or (), unknown), usable=usable, known=False)]


def _delta_behind_the_weights(layer: Layer) -> Values:
    """δ(l) solved from ∂L/∂W(l) = δ(l) a(l-1)ᵀ/m and the penalty's part, which with m ≤ inputs determines it.

    Only if the rest of ∂L/∂W(l) proves right where m < inputs: its rows lie in the span of the a(l-1).
    """
    nothing: list[Array | None] = [None] * len(layer.probes.nets)
    delta = nothing.copy()
    proofs = 0
    for i, (net, dW) in enumerate(zip(layer.probes.nets, layer.found["dW"], strict=True)):
        a, W = net.a[layer.l - 1], net.W[layer.l]
        if not layer.usable[i] or dW is None or dW.shape != W.shape or not np.isfinite(dW).all():
            continue
        if net.m > len(a) or np.linalg.cond(a) > 1e6:
            continue
        total = (dW - net.decay(layer.l)) * net.m
        delta[i] = solved = total @ np.linalg.pinv(a).T
        if np.abs(solved @ a.T - total).max() > 1e-4 * np.abs(total).max():
            return nothing
        proofs += net.m < len(a)
    return delta if proofs else nothing

"""What no list can hold, solved for from a learner's gradients: the number in a mistake, or a whole δ(l)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_mnist.grading.textbook.catalogue import MISTAKES
from tinygrad_mnist.grading.textbook.layer import Layer, State
from tinygrad_mnist.grading.textbook.mistakes import Mistake, Mistakes, Placement, Unknown
from tinygrad_mnist.grading.textbook.observations import facts
from tinygrad_mnist.grading.textbook.probes import Values, given
from tinygrad_mnist.manual.activations import Array


def fitted(layer: Layer) -> list[State]:
    """The layer with a mistake that has a number in it: δ is linear in it, so two values give the line."""
    states = []
    for mistake in MISTAKES:
        if not mistake.family or not mistake.fits(layer.probes.nets[0], layer.l):
            continue
        for other in layer.choices("delta", 1):
            if all(p.mistake.slot != mistake.slot for p in other):
                states += _fitted(layer, mistake, other)
    return states


def _fitted(layer: Layer, mistake: Mistake, other: Mistakes) -> list[State]:
    """The first state that holds, of this mistake with another one in δ(l), or with one in each gradient."""
    at = [(*other, Placement(mistake, layer.l, value=value)) for value in (0.0, 1.0)]
    delta_0, delta_1 = (layer.candidates.delta(mistakes, layer.above.dW) for mistakes in at)
    for in_weights in layer.choices("dW", 0 if other else 1):
        dW_0, dW_1 = (layer.candidates.gradient("dW", delta, in_weights) for delta in (delta_0, delta_1))
        value = _fit(layer, "dW", dW_0, dW_1)
        if value is None:
            continue
        delta = [a if a is None or b is None else a + value * (b - a) for a, b in zip(delta_0, delta_1, strict=True)]
        if not layer.same("dW", layer.candidates.gradient("dW", delta, in_weights)):
            continue
        for in_bias in layer.choices("db", 1):
            if layer.same("db", layer.candidates.gradient("db", delta, in_bias)):
                mistakes = (*other, Placement(mistake, layer.l, value=value), *in_weights, *in_bias)
                return [replace(layer.state(delta, mistakes), known=False)]
    return []


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
    for in_bias in layer.choices("db", 2):
        if layer.same("db", layer.candidates.gradient("db", delta, in_bias), usable):
            state = layer.state(delta, in_bias, (wrong,))
            break
    else:
        state = layer.state(delta, (), (wrong, layer.unknown("db", delta)))
    return [replace(state, usable=usable, known=False)]


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

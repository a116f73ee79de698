"""What can be said about a quantity that is wrong in a way that the catalogue does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tinygrad_mnist.grading.textbook.derivation import Network, Values, derive
from tinygrad_mnist.grading.textbook.probes import Mask, Probe, Probes
from tinygrad_mnist.manual.activations import Array

_MULTIPLE = "it is a multiple of what it should be, another one on each network"


def facts(quantity: str, l: int, found: Values, expected: Values, probes: Probes, usable: Mask) -> tuple[str, ...]:
    """Sentences that hold wherever the numbers differ: about "delta", "dW" or "db" of layer l."""
    sets, strange = [], []
    differing: list[Probe] = []
    for f, e, probe, use in zip(found, expected, probes, usable, strict=True):
        if not use or f is None or e is None:
            continue
        if not np.isfinite(f).all():
            strange.append(f"NaN or infinite on the network with {probe.about}")
        elif probe.strict and not _nearly(f, e, _tolerance(e, probe)):
            sets.append(_facts(quantity, l, f, e, probe))
        elif not _nearly(f, e, _tolerance(e, probe) / 100):
            differing.append(probe)
    if differing and not sets and not strange:
        return (_nearly_right(differing),)
    return (*_common(sets), *strange)


def _common(sets: Sequence[list[str]]) -> list[str]:
    """The sentences that hold on every network, without one that says less than another."""
    if not sets:
        return []
    common = [fact for fact in sets[0] if all(fact in other for other in sets[1:])]
    if len(common) > 1 and _MULTIPLE in common:
        common.remove(_MULTIPLE)
    return common or ["it differs in places"]


def _nearly_right(differing: Sequence[Probe]) -> str:
    """What to say where no network without extreme logits shows a difference beyond a thousandth."""
    extreme = " or ".join(probe.about for probe in differing if not probe.strict)
    if not any(probe.strict for probe in differing):
        return f"it is wrong only on networks with {extreme}"
    more = f" (more with {extreme})" if extreme else ""
    return f"it is off by less than a thousandth{more}: is a small number added somewhere, as in log(ŷ + 1e-8)?"


def _tolerance(expected: Array, probe: Probe) -> float:
    return 100 * probe.rtol * (float(np.abs(expected).max(initial=0)) or 1.0)


def _nearly(a: Array, b: Array, tolerance: float) -> bool:
    return a.shape == b.shape and bool((np.abs(a - b) <= tolerance).all())


def _facts(quantity: str, l: int, found: Array, expected: Array, probe: Probe) -> list[str]:
    tolerance = _tolerance(expected, probe)
    equal = partial(_nearly, tolerance=tolerance)
    if not found.any():
        return [f"it is zero everywhere{': is the bias left out?' if quantity == 'db' else ''}"]
    other = _another(quantity, l, found, probe, equal)
    if other:
        return [f"it holds the numbers of {other}: is the order dW1, db1, dW2, db2, … kept?"]
    if found.shape != expected.shape:
        return [*(["it is transposed"] if equal(found.T, expected) else []), "its shape is not the parameter's"]
    if equal(-found, expected):
        return ["its sign is turned"]
    if equal(found.T, expected):
        return ["it is transposed"]
    ratio = _ratio(found, expected, probe)
    if ratio is not None:
        return [f"it is {ratio:.4g} times what it should be, everywhere", _MULTIPLE]
    return _where(quantity, l, np.abs(found - expected) > tolerance, probe.net)


def _another(quantity: str, l: int, found: Array, probe: Probe, equal: Callable[[Array, Array], bool]) -> str | None:
    """The name of another gradient whose numbers these are, lying or standing."""
    if quantity == "delta":
        return None
    right = derive(probe.net)
    others = {f"dW{k}": w for k, w in right.dW.items()} | {f"db{k}": b for k, b in right.db.items()}
    del others[f"{quantity}{l}"]
    return next((name for name, g in others.items() if equal(found, g) or equal(found.T, g)), None)


def _ratio(found: Array, expected: Array, probe: Probe) -> float | None:
    ratio = float((found * expected).sum() / ((expected**2).sum() or 1))
    multiple = ratio * expected
    return ratio if ratio and _nearly(found, multiple, _tolerance(multiple, probe)) else None


def _where(quantity: str, l: int, wrong: Array, net: Network) -> list[str]:
    """Which sides of the kink, units, examples or inputs are wrong, where it is not all of them."""
    sides = _side(wrong, net.z[l]) if quantity == "delta" and l < net.L else []
    unit = _only(np.any(wrong, axis=1), "class" if l == net.L else "unit")
    column = _only(np.any(wrong, axis=0), "example" if quantity == "delta" else "input")
    return [*sides, *unit, *column] or (["it differs nearly everywhere"] if wrong.mean() > 0.8 else [])


def _side(wrong: Array, z: Array) -> list[str]:
    """Where a δ(l) is wrong on one side of the kink alone."""
    negative, zero, positive = z < 0, z == 0, z > 0
    if wrong[positive].any() == wrong[~positive].any():
        return []
    if wrong[positive].any():
        return ["it is wrong only where z > 0"]
    sides = "=" if not wrong[negative].any() else "≤" if wrong[zero].any() else "<"
    return [f"it is wrong only where z {sides} 0"]


def _only(wrong: Array, thing: str) -> list[str]:
    """Which one is wrong, where it is a single one of several."""
    if wrong.sum() != 1 or len(wrong) == 1:
        return []
    which = int(wrong.argmax())
    ends = {0: f"the first {thing}", len(wrong) - 1: f"the last {thing}"}
    return [f"it is wrong only for {ends.get(which, f'{thing} {which}')}"]

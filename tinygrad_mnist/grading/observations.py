"""What can be said about a quantity that is wrong in a way nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.derivation import Network, derive
from tinygrad_mnist.grading.probes import Probe
from tinygrad_mnist.manual.activations import Array


def facts(
    quantity: str,
    l: int,
    found: Sequence[Array | None],
    expected: Sequence[Array | None],
    probes: Sequence[Probe],
    usable: NDArray[np.bool_],
) -> tuple[str, ...]:
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
    common = [fact for fact in sets[0] if all(fact in other for other in sets[1:])] if sets else []
    if len(common) > 1 and _MULTIPLE in common:
        common.remove(_MULTIPLE)
    if differing and not sets and not strange:
        return (_nearly_right(differing),)
    return (*(common or ["it differs in places"] * bool(sets)), *strange)


_MULTIPLE = "it is a multiple of what it should be, another one on each network"


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
    if equal(found, np.zeros_like(found)):
        return ["it is zero everywhere"]
    other = _another(quantity, l, found, probe, equal)
    if other:
        return [f"it holds the numbers of {other}: is the order dW1, db1, dW2, db2, … kept?"]
    if found.shape != expected.shape:
        return [*(["it is transposed"] if equal(found.T, expected) else []), "its shape is not the parameter's"]
    if equal(-found, expected):
        return ["its sign is turned"]
    if equal(found.T, expected):
        return ["it is transposed"]
    ratio = _ratio(found, expected, tolerance)
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


def _ratio(found: Array, expected: Array, tolerance: float) -> float | None:
    ratio = float((found * expected).sum() / ((expected**2).sum() or 1))
    return ratio if ratio and (np.abs(found - ratio * expected) <= tolerance * max(1, abs(ratio))).all() else None


def _where(quantity: str, l: int, wrong: Array, net: Network) -> list[str]:
    """Which units, examples or inputs are wrong, where it is not all of them."""
    said = []
    if quantity == "delta" and l < net.L:
        negative, zero = net.z[l] < 0, net.z[l] == 0
        if wrong.any() and not wrong[~(negative | zero)].any():
            sides = "≤" if wrong[zero].any() else "<"
            said.append(f"it is wrong only where z {sides if wrong[negative].any() else '='} 0")
        if wrong.any() and not wrong[negative | zero].any():
            said.append("it is wrong only where z > 0")
    units = np.asarray(wrong.any(axis=1))
    word = "class" if l == net.L else "unit"
    if units.sum() == 1 and len(units) > 1:
        which = int(units.argmax())
        ends = {0: f"the first {word}", len(units) - 1: f"the last {word}"}
        said.append(f"it is wrong only for {ends.get(which, f'{word} {which}')}")
    if wrong.shape[1] > 1 and wrong.any(axis=0).sum() == 1:
        which = int(wrong.any(axis=0).argmax())
        thing = "example" if quantity == "delta" else "input"
        ends = {0: f"the first {thing}", wrong.shape[1] - 1: f"the last {thing}"}
        said.append(f"it is wrong only for {ends.get(which, f'{thing} {which}')}")
    return said or (["it differs nearly everywhere"] if wrong.mean() > 0.8 else [])

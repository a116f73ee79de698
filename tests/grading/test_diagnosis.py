"""Every mistake is found and named, alone and in pairs, and nothing else is."""

import os
from itertools import combinations, product

import numpy as np
import pytest

from tests.grading.learners import BY_NAME, derived, function, put
from tinygrad_mnist import manual
from tinygrad_mnist.grading import MISTAKES, diagnose, grade
from tinygrad_mnist.grading.settings import Convention
from tinygrad_mnist.grading.textbook import derivation
from tinygrad_mnist.grading.textbook.catalogue import possible
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.probes import probes_for, same

LEAKY = manual.leaky_relu(0.01)
CONVENTIONS = {
    "columns": Convention(columns=True), "rows": Convention(), "rows, W (in, out)": Convention(weights_in_out=True)
}  # fmt: skip

WAYS = list(product(("leaky_relu", "relu"), CONVENTIONS))

SHARE = float(os.environ.get("TINYGRAD_MNIST_PAIRS", "0.015"))
"""How many of the pairs of mistakes are tried; all, with 1, in half an hour."""

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")


def names(explanations):
    return [set(e.keys) for e in explanations]


def every_placement(probes):
    return [put(p.mistake, p.layer) for p in possible(probes.nets[0])]


def test_the_catalogue_is_large_and_its_entries_say_what_they_must():
    assert len(MISTAKES) >= 20
    assert len({m.name for m in MISTAKES}) == len(MISTAKES)
    for mistake in MISTAKES:
        assert mistake.slot in derivation.CORRECT
        assert mistake.variants or mistake.family
        assert mistake.title
        assert mistake.explanation.endswith((".", ")"))
        assert "?" in mistake.hint or mistake.hint.endswith(".")


@pytest.mark.parametrize("activation", [LEAKY, manual.relu], ids=["leaky_relu", "relu"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_mistake_in_every_layer_and_way_is_named_and_no_other(activation, depth):
    probes = probes_for(depth, activation, 0.1)
    for mistake, l in [(p.mistake, p.layer) for p in possible(probes.nets[0])]:
        for variant in range(max(1, len(mistake.variants))):
            placed = put(mistake, l, variant)
            found = explain(derived(probes, [placed]), probes)
            assert names(found) == [{placed.key}], (placed.key, variant)
            assert not found[0].unknown
            assert placed.value is None or found[0].mistakes[0].value == pytest.approx(placed.value)


def test_any_two_mistakes_give_different_gradients_on_the_probes():
    probes = probes_for(3, LEAKY, 0.1)
    every = [(p, derived(probes, [p])) for p in every_placement(probes)]
    for (p, one), (q, other) in combinations(every, 2):
        assert not all(
            (a is None) == (b is None)
            and (
                a is None
                or all(
                    same(x[l], y[l], float(np.abs(c[l]).max()), probe.rtol)
                    for x, y, c in ((a.dW, b.dW, right.dW), (a.db, b.db, right.db))
                    for l in x
                )
            )
            for a, b, right, probe in zip(one, other, probes.correct, probes)
        ), (p.key, q.key)


@pytest.mark.parametrize(("first", "activation", "name"), [(i, *way) for i, way in enumerate(WAYS)])
def test_grade_names_every_mistake_in_every_convention(first, activation, name):
    """Together every mistake in every layer, which is asked of all ways alike with TINYGRAD_MNIST_PAIRS=1."""
    convention = CONVENTIONS[name]
    f = manual.ACTIVATIONS[activation]
    settings = {"columns": convention.columns, "weights_in_out": convention.weights_in_out, "activation": activation}
    every = every_placement(probes_for(3, f, 0.1))
    for placed in every[first :: len(WAYS)] if SHARE < 1 else every:
        if placed.mistake.name == "slope-kink":  # no mistake: tests/grading/test_grader.py
            continue
        report = grade(function([placed], convention, f, 0.1), **settings, l2=0.1, penalty="1/2", depth=3)
        assert [finding.names for finding in report.findings] == [(placed.mistake.name,)], placed.key
        assert not report.passed
        assert report.explained
        assert all(len(line) <= 80 for line in str(report).splitlines())
        assert f"({placed.layer}" in "".join(report.findings[0].where + report.findings[0].formulas)


SMALL = {"carried-scaled", "error-scaled", "error-softmax-again", "error-mean-twice"}
"""Mistakes that make δ small."""

FACTORS = {"error-constant", "error-scaled"}
"""Mistakes that networks of one m, on which alone an elementwise product runs, can't tell from each other."""


def hides(p, q):
    """Whether the gradients of both are those of one alone, wherever they exist."""
    scaled = {"bias-mean-missing", "bias-mean-twice", "bias-count"}
    counted = {"error-count", "weight-count", "bias-count"}
    for one, other in ((p, q), (q, p)):
        # every sum over the classes of δ(L) is 0, however it is scaled
        if one.key in {("bias-all-axes", 3), ("bias-wrong-axis", 3)} and other.mistake.name in scaled:
            return other.layer == 3
        if one.mistake.name == "carried-missing" and other.mistake.slot == "carried":
            return one.layer == other.layer
        if one.key == ("slope-missing", other.layer + 1) and other.mistake.name == "carried-without-slope":
            return True
        # what is so small is nowhere clipped
        if one.mistake.name == "bias-clipped" and other.mistake.name in SMALL and other.layer > one.layer:
            return True
        # δ(1) ⊙ Xᵀ exists only where m is the number of features, and there m is counted rightly along either axis
        if one.key == ("product-elementwise", 1) and other.mistake.name in counted:
            return True
    return False


def pairs(probes):
    every = every_placement(probes)
    return [(p, q) for p, q in combinations(every, 2) if (p.layer, p.mistake.slot) != (q.layer, q.mistake.slot)]


def test_two_mistakes_are_both_named():
    """A share of all 10,969 pairs; of those in one layer, up to 5 % give the numbers of others."""
    probes = probes_for(3, LEAKY, 0.1)
    rng = np.random.default_rng(0)
    same_layer, missed = 0, []
    for p, q in pairs(probes):
        if rng.random() > SHARE:
            continue
        found = explain(derived(probes, [p, q]), probes)
        if hides(p, q):
            assert names(found) in ([{p.key}], [{q.key}])
        elif p.layer != q.layer:
            either = {p.mistake.name, q.mistake.name} - FACTORS == {"product-elementwise"}
            assert {p.key, q.key} in names(found)
            assert len(found) == 1 or either, (p.key, q.key)
        elif not (p.value and q.value and "delta" in (derivation.QUANTITY[x.mistake.slot] for x in (p, q))):
            same_layer += 1
            missed += [] if {p.key, q.key} in names(found) else [(p.key, q.key)]
    assert same_layer > 20
    assert len(missed) <= (0.05 if SHARE == 1 else 0.1) * same_layer, missed


@pytest.mark.parametrize("name", ["rows", "rows, W (in, out)"])
def test_two_mistakes_are_both_named_in_rows(name):
    convention = CONVENTIONS[name]
    rng = np.random.default_rng(1)
    for p, q in pairs(probes_for(3, LEAKY, 0.1)):
        if p.layer != q.layer and rng.random() < SHARE / 4:
            gradients = function([p, q], convention, LEAKY, 0.1)
            settings = {"activation": "leaky_relu", "l2": 0.1, "penalty": "1/2", "depth": 3}
            report = grade(gradients, weights_in_out=convention.weights_in_out, **settings)
            named = {n for finding in (*report.findings, *report.remarks) for n in finding.names}
            expected = {p.mistake.name, q.mistake.name}
            either = expected - FACTORS == {"product-elementwise"}
            assert expected <= named or (named and hides(p, q)), (p.key, q.key)
            assert named <= expected | (FACTORS if either else set()), (p.key, q.key)


def test_one_mistake_in_each_layer_is_three_mistakes():
    probes = probes_for(3, LEAKY, 0.1)
    placed = [put(BY_NAME["bias-flat"], 3), put(BY_NAME["slope-side"], 2), put(BY_NAME["entering-own"], 1)]
    assert names(explain(derived(probes, placed), probes)) == [{p.key for p in placed}]


def test_the_same_mistake_everywhere_is_told_once():
    probes = probes_for(3, manual.relu, 0.0)
    missing = [put(BY_NAME["slope-missing"], l) for l in (1, 2)]
    (finding,) = diagnose(derived(probes, missing), probes)
    assert finding.where == ("δ in every hidden layer",)
    (finding,) = diagnose(derived(probes, [put(BY_NAME["weight-mean-missing"], l) for l in (1, 2, 3)]), probes)
    assert finding.where == ("∂L/∂W in every layer",)


def test_right_gradients_have_no_findings():
    probes = probes_for(3, manual.relu, 0.1)
    assert diagnose(derived(probes, []), probes) == ()


def damaged(probes, change):
    """The right gradients, with δ(2) changed and all that follows from it."""
    found = []
    for net in probes.nets:
        d = {("carried", 2): lambda n, l, above, net=net: change(net, net.W[3].T @ above.delta[3])}
        found.append(derivation.derive(net, d))
    return found


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda net, carried: carried / np.abs(carried).max(), "it is a multiple of what it should be, another one"),
        (lambda net, carried: 0 * carried, "it is zero everywhere"),
        (lambda net, carried: carried * np.where(net.z[2] < 0, 30 + carried, 1), "it is wrong only where z < 0"),
        (lambda net, carried: carried * np.where(net.z[2] > 0, 3 + carried, 1), "it is wrong only where z > 0"),
        (lambda net, carried: carried + (np.arange(len(carried)) == len(carried) - 1)[:, None], "the last unit"),
        (lambda net, carried: carried + (np.arange(carried.shape[1]) == 0), "the first example"),
    ],
)
def test_what_nobody_knows_is_called_unknown_at_the_first_wrong_quantity(change, fact):
    probes = probes_for(3, LEAKY, 0.1)
    found = explain(damaged(probes, change), probes)
    assert len(found) == 1
    assert not found[0].mistakes
    (unknown,) = found[0].unknown
    assert (unknown.quantity, unknown.layer) == ("delta", 2)
    assert any(fact in f for f in unknown.facts), unknown.facts


def test_an_unknown_gradient_does_not_hide_a_known_mistake_below():
    probes = probes_for(3, LEAKY, 0.0)
    found = derived(probes, [put(BY_NAME["slope-missing"], 1)])
    for gradients in found:
        gradients.dW[3] = gradients.dW[3] ** 3 + 1
    (explanation,) = explain(found, probes)
    assert explanation.keys == {("slope-missing", 1)}
    assert [(u.quantity, u.layer) for u in explanation.unknown] == [("dW", 3)]


def test_noise_is_never_given_a_name():
    probes = probes_for(2, manual.relu, 0.1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        found = derived(probes, [])
        for gradients in found:
            for l in (1, 2):
                gradients.dW[l] = rng.standard_normal(gradients.dW[l].shape)
                gradients.db[l] = rng.standard_normal(gradients.db[l].shape)
        assert all(not e.mistakes for e in explain(found, probes))


@pytest.mark.parametrize("size", [1e-6, 1e-9, 1e-15])
def test_tiny_noise_is_no_multiple_of_what_is_right(size):
    probes = probes_for(2, manual.relu, 0.0)
    rng = np.random.default_rng(0)
    found = derived(probes, [])
    for gradients in found:
        for l in (1, 2):
            gradients.dW[l] = size * rng.standard_normal(gradients.dW[l].shape)
            gradients.db[l] = size * rng.standard_normal(gradients.db[l].shape)
    assert all(p.value is None for e in explain(found, probes) for p in e.mistakes)

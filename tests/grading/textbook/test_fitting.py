"""The activation, the head, λ and the penalty that a learner means are found, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from tests.each import each
from tests.grading.learners import derived, put
from tinygrad_mnist import manual
from tinygrad_mnist.grading import MISTAKES, grade
from tinygrad_mnist.grading.settings import GradeError
from tinygrad_mnist.grading.textbook.catalogue import possible
from tinygrad_mnist.grading.textbook.diagnosis import explain
from tinygrad_mnist.grading.textbook.fitting import fit
from tinygrad_mnist.grading.textbook.models import Asked, Model
from tinygrad_mnist.manual import HEADS, PENALTIES
from tinygrad_mnist.manual.heads import scales
from tinygrad_mnist.manual.rows import Backward

pytestmark = pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")

ACTIVATIONS = {
    "relu": manual.relu, "leaky_relu": manual.ACTIVATIONS["leaky_relu"], "tanh": manual.tanh, "sigmoid": manual.sigmoid,
    "leaky_relu with a slope of 0.17": manual.leaky_relu(0.17),
    "leaky_relu with a slope of -0.25": manual.leaky_relu(-0.25),
}  # fmt: skip

OTHERS = [
    Model("sigmoid", manual.sigmoid, HEADS["sigmoid-squared-error"], 0.3, PENALTIES["1"]),
    Model("tanh", manual.tanh, HEADS["sigmoid-log-loss"], 0.3, PENALTIES["1/2m"]),
    Model("relu", manual.relu, scales(HEADS["softmax-squared-error"])[3], 0.3, PENALTIES["1/m"]),
    Model("tanh", manual.tanh, scales(HEADS["linear-squared-error"])[1]),
    Model("leaky_relu", ACTIVATIONS["leaky_relu"], HEADS["tanh-squared-error"], 0.2),
]
BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


def keys(explanations):
    return [set(e.keys) for e in explanations]


@each("name", ACTIVATIONS)
@each("head", [scaled for head in HEADS.values() for scaled in scales(head)])
def test_what_is_right_for_any_network_is_right(name, head):
    model = Model(name, ACTIVATIONS[name], head)
    found = fit(derived(model.probes(2), []), 2, Asked())
    assert str(found.model) == str(model)
    assert keys(found.explanations) == [set()]


@each("penalty", PENALTIES.values())
@each("name", ["relu", "tanh"])
def test_the_penalty_and_its_lambda_are_found(name, penalty):
    model = Model(name, ACTIVATIONS[name], HEADS["sigmoid-log-loss"], 0.7, penalty)
    gradients = derived(model.probes(2), [])
    asked = fit(gradients, 2, Asked(l2=0.7))
    assert asked.model == model
    assert keys(asked.explanations) == [set()]
    found = fit(gradients, 2, Asked()).model
    assert found.penalty.averaged == penalty.averaged
    assert found.penalty.rate(found.l2, 5) == pytest.approx(penalty.rate(0.7, 5))


@pytest.mark.parametrize("model", OTHERS, ids=str)
def test_every_mistake_is_named_in_other_networks_too(model):
    probes = model.probes(2)
    for place in possible(probes.nets[0]):
        if place.mistake.guess:  # whether clipping clips depends on how large the gradients are
            continue
        for variant in range(max(1, len(place.mistake.variants))):
            placed = put(place.mistake, place.layer, variant)
            found = explain(derived(probes, [placed]), probes)
            assert keys(found) == [{placed.key}], (placed.key, variant)
            assert not found[0].unknown


@pytest.mark.parametrize("model", OTHERS, ids=str)
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("slope-missing", 1), ("product-transposed", 2), ("bias-all-axes", 2), ("weight-mean-missing", 1),
        ("carried-untransposed", 1), ("error-sum", 2), ("bias-mean-twice", 1), ("error-sign", 2),
    ],
)  # fmt: skip
def test_a_mistake_is_named_though_nothing_was_asked_for(model, name, layer):
    found = fit(derived(model.probes(2), [put(BY_NAME[name], layer)]), 2, Asked())
    assert found.model.activation is model.activation
    assert found.model.head.name == model.head.name
    assert any((name, layer) in e.keys and e.kinds == 1 for e in found.explanations)


def test_noise_is_of_no_network():
    rng = np.random.default_rng(0)
    probes = Model("relu", manual.relu).probes(2)
    noise = [
        Backward({}, *({l: rng.standard_normal(g.shape) for l, g in gs.items()} for gs in (right.dW, right.db)))
        for right in probes.correct
    ]
    found = fit(noise, 2, Asked())
    assert found.model == Asked().usual
    assert not found.named


def test_what_nobody_knows_is_judged_for_the_network_that_the_rest_is_right_for():
    model = OTHERS[0]
    gradients = derived(model.probes(2), [])
    for found in gradients:
        found.dW[2] = found.dW[2] ** 3 + 1
    found = fit(gradients, 2, Asked(l2=0.3))
    assert found.model == model
    assert [(u.quantity, u.layer) for u in found.explanations[0].unknown] == [("dW", 2)]


def test_the_usual_network_is_taken_where_its_mistake_is_as_simple():
    usual = Asked().usual
    for name, layer in (("slope-sigmoid", 1), ("error-doubled", 2), ("slope-missing", 1), ("error-labels-missing", 2)):
        found = fit(derived(usual.probes(2), [put(BY_NAME[name], layer)]), 2, Asked())
        assert found.model == usual
        assert keys(found.explanations) == [{(name, layer)}]


def nielsen(X, Y, W1, b1, W2, b2):
    h = 1 / (1 + np.exp(-(X @ W1.T + b1)))
    o = 1 / (1 + np.exp(-(h @ W2.T + b2)))
    d2 = (o - Y) * o * (1 - o) / len(X)
    d1 = d2 @ W2 * h * (1 - h)
    return d1.T @ X, d1.sum(axis=0), d2.T @ h, d2.sum(axis=0)


def test_what_was_found_is_said():
    report = grade(nielsen)
    assert report.passed
    assert report.settings.endswith("sigmoid, sigmoid outputs, squared error ½ Σ (ŷ - y)²")
    (note,) = report.notes
    assert "nothing else was asked for" in note


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"activation": "relu"}, "but relu was asked"),
        ({"head": "softmax-cross-entropy"}, "but relu was asked"),
        ({"head": "sigmoid-log-loss"}, "but relu, sigmoid outputs, log loss"),
    ],
)
def test_what_fits_another_network_than_was_asked_for_does_not_pass(asked, words):
    report = grade(nielsen, **asked)
    assert not report.passed
    (problem,) = report.problems
    assert problem.kind == "settings"
    assert problem.message.startswith("every gradient is right for sigmoid, sigmoid outputs, squared error")
    assert words in problem.message


def test_a_head_by_its_name_has_any_scale_and_a_mistake_is_one_of_it():
    assert grade(nielsen, activation="sigmoid", head="sigmoid-squared-error").passed
    doubled = grade(
        lambda *arguments: [2 * g for g in nielsen(*arguments)],
        activation="sigmoid",
        head="sigmoid-squared-error",
        depth=2,
    )
    assert doubled.passed
    assert "Σ (ŷ - y)²" in doubled.settings

    def without_slope(X, Y, W1, b1, W2, b2):
        h = 1 / (1 + np.exp(-(X @ W1.T + b1)))
        d2 = (1 / (1 + np.exp(-(h @ W2.T + b2))) - Y) / len(X)
        d1 = d2 @ W2 * h * (1 - h)
        return d1.T @ X, d1.sum(axis=0), d2.T @ h, d2.sum(axis=0)

    assert grade(without_slope).settings.endswith("log loss -Σ (y log ŷ + (1 - y) log (1 - ŷ))")
    report = grade(without_slope, head="sigmoid-squared-error", activation="sigmoid")
    assert [f.names for f in report.findings] == [("error-squared-slope-missing",)]
    assert report.findings[0].formulas == ("δ(2) = (ŷ - y) ⊙ ŷ ⊙ (1 - ŷ)",)


def test_what_a_factor_of_the_loss_makes_up_for_is_a_choice():
    """(1/n) Σ (ŷ - y)² summed over the examples is Σ (ŷ - y)² divided by the outputs in place of them."""

    def gradients(X, Y, W1, b1, W2, b2):
        h = np.maximum(X @ W1.T + b1, 0)
        d2 = 2 * (h @ W2.T + b2 - Y) / Y.shape[1]
        d1 = d2 @ W2 * (h > 0)
        return d1.T @ X, d1.sum(axis=0), d2.T @ h, d2.sum(axis=0)

    (finding,) = grade(gradients).findings
    assert set(finding.names) == {"error-sum", "error-count"}
    assert finding.what.startswith("either ")


def test_a_constant_is_said_for_every_factor_of_the_loss():
    def gradients(X, Y, W1, b1, W2, b2):
        h = np.maximum(X @ W1.T + b1, 0)
        d2 = (h @ W2.T + b2 - Y) / 60000
        d1 = d2 @ W2 * (h > 0)
        return d1.T @ X, d1.sum(axis=0), d2.T @ h, d2.sum(axis=0)

    (finding,) = grade(gradients).findings
    assert finding.what == "divided not by m, but by a constant (60000 or 120000 or 6000 or 12000)"


def test_where_one_output_is_wrong_for_all_that_is_asked_its_findings_are_of_that():
    report = grade(nielsen, activation="sigmoid", head="sigmoid-squared-error", l2=0.5, penalty="1/2m")
    assert [f.names for f in report.findings] == [("decay-missing",)]
    assert report.findings[0].formulas == ("∂L/∂W(2) = (1/m) δ(2)ᵀ a(1) + (λ/m) W(2)",)


def test_the_documentation_shows_every_head():
    page = (Path(__file__).parents[3] / "docs" / "grading.md").read_text(encoding="utf-8")
    for head in HEADS.values():
        assert f"| `{head.name}` | {head.output.name} | {head.words} | {head.formula} |" in page


@pytest.mark.parametrize("settings", [{"head": "softmax"}, {"penalty": "2"}])
def test_heads_and_penalties_that_do_not_exist_are_an_error(settings):
    with pytest.raises(GradeError, match="is none of"):
        grade(nielsen, **settings)

"""Whatever an update makes of right gradients, they are right; and a wrong one is named under each."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.grading.watching.runs import DATA, FUNCTIONS, PARAMETERS, reported
from tinygrad_mnist.grading.watching import differences, general

PROGRAM = f"""
params = dict(zip(("W1", "b1", "W2", "b2"), [{PARAMETERS}]))
state = {{k: np.zeros_like(p) for k, p in params.items()}}
second = {{k: 0 for k in params}}
lr, t = 0.1, 0

def forward(x):
    a1 = np.maximum(0, x @ params["W1"] + params["b1"])
    z2 = a1 @ params["W2"] + params["b2"]
    e = np.exp(z2 - np.max(z2, axis=1, keepdims=True))
    return a1, e / np.sum(e, axis=1, keepdims=True)

def backward(x, y, a1, y_hat):
    dz2 = (y_hat - y) / x.shape[0]
    grads = {{"W2": a1.T @ dz2, "b2": dz2.sum(axis=0)}}
    dz1 = dz2 @ params["W2"].T * (a1 > 0)
    grads["W1"] = x.T @ dz1
    grads["b1"] = dz1.sum(axis=0)
    return grads

for epoch in range(20):
    t += 1
    a1, y_hat = forward(X)
    loss = -np.mean(np.sum(Y * np.log(y_hat + 1e-12), axis=1))
    grads = backward(X, Y, a1, y_hat)
    for k in params:
        UPDATE
"""

UPDATES = {
    "gradient descent": "params[k] = params[k] - lr * grads[k]",
    "in place": "params[k] -= lr * grads[k]",
    "subtract": "np.subtract(params[k], lr * grads[k], out=params[k])",
    "clipped": "params[k] -= lr * np.clip(grads[k], -0.01, 0.01)",
    "clipped by the norm": "norm = np.sqrt(sum(np.sum(g**2) for g in grads.values())); "
    "params[k] -= lr * min(1.0, 0.5 / norm) * grads[k]",
    "a schedule": "params[k] -= lr / (1 + 0.01 * t) * grads[k]",
    "two rates": "params[k] -= (lr if k[0] == 'W' else 2 * lr) * grads[k]",
    "momentum": "state[k] = 0.9 * state[k] + grads[k]; params[k] -= lr * state[k]",
    "Nesterov": "former = state[k].copy(); state[k] = 0.9 * state[k] - lr * grads[k]; "
    "params[k] = params[k] - 0.9 * former + 1.9 * state[k]",
    "AdaGrad": "state[k] += grads[k] * grads[k]; params[k] -= 0.01 * grads[k] / np.sqrt(state[k] + 1e-8)",
    "RMSProp": "state[k] = 0.9 * state[k] + 0.1 * grads[k] ** 2; "
    "params[k] -= 0.001 * grads[k] / (np.sqrt(state[k]) + 1e-8)",
    "AdamW": "state[k] = 0.9 * state[k] + 0.1 * grads[k]; second[k] = 0.999 * second[k] + 0.001 * grads[k] ** 2; "
    "params[k] -= 0.001 * (state[k] / (1 - 0.9**t)) / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8) + 1e-5 * params[k]",
}


@pytest.mark.parametrize("update", UPDATES)
def test_right_gradients_pass_whatever_an_update_makes_of_them(update):
    report = reported(DATA + PROGRAM.replace("UPDATE", UPDATES[update]))
    assert report.passed, str(report)


@pytest.mark.parametrize("update", UPDATES)
def test_a_mistake_is_named_whatever_an_update_makes_of_it(update):
    program = PROGRAM.replace("UPDATE", UPDATES[update]).replace("dz1.sum(axis=0)", "dz1.sum()")
    report = reported(DATA + program)
    assert [finding.names for finding in report.findings] == [("bias-all-axes",)], str(report)


NAMELESS = {
    "momentum": "state[k] = 0.9 * state[k] + lr * (GRADIENT); params[k] = params[k] - state[k]",
    "momentum that is added": "state[k] = 0.9 * state[k] - lr * (GRADIENT); params[k] += state[k]",
    "Adam": "state[k] = 0.9 * state[k] + 0.1 * (GRADIENT); second[k] = 0.999 * second[k] + 0.001 * (GRADIENT) ** 2; "
    "params[k] -= 0.001 * (state[k] / (1 - 0.9**t)) / (np.sqrt(second[k] / (1 - 0.999**t)) + 1e-8)",
    "its sign": "params[k] -= 0.001 * np.sign(GRADIENT)",
    "clipped": "params[k] -= lr * np.clip(GRADIENT, -0.01, 0.01)",
}
GRADIENTS = {"W2": "a1.T @ dz2", "b2": "dz2.sum(axis=0)", "W1": "X.T @ dz1", "b1": "dz1.sum(axis=0)"}


@pytest.mark.parametrize("update", NAMELESS)
def test_gradients_without_a_name_are_what_an_update_is_made_of(update):
    backward = "    dz2 = (y_hat - Y) / 12\n    dz1 = dz2 @ params['W2'].T * (a1 > 0)\n"
    updates = "".join(
        f"    k = '{k}'; {NAMELESS[update].replace('GRADIENT', gradient)}\n" for k, gradient in GRADIENTS.items()
    )
    program = PROGRAM[: PROGRAM.index("    grads = backward(X")] + backward + updates
    report = reported(DATA + program)
    assert report.passed, str(report)
    wrong = reported(DATA + program.replace("dz1.sum(axis=0)", "dz1.sum()"))
    assert not wrong.passed
    assert "bias-all-axes" in wrong.findings[0].names, str(wrong)


OF_EXAMPLES = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

W1, W2 = rng.normal(size=(6, 5)), rng.normal(size=(5, 4))
delta1, delta2 = np.zeros((6, 5)), np.zeros((5, 4))
for start in list(range(0, 12, SIZE)) * 5:
    sum1, sum2 = np.zeros((6, 5)), np.zeros((5, 4))
    for x, y in zip(X[start : start + SIZE], Y[start : start + SIZE]):
        a1 = sigmoid(x @ W1)
        a2 = sigmoid(a1 @ W2)
        e2 = (y - a2) * a2 * (1 - a2)
        e1 = W2 @ e2 * a1 * (1 - a1)
        sum1 += np.outer(x, e1)
        sum2 += np.outer(a1, e2)
    delta1 = 0.1 * sum1 + 0.9 * delta1
    delta2 = 0.1 * sum2 + 0.9 * delta2
    W1, W2 = W1 + delta1, W2 + delta2
"""


@pytest.mark.parametrize("size", ["1", "4"])
def test_a_velocity_that_is_called_as_a_gradient_is_none(size):
    text = DATA + OF_EXAMPLES.replace("SIZE", size)
    report = reported(text)
    assert report.passed, str(report)
    (finding,) = reported(text.replace(" * a1 * (1 - a1)", "")).findings
    assert finding.names == ("slope-missing",)


def test_a_gradient_of_a_loss_that_is_none_of_the_textbook_s_is_judged_by_autograd():
    penalized = PROGRAM.replace("axis=1))\n", "axis=1)) + 1e-3 * np.abs(params['W1']).sum()\n").replace(
        "x.T @ dz1\n", "x.T @ dz1 + 1e-3 * np.sign(params['W1'])\n"
    )
    report = reported(DATA + penalized.replace("UPDATE", UPDATES["in place"]))
    assert report.passed, str(report)
    assert "its own loss" in report.settings


def test_where_autograd_has_no_number_there_is_no_difference():
    gradient = SimpleNamespace(lineage="W1", node=SimpleNamespace(value=np.ones(3)), value=np.ones(3))
    step = SimpleNamespace(before={"W1": "its value"})
    for expected, difference in ((np.full(3, np.nan), None), (np.array([2, np.nan, 2.0]), 0.5)):
        known: Any = {"its value": expected}, {"W1": gradient}
        reading = general.Reading(step, "a loss", *known)
        assert differences.difference(reading, "W1") == difference


MOMENTS = "state[k] = FIRST; second[k] = SECOND; params[k] = params[k] - 0.01 * STEP"
AS_THEY_SHOULD_BE = {
    "FIRST": "0.9 * state[k] + 0.1 * grads[k]", "SECOND": "0.99 * second[k] + 0.01 * grads[k] ** 2",
    "STEP": "(state[k] / (1 - 0.9**t)) / (np.sqrt(second[k] / (1 - 0.99**t)) + 1e-7)",
}  # fmt: skip
ALSO_RIGHT = {
    "as Adam has them": {},
    "without correction": {"STEP": "state[k] / (np.sqrt(second[k]) + 1e-7)"},
    "corrected by the rate": {"STEP": "np.sqrt(1 - 0.99**t) / (1 - 0.9**t) * state[k] / (np.sqrt(second[k]) + 1e-7)"},
    "with a smaller number below the root": {
        "STEP": "(state[k] / (1 - 0.9**t)) / np.sqrt(second[k] / (1 - 0.99**t) + 1e-7)",
    },
    "of RMSprop": {"FIRST": "grads[k]", "STEP": "state[k] / (second[k] ** 0.5 + 1e-7)"},
    "with a rate that falls": {"STEP": "state[k] / (np.sqrt(second[k]) + 1e-7) / t"},
    "of a norm": {"SECOND": "np.maximum(0.99 * second[k], np.abs(grads[k]))", "STEP": "state[k] / (second[k] + 1e-7)"},
    "of AdaMax": {
        "SECOND": "np.maximum(0.99 * second[k], np.abs(grads[k]))", "STEP": "state[k] / (1 - 0.9**t) / second[k]",
    },
    "of Polyak": {"FIRST": "0.9 * state[k] + grads[k]", "STEP": "state[k]"},
    "of Nesterov": {"FIRST": "0.9 * state[k] + grads[k]", "STEP": "(grads[k] + 0.9 * state[k])"},
    "of Polyak with a rate that falls": {"FIRST": "0.9 * state[k] + 0.1 * grads[k]", "STEP": "state[k] / np.sqrt(t)"},
    "with decay": {"STEP": "state[k] / (np.sqrt(second[k]) + 1e-7) - 0.01 * 1e-3 * params[k]"},
    "of a velocity below a root": {
        "FIRST": "0.9 * state[k] + grads[k]", "STEP": "state[k] / (np.sqrt(second[k]) + 1e-7)",
    },
    "of AdaGrad": {
        "FIRST": "grads[k]", "SECOND": "second[k] + grads[k] ** 2", "STEP": "state[k] / (np.sqrt(second[k]) + 1e-7)",
    },
}  # fmt: skip
SLIPPED = {
    "no share of the gradient": ({"FIRST": "0.9 * state[k] + grads[k]"}, "moment-share-missing"),
    "no share of the square": ({"SECOND": "0.99 * second[k] + grads[k] ** 2"}, "moment-share-missing"),
    "shares of m exchanged": ({"FIRST": "0.1 * state[k] + 0.9 * grads[k]"}, "moment-exchanged"),
    "shares of v exchanged": ({"SECOND": "0.01 * second[k] + 0.99 * grads[k] ** 2"}, "moment-exchanged"),
    "no root": ({"STEP": "(state[k] / (1 - 0.9**t)) / (second[k] / (1 - 0.99**t) + 1e-7)"}, "moment-root-missing"),
    "no root of RMSprop": ({"FIRST": "grads[k]", "STEP": "state[k] / (second[k] + 1e-7)"}, "moment-root-missing"),
    "no square": ({"SECOND": "0.99 * second[k] + 0.01 * grads[k]"}, "moment-square-missing"),
    "no square but its size": ({"SECOND": "0.99 * second[k] + 0.01 * np.abs(grads[k])"}, "moment-square-missing"),
    "a root for a square": ({"SECOND": "0.99 * second[k] + 0.01 * np.abs(grads[k]) ** 0.5"}, "moment-square-missing"),
    "m forgotten": ({"FIRST": "0.1 * grads[k]"}, "moment-forgotten"),
    "v forgotten": ({"SECOND": "0.01 * grads[k] ** 2"}, "moment-forgotten"),
    "t never increased": (
        {"STEP": "(state[k] / (1 - 0.9**1)) / (np.sqrt(second[k] / (1 - 0.99**1)) + 1e-7)"}, "moment-count",
    ),
    "t from 0 on": (
        {"STEP": "(state[k] / (1 - 0.9**(t - 1))) / (np.sqrt(second[k] / (1 - 0.99**(t - 1))) + 1e-7)"},
        "moment-count",
    ),
    "no power": ({"STEP": "(state[k] / (1 - 0.9 * t)) / (np.sqrt(second[k] / (1 - 0.99 * t)) + 1e-7)"}, "moment-power"),
    "v uncorrected": ({"STEP": "(state[k] / (1 - 0.9**t)) / (np.sqrt(second[k]) + 1e-7)"}, "moment-correction"),
    "m uncorrected": ({"STEP": "state[k] / (np.sqrt(second[k] / (1 - 0.99**t)) + 1e-7)"}, "moment-correction"),
    "the corrected kept": (
        {"FIRST": "(0.9 * state[k] + 0.1 * grads[k]) / (1 - 0.9**t)",
         "SECOND": "(0.99 * second[k] + 0.01 * grads[k] ** 2) / (1 - 0.99**t)",
         "STEP": "state[k] / (np.sqrt(second[k]) + 1e-7)"},
        "moment-correction",
    ),
    "each corrected as the other": (
        {"STEP": "(state[k] / (1 - 0.99**t)) / (np.sqrt(second[k] / (1 - 0.9**t)) + 1e-7)"}, "moment-correction",
    ),
    "both corrected by one": (
        {"STEP": "(state[k] / (1 - 0.9**t)) / (np.sqrt(second[k] / (1 - 0.9**t)) + 1e-7)"}, "moment-correction",
    ),
    "t increased for each": (
        {"FIRST": "0.9 * state[k] + 0.1 * grads[k]; t += k != 'W1'"}, "moment-count",
    ),
    "m kept whole": ({"FIRST": "state[k] + 0.1 * grads[k]"}, "moment-growing"),
    "multiplied in place of corrected": (
        {"STEP": "(state[k] * (1 - 0.9**t)) / (np.sqrt(second[k] * (1 - 0.99**t)) + 1e-7)"}, "moment-correction",
    ),
    "times the root": ({"STEP": "(state[k] / (1 - 0.9**t)) * (np.sqrt(second[k] / (1 - 0.99**t)) + 1e-7)"},
                       "moment-root-times"),
    "times AdaGrad's root": (
        {"FIRST": "grads[k]", "SECOND": "second[k] + grads[k] ** 2", "STEP": "state[k] * (np.sqrt(second[k]) + 1e-7)"},
        "moment-root-times",
    ),
    "AdaGrad's sum forgotten": (
        {"FIRST": "grads[k]", "SECOND": "grads[k] ** 2", "STEP": "state[k] / (np.sqrt(second[k]) + 1e-7)"},
        "moment-forgotten",
    ),
    "a velocity that turns": ({"FIRST": "grads[k] - 0.9 * state[k]", "STEP": "state[k]"}, "moment-turned"),
    "a velocity that turns, with the rate": (
        {"FIRST": "-0.9 * state[k] - 0.01 * grads[k]", "STEP": "-100 * state[k]"}, "moment-turned",
    ),
    "Adam's m turns": ({"FIRST": "0.1 * grads[k] - 0.9 * state[k]"}, "moment-turned"),
    "a velocity that grows": ({"FIRST": "state[k] + 0.9 * state[k] + 0.1 * grads[k]", "STEP": "state[k]"},
                              "moment-growing"),
    "v grows": ({"SECOND": "second[k] + 0.99 * second[k] + 0.01 * grads[k] ** 2"}, "moment-growing"),
    "Nesterov's sign": ({"FIRST": "0.9 * state[k] + grads[k]", "STEP": "(grads[k] - 0.9 * state[k])"}, "moment-ahead"),
}  # fmt: skip


def with_moments(parts):
    update = MOMENTS
    for part, code in (AS_THEY_SHOULD_BE | parts).items():
        update = update.replace(part, code)
    return DATA + PROGRAM.replace("UPDATE", update)


@pytest.mark.parametrize("kind", ALSO_RIGHT)
def test_moments_may_be_made_in_every_way_of_the_textbooks(kind):
    report = reported(with_moments(ALSO_RIGHT[kind]))
    assert report.passed, str(report)
    assert not report.notes


@pytest.mark.parametrize("kind", SLIPPED)
def test_a_mistake_in_moments_is_named_by_what_becomes_of_the_parameters(kind):
    parts, name = SLIPPED[kind]
    report = reported(with_moments(parts))
    assert all(p.right for p in report.parameters)
    assert [finding.names for finding in report.findings] == [(name,)], str(report)
    where = {f"update of {p}" for p in ("W(1)", "W(2)", "b(1)", "b(2)")}
    assert set(report.findings[0].where) == where or (kind == "no square" and "update of W(1)" in where)  # else no NaN
    assert any(part.partition("(")[0] in report.findings[0].places[0] for part in ("state[k] = ", "params[k] ="))
    assert not report.passed


def test_moments_in_single_precision_are_told_as_well():
    single = "X, Y = X.astype(np.float32), Y.astype(np.float32)\n"
    cast = "params = {k: p.astype(np.float32) for k, p in params.items()}\nstate = "
    for parts, names in (({}, []), ({"SECOND": "0.01 * grads[k] ** 2"}, ["moment-forgotten"])):
        text = with_moments(parts).replace(DATA, DATA + single).replace("state = ", cast, 1)
        assert "p.astype" in text
        report = reported(text)
        assert [name for f in report.findings for name in f.names] == names, str(report)


SOFTPLUS = [
    ('a1 = np.maximum(0, x @ params["W1"] + params["b1"])', "a1 = np.log1p(np.exp(x @ params['W1'] + params['b1']))"),
    ("(a1 > 0)", "(1 - np.exp(-a1))"),
]


ONE_OF_EACH = (
    "no root",
    "t from 0 on",
    "AdaGrad's sum forgotten",
    "a velocity that turns, with the rate",
    "Nesterov's sign",
)


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_the_same_is_named_in_a_network_that_is_not_the_textbook_s(kind):
    parts, name = SLIPPED[kind]
    text = with_moments(parts)
    for old, new in SOFTPLUS:
        assert old in text
        text = text.replace(old, new)
    report = reported(text)
    assert "autograd of its own forward pass" in report.settings
    assert [finding.names for finding in report.findings] == [(name,)], str(report)
    assert all("line" in place for place in report.findings[0].places)


def test_decay_that_leads_away_from_zero_is_named_beside_moments():
    report = reported(with_moments({"STEP": "state[k] / (np.sqrt(second[k]) + 1e-7); params[k] *= 1.001"}))
    assert {finding.names for finding in report.findings} == {("decay-sign",)}, str(report)


def test_a_penalty_within_a_velocity_is_told_from_one_with_the_wrong_sign():
    for sign, names in (("+", []), ("-", ["decay-sign"])):
        velocity = f"0.9 * state[k] + (grads[k] {sign} 1e-3 * params[k])"
        report = reported(with_moments({"FIRST": velocity, "STEP": "state[k]"}))
        assert {name for finding in report.findings for name in finding.names} == {*names}, str(report)
        assert not report.notes


VELOCITIES = f"""
{FUNCTIONS}
W1, b1, W2, b2 = {PARAMETERS}
vW1, vb1, vW2, vb2 = 0 * W1, 0 * b1, 0 * W2, 0 * b2
for epoch in range(20):
    dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)
    vW1, vb1, vW2, vb2 = 0.9 * vW1 - 0.1 * dW1, 0.9 * vb1 - 0.1 * db1, 0.9 * vW2 - 0.1 * dW2, 0.9 * vb2 - 0.1 * db2
    W1, b1, W2, b2 = W1 + vW1, b1 + vb1, W2 + vW2, b2 + vb2
"""


def test_one_velocity_of_several_that_keeps_nothing_is_named():
    report = reported(DATA + VELOCITIES.replace("0.9 * vb1 - ", "-"))
    assert [(f.names, f.where) for f in report.findings] == [(("moment-forgotten",), ("update of b(1)",))]
    for right in (VELOCITIES, VELOCITIES.replace("0.9 * vb1 - ", "-").replace("vb1", "moved")):
        assert reported(DATA + right).passed


def test_of_one_step_alone_no_rule_is_told():
    """Its gradient is wrong in the first step, after which nothing is judged."""
    update = "second[k] += grads[k] ** 2; params[k] -= 0.1 * grads[k] / np.sqrt(second[k] + 1e-8)"
    text = PROGRAM.replace("UPDATE", update).replace("x.T @ dz1\n", "x.T @ dz1 ** 2\n")
    for old, new in SOFTPLUS:
        text = text.replace(old, new)
    assert not any("moment" in name for finding in reported(DATA + text).findings for name in finding.names)


UNKNOWN = {
    "its sign": "params[k] -= 0.001 * np.sign(grads[k])",
    "clipped": "params[k] -= lr * np.clip(grads[k], -0.01, 0.01)",
    "a velocity of another": "state[k] = 0.9 * state['b1'].mean() + grads[k]; params[k] -= lr * state[k]",
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_update_by_no_known_rule_passes_and_the_report_says_that_it_was_not_judged(kind):
    report = reported(DATA + PROGRAM.replace("UPDATE", UNKNOWN[kind]))
    assert report.passed, str(report)
    assert any("follow no rule that is known here" in note for note in report.notes)
    assert report.verdict == "all 4 gradients are right; the updates were not judged"


@pytest.mark.parametrize("name", ["mom_grads", "rms_grads", "vel_grads", "momentum", "m_grads"])
def test_a_mean_of_gradients_is_none_whatever_the_dict_is_called_that_holds_it(name):
    text = f"""{DATA}{PROGRAM}""".replace("state", name).replace("np.zeros_like(p) for k, p", "0 for k, p")
    update = "NAME[k] = 0.9 * NAME[k] + (1 - 0.9) * grads[k]; params[k] -= lr * NAME[k]".replace("NAME", name)
    report = reported(text.replace("UPDATE", update))
    assert report.passed, report
    assert {parameter.difference for parameter in report.parameters} < {None} or all(
        parameter.difference < 1e-9 for parameter in report.parameters
    )

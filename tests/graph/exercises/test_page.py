"""The page in a headless Chromium: formulas computed as NumPy computes them, verdicts as Python gives them."""

import numpy as np
import pytest

from tests.graph.exercises.cases import CASES, residual, rows
from tinygrad_mnist import Tensor, graph

ENTER = "\ue007"


def answer(browser, name, formula):
    """Type a formula and press Enter; returns what is said about it."""
    field = browser.one(f"#answer-{name}")
    field.clear()
    field.send_keys(formula, ENTER)
    return browser.text(f"[data-task={name}] .verdict")


def push(browser, selector):
    """Click a button, wherever it is scrolled to."""
    browser.driver.execute_script("arguments[0].click()", browser.one(selector))


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_every_solution_is_within_reach_and_right(make, browser, tmp_path):
    exercise = graph.exercise(make())
    browser.open(exercise.to_html(tmp_path / "page.html"))
    assert browser.all(".task .note") == []
    for step in exercise.steps:
        *before, last = step.lines
        if not before:
            formula = last.partition(" = ")[2].partition("  # ")[0]
            assert answer(browser, step.name, formula).startswith("✓ right"), step
    assert browser.complaints() == []


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return graph.exercise(rows()).to_html(tmp_path_factory.mktemp("page") / "rows.html")


FORMULAS = """
1 - 2 - 3
2 ** 3 ** 2
-2 ** 2
2 * -z1
.5e1 * 1E-3
a1 @ W2.T / m + b2
-(a1 / m) ** 2
z1 > 0
(z1 > 0) * a1 + (z1 <= 0)
(z1 > -1) & (z1 < 1)
z1 == z1.max(axis=1, keepdims=True)
z1.sum()
z1.sum(0)
z1.sum(axis=-1, keepdims=True)
z1.sum(axis=(0, 1))
z1.mean(axis=0) - np.mean(z1, axis=0)
np.max(z1, axis=1)
z1.min(1)
np.sum(z1 * z1, axis=1, keepdims=True)
np.exp(z1) + np.tanh(z1) - np.log(np.abs(z1) + 1) * np.sqrt(np.square(z1))
np.maximum(0, z1) + np.minimum(z1, 0.5)
np.where(z1 > 0, z1, 0.01 * z1)
np.clip(z1, -0.5, 0.5) + np.sign(z1)
np.multiply(z1, 2) - np.add(a1, 1)
np.dot(a1, W2.T)
a1.dot(W2.T)
np.matmul(a1, W2.T)
np.outer(b1, b2)
b1 @ b1
W2 @ b1
b2 @ W2
np.vdot(z1, a1)
z1[0]
z1[-1, 2]
z1[:, None, 1:3]
z1[::2, ::-1]
z1[2:-1]
b1[:, np.newaxis] * b2
z1[[0, 2], [1, 1]]
z1[np.arange(8), np.array([0, 1, 2, 3, 4, 0, 1, 2])]
z1[[[0, 1], [2, 3]]]
z1.T.reshape(2, -1)
z1.reshape((4, 10)).sum(axis=0)
np.transpose(z1).ravel()
z1.reshape(2, 4, 5).transpose(2, 0, 1)
z1.reshape(2, 4, 5).transpose((1, 0, 2)).swapaxes(0, 1)
z1.reshape(2, 4, 5) @ W2.T
np.expand_dims(b1, 0).squeeze()
np.broadcast_to(b1, (2, 5)) + np.ones((2, 5)) + np.zeros(5) + np.full((2, 1), 3)
np.ones_like(z1) * np.eye(5)[0]
np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]] - y
(z1 > 0).astype(float) + (a1 > 0).astype(np.float64)
z1.shape[0] * z1.size + len(z1) + z1.ndim
z1.prod(axis=1)
np.log1p(np.exp(-np.abs(z1))) + np.expm1(z1)
np.logaddexp(0, z1)
np.power(np.abs(z1), 1.5)
"""


def test_formulas_come_to_what_numpy_makes_of_them(page, browser):
    browser.open(page)
    values = graph.exercise(rows()).values
    compute = "const {shape, values} = evaluate(arguments[0], (name) => known.get(name)); return [shape, [...values]]"
    for formula in FORMULAS.strip().splitlines():
        expected = np.asarray(eval(formula, {"np": np, **values}))
        shape, found = browser.driver.execute_script(compute, formula)
        assert tuple(shape) == expected.shape, formula
        np.testing.assert_allclose(np.reshape(found, shape), expected, rtol=1e-12, atol=1e-14, err_msg=formula)


UNDERSTOOD_BY_NOBODY = [
    ("", "not yet"),
    ("dz2 @", "something is missing at the end"),
    ("(dz2", "is missing at the end"),
    ("dz2 a1", "an operator is missing before"),
    ("dW2 = a1.T @ dz2", "the right numbers, transposed"),
    ("x = dz2.T @ a1", "no value is called x here"),
    ("dz2 = dz2.T @ a1", "write what stands to the right of = alone"),
    ("dz3.T @ a1", "no value is called dz3 here"),
    ("dz1.T @ X", "dz1 comes below: it is not known yet"),
    ("dW2 + 1", "dW2 is what is asked for"),
    ("dz2 @ a1", "the shapes (8, 4) and (8, 5) don't fit for @: 4 and 8 differ"),
    ("dz2 + a1", "the shapes (8, 4) and (8, 5) don't fit together"),
    ("dz2.sum(axis=2)", "axis 2 is out of bounds"),
    ("dz2.foo()", "arrays have no .foo here"),
    ("np.linalg", "this page has no np.linalg"),
    ("dz2[9]", "index 9 is out of bounds"),
    ("dz2 $ 2", '"$" is not understood here'),
    ("alert(1)", "no value is called alert here"),
    ("constructor", "no value is called constructor here"),
    ("np.constructor(1)", "this page has no np.constructor"),
    ("z1.constructor", "arrays have no .constructor here"),
    ("z1(2)", "can't be called"),
    ("<img src=x onerror=alert(1)>", "a value is missing before"),
]


def test_what_is_no_formula_is_said(page, browser):
    browser.open(page)
    for formula, said in UNDERSTOOD_BY_NOBODY:
        assert said in answer(browser, "dW2", formula), formula
    assert browser.complaints() == []


WRONG = {
    "dz2": ["y_hat - y", "-(y_hat - y) / m", "y - y_hat", "0 * z2", "np.exp(1 + z2)", "(y_hat - y) / m / 2", "z2 / 0",
            "(y_hat - y) / m + (np.arange(8)[:, None] == 3)", "(y_hat - y) / m + (np.arange(4) == 1)", "y_hat.T", "1",
            "(y_hat - y) / m + (z2 == z2.max())"],
    "dW2": ["a1.T @ dz2", "a1.T @ dz2 + 1", "dz2", "dz2.T @ z1"],
    "db2": ["dz2", "dz2 + 1", "dz2.sum(axis=0, keepdims=True)", "dz2.sum()", "dz2.mean(axis=0)", "dz2.sum(axis=0)"],
}  # fmt: skip


def test_verdicts_are_those_of_python(page, browser):
    exercise = graph.exercise(rows())
    browser.open(page)
    names = {"np": np, **exercise.values, "dz2": exercise.solution("dz2").value}
    for name, formulas in WRONG.items():
        for formula in formulas:
            with np.errstate(all="ignore"):
                verdict = exercise.check(name, eval(formula, names))
            assert answer(browser, name, formula) == f"{verdict.mark} {verdict.text}", formula


def test_a_missing_path_is_said_on_the_page_too(browser, tmp_path):
    exercise = graph.exercise(residual())
    browser.open(exercise.to_html(tmp_path / "page.html"))
    (step,) = [step for step in exercise.steps if step.of == "h"]
    one = step.lines[-1].partition(" = ")[2].partition("  # ")[0].split(" + ")[0]
    assert "is missing; h is used in 2 places" in answer(browser, "dh", one)


def test_hints_come_one_by_one_and_answers_are_kept(page, browser):
    browser.open(page)
    push(browser, "#again")
    answer(browser, "dz2", "(y_hat - y) / m")
    answer(browser, "dW2", "a1.T @ dz2")
    for number in range(1, 6):
        push(browser, "[data-task=dz2] .hint")
        assert len(browser.all("[data-task=dz2] .hints > li")) == number
    assert not browser.one("[data-task=dz2] .hint").is_displayed()
    assert browser.all("[data-task=dz2] .hints math")
    assert "dz2 = (y_hat - y) / m" in browser.text("[data-task=dz2] .hints pre")
    assert "1 of 8 right" in browser.text("#place")
    browser.open(page)
    assert browser.one("#answer-dz2").get_attribute("value") == "(y_hat - y) / m"
    assert browser.text("[data-task=dz2] .verdict").startswith("✓")
    assert "transposed" in browser.text("[data-task=dW2] .verdict")
    assert len(browser.all("[data-task=dz2] .hints > li")) == 5
    assert browser.number("#progress", "aria-valuenow") == 1
    push(browser, "#again")
    assert browser.one("#answer-dz2").get_attribute("value") == ""
    browser.open(page)
    assert "0 of 8 right" in browser.text("#place")
    assert browser.complaints() == []


def test_the_lines_that_use_a_value_are_marked(page, browser):
    browser.open(page)
    browser.driver.execute_script("arguments[0].focus()", browser.one("#answer-da1"))
    assert [line.get_attribute("data-name") for line in browser.all("#lines .of")] == ["a1"]
    assert [line.get_attribute("data-name") for line in browser.all("#lines .use")] == ["z2"]
    assert "def log_softmax(z, axis=-1):" in browser.one("#helpers").get_attribute("textContent")


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_wider_than_the_window(page, browser, width):
    shape = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    try:
        browser.open(page)
        for _ in range(5):
            push(browser, "[data-task=dz1] .hint")
        assert browser.driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        browser.one("#theme").click()
        assert browser.one("html").get_attribute("data-theme") in ("light", "dark")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_are_text_and_no_markup(browser, tmp_path):
    w = Tensor(np.ones(2), requires_grad=True, name="</script><script>window.broken = 1</script><b>")
    exercise = graph.exercise((w * w).sum(), title="<i>{{DATA}}</i>")
    browser.open(exercise.to_html(tmp_path / "page.html"))
    assert browser.driver.execute_script("return window.broken") is None
    assert browser.text("h1").startswith("<i>{{DATA}}</i>")
    assert browser.complaints() == []


def test_arrays_too_large_for_a_page_are_refused(tmp_path):
    w = Tensor(np.ones(600_000), requires_grad=True, name="w")
    with pytest.raises(ValueError, match=r"would hold .* fewer examples"):
        graph.exercise((w * w).sum()).to_html(tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []

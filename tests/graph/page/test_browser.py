"""The pages in a headless Chromium: stepped through by keyboard, their numbers compared with NumPy's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mnist import Tensor, cross_entropy, data, grad, graph, manual, nn, one_hot

RIGHT, DOWN, HOME, END, ENTER, ESCAPE = "\ue014", "\ue015", "\ue011", "\ue010", "\ue007", "\ue00c"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def network():
    """A network on eight real digits, and the same by hand."""
    digits = data.load("digits").train
    images, labels = digits.inputs()[:8], digits.labels[:8]
    model = nn.MLP((784, 128, 64, 10), activation="relu", seed=3)
    loss = cross_entropy(model(Tensor(images, name="X")), labels)
    loss.name = "loss"
    W, b = ([p.numpy() for p in ps] for ps in (model.weights, model.biases))
    run = manual.rows.forward(images, W, b, manual.relu)
    return loss, W, run, manual.rows.backward(run, one_hot(labels, 10), W, manual.relu)


@pytest.fixture(scope="module")
def page(network, tmp_path_factory):
    return graph.explore(network[0], tmp_path_factory.mktemp("page") / "mlp.html")


def chosen(browser):
    """The element that is drilled into: its tensor's name and its index."""
    name, index = re.match(r"element (.*)\[([\d, ]+)\]", browser.text("#element h3")).groups()
    return name, tuple(map(int, index.split(", ")))


STEP_TO = """
const shown = () => document.querySelector("#panel h2").firstChild.data;
for (let steps = 0; steps < 100 && shown() !== arguments[0]; steps++)
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
return shown();
"""


def step_to(browser, name):
    """Step on until a value is at hand, without waiting for the steps on the way to be painted."""
    assert browser.driver.execute_script(STEP_TO, name) == name


def test_the_file_of_a_network_stays_below_two_megabytes(page):
    assert page.stat().st_size < 2_000_000


def test_every_step_can_be_reached_by_keyboard_and_nothing_complains(page, network, browser):
    browser.open(page)
    count = int(re.search(r"of (\d+)", browser.text("#place"))[1])
    seen = []
    for number in range(1, count + 1):
        assert f"step {number} of {count}" in browser.text("#place")
        assert browser.text("#sentence")
        seen.append(browser.text(".phase"))
        browser.press(RIGHT)
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {"forward", "backward"}
    assert "Health" in browser.text("#panel")
    assert len(browser.all(".badge rect")) == len(graph.describe(network[0]).operations) + 6
    browser.press(HOME)
    assert "step 1 of" in browser.text("#place")
    browser.press(END)
    assert f"step {count} of" in browser.text("#place")
    assert browser.complaints() == []


def test_an_element_of_a_product_is_its_sum_and_the_sum_is_numpy_s(page, network, browser):
    _, W, run, _ = network
    browser.open(page)
    step_to(browser, "X W1ᵀ")
    browser.press("e", ENTER, *[RIGHT] * 7, *[DOWN] * 3)
    assert chosen(browser)[1] == (3, 7)
    expected = run.a[0][3].astype(np.float64) @ W[0][7].astype(np.float64)
    assert browser.number("#element .terms", "data-count") == 784
    np.testing.assert_allclose(browser.number("#element .terms", "data-sum"), expected, rtol=1e-12)
    np.testing.assert_allclose(browser.number("#element .value", "data-value"), expected, rtol=1e-4)
    assert browser.complaints() == []


def test_gradients_of_weights_and_biases_are_those_of_the_hand_derivation(page, network, browser):
    *_, hand = network
    browser.open(page)
    for layer in (3, 2, 1):
        browser.press("b")
        step_to(browser, f"W{layer}ᵀ")
        browser.press("e", ENTER, *[RIGHT] * 5, *[DOWN] * 4)
        name, (column, row) = chosen(browser)
        assert name == f"W{layer}ᵀ"
        gradient = browser.number("#element .gradient", "data-gradient")
        assert browser.number("#element .gradient .terms", "data-count") == 8
        np.testing.assert_allclose(
            browser.number("#element .gradient .terms", "data-sum"), gradient, rtol=1e-5, atol=1e-9
        )
        np.testing.assert_allclose(gradient, hand.dW[layer][row, column], rtol=1e-4, atol=1e-8)
    browser.press("b")
    step_to(browser, "z3")
    browser.one(".reduction ~ [data-figure^='gradient'] .choose").click()
    name, (place,) = chosen(browser)
    assert name == "b3"
    assert "b3 was added to all 8 rows" in browser.text("#sentence")
    assert "Σ over axis 0 (8): (8, 10) → (10,)" in browser.text(".reduction p")
    assert browser.number("#element .terms", "data-count") == 8
    np.testing.assert_allclose(browser.number("#element .terms", "data-sum"), hand.db[3][place], rtol=1e-4)


def test_the_step_of_the_softmax_says_prediction_minus_truth(page, network, browser):
    *_, hand = network
    browser.open(page)
    browser.press("b")
    step_to(browser, "log ŷ")
    assert "(ŷ − y)/8" in browser.text("#sentence")
    browser.all("[data-figure^='gradient'] .choose")[-1].click()
    name, index = chosen(browser)
    assert name == "z3"
    np.testing.assert_allclose(8 * browser.number("#element .terms", "data-sum"), hand.delta[3][index], rtol=1e-4)


def test_mouse_and_buttons_do_what_the_keys_do(page, browser):
    browser.open(page)
    browser.one("[data-key='n10']").click()
    first = browser.text("#panel h2")
    browser.one("#next").click()
    assert browser.text("#panel h2") != first
    browser.one("#previous").click()
    assert browser.text("#panel h2") == first
    assert browser.text("#play") == "play"
    browser.one("#play").click()
    assert browser.one("#play").get_attribute("aria-label") == browser.text("#play").capitalize() == "Pause"
    browser.press(" ")
    browser.one("#theme").click()
    assert browser.one("html").get_attribute("data-theme") in ("light", "dark")
    browser.one("#health").click()
    assert "‖gradient‖" in browser.text("#panel")
    browser.one("#help").click()
    assert browser.one("#keys").is_displayed()
    browser.press(ESCAPE)
    assert not browser.one("#keys").is_displayed()
    assert all(b.text or b.get_attribute("aria-label") for b in browser.all("button") if b.is_displayed())
    assert browser.complaints() == []


@pytest.mark.parametrize("size", [(1600, 900), (1280, 720), (900, 900)])
def test_an_element_s_sum_is_in_view_with_its_picture(page, browser, size):
    shape = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    try:
        browser.open(page)
        step_to(browser, "X W1ᵀ")
        inside = "const [a, b] = arguments[0].map((s) => document.querySelector(s).getBoundingClientRect());"
        inside += "return a.top >= b.top && a.bottom <= b.bottom"
        for picture in (-1, 0):
            browser.driver.execute_script("arguments[0].focus()", browser.all(".choose")[picture])
            browser.press(ENTER)
            assert browser.driver.execute_script(inside, ["[data-figure]:focus-within canvas", "#panel"])
            assert browser.driver.execute_script(inside, ["#element", "main"])
        assert browser.driver.execute_script(inside, ["#element tfoot", "#drill"])
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def scalar_expression():
    a, b, c = (Tensor(np.array(x), requires_grad=True, name=n) for x, n in [(2.0, "a"), (-3.0, "b"), (10.0, "c")])
    d = a * b + c
    return (d + d).tanh() * a


def second_derivative():
    x = Tensor(np.array([0.7, -0.2]), requires_grad=True, name="x")
    (slope,) = grad((x**3 * x.tanh()).sum(), [x], create_graph=True)
    return slope.sum()


def hostile():
    """Names that try to be markup, two of the same name, NaN, Inf, and an array without elements."""
    bad = np.array([[1.0, np.nan, np.inf], [0.0, -2.0, 3.0]])
    x = Tensor(bad, requires_grad=True, name='"q" </script><script>window.broken = 1</script> {{DATA}} δ漢 <img src=x>')
    first, second = (Tensor(np.arange(3.0), requires_grad=True, name="W") for _ in range(2))
    empty = Tensor(np.ones((2, 0)), requires_grad=True, name="empty")
    return (x * first).sum() + (second * first).sum() + (empty * 2).sum()


@pytest.mark.parametrize("make", [scalar_expression, second_derivative, hostile])
def test_other_graphs_step_to_the_end_and_nothing_complains(make, browser, tmp_path):
    browser.open(graph.explore(make(), tmp_path / "page.html"))
    count = int(re.search(r"of (\d+)", browser.text("#place"))[1])
    for _ in range(count - 1):
        browser.press(RIGHT, "e", ENTER)
        assert browser.text("#panel")
        browser.press(ESCAPE)
    assert f"step {count} of {count}" in browser.text("#place")
    assert browser.driver.execute_script("return window.broken") is None
    assert browser.complaints() == []


DOTS = """
return [...document.querySelectorAll("#dots span")].map((dot) => {
  const cell = dot.getBoundingClientRect(), drawn = getComputedStyle(dot, "::after");
  const border = drawn.boxSizing === "border-box" ? 0 : 2 * parseFloat(drawn.borderLeftWidth);
  return [cell.width, parseFloat(drawn.width) + border];
});
"""


@pytest.mark.parametrize("width", [390, 1400])
def test_the_dots_of_the_steps_neither_touch_nor_are_clipped(page, browser, width):
    shape = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
    try:
        browser.open(page)
        dots = browser.driver.execute_script(DOTS)
        assert len(dots) > 23
        assert all(drawn <= 0.95 * cell for cell, drawn in dots)
        assert dots[0][1] > 1.2 * dots[1][1]
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_scalar_s_gradient_on_the_page_is_the_engine_s(browser, tmp_path):
    output = scalar_expression()
    leaf = next(v for v in graph.describe(output).vertices if v.name == "a")
    browser.open(graph.explore(output, tmp_path / "page.html"))
    browser.press(END)
    browser.one(f"[data-key='{leaf.key}']").click()
    browser.press("e", ENTER)
    expected = grad(output, [graph.describe(output).node(leaf.key)])[0].item()
    np.testing.assert_allclose(browser.number("#element .gradient", "data-gradient"), expected, rtol=1e-12)
    sums = [float(terms.get_attribute("data-sum")) for terms in browser.all("#element .gradient .terms")]
    np.testing.assert_allclose(sum(sums), expected, rtol=1e-12)
    assert len(sums) == 2


def test_the_naive_order_goes_wrong_beside_the_right_one(browser, tmp_path):
    path = tmp_path / "order.html"
    subprocess.run(
        [sys.executable, ROOT / "examples" / "why_topological_order.py", path], check=True, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    browser.open(path)
    told = []
    for _ in range(7):
        browser.press(RIGHT)
        told.append([element.text for element in browser.all(".sentence")])
    assert "Too early" in told[1][0]
    assert "counted twice" in told[4][0]
    assert told[-1] == ["∂c/∂a is 4, and this order gives 6.", "Every gradient is right."]
    assert [row.text.split() for row in browser.all(".totals tr:last-child")] == [
        ["∂c/∂a", "6", "4", "✗"], ["∂c/∂a", "4", "4", "✓"],
    ]  # fmt: skip
    assert browser.complaints() == []

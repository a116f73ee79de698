"""The comparison of autograd with the hand derivation: it passes where it should, and names what is damaged."""

import inspect
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from tests.each import each
from tinygrad_mnist import Tensor, compare, comparing, data, manual, nn
from tinygrad_mnist.comparing import heatmaps

NETWORKS = [(784, 10, 10), (784, 128, 64, 10), (784, 100, 100, 10)]
ARRAYS = {"δ": "delta", "∂L/∂W": "dW", "∂L/∂b": "db"}
CONVENTIONS = pytest.mark.parametrize("columns", [False, True], ids=["rows", "columns"])


def network(sizes, activation="relu", dtype=np.float64):
    model = nn.MLP(sizes, activation, dtype=dtype)
    rng = np.random.default_rng(1)
    for b in model.biases:
        b.data = rng.standard_normal(b.shape).astype(dtype)
    return model


def run(model, X, labels, columns=False, change=lambda by_hand: by_hand, **options):
    """The comparison of a row model in either convention, on rows X, with a derivation that may be changed."""
    by_hand = manual.columns if columns else manual.rows
    model, X = (comparing.ColumnMLP(model), X.T) if columns else (model, X)
    return compare(model, (X, labels), change(by_hand), **{"repeats": 1, **options})


def small(columns=False, change=lambda by_hand: by_hand, m=7, sizes=(6, 5, 4, 3), **options):
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((m, sizes[0])), rng.integers(0, sizes[-1], m)
    return run(network(sizes), X, labels, columns, change, **options)


def edited(old, new):
    """A change of one line in the backward pass of a derivation."""

    def change(by_hand):
        source = inspect.getsource(by_hand.backward)
        assert source.count(old) == 1
        namespace = dict(vars(by_hand))
        exec(source.replace(old, new), namespace)
        return SimpleNamespace(**namespace)

    return change


def damage(quantity, layer):
    """The quantity of one layer half as large again, before anything is computed from it."""
    array = ARRAYS[quantity]
    place = "dW[l] = " if quantity == "δ" else "return Backward(delta, dW, db)"
    index = "l" if quantity == "δ" else str(layer)
    return edited(place, f"{array}[{index}] = {array}[{index}] * (1.5 if {index} == {layer} else 1); {place}")


@CONVENTIONS
@pytest.mark.parametrize("l2", [0.0, 1e-3], ids=["no L2", "L2"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("sizes", NETWORKS, ids=str)
def test_real_mnist_agrees_in_float64(mnist_batch, sizes, activation, l2, columns):
    X, labels = mnist_batch
    comparison = run(network(sizes, activation), X, labels, columns, l2=l2)
    assert comparison.passed
    assert comparison.tolerance == 1e-12
    L = len(sizes) - 1
    assert len(comparison.rows) == 5 * L + 1
    assert max(row.relative for row in comparison.rows) < 1e-12
    assert all(np.abs(row.by_hand).max() > 0 for row in comparison.rows)


@pytest.fixture(scope="module")
def mnist_batch(mnist_folder):
    train = data.load(mnist_folder).train[:32]
    return train.inputs().astype(np.float64), train.labels


@CONVENTIONS
def test_real_mnist_agrees_in_float32(mnist_batch, columns):
    X, labels = mnist_batch
    comparison = run(network((784, 128, 64, 10), dtype=np.float32), X.astype(np.float32), labels, columns, l2=1e-3)
    assert comparison.passed
    assert (comparison.dtype, comparison.tolerance) == ("float32", 1e-5)


@CONVENTIONS
@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("quantity", ARRAYS)
def test_a_damaged_formula_and_what_follows_from_it_fail_and_nothing_else(quantity, layer, columns):
    comparison = small(columns, damage(quantity, layer))
    expected = {f"{quantity}({layer})"}
    if quantity == "δ":
        expected = {f"{name}({k})" for name in ARRAYS for k in range(1, layer + 1)}
    assert {row.name for row in comparison.rows if not row.passed} == expected
    assert not comparison.passed
    assert comparison.first_failure.name == f"{quantity}({layer})"
    assert comparison[f"{quantity}({layer})"].relative == pytest.approx(1 / 3)
    sentence = " ".join(str(comparison).split())
    assert f"{len(expected)} of 16 rows differ" in sentence
    assert f"the first is {quantity}({layer}) = {comparison.first_failure.formula}: relative" in sentence


def test_the_public_bug_of_a_bias_summed_over_every_axis_is_named():
    comparison = small(change=edited("delta[l].sum(axis=0)", "delta[l].sum()"))
    assert [row.name for row in comparison.rows if not row.passed] == ["∂L/∂b(3)", "∂L/∂b(2)", "∂L/∂b(1)"]
    assert comparison.first_failure.verdict == "differs: shape () by hand, (3,) by autograd"
    assert "∂L/∂b(2), ∂L/∂b(1) cannot follow from it." in str(comparison)


def test_what_may_follow_from_the_first_is_told_from_what_cannot():
    place = "dW[l] = "
    twice_and_collapsed = edited(place, f"delta[l] = delta[l] * 2; {place}")(manual.rows)

    def backward(*arguments):
        back = twice_and_collapsed.backward(*arguments)
        back.db[1] = back.db[1].sum()
        return back

    changed = SimpleNamespace(**{**vars(manual.rows), "backward": backward})
    sentence = " ".join(str(small(change=lambda _: changed, sizes=(6, 5, 3))).split())
    assert "6 of 11 rows differ, the first is δ(2) = ŷ - y" in sentence
    assert "∂L/∂W(2), ∂L/∂b(2), δ(1), ∂L/∂W(1) may follow from it. ∂L/∂b(1) cannot follow from it." in sentence


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_fails(number):
    place = "return Backward(delta, dW, db)"
    comparison = small(change=edited(place, f"dW[2][0, 0] = float('{number}'); {place}"))
    assert comparison.first_failure.verdict == "differs: by hand it is not finite"
    assert json.loads(comparison.to_json())["rows"][11]["relative"] is None


def test_rows_are_in_the_order_of_computation_with_the_books_formulas_and_their_nodes():
    rows = small(l2=0.1, sizes=(6, 5, 3)).rows
    assert [(row.name, row.formula, str(row.node)) for row in rows] == [
        ("z(1)", "a(0) W(1)ᵀ + b(1)", "+ 7×5"),
        ("a(1)", "f(z(1))", "relu 7×5"),
        ("z(2)", "a(1) W(2)ᵀ + b(2)", "+ 7×3"),
        ("a(2)", "softmax(z(2))", "exp 7×3"),
        ("L", "-(1/m) Σ y log ŷ + ½ λ Σ W²", "+ scalar"),
        ("δ(2)", "ŷ - y", "+ 7×3"),
        ("∂L/∂W(2)", "(1/m) δ(2)ᵀ a(1) + λ W(2)", "W2 3×5"),
        ("∂L/∂b(2)", "(1/m) Σ_rows δ(2)", "b2 3"),
        ("δ(1)", "δ(2) W(2) ⊙ f'(z(1))", "+ 7×5"),
        ("∂L/∂W(1)", "(1/m) δ(1)ᵀ a(0) + λ W(1)", "W1 5×6"),
        ("∂L/∂b(1)", "(1/m) Σ_rows δ(1)", "b1 5"),
    ]


class Written:
    """A column network as a learner writes it."""

    activation = manual.leaky_relu(0.2)

    def __init__(self):
        rng = np.random.default_rng(0)
        self.weights = [Tensor(rng.standard_normal(s), requires_grad=True, name="W") for s in [(4, 3), (2, 4)]]
        self.biases = [Tensor(rng.standard_normal(s), requires_grad=True, name="b") for s in [(4, 1), (2, 1)]]

    def __call__(self, x):
        (W1, W2), (b1, b2) = self.weights, self.biases
        z1 = b1 + W1.reshape(4, 3) @ x
        return W2 @ (z1 * (z1 > 0) + 0.2 * z1 * (z1 <= 0)) + b2


def test_the_nodes_are_found_however_the_expression_is_written():
    X = np.random.default_rng(1).standard_normal((3, 6))
    comparison = compare(Written(), (X, np.arange(6) % 2), manual.columns)
    assert comparison.passed
    assert str(comparison["a(1)"].node) == "+ 4×6"
    assert min(comparison.seconds_by_hand.forward, comparison.seconds_by_autograd.backward) > 0


def test_the_expression_is_what_is_judged():
    class WrongSlope(Written):
        activation = manual.leaky_relu(0.1)

    X = np.random.default_rng(1).standard_normal((3, 6))
    comparison = compare(WrongSlope(), (X, np.arange(6) % 2), manual.columns)
    assert comparison.first_failure.name == "a(1)"


def test_json_goes_there_and_back():
    comparison = small(l2=0.1)
    report = json.loads(comparison.to_json())
    assert report == json.loads(json.dumps(comparison.to_dict()))
    assert report["passed"] is True
    assert report["first_failure"] is None
    assert report["l2"] == 0.1
    assert [row["name"] for row in report["rows"]] == [row.name for row in comparison.rows]
    assert [row["relative"] for row in report["rows"]] == [row.relative for row in comparison.rows]
    assert report["rows"][0]["node"] == {"op": "add", "label": "+", "name": None, "shape": [7, 5]}
    assert report["seconds"]["by hand"].keys() == {"forward", "backward"}


@CONVENTIONS
def test_text_and_table_fit_80_columns(mnist_batch, columns):
    comparison = run(network((784, 128, 64, 10), "leaky_relu"), *mnist_batch, columns=columns, l2=1e-3)
    assert max(map(len, str(comparison).splitlines())) <= 80
    console = Console(width=80, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(comparison)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    shown = str(comparison).splitlines()
    assert lines[3:20] == shown[3:20]  # nothing is folded


def test_the_page_needs_no_network_and_follows_light_and_dark(mnist_batch):
    page = run(network((784, 10, 10)), *mnist_batch).to_html()
    assert not re.search(r"https?:|//|@import|<script|<link", re.sub(r"base64,[^\"]+", "", page))
    assert "prefers-color-scheme: dark" in page
    assert page.count('src="data:image/png;base64,') == 4 * 3
    assert "All 11 rows agree" in page


def test_a_page_of_a_failure_names_it_and_shows_what_can_be_shown():
    page = small(change=edited("delta[l].sum(axis=0)", "delta[l].sum()")).to_html()
    assert page.count("✗ ") == 3
    assert "not comparable" in page


def test_a_notebook_shows_the_table():
    assert small()._repr_html_().count("<tr") == 1 + 16


def test_the_figure_has_three_pictures_for_each_parameter():
    figure = small().plot()
    assert len(figure.axes) == 6 * 3
    figure.canvas.draw()


def test_weights_of_images_are_arranged_as_images():
    W = np.arange(5 * 784.0).reshape(5, 784)
    sheet = heatmaps.arrange(W)
    assert sheet.shape == (2 * 29 - 1, 3 * 29 - 1)
    np.testing.assert_array_equal(sheet[29:57, 29:57], W[4].reshape(28, 28))
    assert np.isnan(sheet[29:, 58:]).all()
    assert heatmaps.arrange(W[:, :100]).shape == (5, 100)
    assert heatmaps.arrange(W[:, :1]).shape == (1, 5)


@each(
    ("options", "words"),
    [
        ({"model": network((6, 5, 3), "gelu")}, "no hand derivation for 'gelu', only for relu, leaky_relu"),
        ({"model": network((6, 5, 3), dtype=np.float16), "X": np.ones((7, 6), np.float16)}, "float16"),
        ({"X": np.ones((6, 7))}, "X has shape (6, 7); 7 labels in this convention need (7, inputs)"),
        ({"X": np.ones((7, 4))}, "rows of 6 numbers"),
        ({"labels": np.eye(7, 3)}, "not an array of shape (7, 3)"),
        ({"labels": np.full(7, 3)}, "label 3 at index 0 is none of the 3 classes"),
        ({"l2": -1.0}, "l2 is -1.0"),
        ({"l2": np.nan}, "l2 is nan"),
    ],
)
def test_what_does_not_fit_is_said(options, words):
    given = {"model": network((6, 5, 3)), "X": np.ones((7, 6)), "labels": np.zeros(7, int), **options}
    with pytest.raises(ValueError, match=re.escape(words)):
        compare(given["model"], (given["X"], given["labels"]), l2=given.get("l2", 0.0))


def test_a_graph_without_the_layers_is_said():
    class Sumless(Written):
        def __call__(self, x):
            return self.weights[1] @ (self.weights[0] @ x + self.biases[0])

    with pytest.raises(ValueError, match=r"no add of b \(2, 1\) float64 leads to the logits"):
        compare(Sumless(), (np.ones((3, 6)), np.zeros(6, int)), manual.columns)


def test_a_derivation_that_leaves_a_layer_out_is_said():
    with pytest.raises(ValueError, match="gives no dW of layer 2"):
        small(change=edited("return Backward(delta, dW, db)", "del dW[2]; return Backward(delta, dW, db)"))


def test_a_derivation_without_its_functions_is_said():
    only = SimpleNamespace(forward=manual.rows.forward, backward=manual.rows.backward)
    with pytest.raises(TypeError, match="the derivation has no EXAMPLES_AXIS, loss, formulas: take"):
        small(change=lambda _: only)


def test_layers_without_a_bias_have_no_row_for_one():
    model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 3))
    comparison = compare(model, (np.ones((7, 6), np.float32), np.arange(7) % 3), l2=0.1)
    assert comparison.passed
    assert {"∂L/∂b(2)"} == {row.name for row in comparison.rows if row.quantity == "∂L/∂b"}
    assert (comparison["z(1)"].formula, comparison["z(2)"].formula) == ("a(0) W(1)ᵀ", "a(1) W(2)ᵀ + b(2)")


def test_an_activation_in_another_shape_is_no_normalisation():
    comparison = compare(
        nn.network(("1x8x8", "2c3", "mp2", 6, 3), "relu"), (np.ones((4, 1, 8, 8), np.float32), [0, 1, 2, 0])
    )
    assert comparison.passed
    assert comparison["a(1)"].formula == "f(z(1))"


@each("between", [nn.BatchNorm1d(5), nn.GELU(), nn.LayerNorm(5), nn.Dropout(0.4), nn.Identity()])
def test_what_stands_between_two_layers_is_carried_by_the_graph(between):
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5, dtype=np.float64), between, nn.Linear(5, 3, dtype=np.float64))
    X = np.random.default_rng(0).standard_normal((7, 6))
    comparison = compare(model, (X, np.arange(7) % 3), repeats=1)
    assert comparison.passed
    assert comparison["δ(1)"].formula == "δ(2) W(2), back through the graph"
    assert comparison["∂L/∂W(1)"].node.name == "W1"


def test_a_model_in_training_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))
    before = model.state_dict()
    compare(model, (np.random.default_rng(0).standard_normal((7, 6)).astype(np.float32), np.arange(7) % 3))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_tied_and_frozen_weights_are_refused():
    W, V = (Tensor(np.eye(6), requires_grad=True, name=name) for name in "WV")
    batch = np.ones((4, 6)), np.arange(4)
    with pytest.raises(ValueError, match="is no layer of its own"):
        compare(lambda X: ((X @ W.T).tanh() @ W.T).tanh() @ V.T, batch)
    frozen = nn.Linear(6, 5)
    frozen.weight.requires_grad = False
    model = nn.Sequential(frozen, nn.ReLU(), nn.Linear(5, 4))
    with pytest.raises(ValueError, match=r"0\.weight is frozen"):
        compare(model, (np.ones((4, 6), np.float32), np.arange(4)))


def test_a_signal_that_goes_past_a_layer_is_refused():
    first, inner, last = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def residual(x):
        a = first(x).relu()
        return last(a + inner(a).relu())

    with pytest.raises(ValueError, match="a signal goes past a layer"):
        compare(residual, (np.ones((7, 6), np.float32), np.arange(7) % 3))
    with pytest.raises(ValueError, match="no product with a weight leads to the logits"):
        compare(lambda x: x * 2, (np.ones((7, 6), np.float32), np.arange(7) % 3))


def test_of_a_model_in_float32_and_data_in_float64_the_gradients_are_compared_as_float32():
    digits = data.load("digits").train[:64]
    model = nn.MLP((784, 10, 10), seed=0)
    found = compare(model, (digits.images.reshape(-1, 784) / 255, digits.labels))
    assert found.passed
    assert found.tolerance == 1e-5

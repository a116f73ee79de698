"""The chain rule written down: the forms that a learner derives by hand, arrived at by running the rules."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn, no_grad, one_hot
from tinygrad_mnist.engine import GraphError

FORMATS = ["text", "markdown", "latex", "mathml"]


def tensor(*shape, name=None, requires_grad=True):
    rng = np.random.default_rng(shape)
    return Tensor(rng.uniform(0.2, 2.0, shape) * rng.choice((-1.0, 1.0), shape), requires_grad, name)


def classes(count=8, axis=-1, name="Y"):
    return Tensor(np.moveaxis(one_hot(np.arange(count) % 10, 10, np.float64), -1, axis), name=name)


def equations(explanation, title):
    """What a section says, left-hand side by left-hand side."""
    (section,) = [s for s in explanation.sections if s.title.startswith(title)]
    return {e.left.text: e.right.text for e in section.equations}


def together(loss, wrt):
    return equations(graph.explain(loss, wrt), "Together")


ROWS = {
    "δ2 = ∂L/∂z2": "(ŷ − y) / m",
    "∂L/∂W2": "δ2ᵀ a1",
    "∂L/∂b2": "Σ_rows δ2",
    "δ1 = ∂L/∂z1": "(δ2 W2) ⊙ {f}'(z1)",
    "∂L/∂W1": "δ1ᵀ X",
    "∂L/∂b1": "Σ_rows δ1",
}


def rows(f, y="y"):
    return {left: right.replace("{f}", f).replace("y)", f"{y})") for left, right in ROWS.items()}


@pytest.mark.parametrize("activation", nn.mlp.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mlp_gives_the_formulas_of_the_tutorials(activation, dtype):
    model = nn.MLP((20, 16, 10), activation, dtype=dtype)
    X = Tensor(np.random.default_rng(0).random((8, 20), dtype), name="X")
    loss = cross_entropy(model(X), np.arange(8))
    assert together(loss, model.parameters()) == rows("f" if activation in ("gelu", "silu") else activation)


def test_data_without_a_name_go_by_X_and_y():
    model = nn.MLP((20, 16, 10), "relu")
    loss = cross_entropy(model(np.ones((8, 20), np.float32)), np.arange(8))
    assert together(loss, model.parameters()) == rows("relu")


def test_a_deeper_mlp_repeats_the_pattern():
    model = nn.MLP((20, 16, 12, 10), "relu")
    X = Tensor(np.ones((8, 20), np.float32), name="X")
    found = together(cross_entropy(model(X), np.arange(8)), model.parameters())
    assert found["δ3 = ∂L/∂z3"] == "(ŷ − y) / m"
    assert found["δ2 = ∂L/∂z2"] == "(δ3 W3) ⊙ relu'(z2)"
    assert found["δ1 = ∂L/∂z1"] == "(δ2 W2) ⊙ relu'(z1)"
    assert found["∂L/∂W2"] == "δ2ᵀ a1"


def test_the_expression_of_the_readme():
    X = tensor(64, 784, name="X", requires_grad=False)
    W1, b1, W2, b2 = (
        tensor(128, 784, name="W1"),
        tensor(128, name="b1"),
        tensor(10, 128, name="W2"),
        tensor(10, name="b2"),
    )
    z1 = X @ W1.T + b1
    z2 = z1.leaky_relu(0.01) @ W2.T + b2
    loss = cross_entropy(z2, np.arange(64) % 10)
    explanation = graph.explain(loss, [W1, b1, W2, b2])
    assert equations(explanation, "Together") == rows("leaky_relu")
    assert equations(explanation, "Where") == {
        "leaky_relu'(z1)": "(1 if z1 > 0 else 0.01)", "m": "64", "Σ_columns y": "1",
    }  # fmt: skip
    assert equations(explanation, "Forward") == {
        "z1": "X W1ᵀ + b1", "a1": "leaky_relu(z1)", "z2": "a1 W2ᵀ + b2", "ŷ": "softmax(z2)", "L": "−Σ (log(ŷ) ⊙ y) / m",
    }  # fmt: skip


@each(
    "loss",
    [
        lambda z, y: -(z.log_softmax(axis=-1) * y).sum(axis=-1).mean(),
        lambda z, y: -(z.softmax().log() * y).sum(axis=-1).mean(),
        lambda z, y: -((z - z.logsumexp(axis=-1, keepdims=True)) * y).sum() / 8,
        lambda z, y: (z.log_softmax() * y).mean() * -10,
        lambda z, y: cross_entropy(z, y),
        lambda z, y: cross_entropy(z, y, reduction="none").mean(),
    ],
)
def test_softmax_cross_entropy_cancels_however_it_is_written(loss):
    z, y = tensor(8, 10, name="z"), classes(name="y")
    (found,) = together(loss(z, y), [z]).items()
    left, right = found
    assert left == "δ = ∂L/∂z"
    assert right.replace("10 · (ŷ − y) / n", "(ŷ − y) / m") == "(ŷ − y) / m"


def test_the_loss_of_the_design():
    W, b, X = tensor(10, 20, name="W1"), tensor(10, name="b1"), tensor(8, 20, name="X", requires_grad=False)
    z = (X @ W.T + b).leaky_relu(0.01).log_softmax(axis=-1)
    loss = -(z * classes(name="one_hot")).sum(axis=-1).mean()
    found = together(loss, [W, b])
    assert found["δ1 = ∂L/∂z1"] == "(ŷ − one_hot) ⊙ (1 if z1 > 0 else 0.01) / m"
    assert found["∂L/∂W1"] == "δ1ᵀ X"


def test_the_column_convention():
    X = tensor(20, 8, name="X", requires_grad=False)
    W1, b1, W2, b2 = (
        tensor(16, 20, name="W1"),
        tensor(16, 1, name="b1"),
        tensor(10, 16, name="W2"),
        tensor(10, 1, name="b2"),
    )
    z2 = W2 @ (W1 @ X + b1).relu() + b2
    loss = -(z2.log_softmax(axis=0) * classes(axis=0)).sum(axis=0).mean()
    assert together(loss, [W1, b1, W2, b2]) == {
        "δ2 = ∂L/∂z2": "(ŷ − Y) / m",
        "∂L/∂W2": "δ2 a1ᵀ",
        "∂L/∂b2": "Σ_columns δ2",
        "δ1 = ∂L/∂z1": "(W2ᵀ δ2) ⊙ relu'(z1)",
        "∂L/∂W1": "δ1 Xᵀ",
        "∂L/∂b1": "Σ_columns δ1",
    }


def test_labels_that_are_no_probabilities_do_not_cancel():
    z, y = tensor(8, 10, name="z"), Tensor(np.full((8, 10), 0.3), name="y")
    explanation = graph.explain(-(z.log_softmax() * y).sum() / 8, [z])
    assert equations(explanation, "Together") == {"δ = ∂L/∂z": "(ŷ ⊙ Σ_columns y − y) / m"}
    assert "Σ_columns y" not in equations(explanation, "Where")


def test_a_neuron_in_the_style_of_micrograd():
    x1, x2, w1, w2, b = (
        Tensor(v, requires_grad=True, name=n) for n, v in zip(["x1", "x2", "w1", "w2", "b"], [2, 0, -3, 1, 7])
    )
    n = x1 * w1 + x2 * w2 + b
    n.name = "n"
    o = n.tanh()
    o.name = "o"
    assert together(o, [x1, w1, b]) == {
        "∂o/∂n": "1 − o^2", "∂o/∂x1": "∂o/∂n · w1", "∂o/∂w1": "∂o/∂n · x1", "∂o/∂b": "∂o/∂n",
    }  # fmt: skip


def test_second_derivatives():
    x = tensor(3, name="x")
    (slope,) = grad((x**3).sum(), [x], create_graph=True)
    assert together(slope.sum(), [x]) == {"∂L/∂x": "6 · x"}
    (slope,) = grad(x.tanh().sum(), [x], create_graph=True)
    assert together(slope.sum(), [x])["∂L/∂x"] == "−2 · t1 ⊙ t2"


def test_each_step_is_one_rule_and_shares_add_up():
    a, b = tensor(2, 3, name="a"), tensor(3, name="b")
    steps = [
        (e.left.text, e.sign, e.right.text) for e in graph.explain((a * b * b).sum(), [a, b]).sections[1].equations
    ]
    assert steps == [
        ("L", "=", "Σ t2"),
        ("∂L/∂t2", "=", "ones(2 × 3)"),
        ("t2", "=", "t1 ⊙ b"),
        ("∂L/∂t1", "=", "∂L/∂t2 ⊙ b"),
        ("∂L/∂b", "+=", "Σ_rows (∂L/∂t2 ⊙ t1)"),
        ("t1", "=", "a ⊙ b"),
        ("∂L/∂a", "=", "∂L/∂t1 ⊙ b"),
        ("∂L/∂b", "+=", "Σ_rows (∂L/∂t1 ⊙ a)"),
    ]


@each("name", TABLE)
def test_every_operation_is_explained_in_every_format(name):
    for case in TABLE[name].cases:
        inputs = [Tensor(x, requires_grad=True, name=f"x{i}") for i, x in enumerate(case.inputs)]
        out = case.call(FUNCTIONS[name], *inputs)
        first = out[0] if isinstance(out, list) else out
        explanation = graph.explain((first * first).sum(), inputs)
        for format in FORMATS:
            text = getattr(explanation, format)()
            assert "tinygrad" not in text
            assert "object at" not in text
            assert text.count("{") == text.count("}")
        assert not re.search(r"[\[({]\s*[\])}]", explanation.text().replace("[()]", ""))


def test_it_prints_in_its_format_and_shows_itself_in_a_notebook():
    x = tensor(3, name="x")
    loss = (x * x).sum()
    for format in FORMATS:
        explanation = graph.explain(loss, [x], format)
        assert str(explanation) == getattr(explanation, format)()
    assert str(graph.explain(loss, [x])) == explanation.text()
    assert "$$" in explanation._repr_markdown_()
    assert r"\begin{align*}" in explanation.latex()
    assert explanation.mathml().count("<math") == explanation.mathml().count("</math>") > 3


@each("format", FORMATS)
def test_hostile_names_stay_names(format):
    names = ['<script>alert("1")</script>', "a b", "$x$ \\frac{", "%&#~^{}", "日本", "", "x\ny"]
    inputs = [tensor(2, name=name) for name in names]
    total = inputs[0]
    for x in inputs[1:]:
        total = total * x
    text = str(graph.explain(total.sum(), inputs, format))
    assert "日本" in text
    if format != "text":
        assert "<script" not in text
        assert "^{}" not in text
    if format in ("latex", "markdown"):
        assert re.sub(r"\\[{}]", "", text).count("{") == re.sub(r"\\[{}]", "", text).count("}")


def test_two_tensors_of_one_name_are_told_apart():
    a, b = tensor(2, name="w"), tensor(2, name="w")
    assert together((a * b * b).sum(), [a, b]) == {"∂L/∂w": "w_2^2", "∂L/∂w_2": "2 · t1"}


@each("value", [np.array([[1.0, np.nan], [np.inf, 2.0]]), np.zeros((0, 2)), np.zeros((2, 0))])
def test_nan_and_empty_arrays_are_explained_like_others(value):
    a = Tensor(value, requires_grad=True, name="a")
    assert together((a.exp() * a).sum(), [a])["∂L/∂a"] == "t1 ⊙ (1 + a)"


def test_it_works_within_no_grad():
    x = tensor(2, name="x")
    loss = (x * x).sum()
    with no_grad():
        assert together(loss, [x]) == {"∂L/∂x": "2 · x"}


def test_what_can_not_be_explained_is_said():
    x, other = tensor(2, name="x"), tensor(2, name="other")
    loss = (x * x).sum()
    with pytest.raises(GraphError, match="no graph leads to x"):
        graph.explain(x, [x])
    with pytest.raises(GraphError, match=r"does not depend on other \(2,\)"):
        graph.explain(loss, [x, other])
    with pytest.raises(GraphError, match="is not a scalar"):
        graph.explain(x * x, [x])
    with pytest.raises(TypeError, match="list of tensors"):
        graph.explain(loss, x)
    with pytest.raises(TypeError, match="must be a tensor"):
        graph.explain(np.ones(()), [x])
    with pytest.raises(ValueError, match="wrt is empty"):
        graph.explain(loss, [])
    with pytest.raises(ValueError, match="not 'pdf'"):
        graph.explain(loss, [x], "pdf")
    with pytest.raises(GraphError, match="is no operation"):
        graph.rules(x)


def test_the_rules_of_one_operation():
    z = tensor(3, 4, name="a") @ tensor(4, 2)
    assert [(e.left.text, e.right.text) for e in graph.rules(z)] == [
        ("z", "a x"), ("∂L/∂a", "g xᵀ"), ("∂L/∂x", "aᵀ g"),
    ]  # fmt: skip


def test_what_is_computed_twice_has_two_names_and_two_gradients():
    x = tensor(3, name="x")
    text = str(graph.explain((x.exp() * 2).sum() + (x.exp() * x).sum(), [x]))
    lefts = [line.split(" = ")[0].strip() for line in text.split("Together")[0].splitlines() if " = " in line]
    gradients = [left for left in lefts if left.startswith("∂")]
    assert len(gradients) == len(set(gradients))
    assert len(re.findall(r"t\d+ +\+?= exp\(x\)", text.split("Backward")[1])) == 2


def test_a_comparison_with_a_name_stands_in_brackets():
    A = tensor(6, 3, name="A")
    results = together((A.max(axis=0) ** 2).sum() + (A * A.max(axis=0)).sum(), [A])
    compared = [right for right in results.values() if "A = " in right]
    assert compared
    assert all("[A = " in right for right in compared)


def test_latex_indents_what_each_rule_sends_back_and_is_a_whole_document():
    model = nn.MLP((4, 3, 2), "relu")
    explanation = graph.explain(cross_entropy(model(np.ones((2, 4), np.float32)), [0, 1]), model.parameters())
    document = explanation.document()
    assert document.startswith(r"\documentclass")
    assert document.endswith("\\end{document}\n")
    assert document.count(r"\begin{") == document.count(r"\end{")
    steps, rows = explanation.sections[1], document.split(r"\begin{align*}")[2].split(r"\end{align*}")[0]
    shown = [row.strip() for row in rows.split(" \\\\\n")]
    assert len(shown) == len(steps.equations) > 5
    assert [row.startswith(r"&\quad ") for row in shown] == [bool(e.depth) for e in steps.equations]
    assert all(row.startswith("&") for row in shown)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no pdflatex")
def test_latex_compiles(tmp_path):
    model = nn.MLP((4, 3, 2), "relu")
    loss = cross_entropy(model(np.ones((2, 4), np.float32)), [0, 1])
    (tmp_path / "chain_rule.tex").write_text(graph.explain(loss, model.parameters(), indices=True).document())
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "chain_rule"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-2000:]
    assert "Overfull" not in said.stdout

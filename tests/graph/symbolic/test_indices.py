"""Derivations index by index: what is said of an element is evaluated, for every element, and is autograd's number."""

import numpy as np

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE
from tests.graph.symbolic.evaluating import assert_says_the_numbers
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn
from tinygrad_mnist.graph.symbolic.derive import derived, isolated
from tinygrad_mnist.graph.symbolic.handwritten import read
from tinygrad_mnist.graph.symbolic.indices import Indices
from tinygrad_mnist.graph.symbolic.lines import program


def said(output, wrt):
    """The lines of a derivation, said of an element, and written; its gradients are autograd's."""
    reading = isolated(lambda: read(output, wrt))
    result = derived(lambda derivation: program(derivation, mathematical=True), reading.output, reading.wrt)
    for line, gradient in zip(result.results[1:], grad(output, wrt), strict=True):
        np.testing.assert_allclose(line.value.numpy(), gradient.numpy(), rtol=1e-9, atol=1e-12)
    indices = isolated(lambda: Indices(result))
    for line in result.lines:
        for latex, text, _ in indices.equation(line)[:2]:
            assert latex.count("{") == latex.count("}")
            assert "Traced" not in latex + text
            assert "object" not in latex + text
    return indices.lines.values()


@each("name", TABLE)
def test_every_operation_says_the_numbers_of_its_elements(name):
    cases = TABLE[name].cases
    is_first = next(entry for entry in TABLE.values() if entry.cases is cases) is TABLE[name]
    for case in cases if is_first else cases[2:3]:  # of a family of operations, all cases of one
        inputs = [Tensor(x, requires_grad=True, name=f"x{i}") for i, x in enumerate(case.inputs)]
        out = case.call(FUNCTIONS[name], *inputs)
        first = out[0] if isinstance(out, list) else out
        for line in said((first * first).sum(), inputs):
            assert_says_the_numbers(line)


def rows(*sizes, columns=False):
    """An MLP on four examples, as rows or as columns, with softmax and cross-entropy."""
    rng = np.random.default_rng(0)
    a = X = Tensor(rng.normal(size=(4, sizes[0])[:: -1 if columns else 1]), name="X")
    parameters = []
    for l, (inputs, units) in enumerate(zip(sizes, sizes[1:]), 1):
        W = Tensor(rng.normal(size=(units, inputs)), requires_grad=True, name=f"W{l}")
        b = Tensor(rng.normal(size=(units, 1) if columns else units), requires_grad=True, name=f"b{l}")
        z = W @ a + b if columns else a @ W.T + b
        a, parameters = z.tanh(), [*parameters, W, b]
    return cross_entropy(z.T if columns else z, np.arange(len(X.T if columns else X)) % sizes[-1]), parameters


def network(layers, *shape, **options):
    """A network of the package's on random images, in training, in float64."""
    model = nn.network(layers, "relu", **options)
    for parameter in model.parameters():
        parameter.move(lambda array: array.astype(float))
    X = Tensor(np.random.default_rng(0).random(shape), requires_grad=True, name="X")
    return cross_entropy(model(X), np.arange(shape[0]) % 2), [*model.parameters(), X]


NETWORKS = {
    "rows": lambda: rows(3, 4, 2),
    "columns": lambda: rows(3, 4, 2, columns=True),
    "convolutions": lambda: network("2x4x4,3c3,mp2,2c3,2", 3, 2, 4, 4),
    "mean pool": lambda: network("1x5x5,2c3,ap2,2", 3, 1, 5, 5),
    "normalised": lambda: network("4,3,2", 3, 4, batch_norm=True),
    "normalised maps": lambda: network("1x4x4,2c3,2", 3, 1, 4, 4, batch_norm=True),
}


@each("name", NETWORKS)
def test_networks_say_the_numbers_of_their_elements(name):
    for line in said(*NETWORKS[name]()):
        assert_says_the_numbers(line)


def written(output, wrt):
    """What is written of elements, left-hand side by left-hand side; and the remarks of those that have one."""
    sections = graph.explain(output, wrt, indices=True).sections
    below = [e for s in sections if not s.title.startswith(("Backward", "Where")) for e in s.equations if e.depth]
    return {e.left.text: e.right.text for e in below}, {e.left.text: e.remark for e in below if e.remark}


def test_an_mlp_is_what_the_books_say():
    right, remark = written(*rows(3, 4, 2))
    assert right == {
        "z1ₙᵢ": "Σⱼ Xₙⱼ W1ᵢⱼ + b1ᵢ",
        "a1ₙᵢ": "tanh(z1ₙᵢ)",
        "z2ₙₖ": "Σᵢ a1ₙᵢ W2ₖᵢ + b2ₖ",
        "ŷₙₖ": "exp(z2ₙₖ) / Σₗ exp(z2ₙₗ)",
        "L": "−Σₙₖ log(ŷₙₖ) yₙₖ / m",
        "δ2ₙₖ": "(ŷₙₖ − yₙₖ) / m",
        "∂L/∂W2ₖᵢ": "Σₙ δ2ₙₖ a1ₙᵢ",
        "∂L/∂b2ₖ": "Σₙ δ2ₙₖ",
        "δ1ₙᵢ": "(Σₖ δ2ₙₖ W2ₖᵢ) tanh'(z1ₙᵢ)",
        "∂L/∂W1ᵢⱼ": "Σₙ δ1ₙᵢ Xₙⱼ",
        "∂L/∂b1ᵢ": "Σₙ δ1ₙᵢ",
    }
    assert remark == {
        "z1ₙᵢ": "j is last in X and in W1, hence W1ᵀ",
        "z2ₙₖ": "i is last in a1 and in W2, hence W2ᵀ",
        "∂L/∂W2ₖᵢ": "n is first in δ2 and in a1, hence δ2ᵀ",
        "δ1ₙᵢ": "k is last in δ2, first in W2: no transpose",
        "∂L/∂W1ᵢⱼ": "n is first in δ1 and in X, hence δ1ᵀ",
    }


def test_where_the_examples_are_columns_it_is_the_other_factor_that_is_transposed():
    right, remark = written(*rows(3, 4, 2, columns=True))
    assert right["z1ᵢₙ"] == "Σⱼ W1ᵢⱼ Xⱼₙ + b1ᵢ"
    assert right["∂L/∂W1ᵢⱼ"] == "Σₙ δ1ᵢₙ Xⱼₙ"
    assert right["δ1ᵢₙ"] == "(Σₖ W2ₖᵢ δ2ₖₙ) tanh'(z1ᵢₙ)"
    assert remark["∂L/∂W1ᵢⱼ"] == "n is last in δ1 and in X, hence Xᵀ"
    assert remark["δ1ᵢₙ"] == "k is first in W2 and in δ2, hence W2ᵀ"


def leaf(*shape, name="x"):
    return Tensor(np.random.default_rng(0).normal(size=shape), requires_grad=True, name=name)


@each(
    ("shape", "output", "expected"),
    [
        ((4,), lambda x: (x.cumsum() ** 2).sum(), {"t1ᵢ": "Σⱼ [j ≤ i] xⱼ", "∂L/∂xⱼ": "2 Σᵢ [j ≤ i] t1ᵢ"}),
        ((2, 3), lambda x: (x[:, 1:] ** 3).sum(), {"t1ᵢⱼ": "x[i, j+1]", "∂L/∂xᵢₖ": "3 [1 ≤ k] t1[i, k−1]^2"}),
        ((3, 3), lambda x: np.linalg.inv(x)[0, 0], {"t1ᵢⱼ": "solve(x, I)ᵢⱼ"}),
        (
            (2, 3, 4, 4),
            lambda x: FUNCTIONS["patches"](FUNCTIONS["max_pool"](x, (2, 2), (2, 2)), (3, 3), (1, 1), (1, 1)).sum(),
            {
                "t1ᵢⱼₖₗ": "maxₚᵣ x[i, j, 2k+p, 2l+r]",
                "∂L/∂x[i, j, 2k+p, 2l+r]": "[x[i, j, 2k+p, 2l+r] = t1ᵢⱼₖₗ] "
                "(Σₛₜ [0 ≤ k+1−s < 2] [0 ≤ l+1−t < 2] / Σᵤᵥ [x[i, j, 2k+u, 2l+v] = t1ᵢⱼₖₗ])",
            },
        ),
        ((2, 0), lambda x: (x.cumsum() ** 2).sum() + (x.reshape(-1) ** 2).sum(), {}),
        ((2,) * 9, lambda x: (x.T * x).sum(), {"∂L/∂xᵢⱼₖₗₚᵣₛₜᵤ": "2 xᵤₜₛᵣₚₗₖⱼᵢ"}),
        ((1, 3), lambda x: (x * leaf(name="i")).sum(), {"∂L/∂xⱼ": "i"}),
    ],
)
def test_what_is_written_of_an_element(shape, output, expected):
    x = leaf(*shape)
    right, _ = written(output(x), [x])
    assert right | expected == right, right


@each("format", ["text", "markdown", "latex", "mathml"])
def test_every_format_has_the_indices(format):
    text = str(graph.explain(*rows(3, 4, 2), format=format, indices=True))
    assert {"text": "∂L/∂W1ᵢⱼ = Σₙ δ1ₙᵢ Xₙⱼ", "mathml": "hence δ1ᵀ"}.get(
        format, r"\sum_{n} \delta_{1,\,ni} \, X_{nj}"
    ) in text
    if format in ("markdown", "latex"):
        assert r"\partial W_{1,\,ij}" in text
        assert r"n\ \text{is first in}\ \delta_{1}\ \text{and in}\ X\text{, hence}\ \delta_{1}^{\top}" in text
        assert not set(text) & set("δᵀΣₙ∂"), "what a compiler of LaTeX may not know"


def test_the_letters_are_told():
    sections = graph.explain(*rows(3, 4, 2), indices=True).sections
    told = {e.left.text: (e.right.text, e.remark) for e in sections[-1].equations}
    assert told["n"] == ("0, …, 3", "the rows of X")
    assert told["k, l"] == ("0, 1", "the rows of W2")
    assert told["(A B)ᵢⱼ"][0] == "Σₖ Aᵢₖ Bₖⱼ"
    assert not any(e.depth for e in graph.explain(*rows(3, 4, 2)).sections[2].equations)

"""Derivations index by index: what is said of an element is evaluated, for every element, and is autograd's number."""

import numpy as np

from tests.each import each
from tests.engine.cases import FUNCTIONS, TABLE
from tests.graph.symbolic.evaluating import assert_says_the_numbers
from tinygrad_mnist import Tensor, cross_entropy, grad, nn
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
    for case in cases if is_first else cases[1:3]:  # of a family of operations, all cases of one
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

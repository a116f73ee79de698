"""What rewrites come to, and that a wrong one is caught."""

import inspect

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.graph.symbolic.algebra import Algebra, RewriteError
from tinygrad_mnist.graph.symbolic.derive import isolated
from tinygrad_mnist.graph.symbolic.expressions import REWRITES, Rewrite, rewrite
from tinygrad_mnist.graph.symbolic.names import named
from tinygrad_mnist.graph.symbolic.traced import Traced
from tinygrad_mnist.graph.symbolic.writing import Writer


def leaf(name, shape=(3, 4), values=None):
    rng = np.random.default_rng(len(name))
    return Traced(rng.uniform(0.5, 1.5, shape) if values is None else values, name)


X, Y, V = leaf("x"), leaf("yy"), leaf("vvv", (4,))
S = leaf("s", ())


@each(
    ("expression", "expected"),
    [
        (lambda: X * 1, "x"),
        (lambda: (X * -1) * -1, "x"),
        (lambda: X + 0 * Y, "x"),
        (lambda: 2 * X + X, "3 · x"),
        (lambda: X / 8 - Y / 8, "(x − yy) / 8"),
        (lambda: -X + Y, "yy − x"),
        (lambda: -X - Y, "−(x + yy)"),
        (lambda: X * Y + X * V, "x ⊙ (yy + vvv)"),
        (lambda: X * Y - X, "x ⊙ (yy − 1)"),
        (lambda: X * X, "x^2"),
        (lambda: (X / Y) * Y, "x"),
        (lambda: X**1, "x"),
        (lambda: X.T.T, "x"),
        (lambda: (X.T @ Y).T, "yyᵀ x"),
        (lambda: X.reshape(12).reshape(3, 4), "x"),
        (lambda: V.broadcast_to((3, 4)).sum(axis=0), "3 · vvv"),
        (lambda: V.broadcast_to((3, 4)) * X, "vvv ⊙ x"),
        (lambda: V.broadcast_to((3, 4)).reshape(1, 3, 4) * X.reshape(1, 3, 4), "vvv ⊙ reshape(x to 1 × 3 × 4)"),
        (lambda: X.sum(axis=0).sum(), "Σ x"),
        (lambda: (2 * X / 5).sum(), "2 · Σ x / 5"),
        (lambda: X.sum(axis=1).reshape(3, 1), "Σ_columns x"),
        (lambda: (X > 0).astype(np.float64) * 0.99 + 0.01, "(1 if x > 0 else 0.01)"),
        (lambda: Y * (X > 0).astype(np.float64), "yy ⊙ [x > 0]"),
        (lambda: S * 4 / 4, "s"),
    ],
)
def test_what_cancels_is_cancelled(expression, expected):
    algebra = Algebra()
    for x in (X, Y, V, S):
        algebra.leaf(x)
    result = isolated(lambda: algebra.simplify(expression()))
    writer = Writer({x: named(x.name) for x in (X, Y, V, S)})
    assert writer.write(result, "text") == expected


def test_whole_numbers_times_one_become_floating_point():
    result = Algebra().simplify(Traced(np.arange(3)) * np.ones(3))
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result.numpy(), [0, 1, 2])


def test_equal_expressions_are_one_node():
    algebra = Algebra()
    assert algebra.simplify(X * Y + 1) is algebra.simplify(X * Y + 1)


EXAMPLES = {rewrite.become.__name__: rewrite for table in REWRITES.values() for rewrite in table}
LEAVES = {"x": leaf("x"), "y": leaf("y"), "v": leaf("v", (4,)), "labels": leaf("labels", values=np.eye(4)[:3])}


@each("rewrite", EXAMPLES.values())
def test_each_rewrite_makes_of_its_example_what_it_says(rewrite):
    algebra = Algebra()
    for x in LEAVES.values():
        algebra.leaf(x, data=True)
    names = inspect.signature(rewrite.example).parameters
    example = rewrite.example(*(LEAVES[name] for name in names))
    operands = [algebra.simplify(x) if isinstance(x, Traced) else algebra.constant(x) for x in example.inputs]
    result = rewrite.become(algebra, algebra.make(example.op, operands, example.params), *operands)
    writer = Writer({x: named(name) for name, x in LEAVES.items()})
    assert writer.write(result, "text") == rewrite.result
    assert result.shape == example.shape
    np.testing.assert_allclose(result.numpy(), example.numpy())


def test_a_rewrite_without_an_example_can_not_be_entered():
    with pytest.raises(TypeError, match="example"):
        rewrite("mul", result="x")  # type: ignore[call-arg]


def test_a_rewrite_that_changes_the_value_is_an_error(monkeypatch):
    wrong = Rewrite(lambda algebra, node, x, y: x, example=lambda x, y: x * y, result="x")
    monkeypatch.setitem(REWRITES, "mul", [wrong])
    with pytest.raises(RewriteError, match="a rewrite of mul changed its value"):
        Algebra().simplify(X * Y)

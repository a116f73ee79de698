"""The hand-derived gradients against autograd's, on random networks and on real MNIST."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.each import each
from tinygrad_mnist import Tensor, cross_entropy, data, grad, manual, nn, one_hot

TOLERANCE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 1e-5}
SLOPES = {"relu": 0.0, "leaky_relu": 0.01}


def network(sizes, batch, seed, dtype):
    """Random weights and biases, inputs and labels."""
    rng = np.random.default_rng(seed)
    W = [(rng.standard_normal((o, i)) * np.sqrt(2 / i)).astype(dtype) for i, o in zip(sizes, sizes[1:])]
    b = [rng.standard_normal(o).astype(dtype) for o in sizes[1:]]
    return W, b, rng.standard_normal((batch, sizes[0])).astype(dtype), rng.integers(0, sizes[-1], batch)


def by_autograd(W, b, X, labels, slope, l2, columns):
    """δ(l), ∂L/∂W(l) and ∂L/∂b(l) by layer, δ(l) taken at the node z(l)."""
    weights = [Tensor(w, requires_grad=True) for w in W]
    biases = [Tensor(c, requires_grad=True) for c in b]
    a, z = Tensor(X), []
    for w, c in zip(weights, biases):
        z.append(w @ a + c if columns else a @ w.T + c)
        a = z[-1].leaky_relu(slope)
    loss = cross_entropy(z[-1].T if columns else z[-1], labels)
    penalty = sum((w * w).sum() for w in weights) * (l2 / 2)
    found = [g.numpy() for g in grad(loss + penalty, [*z, *weights, *biases])]
    L = len(W)
    delta = [g * len(labels) for g in found[:L]]
    return (loss + penalty).item(), delta, found[L : 2 * L], found[2 * L :]


def assert_agrees(W, b, X, labels, activation, l2=0.0, columns=False):
    """Every δ and every gradient, relative to the largest number in it."""
    dtype, classes = X.dtype, len(b[-1])
    Y = one_hot(labels, classes, dtype)
    by_hand = manual.columns if columns else manual.rows
    if columns:
        X, Y, b = X.T.copy(), Y.T.copy(), [c[:, None] for c in b]
    f = manual.ACTIVATIONS[activation]
    run = by_hand.forward(X, W, b, f)
    back = by_hand.backward(run, Y, W, f, l2)
    loss, delta, dW, db = by_autograd(W, b, X, labels, SLOPES[activation], l2, columns)
    assert abs(by_hand.loss(run, Y, W, l2) - loss) <= TOLERANCE[dtype] * max(1, abs(loss))
    for l in range(1, len(W) + 1):
        for expected, found in [(back.delta[l], delta[l - 1]), (back.dW[l], dW[l - 1]), (back.db[l], db[l - 1])]:
            assert expected.dtype == found.dtype == dtype
            assert expected.shape == found.shape
            scale = max(np.abs(expected).max(), np.finfo(dtype).tiny)
            assert np.abs(found - expected).max() / scale < TOLERANCE[dtype]


@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    batch=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    activation=st.sampled_from(sorted(SLOPES)),
    l2=st.sampled_from([0.0, 0.1]),
    columns=st.booleans(),
)
@settings(derandomize=True, deadline=None, max_examples=100)
def test_random_networks_agree_in_float64(sizes, batch, seed, activation, l2, columns):
    assert_agrees(*network([*sizes, 3], batch, seed, np.float64), activation=activation, l2=l2, columns=columns)


@pytest.mark.parametrize("columns", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize("activation", sorted(SLOPES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_real_mnist_batch_agrees(mnist_folder, dtype, activation, columns):
    train = data.load(mnist_folder).train[:64]
    W, b, _, _ = network([784, 128, 64, 10], 1, 0, dtype)
    assert_agrees(W, b, train.inputs().astype(dtype), train.labels, activation, 1e-3, columns)


def test_columns_are_rows_transposed():
    W, b, X, labels = network([5, 4, 3], 6, 1, np.float64)
    Y = one_hot(labels, 3, np.float64)
    rows = manual.rows.backward(manual.rows.forward(X, W, b), Y, W)
    columns = manual.columns.backward(manual.columns.forward(X.T, W, [c[:, None] for c in b]), Y.T, W)
    for l in (1, 2):
        np.testing.assert_allclose(columns.delta[l], rows.delta[l].T, rtol=1e-12)
        np.testing.assert_allclose(columns.dW[l], rows.dW[l], rtol=1e-12)
        np.testing.assert_allclose(columns.db[l][:, 0], rows.db[l], rtol=1e-12)


@pytest.mark.parametrize("activation", sorted(SLOPES))
def test_the_kink_is_the_engines(activation):
    z = Tensor(np.array([-1.0, 0.0, 1.0]), requires_grad=True)
    z.leaky_relu(SLOPES[activation]).sum().backward()
    np.testing.assert_array_equal(manual.ACTIVATIONS[activation].f_prime(z.numpy()), z.grad.numpy())


@each("activation", sorted(manual.ACTIVATIONS))
@each("dtype", [np.float32, np.float64])
def test_f_and_its_derivative_are_the_engines(activation, dtype):
    z = Tensor(np.array([-800.0, -2.0, -0.5, 0.3, 4.0, 800.0], dtype), requires_grad=True)
    a = nn.ACTIVATIONS[activation](z)
    a.sum().backward()
    f = manual.ACTIVATIONS[activation]
    np.testing.assert_allclose(f.f(z.data), a.data, rtol=TOLERANCE[z.dtype])
    np.testing.assert_allclose(f.f_prime(z.data), z.grad.data, atol=TOLERANCE[z.dtype])
    assert f.f(z.data).dtype == f.f_prime(z.data).dtype == dtype


def by_name(Y):
    """The loss of each head, summed over outputs and examples, as a user of the library writes it on Tensors."""

    def squared(a):
        return ((a - Y) ** 2).sum() / 2

    return {
        "softmax-cross-entropy": lambda z: -(z.log_softmax(axis=-1) * Y).sum(),
        "sigmoid-log-loss": lambda z: -(z.sigmoid().log() * Y + (1 - z.sigmoid()).log() * (1 - Y)).sum(),
        "sigmoid-squared-error": lambda z: squared(z.sigmoid()),
        "softmax-squared-error": lambda z: squared(z.softmax(axis=-1)),
        "linear-squared-error": squared,
        "tanh-squared-error": lambda z: squared(z.tanh()),
    }


EVERY_HEAD = [scaled for head in manual.HEADS.values() for scaled in manual.heads.scales(head)]


@each("penalty", manual.PENALTIES.values())
@each("head", EVERY_HEAD)
@each("columns", [False, True])
def test_every_head_and_penalty_is_autograds(head, penalty, columns):
    W, b, X, labels = network([5, 4, 3], 6, 2, np.float64)
    Y, l2, m, n = one_hot(labels, 3, np.float64), 0.3, 6, 3
    weights, biases = ([Tensor(p, requires_grad=True) for p in parameters] for parameters in (W, b))
    z1 = Tensor(X) @ weights[0].T + biases[0]
    z2 = z1.tanh() @ weights[1].T + biases[1]
    squares = sum((w * w).sum() for w in weights)
    weight = {"1/2": l2 / 2, "1/2m": l2 / (2 * m), "1": l2, "1/m": l2 / m}[penalty.name]
    scale = head.factor / (n if head.averaged else 1)
    loss = by_name(Y)[head.name](z2) * scale / m + squares * weight
    delta, *expected = [g.numpy() for g in grad(loss, [z2, *weights, *biases])]
    by_hand = manual.columns if columns else manual.rows
    if columns:
        X, Y, b = X.T, Y.T, [c[:, None] for c in b]
    run = by_hand.forward(X, W, b, manual.tanh, head)
    back = by_hand.backward(run, Y, W, manual.tanh, l2, head, penalty)
    assert by_hand.loss(run, Y, W, l2, head, penalty) == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose((back.delta[2].T if columns else back.delta[2]) / m, delta, atol=1e-14)
    for found, right in zip([back.dW[1], back.dW[2], back.db[1], back.db[2]], expected):
        np.testing.assert_allclose(np.reshape(found, right.shape), right, atol=1e-14)


@each("head", EVERY_HEAD)
def test_the_derivative_by_the_output_leads_to_that_by_z(head):
    rng = np.random.default_rng(0)
    z, Y = rng.standard_normal((4, 3)), np.eye(3)[[0, 1, 2, 0]]
    y_hat = head.f(z, 1)
    carried = head.scale(3) * head.output.back(head.by_output(y_hat, Y), y_hat, 1)
    np.testing.assert_allclose(head.error(y_hat, Y, 1), carried, atol=1e-14)


@each("head", EVERY_HEAD)
def test_a_head_says_its_error_as_it_computes_it(head):
    rng = np.random.default_rng(1)
    z, Y = rng.standard_normal(5), np.eye(5)[2]
    y_hat = head.f(z, 0)
    text = head.formula.replace("²", "**2").replace("⊙", "*").replace("ŷ", "a").replace("(1/n) ", "1/n*")
    text = text.replace("2 ", "2*").replace("(2/n) ", "2/n*").replace("Σ a * (a - y)", "(a * (a - y)).sum()")
    found = eval(text, {"a": y_hat, "y": Y, "n": 5})
    np.testing.assert_allclose(head.error(y_hat, Y, 0), found, atol=1e-14)


def test_huge_logits_give_a_finite_loss():
    W, b = [np.eye(3) * 1e4], [np.zeros(3)]
    Y = np.array([[0.0, 1.0, 0.0]])
    run = manual.rows.forward(np.array([[1.0, 0.0, 0.0]]), W, b)
    assert manual.rows.loss(run, Y, W) == pytest.approx(1e4)


def test_manual_imports_numpy_and_nothing_from_the_engine():
    for path in Path(manual.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("tinygrad_mnist"):
                assert node.module.startswith("tinygrad_mnist.manual")

"""Losses and helpers: right values, and clear errors at the edge."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.each import each
from tinygrad_mnist import Tensor, check_gradients, cross_entropy, grad, one_hot
from tinygrad_mnist.nn import accuracy, binary_cross_entropy_with_logits, functional, mse_loss, nll_loss

logits_strategy = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-50, 50))


@given(logits=logits_strategy, seed=st.integers(0, 1000))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_cross_entropy_is_minus_the_log_of_the_labels_probability(logits, seed):
    labels = np.random.default_rng(seed).integers(0, logits.shape[1], len(logits))
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    expected = -log_p[np.arange(len(labels)), labels]
    np.testing.assert_allclose(cross_entropy(Tensor(logits), labels, "none").numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(cross_entropy(Tensor(logits), labels, "sum").item(), expected.sum(), atol=1e-12)
    np.testing.assert_allclose(cross_entropy(Tensor(logits), labels).item(), expected.mean(), atol=1e-12)
    rows = one_hot(labels, logits.shape[1], np.float64)
    assert cross_entropy(Tensor(logits), rows).item() == cross_entropy(Tensor(logits), labels).item()


def test_the_gradient_of_the_mean_cross_entropy_is_softmax_minus_labels_over_m():
    logits = Tensor(np.random.default_rng(0).standard_normal((4, 3)), requires_grad=True)
    cross_entropy(logits, [0, 2, 1, 1]).backward()
    expected = (logits.softmax().numpy() - one_hot([0, 2, 1, 1], 3)) / 4
    np.testing.assert_allclose(logits.grad.numpy(), expected, rtol=1e-12)


def test_labels_may_have_more_axes():
    logits = np.random.default_rng(0).standard_normal((2, 3, 4))
    labels = np.array([[0, 1, 2], [3, 2, 1]])
    flat = cross_entropy(Tensor(logits.reshape(6, 4)), labels.reshape(6)).item()
    assert cross_entropy(Tensor(logits), labels).item() == pytest.approx(flat, rel=1e-12)


@each(
    ("labels", "error", "words"),
    [
        ([0, 3], ValueError, "label 3 at index 1 is none of the 3 classes"),
        ([-1, 0], ValueError, "label -1 at index 0"),
        ([0.0, 1.0], TypeError, "labels must be integers"),
        ([0], ValueError, "labels of shape (1,) do not fit logits of shape (2, 3)"),
        ([[0, 1], [1, 0]], ValueError, "do not fit"),
    ],
)
def test_wrong_labels_are_named(labels, error, words):
    with pytest.raises(error) as caught:
        cross_entropy(Tensor(np.zeros((2, 3))), np.array(labels))
    assert words in str(caught.value)


def test_an_empty_batch_has_no_mean():
    with pytest.raises(ValueError, match="empty batch"):
        cross_entropy(Tensor(np.zeros((0, 3))), np.zeros(0, int))
    with pytest.raises(ValueError, match="no examples"):
        accuracy(np.zeros((0, 3)), np.zeros(0, int))


def test_an_unknown_reduction_is_named():
    with pytest.raises(ValueError, match="'average'"):
        cross_entropy(Tensor(np.zeros((1, 2))), [0], "average")


def test_one_hot_takes_memory_for_its_rows_alone():
    one_hot([0], 3)
    tracemalloc.start()
    one_hot([1, 4_999], 5_000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


def test_one_hot_has_one_one_in_each_row():
    rows = one_hot([2, 0, 1], 3)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_accuracy_counts_the_largest_logits():
    assert accuracy(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), [1, 0, 0]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="do not fit"):
        accuracy(np.zeros((2, 3)), [1])


LOGITS, LABELS = np.random.default_rng(3).standard_normal((5, 4)) * 3, np.array([0, 3, 1, 1, 2])
WEIGHT = np.array([0.5, 1.0, 2.0, 3.0])


def log_softmax(z):
    return z - np.logaddexp.reduce(z, axis=1, keepdims=True)


def test_label_smoothing_and_class_weights_follow_pytorchs_formula():
    log_p, eps = log_softmax(LOGITS), 0.2
    rows = np.arange(5)
    of_label = -WEIGHT[LABELS] * log_p[rows, LABELS]
    everywhere = -(WEIGHT * log_p).sum(axis=1) / 4
    each = (1 - eps) * of_label + eps * everywhere

    def call(reduction):
        return cross_entropy(Tensor(LOGITS), LABELS, reduction, weight=WEIGHT, label_smoothing=eps).numpy()

    np.testing.assert_allclose(call("none"), each, rtol=1e-12)
    np.testing.assert_allclose(call("sum"), each.sum(), rtol=1e-12)
    np.testing.assert_allclose(call("mean"), each.sum() / WEIGHT[LABELS].sum(), rtol=1e-12)
    plain = cross_entropy(Tensor(LOGITS), LABELS, weight=np.ones(4), label_smoothing=0.0).item()
    assert plain == pytest.approx(cross_entropy(Tensor(LOGITS), LABELS).item(), rel=1e-12)


def test_nll_loss_is_cross_entropy_of_log_probabilities():
    log_p = Tensor(LOGITS).log_softmax()
    for reduction in ("mean", "sum", "none"):
        expected = cross_entropy(Tensor(LOGITS), LABELS, reduction, weight=WEIGHT).numpy()
        np.testing.assert_allclose(nll_loss(log_p, LABELS, WEIGHT, reduction).numpy(), expected, rtol=1e-12)


def test_mse_loss_is_the_mean_square():
    targets = LOGITS[::-1]
    square = (LOGITS - targets) ** 2
    assert mse_loss(Tensor(LOGITS), targets).item() == pytest.approx(square.mean(), rel=1e-12)
    assert mse_loss(Tensor(LOGITS), Tensor(targets), "sum").item() == pytest.approx(square.sum(), rel=1e-12)
    np.testing.assert_array_equal(mse_loss(Tensor(LOGITS), targets, "none").numpy(), square)


def test_binary_cross_entropy_is_that_of_the_sigmoid_and_does_not_overflow():
    targets = np.random.default_rng(4).random((5, 4))
    p = 1 / (1 + np.exp(-LOGITS))
    each = -(WEIGHT * targets * np.log(p) + (1 - targets) * np.log(1 - p))
    found = binary_cross_entropy_with_logits(Tensor(LOGITS), targets, [2.0], "none", WEIGHT).numpy()
    np.testing.assert_allclose(found, 2 * each, rtol=1e-10)
    extreme = binary_cross_entropy_with_logits(Tensor([1e4, -1e4]), [1.0, 1.0], reduction="none").numpy()
    np.testing.assert_array_equal(extreme, np.array([0, 1e4], np.float32))


@each(
    ("call", "words"),
    [
        (lambda: mse_loss(Tensor(LOGITS), LOGITS[:, 0]), r"targets of shape \(5,\)"),
        (lambda: mse_loss(Tensor(LOGITS), LOGITS, "average"), "'average'"),
        (lambda: mse_loss(Tensor(np.zeros((0, 2))), np.zeros((0, 2))), "empty batch"),
        (lambda: binary_cross_entropy_with_logits(Tensor(LOGITS), LOGITS[0]), "targets of shape"),
        (lambda: nll_loss(Tensor(np.zeros((0, 2))), np.zeros(0, int)), "empty batch"),
        (lambda: cross_entropy(Tensor(LOGITS), LABELS, label_smoothing=1.5), "label_smoothing=1.5"),
        (lambda: cross_entropy(Tensor(LOGITS), LABELS, weight=[1.0, 2.0]), "does not fit 4 classes"),
        (lambda: cross_entropy(Tensor(LOGITS), LABELS, weight=np.zeros(4)), "every label has weight 0"),
    ],
)
def test_losses_say_what_does_not_fit(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@each(
    ("loss", "targets"),
    [
        (cross_entropy, [1, 0]),
        (nll_loss, [1, 0]),
        (mse_loss, np.ones((2, 2))),
        (binary_cross_entropy_with_logits, np.ones((2, 2))),
    ],
)
def test_a_loss_of_arrays_is_that_of_tensors(loss, targets):
    z = np.array([[1.0, -2.0], [0.5, 3.0]])
    expected = loss(Tensor(z), targets)
    for array in (z, z.tolist()):
        assert loss(array, targets).item() == expected.item()


def test_activations_are_functions_too_as_pytorch_s_tutorials_have_them():
    x = Tensor(np.linspace(-2, 2, 6).reshape(2, 3), requires_grad=True)
    for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "log_softmax"):
        np.testing.assert_array_equal(getattr(functional, name)(x).numpy(), getattr(x, name)().numpy())
    loss = nll_loss(functional.log_softmax(functional.relu(x), axis=1), [0, 2])
    assert loss.item() == cross_entropy(x.relu(), [0, 2]).item()


MASKED = np.array([[1.0, -np.inf, 2.0], [0.0, 3.0, -np.inf]])
PICKED = np.array([0, 1])


@each("reduction", ["mean", "sum", "none"])
@each("weight", [None, [1.0, 2.0, 0.5]])
@each("rows", [False, True])
def test_a_class_that_is_ruled_out_adds_nothing_to_the_loss(reduction, weight, rows):
    labels = one_hot(PICKED, 3, np.float64) if rows else PICKED
    each = np.log(1 + np.exp([1.0, -3.0]))
    if weight:
        each = each * np.take(weight, PICKED)
    expected = {"none": each, "sum": each.sum(), "mean": each.sum() / (3 if weight and not rows else 2)}[reduction]
    x = Tensor(MASKED, requires_grad=True)
    loss = cross_entropy(x, labels, reduction, weight=weight)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(nll_loss(x.log_softmax(), labels, weight, reduction).numpy(), expected, rtol=1e-12)
    loss.sum().backward()
    assert np.all(np.isfinite(x.grad.numpy()))
    np.testing.assert_array_equal(x.grad.numpy()[np.isinf(MASKED)], [0, 0])


def test_a_label_that_is_ruled_out_costs_infinitely_much():
    assert cross_entropy(Tensor(MASKED), [1, 0]).item() == np.inf
    assert nll_loss(Tensor(MASKED).log_softmax(), [1, 0]).item() == np.inf
    assert np.isnan(cross_entropy(Tensor([[np.nan, 1.0]]), [1]).item())


def test_losses_of_float16_are_added_up_in_float32():
    wide = Tensor(np.array([[6e4, 1, -6e4]], np.float16), requires_grad=True)
    loss = cross_entropy(wide, [0])
    assert loss.item() == 0
    assert loss.dtype == np.float16
    many = Tensor(np.zeros((70_000, 2), np.float16), requires_grad=True)
    for loss in (cross_entropy(many, np.zeros(70_000, int)), nll_loss(many.log_softmax(), np.zeros(70_000, int))):
        assert loss.item() == pytest.approx(np.log(2), rel=1e-3)


@each("reduction", ["mean", "sum", "none"])
@each("smoothing", [0.0, 0.25])
def test_targets_and_weights_that_learn_get_their_gradients(reduction, smoothing):
    rng = np.random.default_rng(0)
    z, y, w = rng.standard_normal((4, 3)), rng.dirichlet(np.ones(3), 4), np.array([1.0, 2.0, 0.5])

    def ce(z, y, w):
        return cross_entropy(z, y, reduction, weight=w, label_smoothing=smoothing)

    check_gradients(ce, (z, y, w))
    check_gradients(lambda z, w: ce(z, [0, 2, 1, 1], w), (z, w))
    check_gradients(lambda z, y: ce(z, y, None), (z, y))
    check_gradients(lambda z, y, w: nll_loss(z.log_softmax(), y, w, reduction), (z, y, w))
    check_gradients(lambda z, y: mse_loss(z, y, reduction), (z, y))
    check_gradients(lambda z, y: binary_cross_entropy_with_logits(z, y, y, reduction, w), (z, y))


def test_gradients_of_targets_and_weights_are_those_of_the_formula_in_their_own_precision():
    z, log_p = np.array([[0.5, -0.5]]), np.log([0.7310585786300049, 0.2689414213699951])
    for loss in (cross_entropy, lambda z, y: nll_loss(Tensor(z).log_softmax(), y)):
        y = Tensor([[0.3, 0.7]], requires_grad=True)
        (g,) = grad(loss(Tensor(z), y), [y])
        np.testing.assert_allclose(g.numpy(), [-log_p], rtol=1e-6)
        assert g.dtype == np.float32
    weight = Tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_allclose(grad(cross_entropy(z, [1], "sum", weight=weight), [weight])[0].numpy(), [0, -log_p[1]])


@pytest.mark.parametrize("pool", [functional.max_pool2d, functional.avg_pool2d])
def test_pools_of_no_images_are_none(pool):
    x = Tensor(np.zeros((0, 3, 8, 8), np.float32), requires_grad=True)
    out = pool(x, 2)
    assert out.shape == (0, 3, 4, 4)
    assert grad(out.sum(), [x])[0].shape == x.shape


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_pool_sends_an_infinite_gradient_to_its_maximum_alone(create_graph):
    x = Tensor(np.arange(4.0).reshape(1, 1, 2, 2), requires_grad=True)
    (g,) = grad(functional.max_pool2d(x, 2), [x], np.full((1, 1, 1, 1), np.inf), create_graph)
    np.testing.assert_array_equal(g.numpy().ravel(), [0, 0, 0, np.inf])


def test_one_output_has_no_accuracy_by_the_largest():
    with pytest.raises(ValueError, match="of one output the largest is always the first"):
        accuracy(np.array([[0.2], [0.8]]), [0, 1])

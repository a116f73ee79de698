"""Losses against their definitions, written out or by loops; what counts, what does not, and whose gradients come."""

import math
import warnings

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, check_gradients, grad, nn
from tinygrad_mnist.nn import functional as F

rng = np.random.default_rng(5)
LOGITS = rng.standard_normal((2, 3, 4, 5)) * 2
LABELS = rng.integers(0, 3, (2, 4, 5))
WEIGHT = np.array([0.5, 1.0, 3.0])


def rows_of(x):
    """(batch, classes, …) as (examples, classes)."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


@each("reduction", ["mean", "sum", "none"])
def test_classes_may_be_on_axis_1(reduction):
    options = {"reduction": reduction, "weight": WEIGHT, "label_smoothing": 0.1}
    flat = nn.cross_entropy(rows_of(LOGITS), LABELS.reshape(-1), **options).data
    expected = flat.reshape(2, 4, 5) if reduction == "none" else flat
    found = nn.cross_entropy(LOGITS, LABELS, **options).data
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    log_p = Tensor(LOGITS).log_softmax(1)
    expected = nn.cross_entropy(LOGITS, LABELS, reduction, weight=WEIGHT).data
    np.testing.assert_allclose(nn.nll_loss(log_p, LABELS, WEIGHT, reduction).data, expected, rtol=1e-12)
    np.testing.assert_allclose(nn.NLLLoss(WEIGHT, reduction=reduction)(log_p, LABELS).data, expected, rtol=1e-12)
    rows = np.moveaxis(nn.one_hot(LABELS, 3, np.float64), -1, 1)
    unweighed = nn.cross_entropy(LOGITS, LABELS, reduction).data
    np.testing.assert_allclose(nn.cross_entropy(LOGITS, rows, reduction, axis=1).data, unweighed, rtol=1e-12)


def test_labels_that_fit_two_axes_are_read_as_pytorch_does_and_said():
    logits, labels = LOGITS[:, :, :3, 0], LABELS[:, :3, 0]
    first = nn.cross_entropy(logits.transpose(0, 2, 1), labels, axis=-1).item()
    assert nn.cross_entropy(logits, labels, axis=1).item() == pytest.approx(first, rel=1e-12)
    with pytest.warns(UserWarning, match="say which by axis=1 or axis=-1"):
        assert nn.cross_entropy(logits, labels).item() == pytest.approx(first, rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nn.CrossEntropyLoss()(logits, labels).item() == pytest.approx(first, rel=1e-12)
        nn.cross_entropy(LOGITS[:, :, 0, 0], LABELS[:, 0, 0])
        assert nn.CrossEntropyLoss()(LOGITS[0, :, 0, 0], 1).shape == ()


@each("ignored", [-100, -1, 1, 7])
@each("reduction", ["mean", "sum", "none"])
@each("options", [{}, {"weight": WEIGHT}, {"weight": WEIGHT, "label_smoothing": 0.3}])
def test_ignored_labels_are_as_if_their_examples_were_not_there(ignored, reduction, options):
    labels = LABELS.copy()
    labels[0, 1:3], labels[1, :, 2] = ignored, ignored
    counted = (labels != ignored).reshape(-1)
    x = Tensor(rows_of(LOGITS), requires_grad=True)
    loss = nn.cross_entropy(x, labels.reshape(-1), reduction, ignore_index=ignored, **options)
    fewer = Tensor(rows_of(LOGITS)[counted], requires_grad=True)
    expected = nn.cross_entropy(fewer, labels.reshape(-1)[counted], reduction, **options)
    found = loss.data[counted] if reduction == "none" else loss.data
    np.testing.assert_allclose(found, expected.data, rtol=1e-12)
    loss.sum().backward()
    expected.sum().backward()
    np.testing.assert_allclose(x.grad.data[counted], fewer.grad.data, rtol=1e-12, atol=1e-15)
    assert (x.grad.data[~counted] == 0).all()
    if reduction == "none":
        assert (loss.data[~counted] == 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_losses_keep_the_dtype_of_the_predictions(dtype):
    x, labels = Tensor(LOGITS.astype(dtype), requires_grad=True), np.where(LABELS == 1, -100, LABELS)
    rows = np.full(x.shape, 1 / 3)
    losses = [
        *(nn.cross_entropy(x, labels, r, weight=w, label_smoothing=s)
          for r in ("mean", "sum", "none") for w in (None, WEIGHT) for s in (0.0, 0.1)),
        nn.cross_entropy(x, rows, weight=WEIGHT, label_smoothing=0.1, axis=1), nn.nll_loss(x, labels, WEIGHT),
        nn.binary_cross_entropy(x.sigmoid(), rows, np.full(5, 0.3)),
        nn.binary_cross_entropy_with_logits(x, rows, np.full(5, 0.3), pos_weight=np.full(5, 2.0)),
        nn.kl_div(x, rows), nn.kl_div(x, rows, "batchmean", log_target=True), nn.huber_loss(x, rows),
        nn.smooth_l1_loss(x, rows), nn.l1_loss(x, rows), nn.mse_loss(x, rows),
    ]  # fmt: skip
    for loss in losses:
        assert loss.dtype == dtype
        assert grad(loss.sum(), [x])[0].dtype == dtype


def test_where_nothing_counts_there_is_no_mean():
    labels = np.full(4, -100)
    assert nn.cross_entropy(np.zeros((4, 3)), labels, "sum").item() == 0
    with pytest.raises(ValueError, match="is ignored: there is no mean"):
        nn.cross_entropy(np.zeros((4, 3)), labels)
    with pytest.raises(ValueError, match="label -1 at index 0"):
        nn.cross_entropy(np.zeros((2, 3)), [-1, -100])
    with pytest.raises(ValueError, match="ignore_index=1 is a label, an integer"):
        nn.cross_entropy(np.zeros((2, 3)), np.ones((2, 3)), ignore_index=1)


@each("reduction", ["mean", "sum", "none"])
@each("dtype", [np.float16, np.float32, np.float64])
def test_a_class_that_a_mask_leaves_out_has_probability_0_and_no_part_in_the_loss(reduction, dtype):
    masked = np.array([[1.0, -np.inf, 2.0], [-np.inf, -np.inf, 0.5]], dtype)
    x = Tensor(masked, requires_grad=True)
    loss = nn.cross_entropy(x, [0, 2], reduction)
    each = np.array([math.log(1 + math.e), 0.0])
    expected = {"mean": each.mean(), "sum": each.sum(), "none": each}[reduction]
    np.testing.assert_allclose(loss.data, expected, rtol=1e-3 if dtype == np.float16 else 1e-6)
    (loss.sum() * (2 if reduction == "mean" else 1)).backward()
    p = 1 / (1 + math.e)
    np.testing.assert_allclose(x.grad.data, [[p - 1, 0, 1 - p], [0, 0, 0]], atol=1e-3 if dtype == np.float16 else 1e-6)
    log_p = Tensor(masked).log_softmax()
    np.testing.assert_array_equal(nn.nll_loss(log_p, [0, 2], reduction=reduction).data, loss.data)
    assert nn.cross_entropy(masked, [1, 2], "sum").item() == np.inf


def test_logits_far_apart_in_float16_have_a_loss():
    with np.errstate(over="ignore"):
        assert nn.cross_entropy(np.array([[6e4, 1, -6e4]], np.float16), [0]).item() == 0


def test_the_mean_over_rows_is_over_the_examples_as_pytorch_has_it():
    log_p = np.log(np.exp(rows_of(LOGITS)) / np.exp(rows_of(LOGITS)).sum(axis=1, keepdims=True))
    y = rng.dirichlet(np.ones(3), len(log_p))
    expected = -(WEIGHT * y * log_p).sum() / len(log_p)
    assert nn.cross_entropy(rows_of(LOGITS), y, weight=WEIGHT).item() == pytest.approx(expected, rel=1e-12)


LEARNED = {
    "cross_entropy": lambda z, y, w: nn.cross_entropy(z, y, weight=w, label_smoothing=0.2),
    "cross_entropy of labels": lambda z, y, w: nn.cross_entropy(z * y, [0, 2, 1, 1], weight=w),
    "cross_entropy, each": lambda z, y, w: nn.cross_entropy(z, y, "none", weight=w).sum(),
    "nll_loss": lambda z, y, w: nn.nll_loss(z.log_softmax(), y, w, "sum"),
    "binary_cross_entropy": lambda z, y, w: nn.binary_cross_entropy(z.sigmoid(), y, w),
    "binary_cross_entropy_with_logits": lambda z, y, w: nn.binary_cross_entropy_with_logits(z, y, w, pos_weight=w),
    "kl_div": lambda z, y, w: nn.kl_div(z.log_softmax(), y * w, "batchmean"),
    "kl_div of logarithms": lambda z, y, w: nn.kl_div(z.log_softmax(), (y * w).log(), log_target=True),
    "mse_loss": lambda z, y, w: nn.mse_loss(z * w, y),
    "l1_loss": lambda z, y, w: nn.l1_loss(z * w, y),
    "huber_loss": lambda z, y, w: nn.huber_loss(z * w, y, delta=0.7),
    "smooth_l1_loss": lambda z, y, w: nn.smooth_l1_loss(z * w, y, "sum", beta=0.7),
}


@each("name", LEARNED)
def test_predictions_targets_and_weights_get_their_gradients_to_second_order(name):
    z, y = rng.standard_normal((4, 3)) * 2, rng.uniform(0.1, 0.9, (4, 3))
    check_gradients(LEARNED[name], [z, y, WEIGHT], order=2, name=name)


def test_a_target_that_learns_is_not_dropped():
    y, w = Tensor([[0.3, 0.7]], requires_grad=True, dtype=np.float64), Tensor([1.0, 2.0], requires_grad=True)
    z = Tensor(np.array([[0.5, -0.5]]))
    np.testing.assert_allclose(grad(nn.cross_entropy(z, y), [y])[0].data, [[0.31326169, 1.31326169]], rtol=1e-8)
    np.testing.assert_allclose(grad(nn.cross_entropy(z, [1], "sum", weight=w), [w])[0].data, [0, 1.3132617], rtol=1e-6)
    assert y.name is None


A, B = rng.standard_normal((2, 4, 5)) * 2


@each("delta", [0.3, 1.0, 2.5])
def test_losses_of_differences_are_their_definitions(delta):
    far, small = np.abs(A - B), (A - B) ** 2 / 2
    huber = np.where(far <= delta, small, delta * (far - delta / 2))
    np.testing.assert_allclose(nn.huber_loss(A, B, "none", delta).data, huber, rtol=1e-12)
    np.testing.assert_allclose(nn.HuberLoss("sum", delta)(A, B).data, huber.sum(), rtol=1e-12)
    np.testing.assert_allclose(nn.smooth_l1_loss(A, B, "mean", delta).data, huber.mean() / delta, rtol=1e-12)
    np.testing.assert_allclose(nn.SmoothL1Loss(beta=delta)(A, B).data, huber.mean() / delta, rtol=1e-12)
    np.testing.assert_allclose(nn.l1_loss(A, B).data, far.mean(), rtol=1e-12)
    np.testing.assert_allclose(nn.smooth_l1_loss(A, B, beta=0).data, nn.L1Loss()(A, B).data, rtol=1e-12)
    np.testing.assert_allclose(nn.MSELoss(reduction="sum")(A, B).data, 2 * small.sum(), rtol=1e-12)
    x = Tensor(A, requires_grad=True)
    nn.huber_loss(x, A, "sum", delta).backward()
    assert (x.grad.data == 0).all()


def test_binary_cross_entropy_of_probabilities_is_bounded_and_that_of_their_logits():
    p, y = np.array([0.0, 1.0, 0.25, 1e-9, 1 - 1e-9]), np.array([1.0, 0.0, 0.5, 1.0, 0.25])
    found = nn.binary_cross_entropy(p, y, reduction="none").data
    np.testing.assert_array_equal(found[:2], 100)
    inner = -(y[2:] * np.log(p[2:]) + (1 - y[2:]) * np.log1p(-p[2:]))
    np.testing.assert_allclose(found[2:], inner, rtol=1e-12)
    logits, targets = A, rng.random(A.shape)
    probabilities = Tensor(logits).sigmoid()
    expected = nn.BCEWithLogitsLoss(weight=[2.0] * 5, reduction="none")(logits, targets).data
    np.testing.assert_allclose(
        nn.BCELoss([2.0] * 5, reduction="none")(probabilities, targets).data, expected, rtol=1e-9
    )
    x = Tensor(p, requires_grad=True)
    nn.binary_cross_entropy(x, y).backward()
    assert np.isfinite(x.grad.data).all()
    with pytest.raises(ValueError, match="use binary_cross_entropy_with_logits"):
        nn.binary_cross_entropy([1.5], [1.0])


def test_kl_div_is_the_divergence_and_0_where_the_target_is():
    q, y = rng.dirichlet(np.ones(4), 3), rng.dirichlet(np.ones(4), 3)
    y[0, 1], q[1, 2], y[1, 2] = 0, 0, 0
    with np.errstate(divide="ignore"):
        log_q, log_y = np.log(q), np.log(y)
    each = np.zeros_like(y)
    each[y > 0] = y[y > 0] * (log_y[y > 0] - log_q[y > 0])
    np.testing.assert_allclose(nn.kl_div(log_q, y, "none").data, each, rtol=1e-12)
    np.testing.assert_allclose(nn.kl_div(log_q, log_y, "none", log_target=True).data, each, rtol=1e-12)
    assert nn.KLDivLoss(reduction="batchmean")(log_q, y).item() == pytest.approx(each.sum() / 3, rel=1e-12)
    assert nn.kl_div(log_q, y).item() == pytest.approx(each.mean(), rel=1e-12)
    x = Tensor(log_q, requires_grad=True)
    nn.kl_div(x, y, "sum").backward()
    np.testing.assert_array_equal(x.grad.data, -y)
    with pytest.raises(ValueError, match="empty batch"):
        nn.kl_div(np.zeros((0, 2)), np.zeros((0, 2)), "batchmean")


MODULES = [
    (nn.CrossEntropyLoss(), "CrossEntropyLoss()", []),
    (nn.CrossEntropyLoss(WEIGHT, ignore_index=1), "CrossEntropyLoss(ignore_index=1)", ["weight"]),
    (nn.NLLLoss(list(WEIGHT), reduction="sum"), "NLLLoss(reduction='sum')", ["weight"]),
    (nn.BCEWithLogitsLoss([1.0], pos_weight=[2.0]), "BCEWithLogitsLoss()", ["weight", "pos_weight"]),
    (nn.HuberLoss(delta=2.0), "HuberLoss(delta=2.0)", []),
    (nn.KLDivLoss(log_target=True), "KLDivLoss(log_target=True)", []),
]


@each(("loss", "shown", "keys"), MODULES)
def test_modules_keep_their_weights_as_buffers(loss, shown, keys):
    assert repr(loss) == shown
    assert list(loss.state_dict()) == keys
    assert list(loss.parameters()) == []


def test_a_weight_that_learns_is_a_parameter_of_the_loss():
    weight = Tensor(WEIGHT, requires_grad=True)
    loss = nn.CrossEntropyLoss(weight)
    loss(LOGITS, LABELS).backward()
    assert list(loss.parameters()) == [weight]
    assert (weight.grad.data != 0).all()


@each(
    ("call", "words"),
    [
        (lambda: nn.CrossEntropyLoss(reduction="average"), "unknown reduction 'average'"),
        (lambda: nn.MSELoss(reduction="batchmean"), "unknown reduction 'batchmean'"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), "label_smoothing=2"),
        (lambda: nn.HuberLoss(delta=0), "delta=0"),
        (lambda: nn.huber_loss(A, B, delta=-1), "delta=-1"),
        (lambda: nn.SmoothL1Loss(beta=-1), "beta=-1"),
        (lambda: nn.L1Loss()(A, B[0]), r"targets of shape \(5,\)"),
        (lambda: nn.CrossEntropyLoss()(LOGITS, LABELS[:, 1:]), r"integers of shape \(2, 4, 5\)"),
        (lambda: F.kl_div(A, B[:, 1:]), "targets of shape"),
    ],
)
def test_what_does_not_fit_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@each("loss, advice", [(nn.cross_entropy, "pass z itself"), (nn.nll_loss, r"z\.log_softmax\(\)")])
def test_probabilities_where_logits_belong_are_warned_of_at_the_line_that_gives_them(loss, advice):
    z = Tensor(np.eye(3, dtype=np.float32), requires_grad=True)
    with pytest.warns(UserWarning, match=advice) as warned:
        loss(z.softmax(), [0, 1, 2])
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match=advice):
        loss(nn.Softmax()(z * 2), [0, 1, 2])


def test_logits_log_probabilities_and_exp_alone_are_no_probabilities():
    z = Tensor(np.eye(3, dtype=np.float32), requires_grad=True)
    for logits in (z, z.log_softmax(), z.exp()):
        nn.cross_entropy(logits, [0, 1, 2])
    nn.nll_loss(z.log_softmax(), [0, 1, 2])

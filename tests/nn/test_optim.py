"""Optimizers against PyTorch's published update formulas, written out in NumPy."""

import re

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.nn import SGD, Adam, AdamW, RMSprop


def sgd(p, grads, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    b = None
    for grad in grads:
        g = grad(p) + weight_decay * p
        if momentum:
            b = g.copy() if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        p = p - lr * g
    return p


def rmsprop(p, grads, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    v, b, average = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for grad in grads:
        g = grad(p) + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        average = alpha * average + (1 - alpha) * g
        b = momentum * b + g / (np.sqrt(v - average**2 if centered else v) + eps)
        p = p - lr * b
    return p


def adam(p, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    m, v, v_max = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, grad in enumerate(grads, start=1):
        g = grad(p)
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        v_max = np.maximum(v_max, v)
        m_hat, v_hat = m / (1 - betas[0] ** t), (v_max if amsgrad else v) / (1 - betas[1] ** t)
        p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
    return p


def adamw(p, grads, weight_decay=1e-2, **options):
    return adam(p, grads, weight_decay=weight_decay, decoupled=True, **options)


CASES = [
    (SGD, sgd, {}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}),
    (SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (RMSprop, rmsprop, {}),
    (RMSprop, rmsprop, {"momentum": 0.9, "alpha": 0.9}),
    (RMSprop, rmsprop, {"centered": True, "weight_decay": 0.1}),
    (RMSprop, rmsprop, {"centered": True, "momentum": 0.5}),
    (Adam, adam, {}),
    (Adam, adam, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1}),
    (Adam, adam, {"lr": 0.1, "amsgrad": True, "eps": 1e-3}),
    (AdamW, adamw, {}),
    (AdamW, adamw, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
]
EVERY = pytest.mark.parametrize(("optimizer", "formula", "options"), CASES, ids=lambda x: str(x) if x == {} else None)


def run(optimizer, parameters, factors):
    """A step for each factor, on the gradient factor · 3p²."""
    for factor in factors:
        optimizer.zero_grad()
        sum((factor * p * p * p).sum() for p in parameters).backward()
        optimizer.step()


FACTORS = [1.0, -0.5, 2.0, 0.3, 1.5, -1.0, 0.7, 0.1, -2.0, 1.0]


@EVERY
def test_ten_steps_follow_the_formula(optimizer, formula, options):
    start = np.random.default_rng(0).standard_normal((4, 3))
    p = Tensor(start, requires_grad=True)
    run(optimizer([p], **options), [p], FACTORS)
    expected = formula(start, [lambda p, f=f: f * 3 * p**2 for f in FACTORS], **options)
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-12)


@EVERY
def test_to_maximize_is_to_minimize_what_has_the_other_sign(optimizer, formula, options):
    start = np.random.default_rng(0).standard_normal((4, 3))
    p = Tensor(start, requires_grad=True)
    run(optimizer([p], maximize=True, **options), [p], FACTORS)
    expected = formula(start, [lambda p, f=f: -f * 3 * p**2 for f in FACTORS], **options)
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-12)


def test_a_state_from_before_there_was_maximize_is_read():
    p = Tensor([1.0], requires_grad=True)
    state = SGD([p]).state_dict()
    del state["param_groups"][0]["maximize"]
    optimizer = SGD([p], maximize=True)
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["maximize"] is False


@EVERY
def test_a_state_dict_goes_on_where_it_was_taken(optimizer, formula, options):
    start = np.random.default_rng(0).standard_normal((4, 3))
    p, q = Tensor(start, requires_grad=True), Tensor(start, requires_grad=True)
    whole, first, second = optimizer([p], **options), optimizer([q], **options), optimizer([q], lr=7.0)
    run(whole, [p], FACTORS)
    run(first, [q], FACTORS[:4])
    state = first.state_dict()
    run(optimizer([Tensor(start, requires_grad=True)]), [], [])
    second.load_state_dict(state)
    run(second, [q], FACTORS[4:])
    assert p.numpy().tobytes() == q.numpy().tobytes()
    assert all(array is not second.state[q].get(name) for name, array in state["state"][0].items() if np.ndim(array))


@EVERY
def test_blocks_and_memory_order_change_nothing(optimizer, formula, options, monkeypatch):
    start, g = np.random.default_rng(0).standard_normal((2, 9, 4, 2))
    p, q = Tensor(start, requires_grad=True), Tensor(start, requires_grad=True)
    whole, parts = optimizer([p], **options), optimizer([q], **options)
    for _ in range(3):
        p.grad, q.grad = Tensor(g), Tensor(np.asfortranarray(g))
        monkeypatch.setattr("tinygrad_mnist.nn.optim.BLOCK", 1 << 15)
        whole.step()
        monkeypatch.setattr("tinygrad_mnist.nn.optim.BLOCK", 20)
        parts.step()
    np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=1e-14)


def test_groups_have_options_of_their_own():
    p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = SGD([{"params": [p], "lr": 0.5}, {"params": q}], lr=0.25)
    (p + q).sum().backward()
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 0.75)
    with pytest.raises(ValueError, match="no option learning_rate"):
        SGD([{"params": [p], "learning_rate": 0.5}])
    with pytest.raises(ValueError, match="given twice"):
        SGD([{"params": [p]}, {"params": [p]}])


def test_a_state_of_other_parameters_is_refused():
    p, q = Tensor(np.ones(3), requires_grad=True, name="p"), Tensor(np.ones(4), requires_grad=True, name="q")
    adam = Adam([p])
    p.sum().backward()
    adam.step()
    with pytest.raises(ValueError, match=r"groups of \[1\] parameters, but this optimizer has \[2\]"):
        Adam([p, q]).load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match=r"exp_avg of q has shape \(3,\), not \(4,\)"):
        Adam([q]).load_state_dict(adam.state_dict())


@each("optimizer", [SGD, RMSprop, Adam, AdamW])
def test_a_parameter_without_gradient_stays_and_float32_stays_float32(optimizer):
    p, q = Tensor(np.ones(3, np.float32), requires_grad=True), Tensor([1.0], requires_grad=True)
    p.sum().backward()
    optimizer([p, q], lr=0.5).step()
    assert q.item() == 1.0
    assert p.dtype == np.float32
    assert (p.numpy() < 1).all()


def test_a_graph_notices_that_its_parameters_have_moved():
    p = Tensor([1.0], requires_grad=True, name="p")
    loss = (p * p).sum()
    loss.backward()
    SGD([p], lr=0.5).step()
    with pytest.raises(RuntimeError, match="the data of p"):
        loss.backward()


@each(
    ("optimizer", "options"),
    [
        *((SGD, o) for o in ({"lr": -1}, {"lr": float("nan")}, {"momentum": 1})),
        (SGD, {"nesterov": True}), (SGD, {"weight_decay": -1}), (RMSprop, {"alpha": 1.0}), (RMSprop, {"eps": -1}),
        (Adam, {"betas": (0.9, 1.0)}), (Adam, {"betas": (0.9,)}), (AdamW, {"lr": -1}),
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(optimizer, options):
    with pytest.raises(ValueError, match="must be"):
        optimizer([Tensor([1.0], requires_grad=True)], **options)


def test_no_parameters_and_no_tensors_are_refused():
    with pytest.raises(ValueError, match="no parameters"):
        SGD([], lr=0.1)
    with pytest.raises(TypeError, match=r"pass model\.parameters\(\)"):
        SGD([np.zeros(3)], lr=0.1)


def gradients(*arrays):
    tensors = [Tensor(np.zeros_like(a), requires_grad=True) for a in arrays]
    for tensor, a in zip(tensors, arrays):
        tensor.grad = Tensor(a.copy())
    return [*tensors, Tensor([1.0], requires_grad=True)]


def test_clipping_by_norm_scales_all_gradients_together():
    arrays = np.array([3.0, 0.0]), np.array([[4.0]])
    p = gradients(*arrays)
    assert nn.clip_grad_norm_(p, 10.0) == pytest.approx(5.0)
    np.testing.assert_array_equal(p[0].grad.numpy(), arrays[0])
    assert nn.clip_grad_norm_(p, 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(p[0].grad.numpy(), [3 / (5 + 1e-6), 0])
    np.testing.assert_allclose(p[1].grad.numpy(), [[4 / (5 + 1e-6)]])
    assert nn.clip_grad_norm_(gradients(*arrays), 9.0, float("inf")) == 4.0
    assert nn.clip_grad_norm_(gradients(*arrays), 9.0, 1.0) == pytest.approx(7.0)
    assert nn.clip_grad_norm_([Tensor([1.0], requires_grad=True)], 1.0) == 0.0
    with pytest.raises(RuntimeError, match="norm is nan"):
        nn.clip_grad_norm_(gradients(np.array([np.nan])), 1.0, error_if_nonfinite=True)


def test_clipping_by_value_bounds_each_element():
    (p, _) = gradients(np.array([-3.0, 0.5, 2.0]))
    nn.clip_grad_value_(p, 1.0)
    np.testing.assert_array_equal(p.grad.numpy(), [-1, 0.5, 1])


def test_max_norm_shortens_long_rows_alone():
    p = Tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], requires_grad=True)
    kernel = Tensor(np.full((2, 1, 2, 2), 2.0), requires_grad=True)
    bias = Tensor([9.0], requires_grad=True)
    nn.max_norm_([p, kernel, bias], 1.0)
    np.testing.assert_allclose(p.numpy(), [[0.6, 0.8], [0.3, 0.4], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(kernel.numpy(), np.full((2, 1, 2, 2), 0.5))
    assert bias.item() == 9.0


def test_an_average_that_warms_up_soon_leaves_the_start_behind():
    model, steps = nn.Linear(1, 1, bias=False), range(1, 31)
    average, expected = nn.ExponentialMovingAverage(model, 0.75, warm_up=True), 0.0
    for n in steps:
        model.weight.data = np.full((1, 1), float(n), np.float32)
        average.update()
        decay = 0.0 if n == 1 else min(0.75, n / (9 + n))
        expected = decay * expected + (1 - decay) * n
    assert average.state_dict()["average"]["weight"].item() == pytest.approx(expected, rel=1e-5)


def test_a_parameter_that_two_parts_share_is_averaged_once():
    class Tied(nn.Module):
        def __init__(self):
            self.one = nn.Linear(2, 2, bias=False)
            self.two = nn.Linear(2, 2, bias=False)
            self.two.weight = self.one.weight

    model = Tied()
    average = nn.ExponentialMovingAverage(model, 0.5)
    for number in (1.0, 3.0):
        model.one.weight.data = np.full((2, 2), number, np.float32)
        average.update()
    with average.applied():
        assert (model.one.weight == 2.0).all()
        assert model.two.weight is model.one.weight
    assert (model.one.weight == 3.0).all()


def test_the_average_follows_its_formula_and_is_applied_for_a_while():
    model = nn.Sequential(nn.Linear(3, 2, dtype=np.float64), nn.BatchNorm1d(2, dtype=np.float64))
    average = nn.ExponentialMovingAverage(model, 0.9)
    expected, rng = None, np.random.default_rng(0)
    for _ in range(4):
        model[0].weight.data += rng.standard_normal((2, 3))
        model(rng.standard_normal((5, 3)))
        weight = model[0].weight.numpy().copy()
        expected = weight if expected is None else 0.9 * expected + 0.1 * weight
        average.update()
    with average.applied() as averaged:
        assert averaged is model
        np.testing.assert_allclose(model[0].weight.numpy(), expected, rtol=1e-12)
        assert model[1].num_batches_tracked.item() == 4
    np.testing.assert_array_equal(model[0].weight.numpy(), weight)
    other = nn.ExponentialMovingAverage(model, 0.9)
    other.load_state_dict(average.state_dict())
    assert other.updates == 4
    np.testing.assert_array_equal(
        other.state_dict()["average"]["0.weight"], average.state_dict()["average"]["0.weight"]
    )
    with pytest.raises(ValueError, match="paths or shapes differ"):
        nn.ExponentialMovingAverage(nn.Linear(1, 1)).load_state_dict(average.state_dict())
    with pytest.raises(ValueError, match="decay=2"):
        nn.ExponentialMovingAverage(model, 2)


@each(
    ("given", "kind", "words"),
    [
        (lambda model: model, TypeError, "not MLP: pass model.parameters()"),
        (lambda model: model.parameters, TypeError, "not method: pass model.parameters()"),
        (lambda model: model.named_parameters(), TypeError, "not tuple: pass model.parameters()"),
        (lambda model: [p.numpy() for p in model.parameters()], TypeError, "not ndarray: pass model.parameters()"),
        (lambda model: [{"lr": 0.1}], ValueError, "a group needs its parameters"),
        (lambda model: [model.W1 * 0.01], ValueError, "was computed, by mul: compute its array first"),
    ],
)
def test_what_an_optimizer_can_not_move_is_said(given, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        nn.SGD(given(nn.MLP((3, 2))), 0.1)


def test_one_tensor_alone_is_moved_as_a_whole():
    w = Tensor(np.ones((3, 2)), requires_grad=True)
    optimizer = nn.SGD(w, 0.5)
    w.sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(w.numpy(), 0.5)


@each(
    ("optimizer", "options", "words"),
    [
        (nn.SGD, {"lr": "0.1"}, "lr='0.1' must be a number from 0 on"),
        (nn.SGD, {"lr": None}, "lr=None"),
        (nn.SGD, {"lr": 0.1, "momentum": None}, "momentum=None"),
        (nn.Adam, {"betas": 0.9}, "betas=0.9 must be two numbers"),
    ],
)
def test_options_of_another_kind_are_named(optimizer, options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        optimizer(nn.MLP((3, 2)).parameters(), **options)


def test_limits_are_numbers_from_zero_on():
    model = nn.MLP((3, 2))
    model(np.ones((1, 3), np.float32)).sum().backward()
    for limit in (nn.clip_grad_norm_, nn.clip_grad_value_, nn.max_norm_):
        for value in (-1.0, float("nan"), "1"):
            with pytest.raises(ValueError, match="must be a number from 0 on"):
                limit(model.parameters(), value)
        with pytest.raises(TypeError, match=re.escape("not MLP: pass model.parameters()")):
            limit(model, 1.0)


def test_what_takes_a_model_or_an_optimizer_says_so():
    model = nn.MLP((3, 2))
    with pytest.raises(TypeError, match="pass the model itself"):
        nn.ExponentialMovingAverage(model.parameters())
    with pytest.raises(TypeError, match="a schedule sets the rates of an optimizer, not MLP"):
        nn.schedules.StepLR(model, 3)


def test_a_model_forgets_its_gradients_too():
    model = nn.MLP((3, 2))
    model(np.ones((1, 3), np.float32)).sum().backward()
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


@each(("one", "other"), [(SGD, Adam), (Adam, SGD), (RMSprop, AdamW), (AdamW, RMSprop)])
def test_the_state_of_another_optimizer_is_refused_and_nothing_taken_over(one, other):
    model = nn.MLP((3, 2))
    model(np.ones((1, 3), np.float32)).sum().backward()
    optimizer, stranger = one(model.parameters(), lr=0.1), other(model.parameters(), lr=0.2)
    stranger.step()
    with pytest.raises(ValueError, match="another optimizer's: it has no "):
        optimizer.load_state_dict(stranger.state_dict())
    assert optimizer.current_lr == 0.1
    assert not optimizer.state


@each("state", [{}, None, {"state": {}}, [1]])
def test_what_is_no_state_of_an_optimizer_is_said_to_be_none(state):
    with pytest.raises(ValueError, match="no state dict of an optimizer"):
        Adam(nn.MLP((3, 2)).parameters()).load_state_dict(state)


@each("optimizer", [SGD, RMSprop, Adam, AdamW])
def test_a_rate_of_zero_moves_nothing_and_keeps_the_state_going(optimizer):
    p = Tensor(np.array([1.0, -2.0]), requires_grad=True)
    still = optimizer([p], lr=0)
    (p * p).sum().backward()
    still.step()
    np.testing.assert_array_equal(p.numpy(), [1.0, -2.0])
    still.param_groups[0]["lr"] = 0.1
    still.step()
    assert (np.abs(p.numpy()) < [1.0, 2.0]).all()


@pytest.mark.parametrize("owner", ["optimizer", "module"])
def test_gradients_are_forgotten_or_made_zeros(owner):
    model = nn.Linear(3, 2)
    unused = Tensor([1.0], requires_grad=True)
    clear = model.zero_grad if owner == "module" else SGD([*model.parameters(), unused], lr=0.1).zero_grad
    for options, expected in (({}, None), ({"set_to_none": True}, None), ({"set_to_none": False}, 0.0)):
        model(np.ones((4, 3), np.float32)).sum().backward()
        clear(**options)
        for p in model.parameters():
            if expected is None:
                assert p.grad is None
            else:
                np.testing.assert_array_equal(p.grad.numpy(), np.zeros(p.shape), strict=False)
                assert p.grad.dtype == p.dtype
        assert unused.grad is None
    model(np.ones((4, 3), np.float32)).sum().backward()
    assert model.bias.grad.numpy().tolist() == [4, 4]


@each("optimizer", [nn.SGD, nn.Adam])
def test_a_step_without_any_gradient_is_warned_of(optimizer):
    p, frozen = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    steps = optimizer([p, frozen], lr=0.1)
    with pytest.warns(UserWarning, match=r"no parameter has a gradient, .*: call loss\.backward"):
        steps.step()
    p.sum().backward()
    steps.step()
    assert p.item() != 1
    assert frozen.item() == 1

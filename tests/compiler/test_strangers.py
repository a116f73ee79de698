"""Steps that a stranger tried, each of which was wrong without a word, or ended without a useful one."""

import threading

import numpy as np
import pytest

from tests.compiler.steps import step_of
from tests.each import each
from tinygrad_mnist import Tensor, compile, cross_entropy, nn
from tinygrad_mnist.compiler import CompileError
from tinygrad_mnist.compiler.capturing.facts import FEW
from tinygrad_mnist.compiler.compiled import FORMS

pytestmark = pytest.mark.usefixtures("interpreted")
RNG = np.random.default_rng(0)
X = np.arange(12, dtype=np.float32).reshape(3, 4) / 10
HOW = [{"fused": True}, {"fused": False}, {"exact": True}]


def agree(make, *calls, **how):
    """What a step gives, as it is and compiled, in several calls."""
    step, compiled = make(), compile(make(), **how)
    for call in calls:
        with np.errstate(invalid="ignore", divide="ignore"):
            np.testing.assert_allclose(compiled(*call), step(*call), rtol=1e-5, equal_nan=True)


@each("how", HOW)
@each("change", [
    lambda x: x[:, ::-1], lambda x: x[::-1], lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    lambda x: np.broadcast_to(x[0], x.shape), lambda x: x[:0],
])  # fmt: skip
def test_operands_that_lie_in_no_one_piece(change, how):
    def make():
        W = Tensor(np.ones((4, 2), np.float32), requires_grad=True)
        train = step_of(lambda x: (x @ W).sum(), nn.SGD([W], lr=0.1, momentum=0.5))

        def step(x):
            train(x)
            return W.data * 1.5

        return step

    agree(make, *[(change(X),)] * 3, **how)


@each("how", HOW)
def test_what_was_multiplied_by_one_is_as_it_was_before_the_update(how):
    def make():
        W = Tensor(np.zeros((2, 2), np.float32), requires_grad=True)
        train = step_of(lambda x: (x * W).sum(), nn.SGD([W], lr=1))

        def step(x):
            old = (W * 1).reshape(4)
            train(x)
            return old

        return step

    plain, compiled = make(), compile(make(), **how)
    for _ in range(3):
        np.testing.assert_array_equal(compiled(X[:2, :2]).numpy(), plain(X[:2, :2]).numpy())


@each("h", [
    lambda u: (u + u).astype(np.float32) / 255, lambda u: np.square(u).astype(np.float32) / 255,
    lambda u: (u * 3 - u).astype(np.float32) / 255, lambda u: u.astype(bool).astype(np.float32) * np.float32(0.5),
    lambda u: ((u > 1) + (u > 2)).astype(np.float32) * np.float32(1.5),
    lambda u: np.reciprocal(u).astype(np.float32) * 2,
    lambda u: np.logical_and(u, u > 1).astype(np.float32) * 3, lambda u: np.logical_or(u, u).astype(np.float32) * 3,
    lambda u: (u + u).sum(axis=-1, keepdims=True).astype(np.float32) / 7,
    lambda u: (u > 0).mean() * (u / np.float32(3)),
])  # fmt: skip
@each("dtype", [np.uint8, np.int8, np.uint64, np.int32])
def test_whole_numbers_and_truths_are_numpys(h, dtype):
    numbers = np.array([[200, 7], [1, 3]]).astype(dtype)
    agree(lambda: h, *[(numbers,)] * 3, fused=True)


def test_two_networks_whose_parameters_have_one_name():
    models = [nn.Sequential(nn.Linear(2, 2)) for _ in range(2)]

    def step(x):
        return (models[1](models[0](x)) ** 2).sum().numpy()

    for how in HOW:
        agree(lambda: step, *[(np.ones((2, 2), np.float32),)] * 3, **how)


@each("how", HOW)
def test_an_argument_that_is_a_weight_is_refused_at_each_call(how):
    W = Tensor(RNG.random((4, 4), dtype=np.float32), requires_grad=True)
    step = compile(step_of(lambda x: ((x @ W) ** 2).mean(), nn.SGD([W], lr=0.1)), **how)
    for _ in range(3):
        step(RNG.random((4, 4), dtype=np.float32))
    for same in (W.data, W.data.T.T, W.data[:4]):
        with pytest.raises(CompileError, match="copy"):
            step(same)


def test_an_argument_may_lie_beside_a_weight():
    everything = RNG.random(32, np.float32)
    W = Tensor(np.zeros((4, 4), np.float32), requires_grad=True)
    W.data = everything[:16].reshape(4, 4)
    step = compile(step_of(lambda x: (x @ W).sum(), nn.SGD([W], lr=0.1)))
    for _ in range(3):
        expected = (everything[16:].reshape(4, 4) @ W.numpy()).sum()
        assert step(everything[16:].reshape(4, 4)).item() == pytest.approx(expected, rel=1e-5)


def test_an_array_of_another_order_than_before_is_refused_in_words():
    B = Tensor(np.asfortranarray(np.zeros((2, 2), np.float32)))

    @compile
    def step(x):
        B.data = x * 2
        return (B * B).sum()

    with pytest.raises(CompileError, match="order"):
        all(step(X[:2, :2].copy()) for _ in range(3))


def test_what_learns_lies_in_rows_whatever_it_is_given():
    B = Tensor(np.asfortranarray(np.zeros((2, 2), np.float32)), requires_grad=True)

    @compile
    def step(x):
        B.data = (x * 2).T
        return (B * B).sum()

    for i in range(4):
        x = X[:2, :2] + i
        np.testing.assert_allclose(step(x).item(), (4 * x * x).sum(), rtol=1e-6)
        np.testing.assert_array_equal(B.data, 2 * x.T)
        assert B.data.flags.c_contiguous


def test_an_eager_thread_beside_a_capture_trains_as_alone():
    def training(steps):
        model = nn.Linear(3, 2, bias=False)
        model.weight.data = np.ones((2, 3), np.float32)
        step = step_of(lambda x: cross_entropy(model(x), np.array([0, 1])), nn.SGD(model.parameters(), 0.05))
        for i in range(steps):
            step(np.float32([[1, i % 3, 2], [0, 1, i % 2]]))
        return model.weight.numpy().copy()

    expected, found, over = training(300), [], threading.Event()
    thread = threading.Thread(target=lambda: (found.append(training(300)), over.set()))
    thread.start()
    while not over.is_set():
        model = nn.Linear(2, 2)
        step = step_of(lambda x, model=model: model(x).sum(), nn.SGD(model.parameters(), 0.1))
        compile(step, fused=False)(np.ones((2, 2), np.float32))
    thread.join()
    np.testing.assert_array_equal(found[0], expected)


def test_what_cancels_is_added_in_the_order_in_which_it_stands():
    far, inf = np.float32(1.5 * 2**23), np.float32(np.inf)
    x = np.float32([[0.3, 1.7, 2.2]])
    agree(lambda: lambda x: ((x + far) - far) * 2, *[(x,)] * 3, fused=True)
    agree(lambda: lambda x: (x - inf) + inf, *[(x,)] * 3, fused=True)


def test_a_loss_of_large_logits_is_not_negative():
    layer = nn.Linear(3, 4)
    layer.bias.data = np.float32([3, -2, 1, 2.5])
    for scale in (1e3, 1e5, 1e9, 1e20):
        x = (RNG.standard_normal((6, 3)) * scale).astype(np.float32)
        labels = layer(x).numpy().argmax(axis=1)
        step = compile(lambda x, labels: cross_entropy(layer(x), labels), fused=True)
        assert [step(x, labels).item() for _ in range(3)] == [cross_entropy(layer(x), labels).item()] * 3


@each("how", HOW)
def test_draws_stay_in_their_order(how):
    def deciding(x):
        a, b = (nn.random.generator().random(4, dtype=np.float32) for _ in range(2))
        return a + x if b.sum() > 0.1 else a - x

    def of_levels(x):
        a = nn.random.generator().normal((x * 2).sum(axis=0), 1.0)
        return a + 10 * nn.random.generator().random(4)

    for step in (deciding, of_levels):
        nn.manual_seed(3)
        right = [step(X) for _ in range(3)]
        nn.manual_seed(3)
        compiled = compile(step, **how)
        for expected in right:
            np.testing.assert_allclose(compiled(X), expected, rtol=1e-5)


@each("how", HOW)
@each("step", [
    lambda y: y * np.dot(y[0], y[1]), lambda y: y * np.dot(y[0][::-1], y[0][:]),
    lambda y: y * np.dot(y.reshape(-1), y.T.reshape(-1)),
])  # fmt: skip
def test_a_part_of_an_array_is_multiplied_as_that_part(step, how):
    agree(lambda: lambda x: step(x * 2 + 1), *[(X,)] * 3, **how)


def _changed_under_a_view(x):
    y = x * 2
    view = y[0]
    y += 1
    return view


def _in_part(x):
    y = x * 0
    np.add(x, 1, out=y, where=x > 0.5)
    return y


def _through_a_diagonal(x):
    y = x[:3, :3] * 2
    diagonal = np.einsum("ii->i", y)
    diagonal += 100
    return y


@each("step, said", [
    (_changed_under_a_view, "a view is used after"),
    (_in_part, "np.where"),
    (_through_a_diagonal, "a view is changed in place"),
    (lambda x: sum(np.split(x * 2, 2, axis=1)), "several arrays"),
    (lambda x: (x * 2)[(x > 0.3).nonzero()], "several arrays"),
])  # fmt: skip
def test_what_a_program_would_do_otherwise_is_refused(step, said):
    with pytest.raises(CompileError, match=said):
        compile(step)(X)


def test_what_numpy_refuses_is_refused():
    def step(x):
        y = (x * 2).astype(np.int64)
        y += 0.5
        return y

    with pytest.raises(TypeError, match="cast"):
        compile(step)(X)


def test_a_product_is_added_to_its_operand_where_that_ends():
    def step(x):
        y = x * 2
        return (np.maximum(y, 1) + 0 + y @ y.T) * 3

    square = RNG.normal(size=(8, 8)).astype(np.float32)
    for fused in (False, True):
        compiled = compile(step, fused=fused)
        np.testing.assert_allclose(compiled(square), step(square), rtol=1e-5)
        assert "copyto" not in compiled.source()


def test_a_failure_to_capture_is_said():
    def step(x):
        return x * 2 if type(x) is np.ndarray else x.nothing_of_the_kind

    compiled = compile(step)
    with pytest.warns(RuntimeWarning, match="step is not compiled: AttributeError: .*nothing_of_the_kind"):
        np.testing.assert_array_equal(compiled(X), X * 2)


def test_plans_of_forms_long_gone_are_forgotten():
    compiled = compile(lambda x, n: x * n)
    for n in range(3 * FORMS):
        for _ in range(2):
            np.testing.assert_array_equal(compiled(X, n), X * n)
    assert len(compiled.plans) <= FORMS


@pytest.mark.filterwarnings("ignore:.*captured anew")
def test_a_model_that_is_gone_is_not_taken_for_another():
    compiled = compile(lambda model, x: model(x))
    for _ in range(5):
        for _ in range(2):
            model = nn.Linear(4, 2)
            np.testing.assert_allclose(compiled(model, X).numpy(), model(X).numpy(), rtol=1e-6)


def test_options_of_an_optimizer_that_is_hidden_are_named():
    model = nn.Linear(4, 2)
    hidden = [nn.SGD(model.parameters(), lr=0.1), *[None] * FEW]
    train = step_of(lambda x: (model(x) ** 2).sum(), hidden[0])

    def step(x):
        train(x)
        hidden[0].param_groups[0]["lr"] *= 0.9

    with pytest.raises(CompileError, match="changes lr"):
        compile(step)(X)


@each("how", HOW)
def test_arrays_of_tensors_may_be_returned_and_computed_with(how):
    def make():
        W = Tensor(np.ones((4, 2), np.float32), requires_grad=True)
        train = step_of(lambda x: (x @ W).sum(), nn.SGD([W], lr=0.1))

        def step(x):
            return train(x).numpy() + W.numpy().sum()

        return step

    agree(make, *[(X,)] * 3, **how)
    compiled = compile(make(), **how)
    assert [type(compiled(X)) for _ in range(3)][-1] is np.float32
    assert len(compiled.plans) == 1


@each("how", HOW)
@each("step", [
    lambda A, h: A @ h - h, lambda A, h: (h @ h.T) @ h - h, lambda A, h: 1.5 * h - 0.5 * (h @ h.T) @ h,
    lambda A, h: 2 * h - h @ A @ h, lambda A, h: A @ (A @ h - h) - (A @ h - h),
])  # fmt: skip
def test_a_product_is_not_written_over_its_own_factor(step, how):
    square = RNG.normal(size=(2, 4, 4)).astype(np.float32)
    agree(lambda: lambda A, x: step(A, np.tanh(x)), *[(square[0], square[1])] * 3, **how)


@each("how", HOW)
@each("step", [
    lambda x: x * 2 if isinstance(x, np.ndarray) and x.dtype == np.float32 else x,
    lambda x: x.std() + x.var(axis=0), lambda x: (x * 3).round(1) + x.argsort(axis=1), lambda x: Tensor(x).detach() * 2,
])  # fmt: skip
def test_arrays_in_a_step_have_what_arrays_have(step, how):
    agree(lambda: step, *[(X,)] * 3, **how)
    compiled = compile(step, **how)
    for _ in range(3):
        compiled(X)
    assert len(compiled.plans) == 1


def _in_part_of_a_copy(x):
    y = x.copy()
    y[0] += 1
    y[:, 1] *= y[:, 2]
    y[1:][0, :2] -= 3
    return y


@each("how", HOW)
def test_parts_of_an_array_of_its_own_may_be_changed(how):
    agree(lambda: _in_part_of_a_copy, *[(X,)] * 3, **how)


def test_numbers_without_axes_come_back_as_numpys():
    compiled = compile(lambda x: (x.sum(), x))
    assert [type(compiled(X)[0]) for _ in range(3)] == [np.float32] * 3


@each("how", HOW)
def test_a_gradient_that_no_number_decides_is_clipped_in_place(how):
    def make():
        W, b = (Tensor(np.ones(shape, np.float32), requires_grad=True) for shape in ((4, 2), (2,)))
        optimizer = nn.SGD([W, b], lr=0.1)

        def step(x):
            loss = (x @ W + b).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.clip_grad_norm_([W, b], 0.1)
            b.grad.data *= 0.5
            optimizer.step()
            return loss, W.data.sum(), b.data.sum()

        return step

    step, compiled = make(), compile(make(), **how)
    for _ in range(4):
        for mine, right in zip(compiled(X), step(X), strict=True):
            np.testing.assert_allclose(float(mine.item()), float(right.item()), rtol=1e-5)

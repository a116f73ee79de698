from __future__ import annotations

import asyncio
import copy
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.each import each
from tests.engine.cases import Shape
from tests.engine.strategies import arrays, broadcastable, floats, steady
from tinygrad_mnist import hessian
from tinygrad_mnist.array_functions.einstein import einsum
from tinygrad_mnist.engine import OPS, GraphError, Node, Tensor, grad, no_grad, ops, toposort
from tinygrad_mnist.engine.autodiff import unbroadcast


def leaf(*values: Any, name: str | None = None) -> Tensor:
    data = values[0] if len(values) == 1 else values
    return Tensor(np.array(data, np.float64), requires_grad=True, name=name)


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Memory is freed by reference count alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# un-broadcasting


@steady
@given(drawn=broadcastable(1), data=st.data())
def test_unbroadcast_is_the_transpose_of_broadcasting(drawn: Any, data: st.DataObject) -> None:
    (shape,), result = drawn
    x, g = data.draw(arrays(shape)), data.draw(arrays(result))
    back = unbroadcast(g, shape)
    assert back.shape == shape
    np.testing.assert_allclose(np.sum(np.broadcast_to(x, result) * g), np.sum(x * back), atol=1e-12)


@steady
@given(cotangent=hnp.array_shapes(min_dims=0, max_side=3), shape=hnp.array_shapes(min_dims=0, max_side=3))
def test_unbroadcast_raises_exactly_where_the_shape_does_not_broadcast_to_the_cotangents(
    cotangent: Shape, shape: Shape
) -> None:
    try:
        fits = np.broadcast_shapes(cotangent, shape) == cotangent
    except ValueError:
        fits = False
    if fits:
        assert unbroadcast(np.ones(cotangent), shape).shape == shape
    else:
        with pytest.raises(ValueError, match="does not fit"):
            unbroadcast(np.ones(cotangent), shape)


def test_a_rule_of_wrong_shape_is_an_error_that_names_the_op_the_input_and_the_line(new_op: Callable[..., Any]) -> None:
    @new_op(lambda g, out, x, y: y @ g, lambda g, out, x, y: x.T @ g)
    def untransposed(x: Any, y: Any, /) -> Any:
        return x @ y

    w = Tensor(np.ones((3, 4)), requires_grad=True, name="W")
    out = untransposed(w, np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"untransposed.*W \(3, 4\).*test_autodiff\.py:\d+"):
        out.sum().backward()


def test_inputs_may_be_an_iterator() -> None:
    x, y = leaf(2.0), leaf(3.0)
    assert [g.item() for g in grad(x * y, iter([x, y]))] == [3.0, 2.0]


# the walk


def test_two_hundred_thousand_additions_run_backward_and_are_freed_without_recursion(without_collector: None) -> None:
    x = leaf(2.0)
    y = x
    for _ in range(200_000):
        y = y + x
    y.backward()
    assert x.grad.item() == 200_001
    first = weakref.ref(toposort(y)[0])
    del y
    assert first() is None


class Counted(Tensor):
    """A tensor that counts how often a walk looks at the inputs of one."""

    __slots__ = ()
    looks = 0

    @property
    def inputs(self) -> Any:
        Counted.looks += 1
        return Node.inputs.__get__(self)  # type: ignore[attr-defined]

    @inputs.setter
    def inputs(self, value: Any) -> None:
        Node.inputs.__set__(self, value)  # type: ignore[attr-defined]


@each("targets", [False, True])
def test_a_walk_takes_time_linear_in_the_graph_also_where_paths_are_exponentially_many(targets: bool) -> None:
    def looks(length: int) -> int:
        x = Counted(np.array(1.0), requires_grad=True)
        y: Tensor = x
        for _ in range(length):
            y = y * 0.5 + y * 0.5
        Counted.looks = 0
        if targets:
            grad(y, [x])
        else:
            y.backward()
        return Counted.looks

    short, long, longer = looks(100), looks(200), looks(300)
    assert short >= 100
    assert longer - long == long - short


@steady
@given(choices=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=30))
def test_toposort_lists_each_operation_once_and_inputs_before_their_users(choices: list[tuple[int, int]]) -> None:
    nodes = [leaf(1.0), leaf(2.0)]
    for i, j in choices:
        nodes.append(nodes[i % len(nodes)] * 0.5 + nodes[j % len(nodes)])
    order = toposort(nodes[-1])
    position = {node: i for i, node in enumerate(order)}
    assert len(position) == len(order)
    for node in order:
        for x in node.inputs:
            if isinstance(x, Node):
                assert position[x] < position[node] if x.op else x not in position


def test_rules_run_once_for_each_argument_that_needs_a_gradient_and_for_no_other(new_op: Callable[..., Any]) -> None:
    ran = []

    def rule(name: str) -> Callable[..., Any]:
        return lambda g, *_: (ran.append(name), g)[1]

    @new_op(rule("left"), rule("right"))
    def plus(x: Any, y: Any, /) -> Any:
        return x + y

    w, h = leaf(1.0, 2.0), leaf(3.0, 4.0)
    plus(w, np.ones(2)).sum().backward()
    plus(Tensor(np.ones(2)), w).sum().backward()
    assert ran == ["left", "right"]
    ran.clear()
    grad(plus(w, h * 2).sum(), [w])
    assert ran == ["left"]


# accumulation


@steady
@given(times=st.integers(1, 4), x=arrays((2, 3)))
def test_each_backward_adds_the_gradient_once_more(times: int, x: Any) -> None:
    w = leaf(x)
    loss = ((w * 3).sin() * w).sum()
    (once,) = grad(loss, [w])
    for _ in range(times):
        loss.backward()
    np.testing.assert_allclose(w.grad.data, times * once.data, rtol=1e-14)


@each("create_graph", [False, True])
def test_accumulation_leaves_every_earlier_gradient_as_it_was(create_graph: bool) -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.ones(2)
    out = x + y + x
    out.backward(seed, create_graph=create_graph)
    first, before = x.grad, x.grad.data.copy()
    out.backward(seed, create_graph=create_graph)
    np.testing.assert_array_equal(first.data, before)
    np.testing.assert_array_equal(seed, 1)
    np.testing.assert_array_equal(x.grad.data, [4, 4])
    np.testing.assert_array_equal(y.grad.data, [2, 2])


@each("create_graph", [False, True])
@each(
    "fn",
    [
        lambda x, y: x + y,
        lambda x, y: x.T + y.T,
        lambda x, y: x.reshape(4) + y.reshape(4),
        lambda x, y: ops.concatenate([x, y]),
        lambda x, y: einsum("ij->ij", x) + y,
        lambda x, y: x.flip() + y[::-1],
    ],
)
def test_gradients_of_leaves_share_no_memory(fn: Any, create_graph: bool) -> None:
    x, y = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[5.0, 6.0], [7.0, 8.0]])
    out = fn(x, y)
    seed = np.ones(out.shape)
    out.backward(seed, create_graph=create_graph)
    held = [x.grad.data, y.grad.data, x.data, y.data, out.data, seed]
    for i, a in enumerate(held[:2]):
        assert a.base is None
        assert not any(np.shares_memory(a, b) for b in held[i + 1 :])


def test_only_leaves_keep_a_gradient() -> None:
    w = leaf(1.0, 2.0)
    hidden = w * 2
    constant = Tensor(np.ones(2))
    (hidden * constant).sum().backward()
    assert w.grad is not None
    assert hidden.grad is None
    assert constant.grad is None


def test_a_leaf_is_its_own_derivative() -> None:
    w = leaf(3.0)
    w.backward()
    assert w.grad.item() == 1


# grad


def test_grad_reaches_intermediate_nodes_and_leaves_dot_grad_alone() -> None:
    w = leaf(0.3, -0.7)
    hidden = w.sin()
    loss = (hidden * hidden).sum()
    g_loss, g_hidden, g_w = grad(loss, [loss, hidden, w])
    np.testing.assert_array_equal(g_loss.data, 1)
    np.testing.assert_allclose(g_hidden.data, 2 * hidden.data)
    np.testing.assert_allclose(g_w.data, 2 * np.sin(w.data) * np.cos(w.data))
    assert w.grad is None


def test_grad_of_a_node_and_of_its_own_input_counts_every_path() -> None:
    w = leaf(1.5)
    h = w * w
    g_w, g_h = grad(h * h + h * w, [w, h])
    assert g_h.item() == 2 * 1.5**2 + 1.5
    assert g_w.item() == 4 * 1.5**3 + 3 * 1.5**2


@each("create_graph", [False, True])
def test_grad_of_an_unreached_input_is_zero_of_its_shape_and_dtype(create_graph: bool) -> None:
    x, other = leaf(1.0), Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    (g,) = grad(x * 2, [other], create_graph=create_graph)
    assert g.shape == (2, 3)
    assert g.dtype == np.float32
    assert not g.data.any()


def test_grad_refuses_inputs_that_require_none_and_outputs_without_a_graph() -> None:
    x, constant = leaf(1.0, 2.0), Tensor(np.ones(2), name="batch")
    with pytest.raises(GraphError, match=r"batch \(2,\) float64 requires no gradient.*requires_grad=True"):
        grad((x * constant).sum(), [constant])
    with pytest.raises(GraphError, match=r"no graph leads to batch \(2,\).*requires_grad=True"):
        constant.backward(np.ones(2))
    with pytest.raises(GraphError, match=r"not a scalar.*gradient="):
        (x * constant).backward()


@each("walk", [lambda y, x, g: y.backward(g), lambda y, x, g: grad(y, [x], g)])
def test_a_cotangent_must_have_the_shape_of_the_output(walk: Any) -> None:
    x = leaf(1.0, 2.0)
    for wrong in (1.0, np.ones(1), np.ones((2, 1)), np.ones((1, 2))):
        with pytest.raises(ValueError, match=r"gradient has shape .*\(2,\)"):
            walk(x * 2, x, wrong)


@steady
@given(g=arrays((3,)))
def test_a_cotangent_weighs_the_rows_of_the_jacobian(g: Any) -> None:
    x = leaf(0.1, 0.2, 0.3)
    for cotangent in (g, g.tolist(), Tensor(g)):
        (found,) = grad(x.exp(), [x], cotangent)
        np.testing.assert_allclose(found.data, g * np.exp(x.data))


# higher orders


@steady
@given(x=floats)
def test_derivatives_of_derivatives_of_the_sine_go_round(x: float) -> None:
    w = leaf(x)
    y = w.sin()
    for expected in (np.cos(x), -np.sin(x), -np.cos(x), np.sin(x)):
        (y,) = grad(y, [w], create_graph=True)
        np.testing.assert_allclose(y.item(), expected, atol=1e-15)


def test_backward_with_create_graph_gives_gradients_that_have_gradients() -> None:
    w = leaf(2.0, 3.0)
    (w**3).sum().backward(create_graph=True)
    (second,) = grad(w.grad.sum(), [w])
    np.testing.assert_allclose(second.data, 6 * w.data)


def test_without_create_graph_a_gradient_is_a_leaf() -> None:
    w = leaf(2.0)
    (g,) = grad(w * w, [w])
    assert not g.requires_grad
    assert g.op is None


# no_grad


def test_nothing_is_recorded_under_no_grad_in_either_form() -> None:
    w = leaf(1.0)

    @no_grad()
    def evaluate() -> Tensor:
        return w * 2

    with no_grad():
        inside = w * 2
        with no_grad():
            pass
        still_inside = w * 2
    for y in (inside, still_inside, evaluate(), evaluate()):
        assert not y.requires_grad
        assert y.op is None
    assert (w * 2).requires_grad


def test_recording_resumes_after_an_exception() -> None:
    w = leaf(1.0)

    @no_grad()
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (w * 2).requires_grad


def test_no_grad_decorates_generators_and_async_functions() -> None:
    w = leaf(1.0)

    @no_grad()
    def batches() -> Iterator[Tensor]:
        yield w * 2
        yield w * 3

    @no_grad()
    async def predict() -> Tensor:
        await asyncio.sleep(0)
        return w * 2

    @no_grad()
    async def stream() -> AsyncIterator[Tensor]:
        yield w * 2

    async def main() -> list[Tensor]:
        return [await predict(), *[y async for y in stream()]]

    for y in batches():
        assert (y.op, (w * 2).op) == (None, OPS["mul"])
    assert [y.op for y in asyncio.run(main())] == [None, None]
    assert (w * 2).requires_grad


def test_no_grad_is_the_setting_of_one_thread() -> None:
    w = leaf(1.0)
    recorded = {}

    def work(name: str) -> None:
        recorded[name] = (w * 2).requires_grad

    def silent() -> None:
        with no_grad():
            entered.set()
            other_done.wait(10)
            work("silent")

    entered, other_done = threading.Event(), threading.Event()
    thread = threading.Thread(target=silent)
    thread.start()
    assert entered.wait(10)
    work("main, while the other is silent")
    with no_grad():
        inner = threading.Thread(target=work, args=("started in a silent block",))
        inner.start()
        inner.join()
    other_done.set()
    thread.join()
    assert recorded == {"silent": False, "main, while the other is silent": True, "started in a silent block": True}


# memory


def test_a_hundred_training_steps_leave_nothing_for_the_cycle_collector(without_collector: None) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 5)), np.eye(3)[rng.integers(0, 3, 8)]
    w, b = leaf(rng.normal(size=(3, 5))), leaf(np.zeros(3))
    gc.collect()
    for _ in range(100):
        w.grad = b.grad = None
        z = (x @ w.T + b).leaky_relu().log_softmax()
        loss = -(z * y).sum(axis=-1).mean()
        graph = [weakref.ref(node) for node in toposort(loss)]
        loss.backward()
        for p in (w, b):
            p.data -= 0.1 * p.grad.data
    del z, loss
    assert graph
    assert [ref() for ref in graph] == [None] * len(graph)
    assert gc.collect() == 0


def test_a_graph_of_second_order_is_freed_by_reference_count_too(without_collector: None) -> None:
    w = leaf(0.5, 0.25)
    (g,) = grad((w * w).exp().sum(), [w], create_graph=True)
    refs = [weakref.ref(node) for node in toposort(g)]
    grad(g.sum(), [w])
    assert refs
    del g
    assert not any(ref() for ref in refs)
    assert gc.collect() == 0


def test_grad_of_one_tensor_says_that_it_takes_a_list() -> None:
    w = leaf(1.0, 2.0)
    w.name = "w"
    with pytest.raises(TypeError, match=r"takes a list of tensors, even of one: \[w\]"):
        grad((w * w).sum(), w)


def test_a_second_derivative_without_its_graph_says_how_to_get_one() -> None:
    w = leaf(1.0, 2.0)
    (slope,) = grad((w * w * w).sum(), [w])
    with pytest.raises(GraphError, match="create_graph=True"):
        grad(slope.sum(), [w])


@each(
    ("index", "cotangent"),
    [
        (np.array([0, 1]), [1, 5]),
        ([0, 1], [1, 5]),
        (np.array([True, True]), [1, 5]),
        ((np.array([0, 1]),), [1, 5]),
        ([[0, 1]], [[1, 5]]),
    ],
)
def test_an_index_may_change_after_it_was_used(index: Any, cotangent: Any) -> None:
    for take in (lambda x, i: x[i], ops.getitem):
        x = Tensor([1.0, 2.0], requires_grad=True)
        own = copy.deepcopy(index)
        y = take(x, own)
        place = own
        while not isinstance(place[0], int | np.integer | np.bool_):
            place = place[0]
        place[0], place[1] = place[1], 0
        np.testing.assert_array_equal(grad(y, [x], np.array(cotangent))[0].data, [1, 5])


def test_the_axes_of_a_transpose_may_change_after_it() -> None:
    x, axes = Tensor(np.zeros((2, 3, 4)), requires_grad=True), [2, 0, 1]
    y = ops.transpose(x, axes)
    axes.reverse()
    assert grad(y.sum(), [x])[0].shape == (2, 3, 4)


PIECEWISE_LINEAR = [ops.relu, ops.abs, ops.leaky_relu, lambda x: 3 * x, ops.max, ops.sum, lambda x: ops.clip(x, 0, 1)]


@each("fn", PIECEWISE_LINEAR)
def test_the_second_derivative_of_what_is_piecewise_linear_is_zero(fn: Any) -> None:
    x = Tensor([-1.0, 2.0], requires_grad=True)
    (slope,) = grad(fn(x).sum(), [x], create_graph=True)
    np.testing.assert_array_equal(grad(slope.sum(), [x])[0].data, [0, 0])
    (again,) = grad(slope.sum(), [x], create_graph=True)
    np.testing.assert_array_equal(grad(again.sum(), [x])[0].data, [0, 0])
    fn(x).sum().backward(create_graph=True)
    (mixed,) = grad((x.grad * x).sum(), [x])
    np.testing.assert_array_equal(mixed.data, x.grad.data)
    np.testing.assert_array_equal(hessian(lambda t: fn(t).sum(), x).data, np.zeros((2, 2)))


def test_a_cotangent_that_was_handed_in_stays_the_callers_own() -> None:
    x, g = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 1.0])
    (slope,) = grad(x, [x], g, create_graph=True)
    assert slope.requires_grad
    assert not g.requires_grad

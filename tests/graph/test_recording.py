"""A program as it was recorded, and the walks over it."""

import numpy as np
import pytest

from tinygrad_mnist import Tensor, cross_entropy, grad, nn
from tinygrad_mnist.graph.recording import Recording


def leaf(*shape, name=None):
    return Tensor(np.ones(shape), requires_grad=True, name=name)


def test_leaves_come_first_and_every_operation_after_its_operands():
    a = leaf(2, name="a")
    b = a.exp()
    late = leaf(2, name="late")
    recording = Recording((b * late + 3).sum())
    assert set(recording.nodes[:2]) == {a, late}
    position = {node: i for i, node in enumerate(recording.nodes)}
    for node in recording.operations:
        assert all(position[x] < position[node] for _, x in recording.tensors(node))


def test_an_array_is_one_leaf_however_often_it_is_used_and_a_number_is_a_number():
    a, array = leaf(3, name="a"), np.arange(3.0)
    recording = Recording((a * array + array * a).sum())
    (wrapped,) = recording.arrays
    assert wrapped.data is array
    assert sum(wrapped is x for node in recording.operations for _, x in recording.tensors(node)) == 2
    assert len(recording.nodes) == len(recording.operations) + 2


def test_several_outputs_are_one_program():
    a = leaf(2, name="a")
    b = a.exp()
    recording = Recording(b.sum(), b.sin())
    assert [str(node.op) for node in recording.operations] == ["exp", "sum", "sin"]
    assert len(recording.users[b]) == 2


def test_between_are_the_nodes_on_the_way_of_a_gradient():
    a, b = leaf(2, name="a"), leaf(2, name="b")
    chosen = a.exp()
    out = (chosen * b.sin()).sum()
    found = Recording(out).between([a])
    assert {str(node.op) for node in found if node.op} == {"exp", "mul", "sum"}


def test_beneath_goes_from_the_nearest_and_stops_where_it_is_told():
    a = leaf(2, name="a")
    b = a.exp()
    c = b.sin()
    recording = Recording(c.sum())
    assert [x is y for x, y in zip(recording.beneath(c), [c, b, a], strict=True)] == [True] * 3
    assert len(recording.beneath(c, within=lambda node: node is c)) == 2


def test_nearest_looks_no_further_than_a_stop():
    a = leaf(2, name="a")
    b = a.exp()
    c = (b * a).sin()
    nearest = Recording(c.sum()).nearest([a, b])
    assert nearest[b] == {b}
    assert nearest[c] == {a, b}


def test_a_backward_pass_and_an_update_are_programs_too():
    model = nn.MLP((3, 4, 2))
    loss = cross_entropy(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
    W, b, *_ = model.parameters()
    dW, db = grad(loss, [W, b], create_graph=True)
    update = Recording(W - 0.1 * dW, b - 0.1 * db)
    forward = Recording(model(np.ones((5, 3), np.float32)))
    assert {str(node.op) for node in forward.operations} < {str(node.op) for node in update.operations}
    assert [str(node.op) for node in update.outputs] == ["sub", "sub"]


@pytest.mark.parametrize("length", [10_000])
def test_long_programs_need_no_recursion(length):
    x = Tensor(1.0, requires_grad=True)
    for _ in range(length):
        x = x + 1
    assert len(Recording(x).operations) == length

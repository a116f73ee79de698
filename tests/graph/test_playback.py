"""The steps of the backward pass are the engine's own."""

import numpy as np
import pytest

from tests.each import each
from tests.graph.graphs import every_case, recorded
from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn
from tinygrad_mnist.engine import GraphError, MutationError, toposort


def last_totals(steps):
    return {share.node: share.total for step in steps for share in step.shares}


@each("name", sorted({name for name, _ in every_case()}))
def test_the_last_totals_are_the_gradients(name):
    for case in [case for other, case in every_case() if other == name]:
        output, leaves = recorded(name, case)
        if not output.requires_grad:
            continue
        steps = graph.play(output)
        totals = last_totals(steps)
        for leaf, gradient in zip(leaves, grad(output, leaves)):
            np.testing.assert_array_equal(totals.get(leaf, np.zeros_like(leaf.data)), gradient.numpy())
        for share in [share for step in steps for share in step.shares]:
            assert share.contribution.shape == share.node.shape
            summed = share.raw.sum(axis=share.axes, keepdims=True).reshape(share.node.shape)
            np.testing.assert_allclose(summed, share.contribution, rtol=1e-12)


def test_the_order_is_the_engines_and_each_cotangent_is_complete_when_its_turn_comes():
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    b = a + a
    c = b * b.exp()
    output = c.sum()
    steps = graph.play(output)
    assert [step.node for step in steps] == toposort(output)[::-1]
    for step in steps[1:]:
        shares = [share for earlier in steps for share in earlier.shares if share.node is step.node]
        assert [share.first for share in shares] == [True] + [False] * (len(shares) - 1)
        np.testing.assert_array_equal(step.cotangent, shares[-1].total)


def test_one_tensor_in_two_places_gets_two_shares():
    x = Tensor([3.0], requires_grad=True)
    (step,) = graph.play(x * x)
    assert [(share.node is x, share.position, share.total.item()) for share in step.shares] == [(1, 0, 3), (1, 1, 6)]


def test_where_a_broadcast_is_undone_the_axes_are_told():
    model = nn.MLP((5, 4, 3))
    loss = cross_entropy(model(np.ones((8, 5), np.float32)), np.zeros(8, int))
    (share,) = [s for step in graph.play(loss) for s in step.shares if s.node.name == "b1"]
    assert (share.raw.shape, share.axes, share.contribution.shape) == ((8, 4), (0,), (4,))


def test_a_vector_takes_the_cotangent_it_is_given():
    x = Tensor([1.0, 2.0], requires_grad=True, dtype=np.float64)
    (step,) = graph.play(x * 3, gradient=[1, 10])
    np.testing.assert_array_equal(step.shares[0].total, [3, 30])
    with pytest.raises(GraphError, match="not a scalar"):
        graph.play(x * 3)
    with pytest.raises(GraphError, match="no graph leads to"):
        graph.play(Tensor([1.0]))


def test_a_replaced_value_is_noticed():
    x = Tensor(2.0, requires_grad=True, name="x")
    y = x * x
    x.data = 3.0
    with pytest.raises(MutationError, match="x"):
        graph.play(y)


def test_what_leads_to_a_leaf_is_no_step():
    assert graph.play(Tensor(2.0, requires_grad=True)) == []


@each("given", [1.0, np.ones(3), None])
def test_what_is_no_tensor_is_said(given):
    with pytest.raises(TypeError, match="starts from a tensor"):
        graph.play(given)

"""The derivation that mistakes are put into is the right one: by hand in both conventions, and by autograd."""

import numpy as np

from tests.each import each
from tests.grading.learners import from_columns
from tinygrad_mnist import Tensor, cross_entropy, grad, manual
from tinygrad_mnist.grading.settings import Convention
from tinygrad_mnist.grading.textbook import derivation
from tinygrad_mnist.grading.textbook.probes import probes_for

ACTIVATIONS = [manual.relu, manual.leaky_relu(0.01), manual.leaky_relu(0.2)]
CONVENTIONS = [Convention(columns=True), Convention(), Convention(weights_in_out=True)]


@each("activation", ACTIVATIONS)
@each("depth", [1, 2, 3, 5])
def test_it_is_the_hand_derivation_of_both_conventions(activation, depth):
    for net in probes_for(depth, activation, 0.3).nets:
        found = derivation.derive(net)
        W, b = list(net.W.values()), list(net.b.values())
        columns = manual.columns.backward(manual.columns.forward(net.a[0], W, b, activation), net.Y, W, activation, 0.3)
        flat = [c[:, 0] for c in b]
        rows = manual.rows.backward(manual.rows.forward(net.a[0].T, W, flat, activation), net.Y.T, W, activation, 0.3)
        for l in net.W:
            np.testing.assert_array_equal(found.delta[l], columns.delta[l])
            np.testing.assert_array_equal(found.dW[l], columns.dW[l])
            np.testing.assert_array_equal(found.db[l], columns.db[l])
            np.testing.assert_allclose(found.delta[l].T, rows.delta[l], rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.dW[l], rows.dW[l], rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(found.db[l][:, 0], rows.db[l], rtol=1e-9, atol=1e-11)


def test_it_is_what_autograd_computes():
    for net in probes_for(3, manual.leaky_relu(0.01), 0.3).nets:
        W = {l: Tensor(w, requires_grad=True, name=f"W{l}") for l, w in net.W.items()}
        b = {l: Tensor(c, requires_grad=True, name=f"b{l}") for l, c in net.b.items()}
        a = Tensor(net.a[0])
        for l in (1, 2):
            a = (W[l] @ a + b[l]).leaky_relu(0.01)
        loss = cross_entropy((W[3] @ a + b[3]).T, net.Y.T) + 0.15 * sum((w * w).sum() for w in W.values())
        found = derivation.derive(net)
        for l, dW, db in zip((1, 2, 3), grad(loss, list(W.values())), grad(loss, list(b.values()))):
            np.testing.assert_allclose(dW.numpy(), found.dW[l], rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(db.numpy(), found.db[l], rtol=1e-9, atol=1e-11)


@each("convention", CONVENTIONS)
def test_a_convention_leads_there_and_back(convention):
    net = probes_for(3, manual.relu, 0.0).nets[1]
    X, Y, *parameters = convention.arguments(net)
    assert X.shape == (net.a[0].shape if convention.columns else net.a[0].T.shape)
    assert Y.shape == (net.Y.shape if convention.columns else net.Y.T.shape)
    for l, (W, b) in enumerate(zip(parameters[::2], parameters[1::2]), start=1):
        np.testing.assert_array_equal(convention.to_columns(W, net.W[l]), net.W[l])
        np.testing.assert_array_equal(convention.to_columns(b, net.b[l]), net.b[l])
        assert from_columns(convention, net.W[l], net.W[l]).shape == W.shape
        assert from_columns(convention, net.b[l], net.b[l]).shape == b.shape


def test_labels_come_as_integers_where_that_is_asked():
    net = probes_for(2, manual.relu, 0.0).nets[0]
    labels = Convention(labels="integers").arguments(net)[1]
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(np.eye(len(net.Y))[labels].T, net.Y)


@each("activation", ACTIVATIONS)
def test_the_probes_see_both_sides_of_the_kink_and_the_kink(activation):
    probes = probes_for(3, activation, 0.0)
    for net in probes.nets:
        assert all((net.z[l] > 0).any() and (net.z[l] < 0).any() for l in (1, 2))
        assert all(np.isfinite(g).all() for g in derivation.derive(net).dW.values())
    assert any(all((net.z[l] == 0).any() for l in (1, 2)) for net in probes.nets)

"""Module: what it keeps, by which names, and how it takes over a state."""

import copy
import pickle
from contextlib import nullcontext

import numpy as np
import pytest

from tinygrad_mnist import Tensor, no_grad
from tinygrad_mnist.nn import MLP, SGD, Dropout, Linear, Module


class Scale(Module):
    """x · weight, with a count of its calls."""

    def __init__(self, width):
        self.weight = Tensor(np.ones(width), requires_grad=True)
        self.register_buffer("calls", np.array(0))
        self._secret = Tensor(np.ones(1))

    def forward(self, x):
        self.calls.data += 1
        return x * self.weight


class Network(Module):
    """Parts as attributes and in a list, one of them twice."""

    def __init__(self):
        self.first = Scale(3)
        self.blocks = [Scale(3), Scale(3)]
        self.again = self.first
        self.shift = Tensor(np.zeros(3), requires_grad=True)

    def forward(self, x):
        for part in (self.first, *self.blocks, self.again):
            x = part(x)
        return x + self.shift


def test_parameters_and_buffers_have_dotted_paths_which_are_their_names():
    network = Network()
    parameters = dict(network.named_parameters())
    assert list(parameters) == ["shift", "first.weight", "blocks.0.weight", "blocks.1.weight"]
    assert list(dict(network.named_buffers())) == ["first.calls", "blocks.0.calls", "blocks.1.calls"]
    assert [p.name for p in network.parameters()] == ["shift", "again.weight", "blocks.0.weight", "blocks.1.weight"]
    assert [path for path, _ in network.named_modules()] == ["", "first", "blocks.0", "blocks.1"]
    assert not any(b.requires_grad for b in network.buffers())


def test_train_and_eval_reach_every_part():
    network = Network()
    assert all(m.training for m in network.modules())
    assert network.eval() is network
    assert not any(m.training for m in network.modules())
    assert all(m.training for m in network.train().modules())


def test_a_state_dict_is_a_copy_that_brings_everything_back():
    network, other = Network(), Network()
    network(Tensor(np.ones((2, 3))))
    for i, p in enumerate(network.parameters()):
        p.data += i + 0.5
    state = network.state_dict()
    assert "again.weight" in state
    other.load_state_dict(state)
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    before = state["shift"].copy()
    network.shift.data += 1
    other.shift.data -= 1
    np.testing.assert_array_equal(state["shift"], before)
    assert other.first.calls.item() == 2


def test_what_does_not_fit_is_reported_in_full_and_nothing_is_taken():
    network = Network()
    before = network.state_dict()
    state = {**before, "blocks.1.weight": np.zeros(4), "more": np.zeros(2), "blocks.0.calls": np.array(0.5)}
    state["shift"] = state["shift"] + 1
    del state["first.weight"]
    with pytest.raises(ValueError, match="the state does not fit Network") as caught:
        network.load_state_dict(state)
    assert str(caught.value).splitlines()[1:] == [
        "  first.weight: missing, (3,) is expected",
        "  more: unexpected, (2,)",
        "  blocks.0.calls: () float64, here it is () int64",
        "  blocks.1.weight: (4,) float64, here it is (3,) float64",
    ]
    with pytest.raises(ValueError, match=r"blocks\.1\.weight"):
        network.load_state_dict(state, strict=False)
    for name, array in network.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    network.load_state_dict({"shift": np.full(3, 7.0), "more": np.zeros(2)}, strict=False)
    np.testing.assert_array_equal(network.shift.numpy(), [7, 7, 7])


def test_a_module_without_an_expression_says_so():
    with pytest.raises(NotImplementedError, match=r"Module needs a method forward\(self, x\)"):
        Module()(1)


def test_repr_shows_the_parts():
    assert repr(Network()).splitlines()[:3] == ["Network(", "  (first): Scale()", "  (blocks.0): Scale()"]


def test_an_mlp_is_a_module_with_its_own_names():
    model = MLP((784, 16, 10))
    assert list(model.state_dict()) == ["W1", "b1", "W2", "b2"]
    assert model.summary((64, 784)).splitlines()[2].split()[-3:] == ["(64,", "10)", "12,730"]


class Towers(Module):
    """Parts in a dict, and two inputs."""

    def __init__(self):
        self.towers = {"left": Linear(3, 2), "right": Linear(4, 2)}
        self.note = {"a": 1}

    def forward(self, x, y, *, scale=1.0):
        return (self.towers["left"](x) + self.towers["right"](y)) * scale


def test_parts_in_a_dict_are_parts_and_a_model_may_take_several_inputs():
    model = Towers()
    assert [path for path, _ in model.named_parameters()] == [
        "towers.left.weight", "towers.left.bias", "towers.right.weight", "towers.right.bias",
    ]  # fmt: skip
    assert model.towers["left"].weight.name == "towers.left.weight"
    x, y = np.ones((1, 3), np.float32), np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(model(x, y, scale=2.0).numpy(), 2 * model(x, y).numpy())
    other = Towers()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other(x, y).numpy(), model(x, y).numpy())


class Plotted(Module):
    """Keeps what it puts out and takes in, in every way in which people keep it."""

    def __init__(self):
        self.layer = Linear(3, 2)
        self.seen = []

    def forward(self, x):
        self.input, self.hidden = x, self.layer(x)
        self.pair, self.by_name = (self.hidden, x), {"hidden": self.hidden, "half": [self.hidden * 0.5]}
        self.seen.append(self.hidden)
        self.out = self.hidden.relu()
        return self.out


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_computed_is_no_parameter_when_it_becomes_an_attribute(recorded):
    model, x = Plotted(), Tensor(np.ones((4, 3), np.float32), name="X")
    with nullcontext() if recorded else no_grad():
        model(x)
    assert [name for name, _ in model.named_parameters()] == list(model.state_dict()) == ["layer.weight", "layer.bias"]
    assert not list(model.buffers())
    assert x.name == "X"
    Plotted().load_state_dict(model.state_dict())
    optimizer = SGD(model.parameters(), lr=0.1)
    before = model.layer.bias.numpy().copy()
    model(x)
    model.hidden.sum().backward()
    optimizer.step()
    assert (model.layer.bias.numpy() != before).any()
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert list(copied.state_dict()) == ["layer.weight", "layer.bias"]
        np.testing.assert_array_equal(copied.hidden.numpy(), model.hidden.numpy())
        np.testing.assert_array_equal(copied.by_name["half"][0].numpy(), model.hidden.numpy() / 2)
        assert len(copied.seen) == 2
        assert not copied.hidden.requires_grad
        copied(x).sum().backward()
    assert model.hidden.op is not None


def test_a_parameter_stays_one_when_it_is_frozen_and_a_buffer_when_it_is_computed():
    model = Linear(3, 2)
    model.factors = [Tensor(np.ones(2), requires_grad=True)]
    model.register_buffer("mean", np.zeros(2))
    for p in model.parameters():
        p.requires_grad = False
    model.mean = model.mean * 0.9 + Tensor(np.ones(2), requires_grad=True) * 0.1
    for m in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [name for name, _ in m.named_parameters()] == ["weight", "bias", "factors.0"]
        assert [name for name, _ in m.named_buffers()] == ["mean"]
        assert list(m.state_dict()) == ["weight", "bias", "factors.0", "mean"]


def test_modules_in_nested_lists_and_dicts_are_parts_and_have_names():
    class Nested(Module):
        def __init__(self):
            self.blocks = [[Linear(3, 3), Linear(3, 2)], {"drop": Dropout(0.5)}]
            self.heads = {"a": [Linear(2, 2)], "b": (Tensor([1.0], requires_grad=True),)}

    model = Nested()
    assert {name for name, _ in model.named_parameters()} == {
        "blocks.0.0.weight", "blocks.0.0.bias", "blocks.0.1.weight", "blocks.0.1.bias", "heads.b.0",
        "heads.a.0.weight", "heads.a.0.bias",
    }  # fmt: skip
    assert [p.name for p in model.parameters()] == [name for name, _ in model.named_parameters()]
    assert not model.eval().blocks[1]["drop"].training
    other = Nested()
    other.load_state_dict(model.state_dict())
    assert (other.heads["a"][0].weight.numpy() == model.heads["a"][0].weight.numpy()).all()

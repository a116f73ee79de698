"""What a step finds by name is followed, as far as it may change; what a replay would not do is refused."""

import collections
import functools
import random
from types import SimpleNamespace

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, compile, nn
from tinygrad_mnist.compiler import CompileError

pytestmark = pytest.mark.usefixtures("interpreted")
X = np.arange(12, dtype=np.float32).reshape(3, 4) / 10


class Scaled(nn.Module):
    """A layer whose number lies in an object that hangs on it."""

    factor = 1.0

    def __init__(self):
        super().__init__()
        self.settings = SimpleNamespace(scale=1.0)

    def forward(self, x):
        return x * self.settings.scale * self.factor * OUTSIDE["scale"]


OUTSIDE = {"scale": 1.0}


def scaled(settings, x):
    return x * settings.scale


def _of_a_layer(set_up):
    layer = Scaled()
    model = nn.Sequential(layer)

    def change(number):
        if set_up == "class":
            Scaled.factor = number
        elif set_up == "global":
            OUTSIDE["scale"] = number
        else:
            layer.settings.scale = number

    return (lambda x: model(x).numpy()), change


def _of_a_partial(_):
    settings = SimpleNamespace(scale=1.0)
    return functools.partial(scaled, settings), lambda number: setattr(settings, "scale", number)


def _of_an_optimizer(_):
    optimizer = nn.SGD([Tensor(np.ones(1), requires_grad=True)], lr=1.0)
    return (lambda x: x * optimizer.current_lr), lambda number: optimizer.param_groups[0].update(lr=number)


def _of_a_word(_):
    settings = SimpleNamespace(scale=1.0)
    return (lambda x: x * getattr(settings, "scale")), lambda number: setattr(settings, "scale", number)  # noqa: B009


@each("make, of", [
    (_of_a_layer, "object"), (_of_a_layer, "class"), (_of_a_layer, "global"), (_of_a_partial, ""),
    (_of_an_optimizer, ""), (_of_a_word, ""),
])  # fmt: skip
def test_what_lies_behind_a_name_may_change_between_calls(make, of):
    step, change = make(of)
    compiled = compile(step)
    try:
        for number in (1.0, 1.0, 1.0, 3.0, 3.0, 0.5):
            change(number)
            np.testing.assert_allclose(compiled(X), X * number, rtol=1e-6)
    finally:
        Scaled.factor = OUTSIDE["scale"] = 1.0


def _counting():
    counter = np.zeros(1)

    def step(x):
        counter[:] += 1
        return x / counter

    return step


def _kept():
    losses = collections.deque()
    return lambda x: losses.append(x.sum()) or x


def _drawn(generator, draw):
    return lambda: lambda x: x if draw(generator) < 0.5 else -x


def _in_an_object():
    return lambda x: SimpleNamespace(loss=x.sum())


@each("make, said", [
    (_counting, "changes an array"), (_kept, "changes a deque"), (_in_an_object, "SimpleNamespace"),
    (_drawn(random.Random(0), random.Random.random), "draws from a generator"),
    (_drawn(np.random.RandomState(0), np.random.RandomState.rand), "draws from a generator"),
])  # fmt: skip
def test_what_a_replay_would_not_do_is_refused(make, said):
    with pytest.raises(CompileError, match=said):
        compile(make())(X)


def test_a_number_that_counts_is_said_to_be_captured_each_time():
    compiled = compile(lambda x, n: x * n)
    for n in range(8):
        compiled(X, n)
    with pytest.warns(RuntimeWarning, match="captured anew at every call"):
        compiled(X, 8)


def test_a_compiled_model_is_put_into_its_modes():
    model = nn.Sequential(nn.Dropout(0.5))
    compiled = compile(model)
    np.testing.assert_array_equal(compiled.eval()(X).numpy(), X)
    assert [*compiled.parameters()] == []
    assert not compiled.training
    compiled.training = True
    assert model.training
    assert compiled.training


def test_a_compiled_model_is_given_another_bias():
    model = nn.Linear(4, 2)
    compiled = compile(model)
    for bias in (1, 1, 5, 5):
        compiled.bias = Tensor(np.full(2, bias, np.float32), requires_grad=True)
        np.testing.assert_allclose(compiled(X).numpy(), model(X).numpy(), rtol=1e-6)
    assert model.bias is compiled.bias

"""A compiled step does what the function does, call for call: whatever may change between calls is read anew."""

import copy
import pickle

import numpy as np
import pytest

from tests.compiler.steps import step_of
from tinygrad_mnist import CompileError, Tensor, compile, cross_entropy, grad, nn

RNG = np.random.default_rng(0)
X = RNG.random((12, 6, 5), dtype=np.float32)
LABELS = RNG.integers(0, 3, (12, 6))
LR = 0.1


def network(*layers):
    nn.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), *layers, nn.LeakyReLU(), nn.Linear(4, 3))


def training(model, optimizer):
    return step_of(lambda x, labels: cross_entropy(model(x), labels), optimizer)


def both(make):
    """What `make` does with a function as it is, and compiled so that every bit stays."""
    return [make(wrap) for wrap in (lambda f: f, lambda f: compile(f, exact=True))]


def agree(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: nn.SGD(p, 0.1),
        lambda p: nn.SGD(p, 0.1, momentum=0.9, dampening=0.3, weight_decay=0.01),
        lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True, maximize=True),
        lambda p: nn.RMSprop(p, 0.01, centered=True, momentum=0.5, weight_decay=0.01),
        lambda p: nn.Adam(p, 0.01, amsgrad=True, weight_decay=0.01),
        lambda p: nn.AdamW(p, 0.01),
    ],
    ids=["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
)
def test_whatever_changes_between_calls_is_read(optimizer):
    def run(wrap):
        model = network(nn.BatchNorm1d(4), nn.Dropout(0.3))
        moving = optimizer(model.parameters())
        schedule = nn.schedules.StepLR(moving, 2, 0.5)
        step = wrap(training(model, moving))
        losses = []
        for i, (x, labels) in enumerate(zip(X, LABELS, strict=True)):
            losses.append(step(x[: 6 - i % 2], labels[: 6 - i % 2]).item())
            schedule.step()
            if i == 6:
                model.load_state_dict({k: v * v.dtype.type(2) for k, v in model.state_dict().items()})
                moving.load_state_dict(moving.state_dict())
            if i == 8:
                model[0].weight.data = model[0].weight.data * 0.5
                model[-1].bias.requires_grad = False
        kept = {f"{i}{name}": np.asarray(v) for i, s in moving.state_dict()["state"].items() for name, v in s.items()}
        return {"losses": np.array(losses), **model.state_dict(), **kept}

    agree(*both(run))


def test_training_and_use_have_plans_of_their_own():
    def run(wrap):
        model = network(nn.BatchNorm1d(4), nn.Dropout(0.5))
        predict = wrap(lambda x: model(x).softmax())
        found = {}
        for i, x in enumerate(X):
            model.train(i % 4 < 2)
            found[str(i)] = predict(x).numpy()
            model[2].p = 0.2 if i > 6 else 0.5
        return found | model.state_dict()

    agree(*both(run))


def test_gradients_add_up_and_are_left_where_no_optimizer_takes_them():
    def run(wrap):
        model = network()
        step = wrap(lambda x, labels: cross_entropy(model(x), labels).backward())
        found = {}
        for i, (x, labels) in enumerate(zip(X, LABELS, strict=True)):
            if i % 3 == 0:
                model.zero_grad()
            step(x, labels)
            found |= {f"{i} {name}": p.grad.numpy().copy() for name, p in model.named_parameters()}
        return found

    agree(*both(run))


def test_a_gradient_that_an_optimizer_has_taken_is_gone():
    model = network()
    step = compile(training(model, nn.SGD(model.parameters(), 0.1)))
    for x, labels in zip(X[:4], LABELS[:4], strict=True):
        assert not step(x, labels).requires_grad
        assert all(p.grad is None for p in model.parameters())


def test_decisions_by_numbers_are_taken_again():
    @compile
    def halved(x):
        return x * 0.5 if x.sum() > 0 else -x

    numbers = Tensor(np.array([3.0, 1.0]))
    for sign in (1, 1, -1, -1, 1, -1):
        np.testing.assert_array_equal(halved(numbers * sign).numpy(), [1.5, 0.5] if sign == 1 else [3.0, 1.0])
    assert len(halved.plans) == 2


def test_numbers_are_arguments_and_names_are_looked_up():
    global LR

    @compile
    def scaled(x, factor, *, shift):
        return {"scaled": Tensor(x) * factor * LR, "shifted": [x + shift["by"], shift["word"]]}

    for i, x in enumerate(X):
        LR = 0.1 if i < 6 else 0.2
        found = scaled(x, float(i), shift={"by": i / 2, "word": "same"})
        np.testing.assert_allclose(found["scaled"].numpy(), x * float(i) * LR, rtol=1e-6)
        np.testing.assert_array_equal(found["shifted"][0], x + i / 2)
        assert found["shifted"][1] == "same"
    LR = 0.1


def test_what_is_returned_is_the_callers_own():
    double = compile(lambda x: Tensor(x) * 2)
    found = [double(x).numpy() for x in X]
    for x, doubled in zip(X, found, strict=True):
        np.testing.assert_array_equal(doubled, x * 2)


def test_derivatives_of_derivatives_are_compiled_too():
    @compile
    def curvature(x):
        x = Tensor(x, requires_grad=True)
        (slope,) = grad((x**3).sum(), [x], create_graph=True)
        return grad(slope.sum(), [x])[0]

    for x in X:
        np.testing.assert_allclose(curvature(x).numpy(), 6 * x, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda x: Tensor(x) * Tensor(x).sum().item(), "read a number"),
        (lambda x: Tensor(np.asarray(x)), "make a plain array"),
        (lambda x: Tensor(x) * int(Tensor(x).sum()), "Python number|read a number"),
        (lambda x: X.__iadd__(x), "from outside is changed in place"),
        (lambda x: _view_and_change(x), "a view"),
    ],
)
def test_what_cannot_be_captured_is_said_with_its_line(wrong, said):
    with pytest.raises(CompileError, match=said) as caught:
        compile(wrong)(X[0])
    assert "test_compiled.py" in str(caught.value)


def _view_and_change(x):
    rows = x.reshape(-1)
    x += 1
    return rows + 1


def test_what_differs_in_every_call_is_no_program():
    draws = np.random.default_rng(0)
    noisy = compile(lambda x: Tensor(x) + draws.normal(size=5))
    with pytest.raises(CompileError, match=r"must compute the same in every call.*test_compiled.py"):
        list(map(noisy, X))


def test_errors_of_the_function_are_its_own_and_change_nothing():
    model = network()
    step = compile(training(model, nn.SGD(model.parameters(), 0.1)))
    before = model.state_dict()
    for _ in range(3):
        with pytest.raises(ValueError, match="label 7"):
            step(X[0], np.full(6, 7))
        agree(before, model.state_dict())
    for x, labels in zip(X, LABELS, strict=True):
        step(x, labels)
    before = model.state_dict()
    with pytest.raises(ValueError, match="label 7"):
        step(X[0], np.full(6, 7))
    agree(before, model.state_dict())


def test_a_plan_can_be_read():
    model = network()
    step = compile(training(model, nn.SGD(model.parameters(), 0.1)), fused=False)
    with pytest.raises(CompileError, match="call it first"):
        step.plan()
    for x, labels in zip(X[:3], LABELS[:3], strict=True):
        step(x, labels)
    assert "product(" in step.plan()
    assert "buffer 0" in step.plan()
    assert "= Product(sgemm, " in step.source()
    with_sharing, without = step.memory()
    assert 0 < with_sharing < without


def test_models_are_told_from_each_other_as_arguments_and_owners():
    @compile(exact=True)
    def predict(model, x):
        return model(x)

    class Reader:
        def __init__(self, model):
            self.model = model

        @compile(exact=True)
        def read(self, x):
            return self.model(x)

    models = [nn.Linear(5, 3) for _ in range(2)]
    readers = [Reader(model) for model in models]
    for x in X[:4]:
        for model, reader in zip(models, readers, strict=True):
            np.testing.assert_array_equal(predict(model, x).numpy(), model(x).numpy())
            np.testing.assert_array_equal(reader.read(x).numpy(), model(x).numpy())


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_has_plans_of_its_own(copied):
    model = compile(nn.MLP((4, 3, 2)))
    x = Tensor(np.ones((5, 4), np.float32))
    right = [model(x).data for _ in range(3)][-1]
    other = copied(model)
    assert other.plans == []
    if copied is not copy.copy:
        for p in model.parameters():
            p.data = 0 * p.data
    for _ in range(3):
        np.testing.assert_array_equal(other(x).data, right)
    assert len(other.plans) == 1

"""What a compiled step was captured by may change, and what it can't repeat is refused: never a silent wrong result."""

import itertools
import random
import threading
import time
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import CompileError, Tensor, compile, cross_entropy, nn, no_grad

RNG = np.random.default_rng(0)
X = RNG.standard_normal((8, 6, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, (8, 6))


def exact(function):
    return compile(function, exact=True)


def agree(run, wrap=exact):
    """A run that gives lists of arrays, with its functions as they are and compiled, is the same."""
    for i, (one, other) in enumerate(zip(run(lambda f: f), run(wrap), strict=True)):
        assert np.asarray(one).dtype == np.asarray(other).dtype, i
        np.testing.assert_array_equal(one, other, err_msg=str(i))


def network():
    nn.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


class Held:
    """An object with attributes, of its own and of its class."""

    shared = 2.0

    def __init__(self):
        self.own, self.inner, self.many, self.table = 2.0, [2.0], {"a": 2.0}, np.full(5, 2.0)

    def __call__(self, x):
        return Tensor(x) * self.own * self.shared * self.inner[0] * self.many["a"] * self.table


def test_what_is_found_by_name_may_change():
    def run(wrap):
        held, shift, model = Held(), Tensor(X[0]), network()
        scale: float = 2
        call: np.ufunc = np.abs
        step = wrap(lambda x: call(held(x).data) * scale + shift.data + model(x).sum().data)
        method, whole = wrap(held.__call__), wrap(Held())
        try:
            for i, change in enumerate(
                (
                    lambda: None, lambda: None, lambda: setattr(held, "own", 3.0), lambda: setattr(Held, "shared", 5.0),
                    lambda: held.inner.__setitem__(0, 7.0), lambda: held.many.update(a=9.0),
                    lambda: setattr(held, "table", np.arange(5.0)), lambda: held.table.__setitem__(1, -1.0),
                    lambda: setattr(held, "shared", 0.5), lambda: setattr(model, "1", nn.Tanh()),
                )
            ):  # fmt: skip
                change()
                yield from (step(X[0]), method(X[0]).numpy(), whole(X[0]).numpy())
                if i == 8:
                    scale, shift, call = 2.0, Tensor(X[1]), np.negative
        finally:
            Held.shared = 2.0

    agree(run)


def test_numbers_keep_their_kind():
    def run(wrap):
        k: float
        counts = np.arange(5)
        times = wrap(lambda x: x * k)
        given = wrap(lambda x, a: x * a)
        for k in (2, 2, 2.0, 2.0, True):  # noqa: B007
            yield times(counts)
        for a in (np.float64(2), np.float64(3), 4.0, 5.0, np.float32(6), np.int64(7), np.int64(8)):
            yield given(X[0], a)
        assert wrap is not exact or len(given._plans) <= 4
        yield wrap(lambda x, a: x * (a if isinstance(a, float) else 0.0))(X[0], 2.0)
        ratio = wrap(lambda x: x / k)
        for k in (0.0, 0.0, -0.0, float("nan")):  # noqa: B007
            with np.errstate(all="ignore"):
                yield ratio(X[0])

    agree(run)


def test_sizes_that_depend_on_numbers():
    few, more = np.array([1, 2, 0, 0], np.float32), np.array([1, 2, 3, 0], np.float32)

    def run(wrap):
        functions = (lambda x: Tensor(x)[x > 0].mean().data, lambda x: x.sum() / len(np.unique(x)))
        for step in map(wrap, functions):
            yield from (step(x) for x in (few, few, few, more, more, few))

    agree(lambda wrap: [np.asarray(x) for x in run(wrap)])


@pytest.mark.usefixtures("interpreted")
@each("fused", [False, True])
def test_nothing_is_done_with_what_has_another_size(fused):
    weights = Tensor(np.ones(8), requires_grad=True)

    def step(x):
        weights.grad = None
        product = weights * x
        product[product.numpy() > 0].sum().backward()
        return weights.grad

    compiled = compile(step, fused=fused)
    for x in RNG.standard_normal((30, 8)):
        np.testing.assert_allclose(compiled(x).numpy(), step(x).numpy(), rtol=1e-6)


@pytest.mark.usefixtures("interpreted")
@each("fused", [False, True])
def test_nothing_is_picked_before_it_is_decided_that_it_is_there(fused):
    table = Tensor(np.arange(5.0))

    def step(i):
        return table[i] if (i * 2 + 1).sum().astype(float) * 0.5 < 5 else table[i - 5] * 2

    compiled = compile(step, fused=fused)
    for i in [2, 2, 2, 7, 3, 9, 9, 0]:
        assert compiled(np.array([i])).item() == step(np.array([i])).item()


def test_arguments_of_every_kind():
    pair = namedtuple("pair", "x y")

    def run(wrap):
        model = network()
        loss = wrap(lambda batch: cross_entropy(model(batch.x), batch.y))
        double = wrap(lambda x: (Tensor(x) * 2 + 1).data)
        yield from (loss(pair(*batch)).numpy() for batch in zip(X, LABELS, strict=True))
        for dtype in ("<f4", ">f4", "f2", "u1", "?"):
            yield from (double(X[0].astype(dtype)) for _ in range(2))

    agree(run)


def training(model, *optimizers, times=1):
    def step(x, labels):
        for _ in range(times):
            loss = cross_entropy(model(x), labels)
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        return loss

    return step


def test_a_parameter_may_take_anothers_place_in_an_optimizer():
    def run(wrap):
        first, second = (Tensor(X[0], requires_grad=True) for _ in range(2))
        optimizer = nn.SGD([first], 0.1)

        def step(x):
            optimizer.zero_grad()
            ((first + second) * x).sum().backward()
            optimizer.step()
            return first.data.copy(), second.data.copy()

        step, found = wrap(step), []
        for i in range(8):
            found += step(X[1])
            if i == 4:
                optimizer.param_groups[0]["params"][0] = second
        return found

    agree(run)


@each("turns", [[0, 1, 2] * 4, [0, 1, 1, 1, 1, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 2, 2, 0, 1], [0, 0, 0, 1, 0, 1]])
def test_a_step_finds_another_network_and_optimizer(turns):
    def run(wrap):
        models = [network() for _ in range(3)]
        optimizers = [nn.SGD(model.parameters(), 0.1 * (i + 1)) for i, model in enumerate(models)]
        at = {}

        def step(x, labels):
            at["optimizer"].zero_grad()
            loss = cross_entropy(at["model"](x), labels)
            loss.backward()
            at["optimizer"].step()
            return loss.data

        step = wrap(step)
        for i, turn in enumerate(turns):
            at |= {"model": models[turn], "optimizer": optimizers[turn]}
            yield step(X[i % 8], LABELS[i % 8])
        for model in models:
            yield from (p.data.copy() for p in model.parameters())

    agree(run)


def test_a_step_finds_another_network_in_each_of_many_calls():
    at = {}
    predict = compile(lambda x: at["model"](x))

    def agrees(model):
        at["model"] = model
        np.testing.assert_allclose(predict(X[0]).numpy(), model(X[0]).numpy(), rtol=1e-5)

    models = [nn.Linear(5, 2) for _ in range(20)]
    for model in models[:8] * 2:
        agrees(model)
    with pytest.warns(RuntimeWarning, match="finds other tensors each time; give them as arguments"):
        [*map(agrees, models)]


def test_a_step_leaves_gradients_in_other_tensors():
    def run(wrap):
        at, given = {}, [Tensor(np.ones(5), requires_grad=True) for _ in range(3)]

        def step(x):
            at["forgets"].grad = None
            (at["learns"] * x).sum().backward()

        step = wrap(step)
        for i in range(9):
            at |= {"forgets": given[i % 3], "learns": given[i % 2]}
            step(X[0])
            yield from (np.ones(5) if p.grad is None else p.grad.numpy().copy() for p in given)

    agree(run)


def test_a_step_gives_another_tensor_back():
    at = {}
    step = compile(lambda x: (Tensor(x) * 2, at["one"]))
    for i in range(6):
        at["one"] = Tensor(X[i % 2])
        assert step(X[0])[1] is at["one"]


@each("make", [itertools.cycle, iter, enumerate, lambda rates: (rate for rate in rates), lambda rates: map(abs, rates)])
def test_what_gives_something_else_each_time_is_refused(make):
    rates = make([1.0, 1.0, 0.5, 0.5])
    step = compile(lambda x: x.sum() * next(rates))
    with pytest.raises(CompileError, match=r"takes from an iterator: do that outside of it"):
        step(Tensor(X[0]))


def test_optimizers_change_between_and_within_calls():
    def run(wrap):
        model = network()
        first = nn.SGD(model[0].parameters(), 0.1, momentum=0.9)
        second = nn.Adam(model[2].parameters(), 0.01)
        step = wrap(training(model, first, second, times=2))
        for i, batch in enumerate(zip(X, LABELS, strict=True)):
            if i == 3:
                first.add_param_group({"params": [model[2].bias], "lr": 0.3})
                first.param_groups[0]["momentum"] = 0.0
            if i == 4:
                first.param_groups[0] = {**first.param_groups[0], "lr": 0.5, "momentum": 0.5}
            if i == 5:
                model[0].weight.data = np.asfortranarray(model[0].weight.data)
            if i % 3 == 0:
                model.zero_grad()
            yield step(*batch).numpy()
            yield from (p.data.copy() for p in model.parameters())
            yield from (p.grad.numpy().copy() for p in model.parameters())

    agree(run)


def test_no_grad_outside_is_as_it_is():
    model = network()
    step = compile(lambda x: model(x).sum().backward())
    step(X[0]), step(X[0])
    with no_grad(), pytest.raises(Exception, match="graph"):
        step(X[0])


@dataclass(slots=True)
class Options:
    factor: float
    mask: Any = None
    inner: Any = None


def test_options_in_slots_and_arrays_that_numpy_alone_computes_with():
    def run(wrap):
        options = Options(2.0, np.ones(5), Options(1.0))
        step = wrap(lambda x: Tensor(x) * options.factor * options.inner.factor * (options.mask + 1))
        for i in range(12):
            if i == 4:
                options.factor = 3.0
            if i == 6:
                options.inner.factor = 4.0
            if i == 8:
                options.mask[1] = 5.0
            if i == 10:
                options.inner = Options(0.5)
            yield step(X[0]).numpy()

    agree(run)


class Holder:
    inner: Any = None


def test_what_hangs_on_an_attribute_that_its_class_has_too():
    holder = Holder()
    holder.inner = Options(2.0)
    step = compile(lambda x: x.sum() * holder.inner.factor)
    for factor in (2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 2.0):
        holder.inner.factor = factor
        assert step(X[0]) == X[0].sum() * factor


def test_an_argument_may_be_filled_anew():
    x, step = X[0].copy(), compile(lambda x: x.sum() * 2)
    for new in X:
        x[:] = new
        assert step(x) == new.sum() * 2
    assert len(step.plans) == 1


def test_what_differs_is_said():
    for function, words in (
        (lambda x: x.sum() * time.perf_counter(), r"where \d+\.\d+ was \d+\.\d+ in another call"),
        (lambda x: x.sum() + np.array([time.perf_counter()]), "where an array was another one in another call"),
    ):
        step = compile(function)
        with pytest.raises(CompileError, match=rf"does not at .*test_noticed.py.*, {words}: pass what differs"):
            [step(X[0]) for _ in range(9)]
    with pytest.raises(TypeError, match="what is compiled is a function, or a model, not int"):
        compile(3)


def test_a_copy_is_apart():
    def shifted(x):
        y = x.astype(np.float32)
        y += 1
        return np.stack([x * 1.5, y])

    agree(lambda wrap: [wrap(shifted)(x) for x in X])


def test_one_compiled_function_calls_another():
    def run(wrap):
        model, fixed = network(), Tensor(X[0])
        inner = wrap(lambda: model(fixed))
        inner(), inner()
        outer = wrap(lambda x: inner() * Tensor(x)[:, :3])
        for x in X:
            model[0].weight.data = model[0].weight.data * 0.9
            yield outer(x).numpy()

    agree(run)


def test_threads_take_turns():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(200, 300), nn.Tanh(), nn.Linear(300, 300))
    predict = compile(lambda x: model(x), exact=True)
    inputs = RNG.standard_normal((6, 200, 200)).astype(np.float32)
    wrong = []

    def use(x):
        expected = model(x).numpy()
        wrong.extend(i for i in range(5) if not np.array_equal(predict(x).numpy(), expected))

    predict(inputs[0]), predict(inputs[0])
    threads = [threading.Thread(target=use, args=(x,)) for x in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("interpreted")
def test_kernels_read_what_is_there():
    """A view of what a kernel makes is not its input; and ones of one's own are no constant."""
    ones = np.ones(6, np.float32)
    total = compile(lambda x: np.dot(ones, x * 2), fused=True)
    for factor in (1, 1, 3):
        ones[:] = factor
        np.testing.assert_allclose(total(X[0]), X[0].sum(0) * 2 * factor, rtol=1e-5)
    mean = compile(lambda x: ((y := x * x * 2).reshape(6, -1).mean(), (y + 1).sum(axis=1), y), fused=True)
    np.testing.assert_allclose(mean(X[0])[0], (X[0] ** 2 * 2).mean(), rtol=1e-5)
    square = compile(lambda x: x * (x * 2).sum(axis=1), fused=True)
    np.testing.assert_allclose(square(X[0][:5]), X[0][:5] * (X[0][:5] * 2).sum(axis=1), rtol=1e-5)
    view = compile(lambda x: (np.add.reduce((y := x * x).reshape(6, -1), axis=None), y + 1), fused=True)
    np.testing.assert_allclose(view(X[0])[0], (X[0] ** 2).sum(), rtol=1e-5)


@pytest.mark.usefixtures("interpreted")
def test_what_is_computed_once_keeps_its_views():
    """A view of what is computed twice lies, when that is done once, in the memory of the first."""

    def step(x):
        total, again, same = x.sum(axis=0), x.sum(axis=0)[None], x * 1
        return [x @ x.T, total / 3, -total / 3, again / (x * x + 1.5), again.T[1:] + 1, same.T[1:] * 2]

    for options in ({"exact": True}, {"fused": False}, {"fused": True}):
        for expected, found in zip(step(X[0]), compile(step, **options)(X[0]), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5)


def _scheduled():
    model = network()
    optimizer = nn.SGD(model.parameters(), 0.1)
    schedule, average = nn.schedules.StepLR(optimizer, 2), nn.ExponentialMovingAverage(model)
    train = training(model, optimizer)
    calls, kept, noise = [], Tensor(X[0]), np.random.default_rng(0)
    count = 0

    def counted(x):
        nonlocal count
        count += 1
        return Tensor(x) * 2

    def buffered(x):
        mask = np.zeros(5, np.float32)
        first = x * mask
        mask[0] = 1
        return first + x * mask

    def rated(x):
        optimizer.param_groups[0]["lr"] *= 0.9
        return train(x, LABELS[0])

    return {
        "StepLR counts": lambda x: (train(x, LABELS[0]), schedule.step()),
        "ExponentialMovingAverage counts": lambda x: (train(x, LABELS[0]), average.update()),
        "changes lr": rated,
        "changes count": counted,
        "changes a list": lambda x: calls.append(Tensor(x) * 2),
        "after it was used": buffered,
        "an argument is changed": lambda x: x.__iadd__(1),
        "a gradient is left in an argument": lambda x: model(x).sum().backward(),
        "lies in the memory": lambda x: kept.data.__iadd__(x),
        "draws from a generator": lambda x: Tensor(x) * (2.0 if noise.random() < 2 else 3.0),
        "this one.* draws": lambda x: Tensor(x) * (2.0 if random.random() < 2 else 3.0),
        "generator is set": lambda x: (nn.manual_seed(1), Tensor(x))[1],
        "changes training": lambda x: (model.eval(), model(x), model.train())[1],
        "np.copyto": lambda x: np.copyto(kept.data, x),
    }


@pytest.mark.parametrize("said", _scheduled())
def test_what_would_be_done_once_is_refused(said):
    step = compile(_scheduled()[said])
    x = X[0].copy()
    if "gradient" in said:
        x = Tensor(x, requires_grad=True)
    if "memory" in said:
        kept = next(c.cell_contents for c in step.function.__closure__ if isinstance(c.cell_contents, Tensor))
        x = kept.data
    with pytest.raises(CompileError, match=said) as caught:
        step(x)
    assert "test_noticed.py" in str(caught.value)

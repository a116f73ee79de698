"""Arrays of a device flow through everything: an array type with CuPy's rules stands in for a GPU's."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.running import command
from tests.cupy_like import MISSING_UFUNCS, SIGNATURES, cupy, fetched, ndarray
from tests.engine.cases import FUNCTIONS, TABLE, Case
from tests.nn.test_optim import CASES as OPTIMIZERS
from tests.nn.test_schedules import CASES as SCHEDULES
from tinygrad_mnist import Tensor, data, devices, grad, hessian, jvp, nn, training
from tinygrad_mnist.engine.errors import MutationError
from tinygrad_mnist.nn import Module
from tinygrad_mnist.training.recipe import Recipe

Place = Callable[[Any], Any]
CPU: Place = lambda value: value  # noqa: E731


@pytest.fixture(autouse=True)
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """CuPy's stand-in where the package looks for CuPy."""
    monkeypatch.setitem(sys.modules, "cupy", cupy)


def on_device(value: Any) -> Any:
    """NumPy's arrays on the device, in lists too."""
    if isinstance(value, np.ndarray):
        return cupy.asarray(value) if value.ndim else value
    return type(value)(map(on_device, value)) if type(value) in (list, tuple) else value


def numbers_of(tensors: Any, place: Place) -> list[Any]:
    """The tensors' numbers, which must lie where they should."""
    for tensor in tensors:
        if (type(tensor.data) is ndarray) != (place is on_device):
            raise AssertionError(f"{tensor.name or tensor.op} is a {type(tensor.data)}")
    return [tensor.numpy() for tensor in tensors]


def differences(cases: Iterator[tuple[str, Callable[[Place], list[Any]]]]) -> str:
    """A line for each case whose numbers on the device are not those on the CPU."""
    lines = []
    for name, compute in cases:
        expected = compute(CPU)
        try:
            for one, other in zip(compute(on_device), expected, strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
        except Exception as error:
            lines.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    return "\n".join(lines)


# operations


def derivatives(function: Callable[..., Any], case: Case, place: Place) -> list[Any]:
    """The values of a case, the gradients of a number made of them, and those of a number made of the gradients."""

    def call(*args: Any, **options: Any) -> Any:
        return function(*map(place, args), **{name: place(v) for name, v in options.items()})

    leaves = [Tensor(np.asarray(x) if place is CPU else cupy.asarray(x), requires_grad=True) for x in case.inputs]
    result = case.call(call, *leaves)
    outs = result if isinstance(result, list) else [result]
    total: Any = sum((out * out * 0.5 + out).sum() for out in outs)
    firsts = grad(total, leaves, create_graph=True)
    squares: Any = sum((g * g).sum() for g in firsts)
    seconds = grad(squares, leaves)
    total.backward()
    return numbers_of([*outs, *firsts, *seconds, *(x.grad for x in leaves)], place)


def test_every_operation_of_the_table_stays_on_the_device_to_second_order() -> None:
    assert not differences(
        (f"{name}-{i}", lambda place, name=name, case=case: derivatives(FUNCTIONS[name], case, place))
        for name, entry in TABLE.items()
        for i, case in enumerate(entry.cases)
    )


def test_what_a_graph_says_and_refuses_holds_on_the_device_too() -> None:
    w = Tensor(cupy.asarray(np.ones((2, 3))), requires_grad=True, name="w")
    with pytest.raises(TypeError, match=r"Unsupported type <class 'numpy.ndarray'>"):
        w * np.ones(3)
    out = (2 * w * np.float32(3) + True).sum()
    assert f"{out:.1f}" == "42.0"
    assert repr(w).startswith("Tensor([[1., 1., 1.],")
    assert type(w.detach().data) is type((w > 0).data if isinstance(w > 0, Tensor) else w > 0) is ndarray
    used = w * w
    w.data -= 1.0
    with pytest.raises(MutationError, match="the data of w"):
        used.backward(np.ones((2, 3)))
    w.data = np.full((2, 3), 2.0)
    assert type(w.data) is ndarray
    model = nn.Linear(3, 2)
    model(np.ones((1, 3), np.float32)).sum().backward()
    for device, kind in (("cuda", ndarray), ("cpu", np.ndarray)):
        model.to(device)
        assert {type(x.data) for p in model.parameters() for x in (p, p.grad)} == {kind}
    function = lambda x: (x**3).sum()  # noqa: E731
    x = np.array([1.0, 2.0])
    for transform, rest in ((hessian, ()), (jvp, (x,))):
        expected, found = (transform(function, place(x), *rest) for place in (CPU, on_device))
        for one, other in zip(*((r if isinstance(r, tuple) else (r,)) for r in (found, expected)), strict=True):
            np.testing.assert_allclose(numbers_of([one], on_device)[0], other.numpy())


# layers, losses, optimizers


LAYERS: dict[str, list[tuple[Callable[[], Module], tuple[int, ...]]]] = {
    "Sequential": [(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh()), (2, 3))],
    "MLP": [(lambda: nn.MLP([3, 4, 2]), (5, 3))],
    "Linear": [(lambda: nn.Linear(3, 4), (2, 3)), (lambda: nn.Linear(3, 4, bias=False), (2, 2, 3))],
    "Conv2d": [
        (lambda: nn.Conv2d(1, 3, 3, padding="same"), (2, 1, 5, 4)),
        (lambda: nn.Conv2d(4, 6, (2, 3), 2, (1, 2), 2, groups=2), (2, 4, 6, 7)),
    ],
    "ConvTranspose2d": [
        (lambda: nn.ConvTranspose2d(2, 3, 3, 2, 1, 1), (2, 2, 4, 3)),
        (lambda: nn.ConvTranspose2d(4, 6, 2, groups=2), (2, 4, 3, 3)),
    ],
    "MaxPool2d": [(lambda: nn.MaxPool2d(2), (2, 3, 4, 6)), (lambda: nn.MaxPool2d(3, 2, 1, 2, True), (1, 2, 7, 8))],
    "AvgPool2d": [
        (lambda: nn.AvgPool2d(2), (2, 3, 4, 6)),
        (lambda: nn.AvgPool2d(3, 2, 1, True, False), (1, 2, 6, 8)),
        (lambda: nn.AvgPool2d(2, divisor_override=3), (1, 2, 4, 4)),
    ],
    "AdaptiveAvgPool2d": [(lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 3, 5, 4))],
    "BatchNorm1d": [
        (lambda: nn.BatchNorm1d(3), (4, 3)),
        (lambda: nn.BatchNorm1d(3, momentum=None), (4, 3, 2)),
        (lambda: nn.BatchNorm1d(3, affine=False, track_running_stats=False), (4, 3)),
    ],
    "BatchNorm2d": [(lambda: nn.BatchNorm2d(2), (3, 2, 4, 3))],
    "LayerNorm": [(lambda: nn.LayerNorm((2, 3)), (4, 2, 3)), (lambda: nn.LayerNorm(3, bias=False), (4, 3))],
    "GroupNorm": [(lambda: nn.GroupNorm(2, 4), (3, 4, 2, 2)), (lambda: nn.GroupNorm(2, 4, affine=False), (3, 4))],
    "Dropout": [(lambda: nn.Dropout(0.4), (5, 6)), (lambda: nn.Dropout(1.0), (2, 3))],
    "Flatten": [(nn.Flatten, (2, 3, 2))],
    "Unflatten": [(lambda: nn.Unflatten(1, (2, -1)), (3, 6))],
    **{name: [(getattr(nn, name), (3, 4))] for name in (
        "Identity", "ReLU", "LeakyReLU", "ELU", "SiLU", "Sigmoid", "Softplus", "Tanh", "Softmax", "LogSoftmax"
    )},
    "GELU": [(nn.GELU, (3, 4)), (lambda: nn.GELU("none"), (3, 4))],
}  # fmt: skip
"""Layers by their class: how each is made, and the shape of its input."""

ROWS, IMAGES = np.random.default_rng(1).standard_normal((4, 3)), np.random.default_rng(2).standard_normal((2, 3, 2, 2))
SHARES = np.random.default_rng(3).dirichlet([1, 1, 1], 4)
CLASSES, PLACES = np.array([0, 2, 1, 2]), np.array([[[0, 1], [2, 2]], [[1, 0], [-100, 2]]])
WEIGHT = np.array([0.5, 1.0, 2.0])
LOSSES: dict[str, list[tuple[Callable[[], Module], Any, Any]]] = {
    "CrossEntropyLoss": [
        (nn.CrossEntropyLoss, ROWS, CLASSES),
        (lambda: nn.CrossEntropyLoss(WEIGHT, label_smoothing=0.1), IMAGES, PLACES),
        (lambda: nn.CrossEntropyLoss(reduction="none"), ROWS, SHARES),
        (lambda: nn.CrossEntropyLoss(reduction="sum"), np.where(SHARES > 0.3, ROWS, -np.inf), SHARES * (SHARES > 0.3)),
    ],
    "NLLLoss": [
        (nn.NLLLoss, ROWS, CLASSES.tolist()),
        (lambda: nn.NLLLoss(WEIGHT, reduction="none", ignore_index=2), ROWS, CLASSES),
    ],
    "MSELoss": [(nn.MSELoss, ROWS, SHARES)],
    "L1Loss": [(lambda: nn.L1Loss(reduction="sum"), ROWS, SHARES)],
    "HuberLoss": [(lambda: nn.HuberLoss(delta=0.5), ROWS, SHARES)],
    "SmoothL1Loss": [(nn.SmoothL1Loss, ROWS, SHARES), (lambda: nn.SmoothL1Loss(beta=0.0), ROWS, SHARES)],
    "BCELoss": [(lambda: nn.BCELoss(WEIGHT), SHARES, SHARES[::-1].copy())],
    "BCEWithLogitsLoss": [(lambda: nn.BCEWithLogitsLoss(WEIGHT, pos_weight=WEIGHT), ROWS, SHARES)],
    "KLDivLoss": [
        (lambda: nn.KLDivLoss(reduction="batchmean"), ROWS, SHARES),
        (lambda: nn.KLDivLoss(log_target=True), ROWS, np.log(SHARES)),
    ],
}
"""Losses by their class: how each is made, predictions and targets."""


def moved(model: Module, place: Place) -> Module:
    """A model in float64, with the same numbers each time, on the device or not."""
    rng = np.random.default_rng(4)
    for p in model.parameters():
        p.move(lambda array: rng.standard_normal(array.shape))
    return model.to("cpu" if place is CPU else "cuda")


def used(make: Callable[[], Module], x: Any, place: Place, *others: Any) -> list[Any]:
    """What a layer or loss puts out in training and in use, its gradients, and its buffers."""
    nn.manual_seed(0)
    model = moved(make(), place)
    leaf = Tensor(place(x), requires_grad=True)
    out = model(leaf, *others)
    (out * out).sum().backward()
    leaves = [leaf, *model.parameters()]
    model.eval()
    return numbers_of([out, *(p.grad for p in leaves), *model.buffers(), model(leaf, *others)], place)


def test_every_layer_and_every_loss_computes_on_the_device() -> None:
    classes = {n for n, c in vars(nn).items() if isinstance(c, type) and issubclass(c, Module) and c is not Module}
    assert classes == LAYERS.keys() | LOSSES.keys()
    rng = np.random.default_rng(5)
    layers = [
        (f"{n} {i}", make, rng.standard_normal(shape), ()) for n in LAYERS for i, (make, shape) in enumerate(LAYERS[n])
    ]
    losses = [(f"{n} {i}", make, x, (y,)) for n in LOSSES for i, (make, x, y) in enumerate(LOSSES[n])]
    assert not differences(
        (name, lambda place, make=make, x=x, others=others: used(make, x, place, *others))
        for name, make, x, others in layers + losses
    )


def stepped(optimizer: Any, schedule: Any, options: Any, place: Place) -> list[Any]:
    """Weights, and what the optimizer keeps, after steps with limits; half of them after a state went to another."""
    start = np.random.default_rng(6).standard_normal((4, 3))
    p, q = (Tensor(place(x), requires_grad=True) for x in (start, start[0]))
    state: Any = None
    for _ in range(2):
        mover = optimizer([p, q], **options)
        if state:
            mover.load_state_dict(state)
        rates = schedule(mover)
        for _ in range(3):
            mover.zero_grad()
            loss = (p * p * p + q).mean()
            loss.backward()
            nn.clip_grad_norm_([p, q], 0.7)
            nn.clip_grad_value_([p, q], 0.4)
            mover.step()
            nn.max_norm_([p, q], 1.5)
            rates.step(*[loss] * isinstance(rates, nn.schedules.ReduceLROnPlateau))
        state = mover.state_dict()
    slots = [v for kept in state["state"].values() for v in kept.values() if isinstance(v, np.ndarray)]
    return [*numbers_of([p, q, p.grad], place), *slots]


def test_every_optimizer_and_schedule_moves_weights_on_the_device() -> None:
    constant = SCHEDULES["step"][0]
    plateau = lambda o: nn.schedules.ReduceLROnPlateau(o, patience=0)  # noqa: E731
    cycle = lambda o: nn.schedules.OneCycleLR(o, 0.1, 9)  # noqa: E731
    cases = [(f"{o.__name__} {options}", o, constant, options) for o, _, options in OPTIMIZERS]
    schedules = {"plateau": plateau, "one cycle": cycle, **{name: make for name, (make, _) in SCHEDULES.items()}}
    cases += [(name, nn.SGD, make, {"lr": 0.1, "momentum": 0.9, "maximize": True}) for name, make in schedules.items()]
    assert not differences(
        (name, lambda place, o=o, make=make, options=options: stepped(o, make, options, place))
        for name, o, make, options in cases
    )


# training


RECIPES = {
    "an MLP": Recipe(
        (784, 12, 10), input_dropout=0.1, epochs=2, batch_size=50, label_smoothing=0.1, clip_norm=1.0, max_norm=2.0
    ),
    "a CNN": Recipe(
        ("1x28x28", "3c3", "mp4", "4c3", "ap2", 10), batch_norm=True, dropout=0.2, epochs=2, batch_size=50,
        augment=None, optimizer="sgd", lr=0.05, schedule="one_cycle", average=None,
    ),
}  # fmt: skip


class Watch(training.Callback):
    """Takes down how many numbers a step brought back from the device at once."""

    def __init__(self) -> None:
        self.most = 0

    def epoch_begins(self, run: Any) -> None:
        """Forget what validation brought."""
        fetched.clear()

    def step_ends(self, run: Any) -> None:
        """Look at it, and at where the weights are."""
        self.most = max(self.most, *fetched, 0)
        assert {type(t.data) for t in (*run.model.parameters(), *run.model.buffers())} == {ndarray}


class Stop(training.Callback):
    """Ctrl-C after so many steps of the whole run."""

    def __init__(self, after: int | None) -> None:
        self.after = after

    def step_ends(self, run: Any) -> None:
        """See whether it is time; the step counts, and is in the checkpoint before."""
        if self.after is not None and run.batch + 4 * (run.epoch - 1) > self.after:
            raise KeyboardInterrupt


def alike(model: Module, other: Module, name: str) -> None:
    """Raise where two models' numbers differ by more than rounding."""
    for path, array in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[path], array, rtol=1e-3, atol=1e-4, err_msg=f"{name} {path}")


def test_training_keeps_all_but_single_numbers_on_the_device_and_ends_as_on_the_cpu(tmp_path: Path) -> None:
    splits = data.train_validation_split(data.load("digits").train[:260], 60, seed=0)
    for name, recipe in RECIPES.items():
        reference, model = recipe.make_model(0), recipe.make_model(0).to("cuda")
        expected = recipe.fit(reference, splits)
        watch = Watch()
        history = recipe.fit(model, splits, callbacks=[watch])
        assert watch.most == 1, name
        for one, other in zip(history.epochs, expected.epochs, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-4), name
            assert one.validation_accuracy == pytest.approx(other.validation_accuracy, abs=0.02), name
        alike(model, reference, name)
        kept = training.Checkpoint(tmp_path / name, steps=1)
        for device, after in (("cuda", 3), ("cpu", 6), ("cuda", None)):  # what one device kept, another goes on with
            model = recipe.make_model(0).to(device)
            history = recipe.fit(model, splits, callbacks=[Stop(after)], checkpoint=kept, resume=True)
            assert history.interrupted == (after is not None), name
        alike(model, reference, name)
    labels: set[type] = set()
    own = lambda logits, y: labels.add(type(y)) or nn.cross_entropy(logits, y)  # noqa: E731
    training.fit(model, splits, nn.SGD(model.parameters()), epochs=1, loss=own)
    assert labels == {ndarray}
    with pytest.raises(
        training.TrainingError, match=r"in the layer of W2 \(3.weight\), made (-?inf|nan) of inputs up to"
    ):
        RECIPES["an MLP"].changed(lr=1e30, max_norm=None, clip_norm=None).fit(
            RECIPES["an MLP"].make_model(0).to("cuda"), splits
        )


def test_train_runs_on_a_device_and_says_in_a_line_what_is_missing(tmp_path: Path, monkeypatch: Any) -> None:
    train = ("train", "--data", "digits", "--preset", "tiny", "--epochs", "1", "--device", "cuda", "--out")
    fetched.clear()
    done = command(tmp_path, *train, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert max(fetched) >= 7840  # the weights, when they were saved
    assert type(training.load_model(tmp_path / "run" / "model.safetensors").W1.data) is np.ndarray

    def fail(n: int) -> None:
        raise ImportError("libnvrtc.so.12: no\nsuch file")

    for there, words in (
        (None, "needs CuPy, and it is not installed (pip install cupy-cuda12x or -cuda13x"),
        (
            types.SimpleNamespace(arange=fail),
            "needs a GPU that CuPy can use: libnvrtc.so.12: no such file (see nvidia-smi)",
        ),
    ):
        monkeypatch.setitem(sys.modules, "cupy", there)
        refused = command(tmp_path, *train, tmp_path / "other")
        assert (refused.returncode, refused.stderr.count("\n"), refused.stdout) == (1, 1, "")
        assert words in refused.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_the_functions_that_stand_in_for_cupys_take_what_cupys_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cupy")
    real = importlib.import_module("cupy")
    for name, signature in SIGNATURES.items():
        if name != "size":  # which is compiled, and tells none
            function = functools.reduce(getattr, name.split("."), real)
            assert [*inspect.signature(function).parameters] == [*signature.parameters], name
    for name in MISSING_UFUNCS:
        assert not hasattr(real, name)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (64, 10), (5, 64), (5, 65), (4, 3, 2), (2, 3, 0, 4), (7,)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_largest_along_an_axis_is_numpys(shape: tuple[int, ...], order: Any) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32, order=order)
    x[np.random.default_rng(1).random(shape) < 0.1] = np.nan
    x[np.random.default_rng(2).random(shape) < 0.1] = -np.inf
    for axis in (axis for axis in range(-len(shape), len(shape)) if shape[axis]):
        np.testing.assert_array_equal(devices.top(x, axis), np.max(x, axis=axis, keepdims=True))

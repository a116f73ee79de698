"""Compiled and eager agree: bit for bit where no pass adds in another order, else to the rounding of that."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings

from tests.engine.cases import FUNCTIONS, TABLE
from tests.engine.strategies import networks, steady
from tinygrad_mnist import Tensor, compile, cross_entropy, data, nn
from tinygrad_mnist.jit import has_numba
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.training.presets import PRESETS

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((3, 4, 3, 8, 8)).astype(np.float32)
ROWS = RNG.standard_normal((3, 6, 10)).astype(np.float32)
LABELS = RNG.integers(0, 5, (3, 6))
TARGETS = RNG.random((3, 6, 5)).astype(np.float32)
ROUNDING = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-13}


@pytest.fixture(params=["exact", "products", "kernels"])
def how(request, interpreted):
    """How a step is compiled."""
    return {"exact": {"exact": True}, "products": {"fused": False}, "kernels": {"fused": True}}[request.param]


def differences(expected, found, exact, slack=1.0):
    """What in two lists of arrays differs by more than it may, in words."""
    for i, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{i}: {one.shape} {one.dtype} is {other.shape} {other.dtype}"
        finite = np.isfinite(one)
        least = np.max(np.abs(one[finite]), initial=0) * ROUNDING.get(one.dtype, 0) * slack
        alike = np.array_equal(one[~finite], other[~finite], equal_nan=True)
        largest = np.max(np.abs(one[finite] - other[finite]), initial=0)
        if not alike or largest > (0 if exact else least):
            return f"{i}: differs by {largest}"
    return ""


def check(step, how, calls=3, slack=1.0):
    """Run a step that gives arrays as it is, and compiled; the difference in words."""
    expected = [step(i) for i in range(calls)]
    compiled = compile(lambda *args: step.body(*args), **how)
    for i in range(calls):
        said = differences(expected[i], step(i, compiled), "exact" in how, slack)
        if said:
            return f"call {i}, {said}"
    return "" if compiled.plans or calls < 2 else "it has no plan"


class GradientsOf:
    """A function's result and its gradients, as a step without arguments."""

    def __init__(self, function, inputs):
        self.function = function
        self.tensors = [Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]

    def body(self):
        out = self.function(*self.tensors)
        parts = out if isinstance(out, list | tuple) else [out]
        for x in self.tensors:
            x.grad = None
        total = sum((part * part).sum() for part in parts)
        total.backward()
        return [*parts, total]

    def __call__(self, i, wrapped=None):
        results = (wrapped or self.body)()
        return [x.numpy().copy() for x in (*results, *(x.grad for x in self.tensors if x.grad is not None))]


@pytest.mark.parametrize("how", ["exact", "kernels"], indirect=True)
def test_every_operation(how):
    wrong = []
    for name, entry in TABLE.items():
        for i, case in enumerate(entry.cases):
            for dtype in [np.float32] if i % 2 else [np.float64]:
                inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in case.inputs]
                step = GradientsOf(lambda *xs, case=case, name=name: case.call(FUNCTIONS[name], *xs), inputs)
                wrong.append((name, i, check(step, how, calls=1)))
    assert not [line for line in wrong if line[-1]]


@given(networks())
@settings(steady, max_examples=15)
def test_random_networks(drawn):
    function, inputs = drawn
    assert not check(GradientsOf(function, inputs), {"fused": False}, calls=1, slack=10)


class Training:
    """Steps of an optimizer on a model, on other batches in each call, and the model in use."""

    def __init__(self, make, batches, loss, optimizer=lambda p: nn.SGD(p, 0.1, momentum=0.9)):
        self.make, self.batches, self.loss, self.optimizer = make, batches, loss, optimizer
        self.start()

    def start(self):
        nn.manual_seed(2)
        self.model = self.make()
        self.moving = self.optimizer(list(self.model.parameters()))

    def body(self, *batch):
        x, *rest = batch
        loss = self.loss(self.model(x), *rest)
        self.moving.zero_grad()
        loss.backward()
        nn.clip_grad_norm_(self.model.parameters(), 1.0)
        self.moving.step()
        nn.max_norm_(self.model.parameters(), 0.8)
        return loss

    def __call__(self, i, wrapped=None):
        if i == 0:
            self.start()
        loss = (wrapped or self.body)(*(x[i] for x in self.batches))
        return [loss.numpy(), *(x.copy() for x in self.model.state_dict().values())]


def on_images(*layers):
    return lambda: nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), *copy.deepcopy(layers))


def on_rows(*layers):
    return lambda: nn.Sequential(nn.Linear(10, 6, bias=False), *copy.deepcopy(layers))


LAYERS = {
    "padded": (lambda: nn.Conv2d(3, 4, 3, padding="same"), IMAGES),
    "strided": (lambda: nn.Conv2d(3, 4, 3, stride=2, groups=1, dilation=2), IMAGES),
    "grouped": (lambda: nn.Conv2d(3, 6, 3, groups=3), IMAGES),
    "transposed": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, output_padding=1), IMAGES),
    "max": (on_images(nn.ReLU(), nn.MaxPool2d(2)), IMAGES),
    "max over the edge": (on_images(nn.MaxPool2d(3, 2, 1, ceil_mode=True)), IMAGES),
    "average": (on_images(nn.AvgPool2d(3, 2, 1, count_include_pad=False)), IMAGES),
    "adaptive": (on_images(nn.AdaptiveAvgPool2d(3)), IMAGES),
    "batch norm of images": (on_images(nn.BatchNorm2d(4), nn.LeakyReLU(), nn.Flatten(), nn.Linear(144, 3)), IMAGES),
    "batch norm": (on_rows(nn.BatchNorm1d(6, momentum=None), nn.ReLU()), ROWS),
    "layer norm": (on_rows(nn.LayerNorm(6)), ROWS),
    "dropout": (on_rows(nn.Dropout(0.4), nn.Linear(6, 3)), ROWS),
    **{
        name: (on_rows(getattr(nn, name)()), ROWS)
        for name in ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus", "Softmax", "LogSoftmax")
    },
}


def test_every_layer(how):
    wrong = [
        (name, check(Training(make, (x,), lambda out: (out * out).mean()), how, slack=30))
        for name, (make, x) in LAYERS.items()
    ]
    assert not [line for line in wrong if line[-1]]


LOSSES = {
    "labels": (cross_entropy, LABELS),
    "rows": (cross_entropy, TARGETS),
    "weights": (lambda out, y: cross_entropy(out, y, weight=np.arange(1, 6.0), label_smoothing=0.1), LABELS),
    "ignored": (lambda out, y: cross_entropy(out, y, ignore_index=2), LABELS),
    "each": (lambda out, y: cross_entropy(out, y, reduction="none").mean(), LABELS),
    "nll": (lambda out, y: F.nll_loss(out.log_softmax(), y), LABELS),
    "mse": (F.mse_loss, TARGETS),
    "l1": (F.l1_loss, TARGETS),
    "huber": (F.huber_loss, TARGETS),
    "smooth l1": (F.smooth_l1_loss, TARGETS),
    "probabilities": (lambda out, y: F.binary_cross_entropy(out.sigmoid(), y), TARGETS),
    "logits": (nn.BCEWithLogitsLoss(pos_weight=np.arange(1, 6.0)), TARGETS),
    "divergence": (lambda out, y: F.kl_div(out.log_softmax(), y), TARGETS),
}


def test_every_loss(how):
    def model():
        return nn.Sequential(nn.Linear(10, 7), nn.Tanh(), nn.Linear(7, 5))

    wrong = [(name, check(Training(model, (ROWS, y), loss), how, slack=30)) for name, (loss, y) in LOSSES.items()]
    assert not [line for line in wrong if line[-1]]


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", ["tiny", "cnn"])
def test_a_step_of_a_preset(name):
    recipe = PRESETS[name]
    images = RNG.random((2, 3, 1, 28, 28) if name == "cnn" else (2, 3, 784), dtype=np.float32)
    step = Training(
        lambda: recipe.make_model(0), (images, LABELS[:, :3]), cross_entropy, lambda p: nn.AdamW(p, lr=recipe.lr)
    )
    assert not check(step, {"exact": True}, calls=2)


@pytest.mark.parametrize("fused", [False, True], ids=["products", "kernels"])
def test_a_thousand_steps_differ_no_more_than_sums_in_another_order(fused):
    if fused and not has_numba():
        pytest.skip("numba is not installed: pip install '.[fast]'")
    digits = data.load("digits").train
    images, labels, order = digits.inputs(), digits.labels, np.random.default_rng(1).permutation(784)

    start = nn.Sequential(nn.Linear(784, 24), nn.ReLU(), nn.Linear(24, 10)).state_dict()

    def curve(inputs, rows, wrap):
        model = nn.Sequential(nn.Linear(784, 24), nn.ReLU(), nn.Linear(24, 10))
        model.load_state_dict({**start, "0.weight": start["0.weight"][:, rows]})
        optimizer = nn.AdamW(model.parameters(), 1e-3)

        def step(x, y):
            loss = nn.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(step)
        picks = np.random.default_rng(2).integers(0, len(labels), (1000, 16))
        return np.array([step(inputs[pick], labels[pick]).item() for pick in picks])

    eager = curve(images, slice(None), lambda step: step)
    other = np.abs(curve(images[:, order], order, lambda step: step) - eager).max()
    compiled = np.abs(curve(images, slice(None), lambda step: compile(step, fused=fused)) - eager).max()
    assert eager[-100:].mean() < 0.3
    assert compiled <= max(3 * other, 1e-6)

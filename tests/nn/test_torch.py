"""Layers, losses and schedules beside PyTorch's, over random configurations. Skipped where torch is not installed.

What either refuses, the other must refuse too.
"""

import warnings

import numpy as np
import pytest

from tinygrad_mnist import Tensor, nn
from tinygrad_mnist import grad as gradients

torch = pytest.importorskip("torch", reason="PyTorch is not installed", exc_type=ImportError)

ROUNDS = range(40)


class Draw:
    """Random arguments."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def one(self, *values):
        return values[self.number(0, len(values) - 1)]

    def pair(self, low, high):
        return self.one(self.number(low, high), (self.number(low, high), self.number(low, high)))

    def maybe(self, value):
        return self.one(value, None)

    def numbers(self, *shape):
        return self.rng.standard_normal(shape) * 2


def conv(draw):
    padding = draw.one("same", "valid", draw.pair(0, 3))
    stride = 1 if padding == "same" and draw.number(0, 3) else draw.pair(1, 3)
    return {"kernel_size": draw.pair(1, 3), "stride": stride, "padding": padding, "dilation": draw.pair(1, 3)}


def transposed(draw):
    return {
        "kernel_size": draw.pair(1, 3), "stride": draw.pair(1, 3), "padding": draw.pair(0, 2),
        "dilation": draw.pair(1, 3), "output_padding": draw.pair(0, 2),
    }  # fmt: skip


def pool(draw):
    return {
        "kernel_size": draw.pair(1, 4), "stride": draw.maybe(draw.pair(1, 4)), "padding": draw.pair(0, 2),
        "ceil_mode": draw.one(True, False),
    }  # fmt: skip


def layer(draw, name, groups, channels):
    """The arguments of its class."""
    if name in ("Conv2d", "ConvTranspose2d"):
        size = {"in_channels": channels, "out_channels": groups * draw.number(1, 3), "groups": groups}
        return {**size, "bias": draw.one(True, False), **(conv(draw) if name == "Conv2d" else transposed(draw))}
    if name == "MaxPool2d":
        return {**pool(draw), "dilation": draw.pair(1, 3)}
    if name == "AvgPool2d":
        return {**pool(draw), "count_include_pad": draw.one(True, False), "divisor_override": draw.maybe(3)}
    if name == "AdaptiveAvgPool2d":
        return {"output_size": draw.one(draw.number(1, 7), (draw.number(1, 7), None))}
    if name == "GroupNorm":
        return {"num_groups": groups, "num_channels": channels, "affine": draw.one(True, False)}
    return {"approximate": draw.one("none", "tanh")}


def made(make, *arguments, **options):
    """What it makes, or None where it is refused."""
    try:
        return make(*arguments, **options)
    except (ValueError, RuntimeError):
        return None


@pytest.mark.parametrize(
    "name", ["Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "AdaptiveAvgPool2d", "GroupNorm", "GELU"]
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_layers_give_pytorchs_results_gradients_and_states(name):
    compared = 0
    for seed in ROUNDS:
        draw = Draw(seed)
        groups = draw.number(1, 3)
        shape = (draw.number(1, 3), groups * draw.number(1, 3), draw.number(1, 9), draw.number(1, 9))
        options = layer(draw, name, groups, shape[1])
        x = draw.numbers(*shape)
        with_numbers = name in ("Conv2d", "ConvTranspose2d", "GroupNorm")
        ours = made(getattr(nn, name), **options, **({"dtype": np.float64} if with_numbers else {}))
        theirs = made(getattr(torch.nn, name), **options, **({"dtype": torch.float64} if with_numbers else {}))
        assert (ours is None) == (theirs is None), options
        if ours is None:
            continue
        ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
        assert list(ours.state_dict()) == list(theirs.state_dict())
        a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        out, expected = made(ours, a), made(theirs, b)
        assert (out is None) == (expected is None), (options, shape)
        if out is None:
            continue
        np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-9, atol=1e-11, err_msg=repr(theirs))
        if not np.isfinite(out.data).all():
            continue  # windows in the frame alone, whose gradient PyTorch gives to some pixel
        g = draw.numbers(*out.shape)
        found = gradients((out * g).sum(), [a, *ours.parameters()])
        wanted = torch.autograd.grad((expected * torch.tensor(g)).sum(), [b, *theirs.parameters()])
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.data, other.numpy(), rtol=1e-9, atol=1e-11, err_msg=repr(theirs))
        compared += 1
    assert compared > 10


def of_classes(draw):
    """Logits, labels some of which are ignored, and the options of both losses of classes."""
    classes = draw.number(1, 5)
    rest = tuple(draw.number(1, 4) for _ in range(draw.number(0, 2)))
    shape = draw.one((classes,), (draw.number(1, 4), classes, *rest))
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    ignored = draw.one(-100, -1, 0, 255)
    labels = np.where(draw.rng.random(places) < 0.3, ignored, draw.rng.integers(0, classes, places))
    return draw.numbers(*shape), labels.astype(np.int64), draw.maybe(draw.rng.random(classes) + 0.1), ignored


def losses(draw, name):
    """Predictions, targets, options, and the options that are arrays."""
    reduction = {"reduction": draw.one("mean", "sum", "none")}
    if name in ("CrossEntropyLoss", "NLLLoss"):
        z, labels, weight, ignored = of_classes(draw)
        smoothing = {"label_smoothing": draw.one(0.0, 0.3)} if name == "CrossEntropyLoss" else {}
        if smoothing and draw.number(0, 1):
            return z, draw.rng.random(z.shape), {**reduction, **smoothing}, {"weight": weight}
        return z, labels, {**reduction, **smoothing, "ignore_index": ignored}, {"weight": weight}
    shape = tuple(draw.number(1, 4) for _ in range(draw.number(1, 3)))
    p, y = draw.rng.uniform(0.01, 0.99, shape), draw.rng.uniform(0.01, 0.99, shape)
    weights = {"weight": draw.maybe(draw.rng.random(shape[-1:]))}
    if name == "BCELoss":
        return p, y, reduction, weights
    if name == "BCEWithLogitsLoss":
        return draw.numbers(*shape), y, reduction, {**weights, "pos_weight": draw.maybe(draw.rng.random(shape[-1:]))}
    if name == "KLDivLoss":
        of_logarithms = draw.one(True, False)
        reduction = {"reduction": draw.one("mean", "sum", "none", "batchmean"), "log_target": of_logarithms}
        return np.log(p), np.log(y) if of_logarithms else y, reduction, {}
    width = {"HuberLoss": {"delta": draw.one(0.3, 2.0)}, "SmoothL1Loss": {"beta": draw.one(0.0, 0.3, 2.0)}}
    return draw.numbers(*shape), draw.numbers(*shape), {**reduction, **width.get(name, {})}, {}


@pytest.mark.parametrize(
    "name",
    ["CrossEntropyLoss", "NLLLoss", "MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss", "BCELoss", "BCEWithLogitsLoss",
     "KLDivLoss"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss by both")
def test_losses_give_pytorchs_results_gradients_and_states(name):
    compared = 0
    for seed in ROUNDS:
        x, y, options, arrays = losses(Draw(seed), name)
        ours = getattr(nn, name)(**options, **arrays)
        tensors = {key: None if value is None else torch.tensor(value) for key, value in arrays.items()}
        theirs = getattr(torch.nn, name)(**options, **tensors)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        learns = y.dtype.kind == "f"
        a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        s, t = Tensor(y, requires_grad=True) if learns else y, torch.tensor(y, requires_grad=learns)
        expected, out = made(theirs, b, t), made(ours, a, s)
        if out is None:  # no example counts: PyTorch gives NaN or refuses
            assert expected is None or np.isnan(expected.item()), options
            continue
        np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=repr(options))
        g = Draw(seed).numbers(*out.shape)
        found = gradients((out * g).sum(), [a, s] if learns else [a])
        wanted = torch.autograd.grad((expected * torch.tensor(g)).sum(), [b, t] if learns else [b])
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.data, other.numpy(), rtol=1e-9, atol=1e-12, err_msg=repr(options))
        compared += 1
    assert compared > 20


SCHEDULES = {
    "MultiStepLR": lambda draw: {"milestones": [draw.number(0, 15) for _ in range(draw.number(0, 4))], "gamma": 0.5},
    "ExponentialLR": lambda draw: {"gamma": 0.9},
    "CosineAnnealingWarmRestarts": lambda draw: {
        "T_0": draw.number(1, 6), "T_mult": draw.number(1, 3), "eta_min": 0.01,
    },
    "ReduceLROnPlateau": lambda draw: {
        "mode": draw.one("min", "max"), "factor": draw.one(0.1, 0.5), "patience": draw.number(0, 3),
        "threshold": draw.one(1e-4, 0.1, 0.0), "threshold_mode": draw.one("rel", "abs"), "cooldown": draw.number(0, 3),
        "min_lr": draw.one(0.0, 0.03), "eps": draw.one(1e-8, 0.01),
    },
}  # fmt: skip
OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "weight_decay": 0.1},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "Adam": {"weight_decay": 0.1, "amsgrad": True},
    "AdamW": {},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_parameters_and_rates_move_as_pytorchs(schedule, optimizer):
    for seed in range(5):
        draw = Draw(seed)
        p = Tensor(draw.numbers(3, 2), requires_grad=True)
        q = torch.tensor(p.data, requires_grad=True)
        options, arguments = {"lr": 0.1, "maximize": seed % 2 == 0, **OPTIMIZERS[optimizer]}, SCHEDULES[schedule](draw)
        ours = getattr(nn, optimizer)([p], **options)
        theirs = getattr(torch.optim, optimizer)([q], **options)
        rate = getattr(nn.schedules, schedule)(ours, **arguments)
        their_rate = getattr(torch.optim.lr_scheduler, schedule)(theirs, **arguments)
        for step in range(20):
            g = draw.numbers(3, 2)
            p.grad, q.grad = Tensor(g), torch.tensor(g)
            ours.step()
            theirs.step()
            told = {"ReduceLROnPlateau": [float(draw.number(-5, 6))], "CosineAnnealingWarmRestarts": [step * 0.37]}
            given = told.get(schedule, []) if seed % 3 or schedule == "ReduceLROnPlateau" else []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch's own deprecations
                their_rate.step(*given)
            rate.step(*given)
            np.testing.assert_allclose(
                rate.get_last_lr(), their_rate.get_last_lr(), rtol=1e-12, err_msg=repr(arguments)
            )
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9, atol=1e-12)

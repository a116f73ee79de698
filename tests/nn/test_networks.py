"""Random small networks of every layer, trained beside a judge of complex steps, then checked to second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tinygrad_mnist import Tensor, check_gradients, nn

f64 = np.float64
ON_IMAGES: dict[str, Callable[..., nn.Module]] = {
    # each from channels, height, width and Hypothesis's draw
    "Conv2d": lambda c, h, w, draw: nn.Conv2d(
        c, draw(st.integers(1, 5)), (min(h, 2), min(w, draw(st.integers(1, 3)))), draw(st.integers(1, 2)),
        draw(st.integers(0, 1)), bias=draw(st.booleans()), dtype=f64,
    ),
    "Conv2d in groups": lambda c, h, w, draw: nn.Conv2d(
        c, c * draw(st.integers(1, 2)), draw(st.integers(1, 2)), dilation=draw(st.integers(1, 2)), padding="same",
        groups=c, bias=draw(st.booleans()), dtype=f64,
    ),
    "ConvTranspose2d": lambda c, h, w, draw: nn.ConvTranspose2d(
        c, 2 * c, draw(st.integers(1, 2)), groups=draw(st.sampled_from([1, c])), dilation=draw(st.integers(1, 2)),
        bias=draw(st.booleans()), dtype=f64,
    ),
    "GroupNorm": lambda c, h, w, draw: nn.GroupNorm(draw(st.sampled_from([1, c])), c, dtype=f64),
    "AdaptiveAvgPool2d": lambda c, h, w, draw: nn.AdaptiveAvgPool2d((draw(st.integers(1, 3)), 2)),
    "MaxPool2d over the end": lambda c, h, w, draw: nn.MaxPool2d(
        (2, min(w, 2)), (1, 3), dilation=(draw(st.integers(1, h - 1)) if h > 1 else 1, 1), ceil_mode=True
    ),
    "AvgPool2d over the end": lambda c, h, w, draw: nn.AvgPool2d(
        (2, 3), (3, 2), (1, draw(st.integers(0, 1))), ceil_mode=True, count_include_pad=draw(st.booleans())
    ),
    "MaxPool2d": lambda c, h, w, draw: nn.MaxPool2d((min(h, 2), min(w, 2)), draw(st.sampled_from([None, 1, (2, 1)]))),
    "AvgPool2d": lambda c, h, w, draw: nn.AvgPool2d((min(h, 2), min(w, 3)), draw(st.sampled_from([None, 1, (1, 2)]))),
    "BatchNorm2d": lambda c, h, w, draw: nn.BatchNorm2d(c, affine=draw(st.booleans()), dtype=f64),
    "LayerNorm": lambda c, h, w, draw: nn.LayerNorm((c, h, w), dtype=f64),
}  # fmt: skip
ON_ROWS: dict[str, Callable[[int, Any], nn.Module]] = {
    "Linear": lambda n, draw: nn.Linear(n, draw(st.integers(1, 4)), bias=draw(st.booleans()), dtype=f64),
    "BatchNorm1d": lambda n, draw: nn.BatchNorm1d(n, affine=draw(st.booleans()), dtype=f64),
    "LayerNorm over rows": lambda n, draw: nn.LayerNorm(n, bias=draw(st.booleans()), dtype=f64),
}
ANYWHERE: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU, "LeakyReLU": lambda: nn.LeakyReLU(0.2), "ELU": nn.ELU, "GELU": nn.GELU, "SiLU": nn.SiLU,
    "exact GELU": lambda: nn.GELU("none"),
    "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "Softplus": nn.Softplus, "Softmax": nn.Softmax,
    "LogSoftmax": nn.LogSoftmax, "Identity": nn.Identity, "Dropout": lambda: nn.Dropout(0.3),
}  # fmt: skip
LAYERS = [*ON_IMAGES, *ON_ROWS, *ANYWHERE]

BATCH, CLASSES = 3, 3
TARGETS = np.random.default_rng(1).random((BATCH, CLASSES))
LOSSES: list[Callable[[Tensor], Tensor]] = [
    lambda z: nn.cross_entropy(z, [0, 2, 1]),
    lambda z: nn.cross_entropy(z, [0, 2, 1], weight=[0.5, 1.0, 2.0], label_smoothing=0.2),
    lambda z: nn.nll_loss(z.log_softmax(), [2, 2, 0], [0.5, 1.0, 2.0]),
    lambda z: nn.mse_loss(z, TARGETS),
    lambda z: nn.binary_cross_entropy_with_logits(z, TARGETS, pos_weight=[1.0, 2.0, 3.0]),
]
OPTIMIZERS: list[Callable[[Any], nn.Optimizer]] = [
    lambda p: nn.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda p: nn.RMSprop(p, 0.01, momentum=0.5),
    lambda p: nn.AdamW(p, 0.01),
]


def network(draw: Any, layer: str) -> nn.Sequential:
    """Layers on images, Flatten, layers on rows, a Linear: any, and the one that is asked for."""
    shape = [draw(st.sampled_from([1, 2, 4])), draw(st.integers(2, 4)), draw(st.integers(2, 4))]
    parts: list[nn.Module] = [nn.Unflatten(1, tuple(shape))]
    before = draw(st.lists(st.sampled_from([*ON_IMAGES, *ANYWHERE]), max_size=2))
    after = draw(st.lists(st.sampled_from([*ON_ROWS, *ANYWHERE]), max_size=1))
    on_images = layer in ON_IMAGES or (layer in ANYWHERE and draw(st.booleans()))
    (before if on_images else after).append(layer)
    for name in before:
        parts.append(ANYWHERE[name]() if name in ANYWHERE else ON_IMAGES[name](*shape, draw))
        shape = list(nn.Sequential(*parts).eval()(np.zeros((2, int(np.prod(parts[0].unflattened_size))))).shape[1:])
    parts.append(nn.Flatten())
    width = int(np.prod(shape))
    for name in after:
        parts.append(ANYWHERE[name]() if name in ANYWHERE else ON_ROWS[name](width, draw))
        width = parts[-1].out_features if isinstance(parts[-1], nn.Linear) else width
    return nn.Sequential(*parts, nn.Linear(width, CLASSES, dtype=f64)).train()


def put(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """These very tensors in the places of the model's parameters."""
    modules = dict(model.named_modules())
    for path, tensor in tensors.items():
        owner, _, name = path.rpartition(".")
        vars(modules[owner])[name] = tensor


def slopes(function: Callable[..., Tensor], arrays: list[Any]) -> list[Any]:
    """∂function/∂array by complex steps, element by element."""
    found = [np.zeros_like(a) for a in arrays]
    for k, array in enumerate(arrays):
        for place in np.ndindex(array.shape):
            moved = [a.astype(complex) for a in arrays]
            moved[k][place] += 1e-200j
            found[k][place] = function(*map(Tensor, moved)).data.imag / 1e-200
    return found


@pytest.mark.parametrize("layer", LAYERS)
@given(data=st.data())
@settings(derandomize=True, deadline=None, max_examples=3, phases=[Phase.generate])
def test_networks_train_as_the_judge_says_and_are_right_to_second_order(layer: str, data: st.DataObject) -> None:
    nn.manual_seed(data.draw(st.integers(0, 999)))
    model = network(data.draw, layer)
    loss, optimizer = data.draw(st.sampled_from(LOSSES)), data.draw(st.sampled_from(OPTIMIZERS))
    x = np.random.default_rng(0).standard_normal((BATCH, int(np.prod(model[0].unflattened_size))))
    parameters = dict(model.named_parameters())
    running = {path: buffer.shape for path, buffer in model.named_buffers()}

    def function(batch: Tensor, *tensors: Tensor) -> Tensor:
        put(model, dict(zip(parameters, tensors)))
        put(model, {path: Tensor(np.zeros(shape, complex)) for path, shape in running.items()})  # no matter in training
        nn.manual_seed(5)  # the same is dropped each time
        return loss(model(batch))

    theirs = [Tensor(p.data, requires_grad=True) for p in parameters.values()]
    ours, judged = optimizer(parameters.values()), optimizer(theirs)
    for _ in range(3):
        ours.zero_grad()
        function(Tensor(x), *parameters.values()).backward()
        ours.step()
        gradients = slopes(lambda *tensors: function(Tensor(x), *tensors), [p.data for p in theirs])
        for p, g in zip(theirs, gradients):
            p.grad = Tensor(g)
        judged.step()
    for p, q in zip(parameters.values(), theirs):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-6, atol=1e-8)

    arrays = [p.data for p in parameters.values()]
    check_gradients(function, [x, *arrays], order=2, step=1e-4, rtol=1e-5, complex_step=True, name=repr(model))

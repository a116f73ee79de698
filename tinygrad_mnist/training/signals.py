"""What passes through each layer of weights: activations on the way forward, gradients on the way back.

All of it is read from the recorded graph, so that it holds for any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.graph.layers import Layers
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.nn import Module, cross_entropy

Array = NDArray[Any]

FLAT = 0.05
"""Where an activation's derivative is below this, hardly any gradient comes through."""


@dataclass(frozen=True)
class LayerSignals:
    """What passes through a layer: activations a = f(z) and gradients ∂L/∂z, of one shape, (n, …).

    flat: the share of a where f'(z) is below 0.05, so that hardly any gradient passes; None without an f.
    """

    name: str
    values: Array
    gradients: Array
    flat: float | None


def layer_signals(model: Module, x: Array, labels: Array) -> list[LayerSignals]:
    """The activations of each layer of weights, and ∂L/∂z for the cross-entropy; the last layer's are the logits.

    x: as the model takes it, (n, 784) or (n, 1, 28, 28). labels: (n,). What z is: the layer's product with its bias,
    normalised where a normalisation follows; the model stays in its mode, training or use.
    """
    inputs = Tensor(x, requires_grad=True)
    logits = model(inputs)
    *hidden, _ = Layers(Recording(logits), inputs=[inputs])
    pairs: list[tuple[Any, Any]] = [(h.before, h.before if h.activation is None else h.activation) for h in hidden]
    pairs.append((logits, logits))
    gradients = grad(cross_entropy(logits, labels), [z for z, _ in pairs])
    names = [*(f"layer {number}" for number in range(1, len(pairs))), "logits"]
    return [
        LayerSignals(name, a.numpy(), gradient.numpy(), None if a is z else _flat(z, a))
        for name, (z, a), gradient in zip(names, pairs, gradients, strict=True)
    ]


def _flat(z: Tensor, a: Tensor) -> float:
    (slopes,) = grad(a.sum(), [z])
    return float(np.mean(np.abs(slopes.numpy()) < FLAT))

"""Activations as layers, with PyTorch's names, arguments and defaults, and those that a name chooses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_mnist.arguments import check_name
from tinygrad_mnist.engine import Tensor, ops
from tinygrad_mnist.nn.module import Layer, as_tensor
from tinygrad_mnist.nn.special import GELU_FORMS, gelu


class Activation(Layer):
    """A function of x, of its shape; what else it takes are the layer's arguments, in their order."""

    function: ClassVar[Callable[..., Any]]

    def forward(self, x: Any) -> Tensor:
        """The shape of x."""
        result: Tensor = self.function(as_tensor(x), *self.arguments().values())
        return result


class Identity(Activation):
    """x itself."""

    function = staticmethod(as_tensor)


class ReLU(Activation):
    """max(x, 0)."""

    function = staticmethod(ops.relu)


class LeakyReLU(Activation):
    """x where it is positive, negative_slope · x elsewhere."""

    function = staticmethod(ops.leaky_relu)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope


class ELU(Activation):
    """x where it is positive, alpha (exp x - 1) elsewhere (Clevert et al. 2016)."""

    function = staticmethod(ops.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha


class GELU(Activation):
    """x Φ(x), in its form with tanh by default; exactly with approximate="none" (Hendrycks and Gimpel 2016).

    PyTorch's default is "none". Raises ValueError for another form.
    """

    function = staticmethod(gelu)

    def __init__(self, approximate: str = "tanh") -> None:
        check_name("approximate", approximate, GELU_FORMS)
        self.approximate = approximate


class SiLU(Activation):
    """x σ(x), also called swish."""

    function = staticmethod(ops.silu)


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    function = staticmethod(ops.sigmoid)


class Tanh(Activation):
    """The hyperbolic tangent."""

    function = staticmethod(ops.tanh)


class Softplus(Activation):
    """log(1 + exp x)."""

    function = staticmethod(ops.softplus)


class Softmax(Activation):
    """Probabilities exp(x) / Σ exp(x) along an axis; for training, give the logits to `cross_entropy` instead."""

    function = staticmethod(ops.softmax)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim


class LogSoftmax(Activation):
    """x - log Σ exp(x) along an axis, for `nll_loss`."""

    function = staticmethod(ops.log_softmax)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim


ACTIVATION_MODULES: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}
"""The activations between layers, by name."""

ACTIVATIONS: dict[str, Callable[..., Any]] = {name: module.function for name, module in ACTIVATION_MODULES.items()}
"""The same as functions."""

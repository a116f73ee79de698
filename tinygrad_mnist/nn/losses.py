"""Losses as modules, with PyTorch's names and arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mnist.arguments import NOT_NEGATIVE, POSITIVE, SHARE, check_name
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.loss_functions import IGNORED, REDUCTIONS, Reduction
from tinygrad_mnist.nn.module import Layer, as_tensor


class Loss(Layer):
    """A loss of predictions and targets; what else it takes are the module's arguments. See the function it names.

    A weight is a buffer, as in PyTorch, or a parameter, where it is a tensor that requires gradients.
    """

    function: ClassVar[Callable[..., Tensor]]
    reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    def __init__(self, *, reduction: Reduction = "mean") -> None:
        self._keep(reduction=reduction)

    def _keep(self, **arguments: Any) -> None:
        """Keep the arguments as attributes."""
        check_name("reduction", arguments["reduction"], self.reductions)
        for name, value in arguments.items():
            if not name.endswith("weight") or value is None or getattr(value, "requires_grad", False):
                setattr(self, name, value)
            else:
                self.register_buffer(name, as_tensor(value).data)

    def forward(self, predictions: Any, targets: Any) -> Tensor:  # type: ignore[override]  # not of one x
        """A scalar, or with reduction="none" a number for each example or element."""
        return self.function(predictions, targets, **self.options(predictions))

    def options(self, predictions: Any) -> dict[str, Any]:
        """What the function takes besides these predictions and their targets."""
        return self.arguments()

    def extra_repr(self) -> str:
        """The arguments that `repr` shows: those that are not as by default."""
        return ", ".join(f"{name}={value!r}" for name, value in self.changed().items())


class _OfClasses(Loss):
    def options(self, predictions: Any) -> dict[str, Any]:
        """Its arguments, and the axis of the classes, which is 1 as in PyTorch; for a single example, 0."""
        return {**self.arguments(), "axis": min(1, np.ndim(plain(predictions)) - 1)}


class CrossEntropyLoss(_OfClasses):
    """`functional.cross_entropy` of logits of shape (batch, classes, …) and labels of shape (batch, …)."""

    function = staticmethod(F.cross_entropy)

    def __init__(
        self,
        weight: ArrayLike | Tensor | None = None,
        *,
        ignore_index: int = IGNORED,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        SHARE.check(label_smoothing=label_smoothing)
        self._keep(weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


class NLLLoss(_OfClasses):
    """`functional.nll_loss` of log-probabilities of shape (batch, classes, …) and labels of shape (batch, …)."""

    function = staticmethod(F.nll_loss)

    def __init__(
        self, weight: ArrayLike | Tensor | None = None, *, ignore_index: int = IGNORED, reduction: Reduction = "mean"
    ) -> None:
        self._keep(weight=weight, ignore_index=ignore_index, reduction=reduction)


class MSELoss(Loss):
    """`functional.mse_loss`."""

    function = staticmethod(F.mse_loss)


class L1Loss(Loss):
    """`functional.l1_loss`."""

    function = staticmethod(F.l1_loss)


class HuberLoss(Loss):
    """`functional.huber_loss`."""

    function = staticmethod(F.huber_loss)

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        POSITIVE.check(delta=delta)
        self._keep(reduction=reduction, delta=delta)


class SmoothL1Loss(Loss):
    """`functional.smooth_l1_loss`."""

    function = staticmethod(F.smooth_l1_loss)

    def __init__(self, *, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        NOT_NEGATIVE.check(beta=beta)
        self._keep(reduction=reduction, beta=beta)


class BCELoss(Loss):
    """`functional.binary_cross_entropy`, of probabilities."""

    function = staticmethod(F.binary_cross_entropy)

    def __init__(self, weight: ArrayLike | Tensor | None = None, *, reduction: Reduction = "mean") -> None:
        self._keep(weight=weight, reduction=reduction)


class BCEWithLogitsLoss(Loss):
    """`functional.binary_cross_entropy_with_logits`."""

    function = staticmethod(F.binary_cross_entropy_with_logits)

    def __init__(
        self,
        weight: ArrayLike | Tensor | None = None,
        *,
        reduction: Reduction = "mean",
        pos_weight: ArrayLike | Tensor | None = None,
    ) -> None:
        self._keep(weight=weight, reduction=reduction, pos_weight=pos_weight)


class KLDivLoss(Loss):
    """`functional.kl_div`, of log-probabilities; its reduction may be "batchmean" too."""

    function = staticmethod(F.kl_div)
    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, *, reduction: Reduction | Literal["batchmean"] = "mean", log_target: bool = False) -> None:
        self._keep(reduction=reduction, log_target=log_target)

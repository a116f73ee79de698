"""Optimizers: how parameters move against their gradients. Names and defaults are PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_mnist.engine import Tensor


class SGD:
    """Stochastic gradient descent: v ← momentum · v + ∂L/∂p, p ← p - η v, with η = lr / (1 + lr_decay · steps).

    Momentum is Polyak's (1964) as PyTorch writes it; the decay is that of torch.optim.Adagrad.
    Raises ValueError for rates out of range and for an empty list of parameters.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0, lr_decay: float = 0.0) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError("the optimizer got no parameters")
        if not lr > 0 or not 0 <= momentum < 1 or not lr_decay >= 0:
            raise ValueError(f"lr={lr}, momentum={momentum}, lr_decay={lr_decay}: they must be > 0, in [0, 1) and >= 0")
        self.lr = lr
        self.momentum = momentum
        self.lr_decay = lr_decay
        self.steps = 0
        self._velocity = [np.zeros_like(p.data) for p in self.parameters]

    @property
    def current_lr(self) -> float:
        """η of the next step."""
        return self.lr / (1 + self.lr_decay * self.steps)

    def zero_grad(self) -> None:
        """Forget the gradients, so that the next backward starts from none."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        eta = self.current_lr
        for p, v in zip(self.parameters, self._velocity, strict=True):
            if p.grad is None:
                continue
            if self.momentum:
                v *= self.momentum
                v += p.grad.data
                p.data -= eta * v
            else:
                p.data -= eta * p.grad.data
        self.steps += 1

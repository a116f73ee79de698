"""Steps that several tests compile."""

from collections.abc import Callable
from typing import Any

from tinygrad_mnist import nn


def step_of(loss_of: Callable[..., Any], optimizer: nn.Optimizer) -> Callable[..., Any]:
    """A step of training: the loss, its gradients, and the update."""

    def step(*args: Any) -> Any:
        loss = loss_of(*args)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step

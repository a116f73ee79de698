"""Steps that several tests compile, and the programs that they are."""

from collections.abc import Callable
from typing import Any

from tinygrad_mnist import nn
from tinygrad_mnist.compiler.capturing.capture import captured
from tinygrad_mnist.compiler.program import Program


def step_of(loss_of: Callable[..., Any], optimizer: nn.Optimizer) -> Callable[..., Any]:
    """A step of training: the loss, its gradients, and the update."""

    def step(*args: Any) -> Any:
        loss = loss_of(*args)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def program_of(function: Callable[..., Any], *arrays: Any) -> Program:
    """A function as the program that it is captured as."""
    return captured(function, arrays, {}).program


def functions(program: Program) -> list[Any]:
    """What the instructions of a program call, by its name."""
    return [getattr(each.function, "__name__", each.function) for each in program.instructions]

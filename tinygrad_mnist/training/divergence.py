"""Runs that can't go on: where the numbers left the range of floating point, and what to try."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.devices import to_numpy
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.graph.layers import Layers
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.nn import Module


class TrainingError(RuntimeError):
    """Training can't go on; the message says at which step, and what to try."""


class Diverged(TrainingError):
    """The numbers left the range of floating point.

    op: the first operation whose result is not finite though its inputs are; None where a parameter or the
        input itself was not finite. layer: the parameter nearest to it, by its path; None where there is none.
    """

    def __init__(self, what: str, output: Tensor, model: Module, lr: float | None = None) -> None:
        names = {tensor: name for name, tensor in chain(model.named_parameters(), model.named_buffers())}
        self.op, self.layer, found = _first_bad(output, names)
        lower = f"lower the learning rate, now {lr:g}" if lr else "lower the learning rate"
        super().__init__(f"{what}: {found}. Try: {lower}; clip the gradients (clip_norm=1); scale inputs to 0 … 1")


def _first_bad(output: Tensor, names: dict[Tensor, str]) -> tuple[str | None, str | None, str]:
    """The operation and the layer where numbers first left the finite, and that in words."""
    recording = Recording(output)
    for node in recording.operations:
        for x, value in zip(node.inputs, node.values, strict=True):
            if not getattr(x, "op", None) and not np.isfinite(value).all():
                return None, names.get(x) if isinstance(x, Tensor) else None, _leaf(x, value, names)
        if not np.isfinite(node.data).all():
            parameter: Any = next((x for x in recording.beneath(node) if x in names), None)
            where = "" if parameter is None else f", in the layer of {_called(parameter, names, recording)},"
            reach = max((_largest(v) for v in node.values), default=0.0)
            found = f"{node.op}{where} made {_example(node.data)} of inputs up to {reach:.3g}"
            return str(node.op), names.get(parameter), found
    return None, None, "every number before it is finite"


def _leaf(x: Any, value: NDArray[Any], names: dict[Tensor, str]) -> str:
    if not isinstance(x, Tensor) or x not in names:
        return f"the input holds {_example(value)}"
    update = f"the last update made {_example(value)} in {names[x]}"
    is_gradient_bad = x.grad is not None and not np.isfinite(x.grad.data).all()
    return f"{update}, whose gradient is not finite" if is_gradient_bad else update


def _called(parameter: Any, names: dict[Tensor, str], recording: Recording) -> str:
    """A parameter by its name in the readings of a graph, and by its path: W2 (2.weight)."""
    path, name = names[parameter], Layers(recording).name(parameter)
    return path if name in (path, None) else f"{name} ({path})"


def _example(array: NDArray[Any]) -> Any:
    """One of the numbers that are not finite."""
    numbers = to_numpy(array)
    return numbers[~np.isfinite(numbers)].flat[0]


def _largest(value: Any) -> float:
    return float(np.abs(value).max()) if np.size(value) else 0.0

"""A model's weights, averaged over the steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mnist.arguments import SHARE
from tinygrad_mnist.devices import as_array, to_numpy
from tinygrad_mnist.jit import is_loaded
from tinygrad_mnist.nn.module import Module


class ExponentialMovingAverage:
    """ā ← decay · ā + (1 - decay) · a for every parameter a; buffers are taken as they are.

    Polyak and Juditsky 1992, in the exponential form of PyTorch's get_ema_multi_avg_fn. Call `update` after
    each step; the first takes the weights as they are. `with average.applied():` puts the average in place.
    warm_up: the decay of update n is at most (1 + n) / (10 + n), so that the average soon leaves the start behind,
    as TensorFlow's with num_updates.
    """

    def __init__(self, model: Module, decay: float = 0.999, warm_up: bool = False) -> None:
        SHARE.check(decay=decay)
        if not isinstance(model, Module):
            raise TypeError(f"the average is over a model, not {type(model).__name__}: pass the model itself")
        self.model, self.decay, self.warm_up, self.updates = model, decay, warm_up, 0
        tensors = chain(model.named_parameters(), model.named_buffers())
        self._average = {path: tensor.data.copy() for path, tensor in tensors}

    def update(self) -> None:
        """Take in the weights as they are now."""
        decay = self._decay()
        for path, parameter in self.model.named_parameters():
            _average(self._average[path], parameter.data, decay)
        for path, buffer in self.model.named_buffers():
            self._average[path] = buffer.data.copy()
        self.updates += 1

    def _decay(self) -> float:
        if not self.updates:
            return 0.0
        return min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warm_up else self.decay

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """Inside, the model has the averaged weights; afterwards its own again."""
        own = self.model.state_dict()
        self.model.load_state_dict(self._average, strict=False)  # a tensor that parts share is there once
        try:
            yield self.model
        finally:
            self.model.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """Copies of the averages by path, and the number of updates."""
        average = {path: to_numpy(array.copy()) for path, array in self._average.items()}
        return {"updates": self.updates, "average": average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state dict of the average of a model of the same shapes; raises ValueError for another."""
        average: Mapping[str, ArrayLike] = state["average"]
        shapes = {path: array.shape for path, array in self._average.items()}
        if shapes != {path: np.shape(array) for path, array in average.items()}:
            raise ValueError("the averages in the state are not those of this model: paths or shapes differ")
        self._average = {path: as_array(average[path], like=own).copy() for path, own in self._average.items()}
        self.updates = int(state["updates"])


def _average(old: Any, new: Any, decay: float) -> None:
    """old ← decay · old + (1 - decay) · new, in place."""
    if is_loaded() and all(type(x) is np.ndarray and x.flags.c_contiguous and x.dtype.kind == "f" for x in (old, new)):
        from tinygrad_mnist.nn import loops

        number = old.dtype.type
        loops.average(old.reshape(-1), new.reshape(-1), number(decay), number(1 - decay))
    else:
        old *= decay
        old += (1 - decay) * new

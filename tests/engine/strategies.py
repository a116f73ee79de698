"""What Hypothesis draws: arrays that broadcast together, axes, small networks. The same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.engine.cases import Array, Shape
from tinygrad_mnist.engine import Tensor

steady = settings(derandomize=True, deadline=None, max_examples=50)

floats = st.floats(-2, 2, allow_subnormal=False).map(lambda x: round(x, 3))
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def arrays(shape: Shape | st.SearchStrategy[Shape] = shapes, dtype: Any = np.float64) -> st.SearchStrategy[Array]:
    return hnp.arrays(dtype, shape, elements=floats)


@st.composite
def broadcastable(draw: st.DrawFn, count: int = 2) -> tuple[tuple[Shape, ...], Shape]:
    """Shapes that broadcast together, and the shape that they broadcast to."""
    found = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=3))
    return found.input_shapes, found.result_shape


@st.composite
def networks(draw: st.DrawFn) -> tuple[Any, tuple[Array, ...]]:
    """A smooth function of a batch and two weight matrices, with one number as its value, and such inputs."""
    rows, width, hidden, classes = (draw(st.integers(1, 3)) for _ in range(4))
    activation = draw(st.sampled_from(["tanh", "sigmoid", "softplus", "silu", "gelu", "sin"]))
    head = draw(st.sampled_from(["log_softmax", "softmax", "exp"]))
    weights = np.random.default_rng(draw(st.integers(0, 999)))

    def function(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        z: Tensor = getattr(getattr(x @ first.T, activation)() @ second.T, head)()
        return (z * z * cotangent).mean()

    cotangent = weights.normal(size=(rows, classes))
    sizes = ((rows, width), (hidden, width), (classes, hidden))
    return function, tuple(weights.normal(size=size) for size in sizes)

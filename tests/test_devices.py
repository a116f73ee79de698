"""Arrays of a device flow through everything: an array type with CuPy's rules stands in for a GPU's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cupy_like import cupy, ndarray
from tests.engine.cases import FUNCTIONS, TABLE, Case
from tinygrad_mnist.engine import Tensor, grad

NO_WORDS: set[str] = set()


def moved(value: Any) -> Any:
    """NumPy's arrays on the device, in lists too."""
    if isinstance(value, np.ndarray):
        return cupy.asarray(value) if value.ndim else value
    return type(value)(map(moved, value)) if type(value) in (list, tuple) else value


def stays(tensor: Tensor) -> None:
    """Raise where a tensor's numbers are not on the device."""
    if type(tensor.data) is not ndarray:
        raise AssertionError(f"{tensor.op} left the device: {type(tensor.data)}")


def derivatives(function: Callable[..., Any], case: Case, device: bool) -> list[Any]:
    """The values of a case, the gradients of a number made of them, and those of a number made of the gradients."""
    place: Callable[[Any], Any] = moved if device else lambda value: value

    def call(*args: Any, **options: Any) -> Any:
        return function(*map(place, args), **{name: place(v) for name, v in options.items()})

    leaves = [Tensor(cupy.asarray(x) if device else x, requires_grad=True) for x in case.inputs]
    result = case.call(call, *leaves)
    outs = result if isinstance(result, list) else [result]
    total = sum((out * out * 0.5 + out).sum() for out in outs)
    firsts = grad(total, leaves, create_graph=True)
    squares = sum((g * g).sum() for g in firsts)
    seconds = grad(squares, leaves)
    total.backward()
    tensors = [*outs, *firsts, *seconds, *(x.grad for x in leaves)]
    if device:
        for tensor in tensors:
            stays(tensor)
    return [tensor.numpy() for tensor in tensors]


def test_every_operation_of_the_table_stays_on_the_device_to_second_order() -> None:
    failed = {}
    for name, entry in TABLE.items():
        for i, case in enumerate(entry.cases):
            expected = derivatives(FUNCTIONS[name], case, device=False)
            try:
                found = derivatives(FUNCTIONS[name], case, device=True)
                for one, other in zip(found, expected, strict=True):
                    assert one.dtype == other.dtype
                    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
            except Exception as error:
                failed[f"{name}-{i}"] = f"{type(error).__name__}: {error}"
    assert not failed, "\n".join(f"{case}: {why[:300]}" for case, why in failed.items())

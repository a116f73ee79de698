"""What each element of an operation's result is made of: the local derivative in the form that its zeros allow.

A derivative ∂out_j/∂in_i has out.size × in.size entries, and nearly all of them are zero. Three forms say
which are not, so that the page can write any element's sum term by term:

product  the operation is a sum of products over letters (matmul, vdot, einsum): the operands themselves are the weights
single   each element of the input, once broadcast, feeds one element of the result: sums, means, all elementwise
sparse   a list of (from, to, weight), for what is left, such as log_softmax, where it is small enough

The last two are found from the operation's own vjp, so a new operation needs no entry here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.autodiff import unbroadcast
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.page.storage import Storage
from tinygrad_mnist.graph.symbolic.positions import Shape, spacing, subscripts

Array = NDArray[Any]
Form = dict[str, Any]
Pull = Callable[[Array], Array]

PROBES = 1024
"""The largest result whose derivative is taken element by element."""
ENTRIES = 40_000
"""The longest list of a sparse form."""


def product(node: Node) -> Form | None:
    """Letters for the axes of each operand and of the result; None where the operation is no sum of products."""
    found = subscripts(str(node.op), node.params, [np.ndim(plain(x)) for x in node.inputs])
    return None if found is None else {"operands": found[0], "result": found[1]}


def local(pull: Pull, result: Shape, operand: Shape, storage: Storage) -> Form | None:
    """The derivative with respect to one operand in the single or the sparse form; None where there is none to show.

    pull: what the operation's vjp makes of a cotangent. result, operand: their shapes.
    """
    if not result:
        return _scalar(pull, storage)
    if not all(result):
        return None
    return _single(pull, result, storage) or _sparse(pull, result, operand, storage)


def _scalar(pull: Pull, storage: Storage) -> Form:
    """A result of one element: every element of the input feeds it."""
    weight = pull(np.ones(()))
    zeros = [0] * weight.ndim
    return {"form": "single", "shape": list(weight.shape), "to": {"strides": zeros, "offset": 0},
            "weight": storage.add(weight)}  # fmt: skip


def _single(pull: Pull, shape: Shape, storage: Storage) -> Form | None:
    """Ask where each element goes with the cotangent 1, 2, 3, …; believe it if a random cotangent agrees."""
    size = math.prod(shape)
    weight = pull(np.ones(shape))
    known = np.isfinite(weight) & (weight != 0)
    with np.errstate(all="ignore"):
        ramp = pull(np.arange(1.0, size + 1).reshape(shape)) / weight
    to = np.arange(size).reshape(shape) if weight.shape == shape else np.full(weight.shape, -1)
    to[known] = np.rint(np.clip(np.where(np.isfinite(ramp), ramp, 0), 0, size + 1))[known].astype(int) - 1
    if to.max(initial=-1) >= size:
        return None
    trial = np.random.default_rng(0).uniform(1, 2, size)
    expected = np.where(weight == 0, 0, trial[to] * weight)
    if not np.allclose(pull(trial.reshape(shape)), expected, rtol=1e-6, atol=0, equal_nan=True):
        return None
    return {"form": "single", "shape": list(weight.shape), "to": _regular(to, storage), "weight": storage.add(weight)}


def _regular(to: Array, storage: Storage) -> Form:
    """Positions as an offset and strides where they are evenly spaced, else one by one."""
    if not to.size:
        return {"strides": [0] * to.ndim, "offset": 0}
    even = spacing(to)
    if even and (to >= 0).all():
        return {"strides": even[1], "offset": even[0]}
    return {"list": storage.add(to)}


def _sparse(pull: Pull, result: Shape, operand: Shape, storage: Storage) -> Form | None:
    size = math.prod(result)
    if size > PROBES:
        return None
    entries: list[tuple[Array, Array, Array]] = []
    count = 0
    for j, one in enumerate(np.eye(size)):
        row = np.ravel(unbroadcast(pull(one.reshape(result)), operand))
        (places,) = np.nonzero(row)
        entries.append((places, np.full(places.size, j), row[places]))
        count += places.size
        if count > ENTRIES:
            return None
    origin, to, weight = (np.concatenate(column) for column in zip(*entries, strict=True))
    return {"form": "sparse", "from": storage.add(origin), "to": storage.add(to), "weight": storage.add(weight)}

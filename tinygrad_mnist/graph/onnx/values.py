"""What is written to a file: a program and its gradients as values, each of them an operation on earlier ones.

The rules run on traced tensors, so that a mask such as `x > 0` is an operation of the file, and not the numbers that it
had when it was recorded. What depends on the number of examples is seen by comparing two recordings of one program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import OPS, Node, ops
from tinygrad_mnist.engine.autodiff import unbroadcast
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.graph.recording import breadth_first, rule
from tinygrad_mnist.graph.symbolic.derive import Replay
from tinygrad_mnist.graph.symbolic.traced import Traced, record, tensors, traced

Number = Any
"""A Python number, or one that depends on the number of examples, `Times`."""


class Times(NamedTuple):
    """factor · m ** power, where m is the number of examples: 1 / m is Times(1, -1)."""

    factor: float
    power: float = 1


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the file. kind: "f", "i" or "b", for float32, int64 and bool; array: of a leaf, its numbers.

    op, inputs, params, shape: as a node's; numbers in them may be `Times`.
    """

    op: str | None
    inputs: tuple[Any, ...]
    params: Mapping[str, Any]
    shape: tuple[Number, ...]
    kind: str
    array: NDArray[Any] | None


@dataclass
class Trace(Replay):
    """A program run on traced tensors, and its rules run backwards from ones.

    gradients: of the output by each node on the way to what was asked for.
    """

    def __post_init__(self) -> None:
        for node in self.recording.nodes:
            self.forward[node] = record(node.op, self.operands(node), node.params) if node.op else Traced(node.data)
        if self.wrt:
            self._walk_back(self.recording.between(self.wrt))

    def _walk_back(self, needed: set[Node]) -> None:
        recording, gradients = self.recording, self.gradients
        gradients[recording.output] = Traced(np.ones(recording.output.shape))
        for node in reversed(recording.operations):
            for i, x in recording.tensors(node) if node in gradients else ():
                vjp = rule(node, i)
                if x in needed and vjp:
                    vjp = RULES.get(str(node.op), vjp)
                    raw = traced(vjp(gradients[node], self.forward[node], *self.operands(node), **node.params))
                    share = raw if raw.shape == x.shape else unbroadcast(raw, x.shape)
                    gradients[x] = record(OPS["add"], (gradients[x], share)) if x in gradients else share

    def values(self) -> list[Traced]:
        """What the output and its gradients are computed from, and they themselves, in order of computation."""
        results = [self.forward[self.output], *(self.gradients[x] for x in self.wrt)]
        return sorted(breadth_first(results, tensors), key=lambda node: node.born)


# rules that the engine chooses by the numbers at hand, in a form that holds for all numbers


def _prod_vjp(g: Any, out: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return ops._kept(g, axis, keepdims, x) * ops._product_of_others(x, ops._axes(axis, x.ndim))


def _det_vjp(g: Any, out: Any, a: Any) -> Any:
    """Every minor of the matrix, with its sign: an inverse, which need not exist, is not asked for."""
    n = a.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int).reshape(n, n - 1)
    signs = np.array([[(-1.0) ** (i + j) for j in range(n)] for i in range(n)])
    minors = np.linalg.det(a[..., others[:, None, :, None], others[None, :, None, :]]) if n > 1 else np.ones((1, 1))
    return ops.reshape(g, (*g.shape, 1, 1)) * (minors * signs)


def _unpool_vjp(
    u: Any, out: Any, g: Any, x: Any, top: Any, kernel: Any, stride: Any, padding: Any = (0, 0), dilation: Any = (1, 1)
) -> Any:
    """Each window's mean of u over the places where x is at its top, which are found anew for every x."""
    of_windows = OPS["patches"]
    n, channels, rows, columns = top.shape
    by_place = (n * rows * columns, kernel[0] * kernel[1], channels)
    frame = ((0, 0), (0, 0), *((p, p) for p in padding))
    framed = ops.pad(x, frame, constant_values=-np.inf)
    window = {"kernel": kernel, "stride": stride, "padding": (0, 0), "dilation": dilation}
    wins = record(of_windows, [framed], window).reshape(by_place) == ops.reshape(
        ops.transpose(top, (0, 2, 3, 1)), (by_place[0], 1, channels)
    )
    shares = record(of_windows, [u], {**window, "padding": padding}).reshape(by_place)
    mean = ops.where(wins, shares, 0).sum(axis=1) / np.sum(wins, axis=1)
    return mean.reshape(n, rows, columns, channels).transpose(0, 3, 1, 2)


RULES: dict[str, Callable[..., Any]] = {"prod": _prod_vjp, "det": _det_vjp, "unpool": _unpool_vjp}
"""By operation, for its first input."""


# values


def values_of(own: Sequence[Traced], other: Sequence[Traced], inputs: Iterable[Traced]) -> dict[Traced, Value]:
    """The values of a program, recorded twice with different numbers of examples, or given twice as it is.

    inputs: leaves of the first whose numbers are given when the file is run.
    Raises GraphError where the two are not one program, or a number of it is neither the same nor a multiple of m.
    """
    if [str(node.op) for node in own] != [str(node.op) for node in other]:
        raise GraphError("the other recording is of another program: its operations are not the same")
    counterparts = dict(zip(own, other, strict=True))
    given = set(inputs)
    examples = _examples((a, b) for a, b in counterparts.items() if a in given)
    values: dict[Traced, Value] = {}
    for a, b in counterparts.items():
        values[a] = _value(a, b, values, counterparts, examples, a in given)
    return values


def _examples(inputs: Iterable[tuple[Traced, Traced]]) -> tuple[int, int]:
    """The numbers of examples: the least lengths in which inputs differ; (1, 1) where none do."""
    pairs = (pair for a, b in inputs if a.ndim == b.ndim for pair in zip(a.shape, b.shape, strict=True))
    return min((pair for pair in pairs if pair[0] != pair[1] and 0 not in pair), default=(1, 1))


def _value(
    a: Traced, b: Traced, values: Mapping[Traced, Value], counterparts: Mapping[Traced, Traced],
    examples: tuple[int, int], given: bool,
) -> Value:  # fmt: skip
    what = str(a.op or "a constant")

    def compared(x: Any, y: Any) -> Any:
        return _compared(x, y, examples, what)

    inputs = []
    for x, y in zip(a.inputs, b.inputs, strict=True):
        if isinstance(x, Traced) and counterparts[x] is not y:
            raise GraphError(f"the other recording is of another program: {what} is computed from something else")
        if isinstance(x, Traced):
            inputs.append(values[x])
        elif isinstance(x, np.ndarray):
            inputs.append(_leaf(x, compared(x.shape, y.shape), _constant(x, y)))
        else:
            inputs.append(compared(x, y))
    shape = compared(a.shape, b.shape)
    if a.op is None:
        return _leaf(a.numpy(), shape, a.numpy() if given else _constant(a.numpy(), b.numpy()))
    params = {name: compared(x, b.params[name]) for name, x in a.params.items()}
    return Value(a.op.name, tuple(inputs), params, shape, _kind(a.dtype, what), None)


def _leaf(recorded: NDArray[Any], shape: tuple[Number, ...], array: NDArray[Any]) -> Value:
    return Value(None, (), {}, shape, _kind(recorded.dtype, "a tensor"), array)


def _kind(dtype: np.dtype[Any], what: str) -> str:
    kind = {"f": "f", "i": "i", "u": "i", "b": "b"}.get(dtype.kind)
    if kind is None:
        raise GraphError(f"ONNX files hold real numbers, and {what} gives {dtype}")
    return kind


def _constant(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a constant; one number where it is filled with it, and its shape may differ."""
    if a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return a
    first = a.flat[0] if a.size else 0
    if np.all(a == first) and np.all(b == first):
        return np.asarray(first)
    raise GraphError(
        f"a constant of shape {a.shape} is another one in the other recording: make it a Tensor without gradients, "
        f"which becomes an input of the file"
    )


def _compared(a: Any, b: Any, examples: tuple[int, int], what: str) -> Any:
    """What is the same in both recordings as it is; a number that is not, as a multiple of a power of m."""
    if isinstance(a, tuple | list) and isinstance(b, tuple | list) and len(a) == len(b):
        return type(a)(_compared(x, y, examples, what) for x, y in zip(a, b, strict=True))
    if isinstance(a, slice) and isinstance(b, slice):
        pairs = ((a.start, b.start), (a.stop, b.stop), (a.step, b.step))
        return slice(*(_compared(x, y, examples, what) for x, y in pairs))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if np.array_equal(a, b):
            return a
    elif a == b or (a != a and b != b):  # nan is not itself
        return a
    elif isinstance(a, Real) and isinstance(b, Real) and float(a) * float(b) > 0 and examples != (1, 1):
        own, other = float(a), float(b)
        power = round(2 * math.log(other / own) / math.log(examples[1] / examples[0])) / 2
        factor, check = own / examples[0] ** power, other / examples[1] ** power
        if power and math.isclose(factor, check, rel_tol=1e-9):
            return Times(int(factor) if factor == int(factor) else factor, power)
    raise GraphError(
        f"{what} depends on the number of examples in a way that can't be written: {_short(a)} for {examples[0]} of "
        f"them, and {_short(b)} for {examples[1]}"
    )


def _short(value: Any) -> str:
    return "other indices" if isinstance(value, np.ndarray) else f"{value!r:.40}"

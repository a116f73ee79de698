"""What a graph is made of: nodes, and the operations that make them.

A `Node` is a value together with the operation and the inputs that it came from. An `Op` is declared
once, by `@op`: its forward, one vjp per input, and the symbol it is written with. Inputs point to
nothing that uses them, so a graph has no reference cycle and goes away with its last name.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.errors import MutationError, Place, at, describe, explain, locate, user_place

if TYPE_CHECKING:
    from tinygrad_mnist.engine.tensor import Tensor

Rule = Callable[..., Any]
N = TypeVar("N", bound="Node")

OPS: dict[str, Op] = {}
"""Every primitive by its name."""

last_change = [0]
"""When the data of any node was last replaced. (Not an attribute of the class: setting one costs its caches.)"""

_NOTHING: Mapping[str, Any] = {}
_clock = itertools.count(1)
_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording = _recording.get


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording a graph: `with no_grad():`, or `@no_grad()` on a function.

    The setting belongs to the current thread (and asyncio task) and is restored after an exception.
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


class Node:
    """A value in a graph, and where it came from.

    op, inputs, params: the operation that made it, its inputs in order (nodes and Python numbers) and its
        keyword parameters; None, () and {} for a leaf.
    values, edges: what the backward pass runs on: the inputs' arrays as the forward saw them, and the
        inputs that need a gradient, each with its vjp.
    requires_grad: whether gradients flow through it. grad: what `backward` accumulated in a leaf.
    name: the learner's own name for it, or None.
    born, changed: readings of one clock: when it was made, and when its data was last replaced.
    place: the code outside this package that made it; `source` says it as file and line.
    """

    __slots__ = (
        "_array", "op", "inputs", "params", "values", "edges", "place",
        "requires_grad", "grad", "name", "born", "changed", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, array: NDArray[Any], op: Op | None = None, inputs: tuple[Any, ...] = (),
        params: Mapping[str, Any] = _NOTHING, values: Sequence[Any] = (),
        edges: Sequence[tuple[Any, Rule]] = (), place: Place | None = None,
    ) -> None:  # fmt: skip
        self._array = array
        self.op = op
        self.inputs = inputs
        self.params = params
        self.values = values
        self.edges = edges
        self.place = place
        self.requires_grad = op is not None
        self.grad: Any = None
        self.name: str | None = None
        self.born = next(_clock)
        self.changed = 0

    @classmethod
    def wrap(cls: type[N], array: Any) -> N:
        """A leaf over this very array."""
        node = cls.__new__(cls)
        Node.__init__(node, np.asarray(array))
        return node

    @property
    def data(self) -> NDArray[Any]:
        """The array itself, writable. Assigning to it is noticed by the graphs that used the old value.

        `p.data -= step` is an assignment and is noticed too; `p.data[i] = value` cannot be.
        """
        return self._array

    @data.setter
    def data(self, value: ArrayLike) -> None:
        if value is not self._array:
            array = np.asarray(value)
            if array.shape != self.shape:
                raise ValueError(f"new data of shape {array.shape} for {describe(self)}: make a new Tensor instead")
            if not np.can_cast(array.dtype, self.dtype, "same_kind"):
                raise TypeError(f"new data of dtype {array.dtype} for {describe(self)}: convert it with .astype first")
            self._array = array.astype(self.dtype, copy=self.requires_grad)
        self.changed = last_change[0] = next(_clock)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self._array.dtype

    @property
    def source(self) -> tuple[str, int] | None:
        """The file and line of the user's code that made the node; None for a leaf."""
        return locate(self.place)

    def check_unchanged(self) -> None:
        """Raise MutationError if its value or an input's was replaced since it was recorded."""
        for value in (self, *self.inputs):
            if isinstance(value, Node) and value.changed > self.born:
                raise MutationError(
                    f"the data of {describe(value)} was replaced after {self.op} used it{at(self.place)}: its "
                    f"gradient would be wrong. Call backward() before you update .data, or run the forward again"
                )


def plain(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return value._array if isinstance(value, Node) else value


class Op:
    """An operation: its forward on arrays and, for each input, how a cotangent travels back to it.

    vjps: one per input, called `vjp(g, out, *inputs, **params)` with g = ∂L/∂out, returning ∂L/∂input up
        to broadcasting (undone for all rules in one place, `autodiff.pullback`). None: no gradient flows
        there. Rules are written so that the same line runs on arrays and on tensors.
    each: for an op of any number of inputs, in place of vjps: from an input's position to its vjp.
    name, label: what messages and pictures call it. parameters, defaults: its keyword parameters.
    """

    def __init__(
        self, forward: Rule, vjps: Sequence[Rule | None], each: Callable[[int], Rule] | None, name: str, label: str,
        defaults: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.forward, self.vjps, self.each = forward, vjps, each
        self.name = name or forward.__name__.strip("_")
        self.label = label or self.name
        self.arity = sys.maxsize if each else len(vjps)
        declared = inspect.signature(forward).parameters.values() if isinstance(forward, FunctionType) else ()
        options = [p for p in declared if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.parameters = (*defaults, *(p.name for p in options))
        self.defaults = {**defaults} | {p.name: p.default for p in options if p.default is not p.empty}

    def __repr__(self) -> str:
        return self.name

    def rules(self, count: int) -> Sequence[Rule | None]:
        """The vjps of as many inputs."""
        return [self.each(position) for position in range(count)] if self.each else self.vjps

    def bind(self, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split arguments into inputs and parameters, which may be positional, named or left out."""
        params = dict(zip(self.parameters, args[self.arity :], strict=False)) | given
        if len(params) < len(args) - self.arity + len(given):
            raise TypeError(f"{self} takes {self.arity} inputs and then, once each, {self.parameters}")
        for name, value in params.items():
            if isinstance(value, Node):
                raise TypeError(f"{self}: {name} is a constant and can't be a tensor: pass {name}.numpy()")
        return args[: self.arity], self.defaults | params


_OPERAND = (Node, float, int)


def op(
    *vjps: Rule | None, each: Callable[[int], Rule] | None = None, name: str = "", label: str = "", **defaults: Any
) -> Callable[[Rule], Callable[..., Tensor]]:
    """Declare a primitive: decorates its forward, or wraps NumPy's, which takes inputs first, then parameters.

    name and label: what messages and pictures call it, by default what the forward is called. defaults: the
    parameters of a forward that is NumPy's own. The result is a plain function, so that it serves as a method
    as it is. On arrays it runs the forward and nothing else; where an input is a node, it records.
    """

    def declare(forward: Rule) -> Callable[..., Tensor]:
        primitive = Op(forward, vjps, each, name, label, defaults)
        OPS[primitive.name] = primitive
        arity, usual, new, fill = primitive.arity, primitive.defaults, object.__new__, Node.__init__

        @functools.wraps(forward)
        def apply(*inputs: Any, **params: Any) -> Any:
            for x in (*inputs, *params.values()) if params else inputs:
                if isinstance(x, Node):
                    cls = x.__class__
                    break
            else:
                return forward(*inputs, **params)
            inputs, params = primitive.bind(inputs, params) if params or len(inputs) > arity else (inputs, usual)
            operands, values, edges = [], [], []
            for x, vjp in zip(inputs, primitive.rules(len(inputs)) if each else vjps, strict=False):
                if not isinstance(x, _OPERAND):
                    x = cls(np.asarray(x))
                operands.append(x)
                if not isinstance(x, Node):
                    values.append(x)
                    continue
                values.append(x._array)
                if x.requires_grad and vjp:
                    edges.append((x, vjp))
            try:
                array = forward(*values, **params)
            except (ValueError, TypeError, IndexError) as error:
                raise explain(error, primitive.name, operands, params, user_place()) from error
            node = new(cls)
            array = array if type(array) is np.ndarray else np.asarray(array)
            if edges and is_recording():
                fill(node, array, primitive, tuple(operands), params, values, edges, user_place())
            else:
                fill(node, array)
            return node

        return apply

    return declare

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
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.engine.errors import MutationError, Place, at, describe, explain, locate, user_place, PACKAGE

Rule = Callable[..., Any]
N = TypeVar("N", bound="Node")

OPS: dict[str, Op] = {}
"""Every primitive by its name."""

_clock = itertools.count(1)
_recording: ContextVar[bool] = ContextVar("recording", default=True)


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
        "__weakref__", "_data", "born", "changed", "edges", "grad", "inputs", "name", "op", "params", "place",
        "requires_grad", "values",
    )  # fmt: skip
    last_change: ClassVar[int] = 0

    def __init__(self, array: NDArray[Any]) -> None:
        self._data = array
        self.requires_grad = False
        self.op: Op | None = None
        self.inputs: tuple[Any, ...] = ()
        self.params: dict[str, Any] = {}
        self.values: Sequence[Any] = ()
        self.edges: Sequence[tuple[Any, Rule]] = ()
        self.place: Place | None = None
        self.grad: Any = None
        self.name: str | None = None
        self.born = next(_clock)
        self.changed = 0

    @classmethod
    def wrap(cls: type[N], array: Any) -> N:
        """A leaf over this very array."""
        node = cls.__new__(cls)
        Node.__init__(node, array if type(array) is np.ndarray else np.asarray(array))
        return node

    @property
    def data(self) -> NDArray[Any]:
        """The array itself, writable. Assigning to it is noticed by the graphs that used the old value.

        `p.data -= step` is an assignment and is noticed too; `p.data[i] = value` cannot be.
        """
        return self._data

    @data.setter
    def data(self, value: ArrayLike) -> None:
        if value is not self._data:
            array = np.asarray(value)
            if array.shape != self._data.shape:
                raise ValueError(
                    f"new data of shape {array.shape} for {describe(self)}: the shape must stay the same; "
                    f"make a new Tensor instead"
                )
            if not np.can_cast(array.dtype, self._data.dtype, "same_kind"):
                raise TypeError(
                    f"new data of dtype {array.dtype} for {describe(self)}: convert it with .astype first"
                )
            self._data = array.astype(self._data.dtype, copy=self.requires_grad)
        self.changed = Node.last_change = next(_clock)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the elements."""
        return self._data.dtype

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


class Op:
    """An operation: its forward on arrays and, for each input, how a cotangent travels back to it.

    vjps: one per input, called `vjp(g, out, *inputs, **params)` with g = ∂L/∂out, returning ∂L/∂input up
        to broadcasting (undone for all rules in one place, `autodiff.pullback`). None: no gradient flows
        there. Rules are written so that the same line runs on arrays and on tensors.
    each: for an op of any number of inputs, in place of vjps: from an input's position to its vjp.
    params: the keyword parameters and their defaults.
    """

    __slots__ = ("arity", "defaults", "each", "forward", "label", "name", "parameters", "vjps")

    def __init__(
        self, forward: Rule, vjps: tuple[Rule | None, ...], each: Callable[[int], Rule] | None, label: str | None
    ) -> None:
        signature = inspect.signature(forward).parameters.values()
        options = [p for p in signature if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self.name = forward.__name__.strip("_")
        self.label = label or self.name
        self.forward = forward
        self.vjps = vjps
        self.each = each
        self.arity = sys.maxsize if each else len(vjps)
        self.parameters = tuple(p.name for p in options)
        self.defaults = {p.name: p.default for p in options if p.default is not p.empty}

    def __repr__(self) -> str:
        return self.name

    def rules(self, count: int) -> Sequence[Rule | None]:
        """The vjps of as many inputs."""
        return [self.each(position) for position in range(count)] if self.each else self.vjps

    def bind(self, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split arguments into inputs and parameters, which may be positional, named or left out."""
        positional = args[self.arity :]
        if positional:
            if len(positional) > len(self.parameters) or not given.keys().isdisjoint(
                self.parameters[: len(positional)]
            ):
                raise TypeError(f"{self} takes {self.arity} inputs and then, once each, {self.parameters}")
            args = args[: self.arity]
            given |= zip(self.parameters, positional, strict=False)
        if not given:
            return args, self.defaults
        for name, value in given.items():
            if isinstance(value, Node):
                raise TypeError(f"{self}: {name} is a constant and can't be a tensor: pass {name}.numpy()")
        return args, self.defaults | given

    def wrap(self, inputs: tuple[Any, ...], values: list[Any], cls: type[Node]) -> tuple[tuple[Any, ...], list[Any]]:
        """Arrays among the inputs as nodes; Python numbers stay, for NumPy takes on the dtype of their partner."""
        for x in inputs:
            if not isinstance(x, (Node, float, int)):
                inputs = tuple([x if isinstance(x, (Node, float, int)) else cls(x) for x in inputs])
                return inputs, [x._data if isinstance(x, Node) else x for x in inputs]
        return inputs, values


def op(
    *vjps: Rule | None, each: Callable[[int], Rule] | None = None, label: str | None = None
) -> Callable[[Rule], Rule]:
    """Declare a primitive by decorating its forward, which takes its inputs first, then its parameters.

    The result is a plain function, so that it serves as a method as it is. On arrays it runs the forward and
    nothing else. Where an input is a node, so is the result, and it remembers how it was made if a gradient
    is to flow back through it.
    """

    def declare(forward: Rule) -> Rule:
        primitive = Op(forward, vjps, each, label)
        OPS[primitive.name] = primitive
        takes_parameters = bool(primitive.parameters)
        ndarray, new, is_recording, clock, getframe = np.ndarray, object.__new__, _recording.get, _clock, sys._getframe

        @functools.wraps(forward)
        def apply(*inputs: Any, **params: Any) -> Any:
            if takes_parameters:
                inputs, params = primitive.bind(inputs, params)
            cls, values, edges, uniform = None, [], [], True
            for x, vjp in zip(inputs, primitive.rules(len(inputs)) if each else vjps):
                if isinstance(x, Node):
                    cls = x.__class__
                    values.append(x._data)
                    if x.requires_grad:
                        edges.append((x, vjp))
                else:
                    values.append(x)
                    uniform = False
            if cls is None:
                return forward(*inputs, **params)
            if not uniform:
                inputs, values = primitive.wrap(inputs, values, cls)
            try:
                array = forward(*values, **params)
            except (ValueError, TypeError, IndexError) as error:
                raise explain(error, primitive, inputs, params, user_place()) from error
            if type(array) is not ndarray:
                array = np.asarray(array)
            if not (edges and is_recording()):
                return cls.wrap(array)
            node = new(cls)
            node._data = array
            node.requires_grad = True
            node.op = primitive
            node.inputs = inputs
            node.params = params
            node.values = values
            node.edges = edges
            node.grad = None
            node.name = None
            node.born = next(clock)
            node.changed = 0
            frame = getframe(1)
            while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back:
                frame = frame.f_back
            node.place = frame.f_code, frame.f_lasti
            if array.dtype.kind != "f":
                raise TypeError(
                    f"{primitive}({describe(inputs[0])}){at(node.place)} would be {node.dtype}, which has no "
                    f"gradient: write .detach() first if that is meant"
                )
            return node

        return apply

    return declare

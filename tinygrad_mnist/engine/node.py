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
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.engine.errors import MutationError, Place, at, describe, explain, locate, user_place, inside

Rule = Callable[..., Any]
N = TypeVar("N", bound="Node")

OPS: dict[str, Op] = {}
"""Every primitive by its name."""

_NOTHING: Mapping[str, Any] = {}
_clock = itertools.count(1)
last_change = [0]
"""When the data of any node was last replaced. (Not an attribute of the class: setting one costs its caches.)"""

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

    def __init__(
        self,
        array: NDArray[Any],
        op: Op | None = None,
        inputs: tuple[Any, ...] = (),
        params: Mapping[str, Any] = _NOTHING,
        values: Sequence[Any] = (),
        edges: Sequence[tuple[Any, Rule]] = (),
        place: Place | None = None,
    ) -> None:
        self._data = array
        self.requires_grad = op is not None
        self.op = op
        self.inputs = inputs
        self.params = params
        self.values = values
        self.edges = edges
        self.place = place
        self.grad: Any = None
        self.name: str | None = None
        self.born = next(_clock)
        self.changed = 0

    @classmethod
    def wrap(cls: type[N], array: Any, *record: Any) -> N:
        """A node over this very array; a leaf, unless it comes with its record."""
        node = cls.__new__(cls)
        Node.__init__(node, array if type(array) is np.ndarray else np.asarray(array), *record)
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
        self.changed = last_change[0] = next(_clock)

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


def plain(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return value._data if isinstance(value, Node) else value


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
        self, name: str, label: str, forward: Rule, vjps: tuple[Rule | None, ...], each: Callable[[int], Rule] | None
    ) -> None:
        self.name, self.label, self.forward, self.vjps, self.each = name, label, forward, vjps, each
        self.arity = sys.maxsize if each else len(vjps)
        options = [] if isinstance(forward, np.ufunc) else inspect.signature(forward).parameters.values()
        options = [p for p in options if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
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
            names = self.parameters[: len(positional)]
            if len(names) < len(positional) or not given.keys().isdisjoint(names):
                raise TypeError(f"{self} takes {self.arity} inputs and then, once each, {self.parameters}")
            args = args[: self.arity]
            for name, value in zip(names, positional, strict=True):
                given[name] = value
        for name, value in given.items():
            if isinstance(value, Node):
                raise TypeError(f"{self}: {name} is a constant and can't be a tensor: pass {name}.numpy()")
        return args, {**self.defaults, **given}


_NUMBER = (float, int)
_OPERAND = (Node, float, int)


def op(
    *vjps: Rule | None, each: Callable[[int], Rule] | None = None, name: str = "", label: str = ""
) -> Callable[[Rule], Rule]:
    """Declare a primitive by decorating its forward, which takes its inputs first, then its parameters.

    name and label: what messages and pictures call it, by default what the forward is called. The result is a plain function, so that it serves as a method as it is. On arrays it runs the forward and
    nothing else. Where an input is a node, so is the result, and it remembers how it was made if a gradient
    is to flow back through it.
    """

    def declare(forward: Rule) -> Rule:
        known_as = name or forward.__name__.strip("_")
        primitive = OPS[known_as] = Op(known_as, label or known_as, forward, vjps, each)
        arity, defaults = primitive.arity, primitive.defaults
        ndarray, new, fill, is_recording, getframe = np.ndarray, object.__new__, Node.__init__, _recording.get, sys._getframe

        @functools.wraps(forward)
        def apply(*inputs: Any, **params: Any) -> Any:
            if params or len(inputs) > arity:
                inputs, params = primitive.bind(inputs, params)
            else:
                params = defaults
            cls: type[Node] | None = None
            values, edges, arrays = [], [], False
            for x, vjp in zip(inputs, primitive.rules(len(inputs)) if each else vjps, strict=False):
                if isinstance(x, Node):
                    cls = x.__class__
                    values.append(x._data)
                    if x.requires_grad and vjp:
                        edges.append((x, vjp))
                else:
                    values.append(x)
                    arrays = arrays or not isinstance(x, _NUMBER)
            if cls is None:
                return forward(*inputs, **params)
            if arrays:
                inputs = tuple([x if isinstance(x, _OPERAND) else cls(np.asarray(x)) for x in inputs])
                values = [x._data if isinstance(x, Node) else x for x in inputs]
            try:
                array = forward(*values, **params)
            except (ValueError, TypeError, IndexError) as error:
                raise explain(error, primitive.name, inputs, params, user_place()) from error
            if type(array) is not ndarray:
                array = np.asarray(array)
            node = new(cls)
            if edges and is_recording():
                fill(node, array, primitive, inputs, params, values, edges)
                frame = getframe(1)
                while inside[frame.f_code.co_filename] and frame.f_back:
                    frame = frame.f_back
                node.place = frame.f_code, frame.f_lasti
            else:
                fill(node, array)
            return node

        return apply

    return declare

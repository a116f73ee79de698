"""What a graph is made of: nodes, and the operations that make them.

A `Node` is a value together with the operation and the inputs that it came from. An `Op` is declared
once, by `@op`: its forward, one vjp per input, and the symbol it is written with. Inputs point to
nothing that uses them, so a graph has no reference cycle and goes away with its last name.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.engine.errors import MutationError, Place, explain, locate, misfit, replaced, user_place

if TYPE_CHECKING:
    from tinygrad_mnist.engine.tensor import Tensor

Function = Callable[..., Any]

OPS: dict[str, Op] = {}
"""Every primitive by its name."""

last_change = [0]
"""When the data of any node was last replaced. (Not an attribute of the class: setting one costs its caches.)"""

_NOTHING: Mapping[str, Any] = {}
_clock = count(1)
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


computed: Function = property
"""property, its type in the annotation beside the name."""


class Node:
    """A value in a graph, and where it came from.

    op, inputs, params: the operation that made it, its inputs in order (nodes and Python numbers) and its
        keyword parameters; None, () and {} for a leaf.
    values: the inputs' arrays as the forward saw them, on which the backward pass runs.
    requires_grad: whether gradients flow through it. grad: what `backward` accumulated in a leaf.
    name: the learner's own name for it, or None.
    data: the array itself, writable. The graphs that used the old value notice an assignment, such as
        `p.data -= step`; they can't notice `p.data[i] = value`.
    born, changed: readings of one clock: when it was made, and when its data was last replaced.
    place: the code outside this package that made it; `source` says it as file and line.
    """

    __slots__ = (
        "_array", "op", "inputs", "params", "values", "place",
        "requires_grad", "grad", "name", "born", "changed", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, array: NDArray[Any], op: Op | None = None, inputs: tuple[Any, ...] = (),
        params: Mapping[str, Any] = _NOTHING, values: Sequence[Any] = (), place: Place | None = None,
    ) -> None:  # fmt: skip
        self._array, self.op, self.inputs = array, op, inputs
        self.params, self.values, self.place = params, values, place
        self.requires_grad = op is not None
        self.grad: Any = None
        self.name: str | None = None
        self.born, self.changed = next(_clock), 0

    shape: tuple[int, ...] = computed(attrgetter("_array.shape"), doc="The lengths of the axes.")
    dtype: np.dtype[Any] = computed(attrgetter("_array.dtype"), doc="The NumPy dtype of the elements.")
    source: tuple[str, int] | None = computed(lambda x: locate(x.place), doc="The file and line that made it, or None.")

    @classmethod
    def wrap(cls, value: Any) -> Any:
        """A leaf over this very array; a node as it is."""
        if isinstance(value, Node):
            return value
        node = cls.__new__(cls)
        Node.__init__(node, np.asarray(value))
        return node

    def _replace(self, value: ArrayLike) -> None:
        if value is not self._array:  # as it is after `p.data -= step`, which changed this very array
            array = np.asarray(value)
            if array.shape != self.shape or not np.can_cast(array.dtype, self.dtype, "same_kind"):
                raise misfit(array, self)
            self._array = array.astype(self.dtype, copy=self.requires_grad)
        self.changed = last_change[0] = next(_clock)

    data = property(attrgetter("_array"), _replace, doc="The array itself, writable; see the class.")

    def check_unchanged(self) -> None:
        """Raise MutationError if its value or an input's was replaced since it was recorded."""
        for value in (self, *self.inputs):
            if isinstance(value, Node) and value.changed > self.born:
                raise MutationError(replaced(value, self))


def plain(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return value._array if isinstance(value, Node) else value


class Op:
    """An operation: its forward on arrays and, for each input, how a cotangent travels back to it.

    Declares a primitive: `@op(*vjps)` decorates its forward, or `op(*vjps)(np.exp)` wraps NumPy's, which takes
    inputs first, then parameters. The result is a plain function, so that it serves as a method as it is. On
    arrays it runs the forward and nothing else; where an input is a node, it records.

    vjps: one per input, called `vjp(g, out, *inputs, **params)` with g = ∂L/∂out, returning ∂L/∂input up
        to broadcasting (undone for all rules in one place, `autodiff.propagate`). None: no gradient flows
        there. Rules are written so that the same line runs on arrays and on tensors.
    each: for an op of any number of inputs, in place of vjps: the rule of all of them, which is told the input's
        position first. The op's own `each` gives the vjp of a position.
    name, label: what messages and pictures call it, by default what the forward is called.
    parameters, defaults: its keyword parameters, and the values of those left out. A forward in Python declares
        both; for one of NumPy's own the rules name the parameters, and `op` is told the defaults.
    """

    def __init__(
        self, *vjps: Function | None, each: Function | None = None, name: str = "", label: str = "", **defaults: Any
    ) -> None:
        self.vjps, self.name, self.label, self.defaults = vjps, name, label, defaults
        self.each = functools.partial(functools.partial, each) if each else None
        self.arity = len(vjps) or sys.maxsize
        code: Any = getattr(next(filter(None, vjps), None), "__code__", None)
        self.parameters = code.co_varnames[2 + len(vjps) : code.co_argcount] if code else ()

    def __repr__(self) -> str:
        return self.name

    def bind(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Split arguments into inputs and parameters, which may be positional, named or left out."""
        rest = args[self.arity :]
        given = dict(zip(self.parameters, rest)) | named
        params = self.defaults | given
        if len(given) < len(rest) + len(named) or len(params) > len(self.parameters):
            raise TypeError(f"its parameters, given once each, are {', '.join(self.parameters) or 'none'}")
        for name, value in params.items():
            if isinstance(value, Node):
                raise TypeError(f"{name} is a parameter, without a rule, and can't be a tensor: pass {name}.numpy()")
        return args[: self.arity], params

    def __call__(self, forward: Function) -> Callable[..., Tensor]:
        """Declare the operation with this forward; returns the function that runs or records it."""
        if not callable(forward) or not (self.vjps or self.each):
            raise TypeError("an operation is declared with a rule for each input, @op(lambda g, out, x: …)")
        self.forward = forward
        self.name = self.name or forward.__name__.strip("_")
        self.label = self.label or self.name
        if inspect.isfunction(forward):
            declared = [*inspect.signature(forward, follow_wrapped=False).parameters.values()][len(self.vjps) or 1 :]
            self.parameters = tuple(p.name for p in declared)
            self.defaults |= {p.name: p.default for p in declared if p.default is not p.empty}
        OPS[self.name] = self
        arity, defaults, fill = self.arity, self.defaults, Node.__init__

        @functools.wraps(forward)
        def apply(*inputs: Any, **params: Any) -> Any:
            cls, learns, values = None, False, []
            try:
                if params or len(inputs) > arity:
                    inputs, params = self.bind(inputs, params)
                else:
                    params = defaults
                for x in inputs:
                    if isinstance(x, Node):
                        cls = x.__class__
                        learns = learns or x.requires_grad
                        x = x._array
                    elif not isinstance(x, (float, int, np.ndarray)):
                        x = np.asarray(x)
                    values.append(x)
                if cls is None:
                    return forward(*inputs, **params)
                array = np.asarray(forward(*values, **params))
            except (ValueError, TypeError, IndexError) as error:
                raise explain(error, self.name, inputs, params, user_place()) from error
            if not (learns and is_recording()):
                return cls.wrap(array)
            node = cls.__new__(cls)
            fill(node, array, self, inputs, params, values, user_place())
            return node

        return apply


op = Op
"""The decorator that declares an operation."""

"""What a graph is made of: nodes, each a value together with the operation and the inputs that it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.devices import as_array, own_copy
from tinygrad_mnist.engine.errors import describe, misfit
from tinygrad_mnist.places import Place, locate
from tinygrad_mnist.scopes import Setting

if TYPE_CHECKING:
    from tinygrad_mnist.engine.primitive import Op

_NOTHING: Mapping[str, Any] = {}
_clock = count(1)
last_change = [0]  # not an attribute of the class: setting one costs its caches
_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording = _recording.get


class no_grad(Setting):
    """Compute without recording a graph: `with no_grad():`, or `@no_grad()` on a function, generator or async function.

    The setting belongs to the current thread (and asyncio task) and is restored after an exception.
    """

    variable, value = _recording, False


class Node:
    """A value in a graph, and where it came from.

        x (64, 784)  ◄──┐
                        ├── z (64, 128)  ◄── … ◄── loss ()        a node points to its inputs, and they to none
        w (784, 128) ◄──┘   z.op      matmul                      of its users: no reference cycle, so a graph
         leaves: no op      z.inputs  (x, w)                      goes away with its last name
         w.grad: ∂loss/∂w   z.values  their arrays

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
        "requires_grad", "_grad", "name", "born", "changed", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, array: NDArray[Any], op: Op | None = None, inputs: tuple[Any, ...] = (),
        params: Mapping[str, Any] = _NOTHING, values: Sequence[Any] = (), place: Place | None = None,
    ) -> None:  # fmt: skip
        self._array, self.op, self.inputs = array, op, inputs
        self.params, self.values, self.place = params, values, place
        self.requires_grad = op is not None
        self._grad: Any = None
        self.name: str | None = None
        self.born, self.changed = next(_clock), 0

    @classmethod
    def wrap(cls, value: Any) -> Any:
        """A leaf over this very array; a node as it is."""
        if isinstance(value, Node):
            return value
        node = cls.__new__(cls)
        Node.__init__(node, value if type(value) is np.ndarray else as_array(value))
        return node

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
        """The file and line that made it, or None."""
        return locate(self.place)

    @property
    def data(self) -> Any:
        """The array itself, writable; see the class."""
        return self._array

    @data.setter
    def data(self, value: ArrayLike) -> None:
        if value is not self._array:  # as it is after `p.data -= step`, which changed this very array
            array = np.asarray(value, like=self._array)
            if array.shape != self.shape or not np.can_cast(array.dtype, self.dtype, "same_kind"):
                raise misfit(array, self)
            array = array.astype(self.dtype, copy=False)
            self._array = own_copy(array) if self.requires_grad else array
        self.changed = last_change[0] = next(_clock)

    def move(self, to: Callable[[Any], Any]) -> None:
        """Put its array elsewhere: the numbers stay, and graphs that used them are not told."""
        self._array = to(self._array)

    def _set_grad(self, value: Any) -> None:
        if value is not None and np.shape(plain(value)) != self.shape:
            raise misfit(as_array(plain(value)), self)
        self._grad = None if value is None else self.wrap(value)

    grad = property(attrgetter("_grad"), _set_grad, doc="What `backward` accumulated in a leaf, or None.")

    def __reduce__(self) -> Any:
        """How it is copied and pickled: as a leaf of its own, born where it arrives."""
        if self.op:
            raise TypeError(f"a copy of {describe(self)} would lose its graph: take .detach(), or .copy() to keep it")
        kept = {"requires_grad": self.requires_grad, "grad": plain(self.grad), "name": self.name}
        return self.wrap, (self._array.copy(),), (getattr(self, "__dict__", None), kept)


def plain(value: Any) -> Any:
    """The array of a node; anything else as it is."""
    return value._array if isinstance(value, Node) else value

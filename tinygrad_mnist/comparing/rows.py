"""What a comparison found, and how it shows itself: plain text, a table, a page, a picture, JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.comparing import views
from tinygrad_mnist.engine import Node
from tinygrad_mnist.shown import json_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[Any]


@dataclass(frozen=True)
class GraphNode:
    """The node that a hand formula stands for. op, label: None for a leaf."""

    op: str | None
    label: str | None
    name: str | None
    shape: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, name: str | None) -> GraphNode:
        op, label = (node.op.name, node.op.label) if node.op else (None, None)
        return cls(op, label, name, node.shape)

    def __str__(self) -> str:
        """Its symbol or name and its shape: "@ 64×128", "W1 128×784"."""
        return f"{self.label or self.name or 'leaf'} {'×'.join(map(str, self.shape)) or 'scalar'}"


@dataclass(frozen=True, eq=False, repr=False)
class Row:
    """One quantity, by hand and by autograd: z, a, δ, ∂L/∂W or ∂L/∂b of a layer, or the loss L.

    scale: how large the numbers are that it was added up from, where they may cancel: their rounding stays behind.
    """

    quantity: str
    layer: int | None
    formula: str
    node: GraphNode
    by_hand: Array
    by_autograd: Array
    tolerance: float
    scale: float = 0.0

    @property
    def name(self) -> str:
        return self.quantity if self.layer is None else f"{self.quantity}({self.layer})"

    @property
    def same_shape(self) -> bool:
        return self.by_hand.shape == self.by_autograd.shape

    @cached_property
    def difference(self) -> Array:
        """By autograd less by hand, element by element; NaN where the shapes differ."""
        if not self.same_shape:
            return np.full(self.by_autograd.shape, np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.by_autograd - self.by_hand)

    @cached_property
    def absolute(self) -> float:
        """The largest absolute difference."""
        return float(np.abs(self.difference).max(initial=0))

    @cached_property
    def relative(self) -> float:
        """The largest absolute difference, divided by the largest number on either side, or that it was made of."""
        scale = max(self.scale, *(float(np.abs(side).max(initial=0)) for side in (self.by_hand, self.by_autograd)))
        return self.absolute / scale if self.absolute else 0.0

    @property
    def passed(self) -> bool:
        return self.relative <= self.tolerance

    @property
    def verdict(self) -> str:
        """Whether the two agree, and otherwise what is seen first."""
        if self.passed:
            return "agrees"
        if not self.same_shape:
            return f"differs: shape {self.by_hand.shape} by hand, {self.by_autograd.shape} by autograd"
        if not np.isfinite(self.by_hand).all():
            return "differs: by hand it is not finite"
        if not np.isfinite(self.by_autograd).all():
            return "differs: by autograd it is not finite"
        return f"differs: relative difference {self.relative:.1e}, allowed {self.tolerance:.0e}"

    def __repr__(self) -> str:
        return f"<{self.name} = {self.formula}, {self.node} in the graph: {self.verdict}>"


@dataclass(frozen=True)
class Seconds:
    """How long one side took."""

    forward: float
    backward: float


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Autograd and the hand derivation on one batch, a row for each quantity in the order of computation.

    It shows itself as a table in a terminal that Rich prints to and in a notebook; `str()` is plain text of at
    most 80 columns for networks of usual sizes.
    """

    model: str
    convention: str
    examples: int
    dtype: str
    l2: float
    tolerance: float
    rows: tuple[Row, ...]
    seconds_by_hand: Seconds
    seconds_by_autograd: Seconds

    @property
    def passed(self) -> bool:
        """Whether every row agrees."""
        return self.first_failure is None

    @property
    def first_failure(self) -> Row | None:
        """The first row that disagrees, in the order of computation."""
        return next((row for row in self.rows if not row.passed), None)

    def __getitem__(self, name: str) -> Row:
        """The row of a quantity: comparison["δ(2)"]."""
        return {row.name: row for row in self.rows}[name]

    @property
    def parameters(self) -> list[Row]:
        """The rows of ∂L/∂W(l) and ∂L/∂b(l), layer 1 first."""
        gradients = [row for row in self.rows if row.quantity.startswith("∂")]
        return sorted(gradients, key=lambda row: (row.layer or 0, row.quantity))

    def to_dict(self) -> dict[str, Any]:
        """What JSON holds: everything but the arrays. None stands for what is not a finite number."""
        failure = self.first_failure
        own = ("model", "convention", "examples", "dtype", "l2", "tolerance")
        of_rows = ("name", "quantity", "layer", "formula", "node", "absolute", "relative", "passed", "verdict")
        return {
            "passed": self.passed,
            "first_failure": failure.name if failure else None,
            **{name: getattr(self, name) for name in own},
            "seconds": {"by hand": asdict(self.seconds_by_hand), "by autograd": asdict(self.seconds_by_autograd)},
            "rows": [{name: _plain(getattr(row, name)) for name in of_rows} for row in self.rows],
        }

    def to_json(self) -> str:
        return json_text(self.to_dict(), allow_nan=True)

    def to_html(self) -> str:
        """A page of its own, with heat maps of the gradients; it needs no network."""
        return views.page([self])

    def plot(self) -> Figure:
        """A Matplotlib figure: each parameter's gradient by hand, by autograd, and their difference."""
        return views.figure(self)

    __str__ = __repr__ = views.text
    __rich__ = views.table
    _repr_html_ = views.fragment


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return asdict(value) if isinstance(value, GraphNode) else value

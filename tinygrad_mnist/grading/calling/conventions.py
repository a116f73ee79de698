"""The conventions in which a learner may write a layer, with NumPy alone.

Inside, everything is in columns: X (features, m), W(l) (out, in), b(l) (out, 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from .roles import arguments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinygrad_mnist.grading.textbook.derivation import Network
    from tinygrad_mnist.manual.notation import Notation
    from tinygrad_mnist.manual.rows import Backward

Array = Any
"""An ndarray; of float64, or of integers for labels."""

Values = Mapping[str, Any]
"""What a network has, by role: "X", "Y", "W1", "b1", "z1", "a1", …, "m"."""

Labels = Literal["one-hot", "integers"]

IN_COLUMNS = (True, False)
ORDERS = ((False, False), IN_COLUMNS, (False, True))
"""What `columns` and `weights_in_out` may be."""


class GradeError(ValueError):
    """The grader was asked for something that it does not have."""


@dataclass(frozen=True)
class Convention:
    """How a learner writes a layer: columns W @ X + b, rows X @ W.T + b, or rows X @ W + b; and how Y comes.

    one_row: with rows, whether a bias is (1, out), as a sum with keepdims is, and not (out,).
    examples: whether X holds a "batch" of them, a single "one" along the same axis, or one as a "vector".
    """

    columns: bool = False
    weights_in_out: bool = False
    labels: Labels = "one-hot"
    one_row: bool = False
    examples: Literal["batch", "one", "vector"] = "batch"

    def __post_init__(self) -> None:
        if self.labels not in get_args(Labels):
            raise GradeError(f"labels are 'one-hot' or 'integers', not {self.labels!r}")
        if self.columns and self.weights_in_out:
            raise GradeError("weights (in, out) belong to rows: X @ W + b; in columns it is W @ X + b with (out, in)")

    @property
    def notation(self) -> Notation:
        from tinygrad_mnist.manual.notation import COLUMNS, ROWS, ROWS_IN_OUT

        if self.columns:
            return COLUMNS
        return ROWS_IN_OUT if self.weights_in_out else ROWS

    def __str__(self) -> str:
        labels = "integer" if self.labels == "integers" else self.labels
        biases = ", biases (1, out)" if self.one_row else ""
        examples = "" if self.examples == "batch" else ", one example at a time"
        return f"{self.notation.examples}, {self.notation.layer}{biases}, {labels} labels{examples}"

    @property
    def options(self) -> str:
        """What says so on the command line."""
        order = "--columns" if self.columns else "--weights-in-out" if self.weights_in_out else "--rows"
        return f"{order} --labels {self.labels}"

    def write(self, role: str, value: Any) -> Any:
        """A value of this role, in columns, as the learner writes it; a copy."""
        if not isinstance(value, np.ndarray):
            return value
        if role == "Y" and self.labels == "integers":
            return value.argmax(axis=0) if self.examples != "vector" else int(value.argmax())
        if role[0] == "W":
            return np.array(value.T if self.weights_in_out else value, order="C")
        if role[0] == "b" and not self.columns:
            return np.array(value.T if self.one_row else value[:, 0], order="C")
        if self.examples == "vector":
            return np.array(value[:, 0])
        return np.array(value if self.columns else value.T, order="C")

    def arguments(self, net: Network) -> list[Array]:
        """X, Y, W1, b1, … as the learner's function takes them; copies."""
        values = network_values(net)
        return [self.write(role, values[role]) for role in arguments(net.L)]

    def gradients(self, returned: Sequence[Array] | None, net: Network) -> Backward | None:
        """dW1, db1, … as the learner's function returns them, in columns; None where it returned nothing."""
        from tinygrad_mnist.manual.rows import Backward

        if returned is None:
            return None
        dW = {l: self.to_columns(g, net.W[l]) for l, g in enumerate(returned[::2], 1)}
        db = {l: self.to_columns(g, net.b[l]) for l, g in enumerate(returned[1::2], 1)}
        return Backward({}, dW, db)

    def to_columns(self, gradient: NDArray[Any], parameter: NDArray[Any]) -> NDArray[Any]:
        """A learner's gradient of W (out, in) or b (out, 1) as it is written in columns.

        One axis less broadcasts as one axis of length 1 in front, as in NumPy. A vector that is not as long as
        the bias is a row, whichever way it was kept.
        """
        bias = parameter.shape[1] == 1
        turned = not self.columns if bias else self.weights_in_out
        array = np.atleast_2d(gradient)
        array = array.T if turned else array
        return array.T if bias and array.shape[1] == 1 and 1 < len(array) != len(parameter) else array


def network_values(net: Network) -> dict[str, Any]:
    """What a network has, by role."""
    layers = {f"{kind}{l}": getattr(net, kind)[l] for l in range(1, net.L + 1) for kind in "Wbza"}
    return {"X": net.a[0], "Y": net.Y, **layers, "m": net.m, "classes": len(net.Y)}


EVERY: Sequence[Convention] = [
    Convention(*order, labels, one_row)
    for one_row, labels, order in product((False, True), get_args(Labels), ORDERS)
    if not (one_row and order == IN_COLUMNS)
]
"""The usual ones first."""


def single(conventions: Sequence[Convention]) -> list[Convention]:
    """The same with one example at a time."""
    vectors = [replace(c, examples="vector") for c in conventions if not c.columns and not c.one_row]
    return [*(replace(c, examples="one") for c in conventions), *vectors]


def examples(values: Values) -> list[dict[str, Any]]:
    """A network for each of its examples."""

    def of(i: int) -> dict[str, Any]:
        sliced = {role: v[:, i : i + 1] for role, v in values.items() if role[0] in "XYza" and np.ndim(v) == 2}
        return {**values, **sliced, "m": 1}

    return [of(i) for i in range(values["m"])]


def admitted(columns: bool | None, weights_in_out: bool | None, labels: Labels | None) -> list[Convention]:
    """Every convention that agrees with what was asked for; None: with anything.

    Rows without a word on the weights are X @ W.T + b or X @ W + b; weights (in, out) are rows.
    """
    Convention(bool(columns), bool(weights_in_out), labels or "one-hot")  # raises where they contradict each other
    asked = {"columns": columns, "weights_in_out": weights_in_out, "labels": labels}
    said = {name: value for name, value in asked.items() if value is not None}
    return [c for c in EVERY if all(getattr(c, name) == value for name, value in said.items())]

"""What the learner's function is expected to do, and the conventions it may be written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np

from tinygrad_mnist.grading.calling.runner import DEEPEST
from tinygrad_mnist.grading.textbook.derivation import Network
from tinygrad_mnist.grading.textbook.models import Asked, Model
from tinygrad_mnist.grading.textbook.probes import Probes
from tinygrad_mnist.manual import ACTIVATIONS, HEADS, PENALTIES
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.notation import COLUMNS, ROWS, ROWS_IN_OUT, Notation
from tinygrad_mnist.manual.rows import Backward

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
    """

    columns: bool = False
    weights_in_out: bool = False
    labels: Labels = "one-hot"
    one_row: bool = False

    def __post_init__(self) -> None:
        if self.labels not in get_args(Labels):
            raise GradeError(f"labels are 'one-hot' or 'integers', not {self.labels!r}")
        if self.columns and self.weights_in_out:
            raise GradeError("weights (in, out) belong to rows: X @ W + b; in columns it is W @ X + b with (out, in)")

    @property
    def notation(self) -> Notation:
        if self.columns:
            return COLUMNS
        return ROWS_IN_OUT if self.weights_in_out else ROWS

    def __str__(self) -> str:
        labels = "integer" if self.labels == "integers" else self.labels
        biases = ", biases (1, out)" if self.one_row else ""
        return f"{self.notation.examples}, {self.notation.layer}{biases}, {labels} labels"

    @property
    def options(self) -> str:
        """What says so on the command line."""
        order = "--columns" if self.columns else "--weights-in-out" if self.weights_in_out else "--rows"
        return f"{order} --labels {self.labels}"

    def others(self) -> list[Convention]:
        """Every other convention, those that the same options ask for first."""
        every = [
            Convention(*order, labels, one_row)
            for one_row, order, labels in product((False, True), ORDERS, get_args(Labels))
            if not (one_row and order == IN_COLUMNS)
        ]
        return sorted((c for c in every if c != self), key=lambda c: c.options != self.options)

    def arguments(self, net: Network) -> list[Array]:
        """X, Y, W1, b1, … as the learner's function takes them; copies."""
        X, Y = net.a[0], net.Y
        arrays = [X if self.columns else X.T, Y if self.columns else Y.T]
        if self.labels == "integers":
            arrays[1] = Y.argmax(axis=0)
        for l in range(1, net.L + 1):
            arrays.append(net.W[l].T if self.weights_in_out else net.W[l])
            arrays.append(net.b[l] if self.columns else net.b[l].T if self.one_row else net.b[l][:, 0])
        return [np.array(a, order="C") for a in arrays]

    def gradients(self, returned: Sequence[Array] | None, net: Network) -> Backward | None:
        """dW1, db1, … as the learner's function returns them, in columns; None where it returned nothing."""
        if returned is None:
            return None
        dW = {l: self.to_columns(g, net.W[l]) for l, g in enumerate(returned[::2], 1)}
        db = {l: self.to_columns(g, net.b[l]) for l, g in enumerate(returned[1::2], 1)}
        return Backward({}, dW, db)

    def to_columns(self, gradient: Array, parameter: Array) -> Array:
        """A learner's gradient of W (out, in) or b (out, 1) as it is written in columns.

        One axis less broadcasts as one axis of length 1 in front, as in NumPy. A vector that is not as long as
        the bias is a row, whichever way it was kept.
        """
        bias = parameter.shape[1] == 1
        turned = not self.columns if bias else self.weights_in_out
        array = np.atleast_2d(gradient)
        array = array.T if turned else array
        return array.T if bias and array.shape[1] == 1 and 1 < len(array) != len(parameter) else array


@dataclass(frozen=True)
class Settings:
    """A convention, what was asked for of the network, and the number of layers where it is not counted."""

    convention: Convention
    asked: Asked
    depth: int | None

    def __post_init__(self) -> None:
        for what, name, names in (
            ("activation", self.asked.activation, ACTIVATIONS),
            ("head", self.asked.head, HEADS),
            ("penalty", self.asked.penalty, PENALTIES),
        ):
            if isinstance(name, str) and name not in names:
                raise GradeError(f"{what} {name!r} is none of {', '.join(names)}")
        if not 0 <= (self.asked.l2 or 0.0) < float("inf"):
            raise GradeError(f"l2 is a number from 0 up, not {self.asked.l2}")
        if self.depth is not None and not 1 <= self.depth <= DEEPEST:
            raise GradeError(f"depth is a number from 1 to {DEEPEST}, not {self.depth}")

    def __str__(self) -> str:
        return self.judged_as(self.asked.usual)

    def judged_as(self, model: Model) -> str:
        """The settings with the network that the gradients were found to be of."""
        return f"{self.convention}, {model}"

    def probes(self, depth: int) -> Probes:
        return self.asked.usual.probes(depth)

    def inputs(self, depth: int) -> list[list[Array]]:
        """The arguments for the learner's function on each probe."""
        return [self.convention.arguments(net) for net in self.probes(depth).nets]

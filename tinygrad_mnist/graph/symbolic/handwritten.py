"""What a learner writes out by hand, read as the operation that it is: a softmax, a sigmoid, a relu, labels.

`e = exp(z - z.max()); e / e.sum()` is a softmax, and once it is read as one, its rule gives what the books say. The
idioms stand in a table with an example each, and each is checked on the numbers: a program is read otherwise only
where its values stay what they are. `explain` reads a program so; what is to be run again (`to_numpy`) does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.recording import Recording

LABELS = "y"
"""What labels are called that have no name."""

GUARD = 1e-3
"""Up to what size a number that is added inside a logarithm is there to guard it."""

Match = Callable[..., Any]


@dataclass(frozen=True)
class Idiom:
    """One way to write an operation by hand.

    read: from the pass over a program, and an operation's operands, to what it is; None where it does not match.
    example: a function of a tensor that is written so. name: the operation that it is read as.
    """

    read: Match
    example: Callable[..., Any]
    name: str


IDIOMS: dict[str, list[Idiom]] = {}
"""By the operation that completes them."""

PICKED: dict[str, list[Idiom]] = {}
"""The same, read when all others have been: elements at each example's class, as products with labels."""


def idiom(
    *ops: str, example: Callable[..., Any], name: str, table: dict[str, list[Idiom]] = IDIOMS
) -> Callable[[Match], Match]:
    """Enter a function into the table as an idiom that ends in one of these operations."""

    def enter(read: Match) -> Match:
        for op in ops:
            table.setdefault(op, []).append(Idiom(read, example, name))
        return read

    return enter


@dataclass
class Reading:
    """A program as it was read. output, wrt: the nodes of the program that was asked about, in the new one.

    shared: the relus that were written with np.maximum, which shares the gradient of a tie. guards: the numbers that
    keep a logarithm from zero.
    """

    output: Node
    wrt: list[Node]
    shared: list[Node] = field(default_factory=list)
    guards: list[float] = field(default_factory=list)


def read(output: Node, wrt: Iterable[Node], guarded: bool = True) -> Reading:
    """The program of an output with its idioms read. guarded: leave what guards a logarithm where it is."""
    wrt = list(wrt)
    shared: set[Node] = set()
    guards: list[float] = []
    for table in (IDIOMS, PICKED):
        done = _Pass(Recording(output), wrt, table, guarded)
        output, wrt = done.of(output), [done.of(x) for x in wrt]
        shared = {done.of(x) for x in shared} | done.shared
        guards += done.guards
    return Reading(output, wrt, sorted(shared, key=lambda node: node.born), list(dict.fromkeys(guards)))


class _Pass:
    """One pass over a program, which makes a new one of it as far as it is read otherwise."""

    def __init__(self, recording: Recording, wrt: Collection[Node], table: dict[str, list[Idiom]], guarded: bool):
        self.recording, self.table, self.guarded = recording, table, guarded
        self.wanted = set(wrt)
        self.lengths = {n for x in recording.nodes if not x.op for n in (*x.shape, x.data.size)}
        self.new: dict[Node, Node] = {}
        self.shared: set[Node] = set()
        self.guards: list[float] = []
        if table is IDIOMS:
            self._read_data()
        for node in recording.operations:
            self.new[node] = self._read(node)

    def of(self, node: Node) -> Node:
        """What a node is in the new program."""
        return self.new.get(node, node)

    def _read(self, node: Node) -> Node:
        operands = [self.of(x) if isinstance(x, Node) else x for x in self.recording.operands[node]]
        old = self.recording.operands[node]
        own = node if all(x is y for x, y in zip(operands, old, strict=True)) else _copy(node, operands)
        for entry in self.table.get(str(node.op), ()):
            found: Node | None = entry.read(self, own, *operands)
            if found is not None and (self._dropped(found) or _agree(found, node, self.guarded)):
                if not found.name:
                    found.name = node.name
                if node in self.wanted:
                    self.wanted.add(found)
                return found
        if node in self.wanted:
            self.wanted.add(own)
        return own

    def _dropped(self, node: Node) -> bool:
        """Whether a logarithm has just lost its guard, and so has another value."""
        return not self.guarded and str(node.op) == "log"

    def _read_data(self) -> None:
        """Arrays that are 1 - y are written so; labels that have no name get one."""
        data = [x for x in self.recording.nodes if not x.op and not x.requires_grad]
        taken = {node.name for node in self.recording.nodes}
        labels = [x for x in data if x.name is None and _are_labels(self.recording, x)]
        for leaf in sorted(labels, key=lambda x: _weighs_the_rest(self.recording, x)):
            other = next((x for x in data if x is not leaf and (x.name or x in self.new) and _is_rest(x, leaf)), None)
            if other is not None:
                self.new[leaf] = self.make("sub", 1, self.of(other))
            elif LABELS not in taken and leaf.shape:
                self.new[leaf] = Node(leaf.data if leaf.dtype.kind == "f" else leaf.data.astype(np.float64))
                self.new[leaf].name = LABELS
                taken.add(LABELS)

    # what idioms ask, and build

    def made_by(self, x: Any, *ops: str) -> TypeGuard[Node]:
        """Whether an operand comes from one of these operations, and is not itself asked for."""
        return isinstance(x, Node) and x.op is not None and x.op.name in ops and x not in self.wanted

    def make(self, op: str, *operands: Any, **params: Any) -> Node:
        """An operation on nodes, arrays and Python numbers."""
        with np.errstate(all="ignore"):
            array = np.asarray(OPS[op].forward(*map(plain, operands), **params))
        node = Node(array, OPS[op], operands, {**OPS[op].defaults, **params}, [plain(x) for x in operands])
        node.requires_grad = any(isinstance(x, Node) and x.requires_grad for x in operands)
        return node


def _copy(node: Node, operands: list[Any]) -> Node:
    """The same operation, with the same value, on other operands."""
    copy = Node(node.data, node.op, tuple(operands), node.params, [plain(x) for x in operands], node.place)
    copy.name, copy.requires_grad = node.name, node.requires_grad
    return copy


def _agree(new: Node, old: Node, exactly: bool) -> bool:
    """Whether two programs have the same value, but for rounding, and for guards that were left out."""
    if new.shape != old.shape or new.dtype.kind != old.dtype.kind:
        return False
    tolerance = 1e-2 if not exactly else 1e-9 if old.dtype.itemsize == 8 else 1e-4
    return np.allclose(new.data, old.data, tolerance, tolerance * float(np.max(np.abs(old.data), initial=0)))


def _equal(x: Any, y: Any) -> bool:
    """Whether two parameters are the same: arrays by every element, alone or among others."""
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(map(_equal, x, y))
    return np.array_equal(x, y)


def same(x: Any, y: Any) -> bool:
    """Whether two operands are the same value, or were computed in the same way."""
    if x is y:
        return True
    if not isinstance(x, Node) or not isinstance(y, Node):
        return not isinstance(x, Node) and not isinstance(y, Node) and np.array_equal(x, y)
    return (
        x.op is not None
        and x.op is y.op
        and len(x.inputs) == len(y.inputs)
        and _equal([*x.params.items()], [*y.params.items()])
        and all(map(same, x.inputs, y.inputs))
    )


def _is(x: Any, number: float) -> bool:
    """Whether an operand is this number, or an array of it, and nothing that is computed."""
    return not _computed(x) and bool(np.size(plain(x))) and bool(np.all(plain(x) == number))


def _number(x: Any) -> float | None:
    """The number that an operand is, if it is a single one and nothing that is computed."""
    return None if _computed(x) or np.ndim(plain(x)) else float(plain(x))


def _computed(x: Any) -> bool:
    """Whether an operand is more than data."""
    return isinstance(x, Node) and (x.op is not None or x.requires_grad)


def _mirrored(x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    """Two operands in either order."""
    yield x, y
    yield y, x


# softmax


def _axis_of_sum(total: Node, array: Node) -> int | None:
    """The axis that a sum is over, counted from the end: of a single row or column, all of it."""
    axis = total.params["axis"]
    axes = list(range(array.data.ndim)) if axis is None else list(axis) if isinstance(axis, tuple) else [axis]
    if len(axes) > 1:
        axes = [i for i in axes if array.shape[i] > 1]
    return None if len(axes) != 1 else axes[0] - array.data.ndim * (axes[0] >= 0)


def _unshifted(program: _Pass, z: Any, axis: int) -> Any:
    """z, where it is z less a maximum, or a constant, that is one number along the axis."""
    if not program.made_by(z, "sub"):
        return z
    inner, shift = z.inputs
    is_shift = not isinstance(shift, Node) or not shift.op or (shift.op.name == "max" and shift.inputs[0] is inner)
    lengths = (1,) * (z.data.ndim - np.ndim(plain(shift))) + np.shape(plain(shift))
    return inner if isinstance(inner, Node) and is_shift and lengths[axis] == 1 else z


def _naive_softmax(z: Any) -> Any:
    return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)


@idiom("div", example=_naive_softmax, name="softmax")
def softmax(program: _Pass, node: Node, e: Any, total: Any) -> Node | None:
    """exp(z) / Σ exp(z), of z less its maximum or as it is."""
    if not (program.made_by(e, "exp") and program.made_by(total, "sum") and same(total.inputs[0], e)):
        return None
    axis = _axis_of_sum(total, e)
    if axis is None:
        return None
    z = _unshifted(program, e.inputs[0], axis)
    return program.make("exp", program.make("log_softmax", z, axis=axis))


@idiom("log", example=lambda z: np.log(np.sum(np.exp(z), axis=1, keepdims=True)), name="logsumexp")
def logsumexp(program: _Pass, node: Node, x: Any) -> Node | None:
    """log Σ exp(z)."""
    if not (program.made_by(x, "sum") and program.made_by(x.inputs[0], "exp")):
        return None
    return program.make("logsumexp", x.inputs[0].inputs[0], axis=x.params["axis"], keepdims=x.params["keepdims"])


@idiom(
    "sub", example=lambda z: z - np.max(z) - np.log(np.sum(np.exp(z - np.max(z)), 1, keepdims=True)), name="log_softmax"
)
def log_softmax(program: _Pass, node: Node, z: Any, y: Any) -> Node | None:
    """z − log Σ exp(z), of z less its maximum or as it is."""
    if not (program.made_by(y, "logsumexp") and same(y.inputs[0], z)):
        return None
    axis = _axis_of_sum(y, z)
    return None if axis is None else program.make("log_softmax", _unshifted(program, z, axis), axis=axis)


@idiom("add", example=lambda z: sum(np.exp(z)), name="sum")
def sum_of_rows(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """t[0] + t[1] + …, as Python's own sum adds up: Σ over the first axis."""
    if not program.made_by(y, "getitem") or not _is_row(y, len(y.inputs[0].data) - 1):
        return None
    (rows,) = y.inputs
    for i in reversed(range(len(rows.data) - 1)):
        left, row = x.inputs if program.made_by(x, "add") else (0, x)  # Python's sum begins with 0
        if not program.made_by(row, "getitem") or row.inputs[0] is not rows or not _is_row(row, i):
            return None
        x = left
    return program.make("sum", rows, axis=0, keepdims=False) if _is(x, 0) else None


def _is_row(node: Node, i: int) -> bool:
    """Whether t[i] is taken, by a number."""
    index = node.params["index"]
    return isinstance(index, int | np.integer) and index == i


# activations


def _negated(x: Any) -> Any:
    """What x is −1 times of, or None."""
    if not isinstance(x, Node) or x.op is None:
        return None
    if x.op.name == "neg":
        return x.inputs[0]
    if x.op.name == "mul":
        return next((b for a, b in _mirrored(*x.inputs) if _is(a, -1)), None)
    return x.inputs[1] if x.op.name == "sub" and _is(x.inputs[0], 0) else None


def _one_plus_exp(program: _Pass, x: Any) -> Any:
    """u, where x is 1 + exp(u), or None."""
    pairs = _mirrored(*x.inputs) if program.made_by(x, "add") else ()
    return next((b.inputs[0] for a, b in pairs if _is(a, 1) and program.made_by(b, "exp")), None)


@idiom("div", "pow", example=lambda z: 1 / (1 + np.exp(-z)), name="sigmoid")
def sigmoid(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """1 / (1 + exp(−z)), or exp(z) / (1 + exp(z))."""
    top, below = (x, y) if str(node.op) == "div" else (1, x if _is(y, -1) else None)
    u = _one_plus_exp(program, below)
    if u is None:
        return None
    if program.made_by(top, "exp") and same(top.inputs[0], u):
        return program.make("sigmoid", u)
    z = _negated(u) if _is(top, 1) else None
    return None if z is None else program.make("sigmoid", z)


@idiom("log", example=lambda z: np.log(1 + np.exp(z)), name="softplus")
def softplus(program: _Pass, node: Node, x: Any) -> Node | None:
    """log(1 + exp(z))."""
    u = _one_plus_exp(program, x)
    return None if u is None else program.make("softplus", u)


@idiom("div", example=lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)), name="tanh")
def tanh(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """(exp(z) − exp(−z)) / (exp(z) + exp(−z))."""
    if not (program.made_by(x, "sub") and program.made_by(y, "add") and all(map(same, x.inputs, y.inputs))):
        return None
    left, right = x.inputs
    if not (program.made_by(left, "exp") and program.made_by(right, "exp")):
        return None
    z = left.inputs[0]
    return program.make("tanh", z) if same(_negated(right.inputs[0]), z) else None


@idiom("maximum", example=lambda z: np.maximum(0, z), name="relu")
def relu(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """max(0, z), whose tie np.maximum shares."""
    z = next((b for a, b in _mirrored(x, y) if _is(a, 0)), None)
    if not isinstance(z, Node):
        return None
    found = program.make("relu", z)
    program.shared.add(found)
    return found


@idiom("maximum", example=lambda z: np.maximum(0.01 * z, z), name="leaky_relu")
def leaky_relu(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """max(c · z, z) of a small slope c, whose tie np.maximum shares."""
    for scaled, z in _mirrored(x, y):
        slope = _multiple(scaled, z)
        if slope is not None and 0 < slope < 1:
            found = program.make("leaky_relu", z, negative_slope=slope)
            program.shared.add(found)
            return found
    return None


def _multiple(x: Any, z: Any) -> float | None:
    """c, where x is c · z."""
    pairs = _mirrored(*x.inputs) if isinstance(x, Node) and str(x.op) == "mul" else ()
    return next((_number(c) for c, other in pairs if other is z), None)


def _is_mask(mask: Any, z: Any) -> bool:
    """Whether an array says where z is positive: a comparison, or its result as numbers."""
    array = np.asarray(plain(mask))
    if not isinstance(z, Node) or _computed(mask) or array.shape != z.shape:
        return False
    if array.dtype == np.bool_:
        return np.array_equal(array, z.data > 0) or np.array_equal(array, z.data >= 0)
    return np.array_equal(array, z.data > 0) and bool(np.any(array == 0) and np.any(array == 1))


@idiom("mul", example=lambda z: z * (z > 0), name="relu")
def masked(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """z · [z > 0]."""
    z = next((z for z, mask in _mirrored(x, y) if _is_mask(mask, z)), None)
    return None if z is None else program.make("relu", z)


@idiom("where", example=lambda z: np.where(z > 0, z, 0), name="relu")
def chosen(program: _Pass, node: Node, mask: Any, x: Any, y: Any) -> Node | None:
    """z where it is positive, and 0 or c · z elsewhere; what is the same either way is no choice."""
    if same(x, y) and isinstance(x, Node):
        return x
    if not _is_mask(mask, x):
        return None
    if _is(y, 0):
        return program.make("relu", x)
    slope = _multiple(y, x)
    return program.make("leaky_relu", x, negative_slope=slope) if slope and 0 < slope < 1 else None


# losses


@idiom("mul", example=lambda z: (1 / 3) * z, name="div")
def factor_that_divides(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """(1/m) · x is x / m, where m is how many there are of something."""
    for c, other in _mirrored(x, y):
        number = _number(c)
        divisor = round(1 / abs(number)) if number and abs(number) < 0.5 else 0
        if divisor in program.lengths and abs(divisor * abs(number or 0) - 1) < 1e-12:
            quotient = program.make("div", other, divisor)
            return quotient if number and number > 0 else program.make("neg", quotient)
    return None


_MOVES = {"transpose", "reshape", "neg", "swapaxes"}


def _are_labels(recording: Recording, leaf: Node) -> bool:
    """Whether an array of numbers from 0 to 1 weighs logarithms, or is compared with what is predicted."""
    if not np.all((leaf.data >= 0) & (leaf.data <= 1)):
        return False
    for user in recording.users[leaf]:
        others = [x for _, x in recording.tensors(user) if x is not leaf]
        if str(user.op) in ("mul", "matmul", "vdot") and any(_logarithm(x) is not None for x in others):
            return True
        if str(user.op) == "sub" and others and all(x.requires_grad for x in others):
            return True
    return False


def _logarithm(x: Any) -> Node | None:
    """The logarithm that an operand is another arrangement of."""
    while isinstance(x, Node) and str(x.op) in _MOVES:
        x = x.inputs[0]
    return x if isinstance(x, Node) and str(x.op) in ("log", "log_softmax") else None


def _weighs_the_rest(recording: Recording, leaf: Node) -> bool:
    """Whether labels weigh log(1 − a): they are 1 − y then."""
    others = (x for user in recording.users[leaf] for _, x in recording.tensors(user))
    logarithms = [found for found in map(_logarithm, others) if found is not None]
    return any(str(getattr(found.inputs[0], "op", None)) == "sub" for found in logarithms)


def _is_rest(y: Node, leaf: Node) -> bool:
    """Whether a leaf is 1 − y, of numbers that are not all the same unless it is one."""
    return y.shape == leaf.shape and np.array_equal(leaf.data, 1 - y.data) and (not y.shape or np.ptp(y.data) > 0)


@idiom("matmul", example=lambda z: np.dot([[1.0, 0, 0, 1]], np.log(np.exp(z[:1])).T), name="sum")
def product_with_labels(program: _Pass, node: Node, x: Any, y: Any) -> Node | None:
    """y log(a)ᵀ of one row each: Σ y ⊙ log(a)."""
    data, other = (x, y) if not _learns(x) else (y, x)
    if node.data.size != 1 or _learns(data) or _logarithm(other) is None:
        return None
    if program.made_by(other, "transpose"):
        (other,) = other.inputs
    elif node.data.ndim:
        data = program.make("sub", 1, _turned(data.inputs[1])) if program.made_by(data, "sub") else _turned(data)
    return program.make("sum", program.make("mul", data, other), axis=None, keepdims=bool(node.data.ndim))


def _turned(leaf: Any) -> Node:
    """Data the other way round, under the name that they have."""
    turned = Node(plain(leaf).T)
    turned.name = getattr(leaf, "name", None)
    return turned


def _learns(x: Any) -> bool:
    """Whether gradients flow through an operand."""
    return isinstance(x, Node) and x.requires_grad


@idiom("log", example=lambda z: np.log(np.exp(z)[[0, 1], :2]), name="getitem")
def log_of_elements(program: _Pass, node: Node, x: Any) -> Node | None:
    """The logarithms of some probabilities are some of all logarithms."""
    if not program.made_by(x, "getitem") or not program.made_by(x.inputs[0], "exp", "sigmoid", "clip", "add"):
        return None
    inner = _guarded(program, x.inputs[0])
    return program.make("getitem", program.make("log", x.inputs[0] if inner is None else inner), **x.params)


@idiom("log", example=lambda z: np.log(np.sum(np.exp(z) * np.eye(4)[:3], axis=1)), name="sum")
def log_of_the_labelled(program: _Pass, node: Node, x: Any) -> Node | None:
    """log Σ (p ⊙ y), where each y is 1 once and 0 elsewhere, is Σ (log(p) ⊙ y)."""
    if not (program.made_by(x, "sum") and program.made_by(x.inputs[0], "mul")):
        return None
    for y, p in _mirrored(*x.inputs[0].inputs):
        once = np.shape(plain(y)) == np.shape(plain(p)) and not _learns(y) and np.isin(plain(y), (0, 1)).all()
        if once and np.all(np.sum(plain(y), axis=x.params["axis"]) == 1) and program.made_by(p, "exp", "clip", "add"):
            inner = _guarded(program, p)
            logarithm = program.make("log", p if inner is None else inner)
            return program.make("sum", program.make("mul", y, logarithm), **x.params)
    return None


@idiom("add", "clip", example=lambda z: np.exp(z)[np.arange(3), [0, 1, 1]] + 1e-8, name="getitem")
def guard_of_elements(program: _Pass, node: Node, x: Any, y: Any = None) -> Node | None:
    """Some elements of p with a guard are those of all of p with the guard."""
    for elements, other in _mirrored(x, y):
        if program.made_by(elements, "getitem") and program.made_by(elements.inputs[0], "exp", "sigmoid"):
            if str(node.op) == "clip":
                return program.make(
                    "getitem", program.make("clip", elements.inputs[0], **node.params), **elements.params
                )
            if 0 < (_number(other) or 0) <= GUARD:
                return program.make("getitem", program.make("add", elements.inputs[0], other), **elements.params)
    return None


@idiom("log", example=lambda z: np.log(_naive_softmax(z) + 1e-12), name="log")
def guarded_log(program: _Pass, node: Node, x: Any) -> Node | None:
    """log(p + 1e-8) and log(clip(p)): the same, but for a guard that may be left out to see what it changes."""
    inner = _guarded(program, x)
    return None if inner is None else program.make("log", inner)


def _guarded(program: _Pass, x: Any) -> Any:
    """p, where x is p + 1e-8 or p clipped, and guards are to be left out; None otherwise, and the guard is noted."""
    number, inner = None, None
    if program.made_by(x, "add"):
        small = ((_number(a) or 0, b) for a, b in _mirrored(*x.inputs))
        number, inner = next(((a, b) for a, b in small if 0 < a <= GUARD), (None, None))
    elif program.made_by(x, "clip") and 0 < float(x.params["min"] or 0) <= GUARD:
        number, inner = float(x.params["min"]), x.inputs[0]
    if number is None:
        return None
    program.guards.append(number)
    return None if program.guarded else inner


@idiom("getitem", example=lambda z: np.log(np.exp(z))[np.arange(3), [0, 1, 1]], name="sum", table=PICKED)
def picked(program: _Pass, node: Node, x: Any) -> Node | None:
    """Each example's logarithm at its class: Σ over the classes of all of them times labels, 1 for the class."""
    index = node.params["index"]
    places = [np.asarray(plain(i)) for i in (index if isinstance(index, tuple) else (index,))]
    whole = all(place.dtype.kind in "iu" for place in places) and len(places) == x.data.ndim <= 2
    if not whole or not program.made_by(x, "log", "log_softmax"):
        return None
    examples = [i for i, p in enumerate(places) if np.array_equal(p, np.arange(x.shape[i]))]
    if x.data.ndim == 2 and (len(examples) != 1 or node.data.ndim != 1):
        return None
    labels = np.zeros(x.shape, x.dtype)
    labels[tuple(places)] = 1
    leaf = Node(labels)
    leaf.name = None if any(n.name == LABELS for n in program.recording.nodes) else LABELS
    axis = 1 - examples[0] if x.data.ndim == 2 else None
    return program.make("sum", program.make("mul", leaf, x), axis=axis, keepdims=False)

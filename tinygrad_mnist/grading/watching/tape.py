"""The record of a running program: every operation on arrays, with its operands, its value, its line and its names."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.science import OPTIMIZE, RATE
from tinygrad_mnist.grading.watching.graph import LINEAR, Node, walk
from tinygrad_mnist.grading.watching.rewriting import RECORDER

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "@": operator.matmul,
    "**": operator.pow, "//": operator.floordiv, "%": operator.mod, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    "neg": operator.neg, "pos": operator.pos, "~": operator.invert,
}  # fmt: skip
IN_PLACE: dict[str, Callable[..., Any]] = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv, "@": operator.imatmul,
    "**": operator.ipow, "//": operator.ifloordiv, "%": operator.imod, "&": operator.iand, "|": operator.ior,
    "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift,
}  # fmt: skip

OWN = "__main__"
"""The name under which the program runs."""

MUTATING = {"sort", "fill", "partition", "put", "itemset", "resize", "shuffle", "copyto", "place", "putmask",
            "fill_diagonal", "at"}  # fmt: skip
"""What changes its arguments, by name."""

ROWWISE = (zip, enumerate, map)
"""What goes through the rows of arrays."""

ADDING = {"+", "-", "*", "/", "neg", "add", "subtract", "multiply", "divide", "true_divide", "clip", "where", "[]=",
          "copy", "array", "asarray", "astype", "maximum", "minimum"}  # fmt: skip
"""Operations by which something is updated."""

UNWATCHED = {"vectorize", "apply_along_axis", "piecewise", "fromiter", "frompyfunc"}
"""What calls a function of the program for each element: one operation, whatever goes on inside."""

REDUCING = {"sum", "mean", "max", "min", "prod"}
"""Operations by which a matrix stays one, with an axis of length 1."""

LONGEST = 16
"""A list of parameters, or of a layer's values, is no longer."""

STEPPING = tuple({*OPTIMIZE.values()})
"""Minimizers, whose steps are recorded."""

MOST_NODES = 60_000
MOST_BYTES = 3 * 2**30


class Enough(BaseException):
    """The program has been watched for long enough."""


@dataclass(frozen=True)
class Method:
    """A method as a function of its object."""

    name: str

    def __call__(self, owner: Any, *arguments: Any, **options: Any) -> Any:
        return getattr(owner, self.name)(*arguments, **options)


@dataclass(frozen=True)
class Update:
    """A name, or an object, that got a new value made from its old one."""

    old: Node
    new: Node
    line: int
    text: str


class Tape:
    """The recorder of a program. Its methods stand in the rewritten program in place of the operations.

    later: what was recorded when training had been seen, for a loss that is computed now and then.
    """

    slice = slice

    def __init__(self, finished: Callable[[Tape], bool] = lambda tape: False, seconds: float = math.inf) -> None:
        self.nodes: list[Node] = []
        self.updates: list[Update] = []
        self.rebound: list[Update] = []
        self.failed: Node | None = None
        self.entered: list[tuple[int, str, int, dict[str, Any]]] = []
        self.finished = finished
        self.later: tuple[list[Node], list[Update]] = [], []
        self._of: dict[int, tuple[Any, Node]] = {}
        self._bindings: dict[tuple[int, str], Node] = {}
        self._holding: dict[tuple[int, str], list[Any] | dict[Any, Any]] = {}
        self._called: dict[int, tuple[list[Any] | dict[Any, Any], str]] = {}
        self._sharing: dict[int, dict[int, Any]] = {}
        self._bytes = 0
        self._deadline = time.monotonic() + seconds
        self._paused = False
        self._hastened = False

    # what stands in the program

    def operate(self, line: int, symbol: str, *operands: Any) -> Any:
        if symbol == "*" and any(isinstance(o, np.matrix) for o in operands) and all(map(np.ndim, operands)):
            symbol = "@"
        try:
            value = OPERATORS[symbol](*operands)
        except Exception:
            self._fail(line, symbol, operands)
            raise
        if isinstance(value, (np.ndarray, np.generic, float)):
            negated = self.known(operands[0]) if symbol == "@" else None
            if negated and negated.op == "neg":
                self._negative_product(line, negated.operands[0], operands[1], value)
            else:
                self._record(line, symbol, OPERATORS[symbol], operands, {}, value)
        return value

    def _negative_product(self, line: int, left: Node, right: Any, value: Any) -> None:
        """Record `-a @ b`, in which the minus is the first operand's, as that of the product: -(a @ b)."""
        if self._paused or not isinstance(right, np.ndarray):
            return
        operands = left, self.node(right)
        product = self._add(line, "@", operator.matmul, operands, {}, operands, np.negative(value))
        self._add(line, "neg", operator.neg, (product,), {}, (product,), value)

    def call(self, line: int, function: Any, /, *arguments: Any, **options: Any) -> Any:
        if _is_own(function):
            return function(*arguments, **options)
        if function is reversed and isinstance(arguments[0], np.ndarray):
            return self._rows(line, arguments[0], range(len(arguments[0]))[::-1])
        if isinstance(function, type) and function in ROWWISE:
            return function(*(self.iterate(line, a) for a in arguments), **options)
        if function is setattr:
            return self.set_attribute(line, *arguments)
        if function in (sum, max, min):
            arguments = tuple(list(a) if isinstance(a, types.GeneratorType) else a for a in arguments)
        if any(function is minimizer for minimizer in STEPPING):
            return function(*arguments, **options, step=functools.partial(self._descend, line))
        name = getattr(function, "__name__", type(function).__name__)
        if name in UNWATCHED or isinstance(function, np.vectorize):
            return self._unwatched(line, name, function, arguments, options)
        if isinstance(function, np.ufunc) and isinstance(options.get("out"), np.ndarray) and "where" not in options:
            return self._into(line, function, arguments, options)
        owner = _owner(function)
        changed: list[Any] = []
        if name in MUTATING or options.get("out") is not None:
            given = [owner, *arguments, *options.values()]
            changed = [a for a in given if isinstance(a, np.ndarray)]
            before = [a.copy() for a in changed]
            for array in changed:
                self._before_change(array)
        try:
            value = function(*arguments, **options)
        except Exception:
            self._fail(line, name, (owner, *arguments))
            raise
        if changed:
            self._after_call(line, name, changed, before)
        if name == "update" and isinstance(getattr(function, "__self__", None), dict):
            self._updated_dict(line, function.__self__)
        if name == "append" and isinstance(getattr(function, "__self__", None), list):
            self._appended(line, function.__self__)
        if isinstance(value, (np.ndarray, np.generic, float)):
            self._record(line, name, *_unbound(function, owner, arguments), options, value)
            if name in ("array", "asarray") and isinstance(arguments[0], list):
                self._without_a_label(line, value, list(enumerate(arguments[0])))
        elif isinstance(value, (tuple, list)) and value and all(isinstance(v, np.ndarray) for v in value):
            unbound, everything = _unbound(function, owner, arguments)
            of_each = len(value) / len(everything) if everything else 0
            for i, part in enumerate(value):
                if of_each in (1, 2):  # split or shuffled together, each of them by itself
                    self._record(line, name, None, (everything[int(i / of_each)],), {}, part)
                else:
                    self._record(line, name, functools.partial(_part, unbound, i), everything, options, part)
        return value

    def _descend(self, line: int, x: NDArray[Any], slope: Any) -> Any:
        """A step of a minimizer: `x - RATE * slope`."""
        slope = slope if np.shape(slope) == x.shape else self.call(line, np.ravel, slope)
        lower = self.operate(line, "-", x, self.operate(line, "*", RATE, slope))
        self._updated(Update(self.node(x), self.node(lower), line, self.node(x).name))
        return lower

    def _into(self, line: int, function: np.ufunc, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """`np.add(a, b, out=c)` as `c[...] = np.add(a, b)`."""
        out = options["out"]
        value = self.call(line, function, *arguments, **{key: o for key, o in options.items() if key != "out"})
        self.store(line, out, Ellipsis, np.asarray(value).astype(out.dtype, casting="same_kind", copy=False))
        return out

    def _updated_dict(self, line: int, owner: dict[Any, Any]) -> None:
        for key, value in owner.items():
            if isinstance(key, str):
                self.bound(line, owner, key, value)

    def _appended(self, line: int, owner: list[Any]) -> None:
        held = self._called.get(id(owner))
        if held and held[0] is owner and isinstance(owner[-1], np.ndarray) and len(owner) <= LONGEST:
            place = f"[{len(owner) - 1}]"
            self.bound(line, owner, place, owner[-1])
            self.node(owner[-1]).names.append(held[1] + place)

    def _unwatched(
        self, line: int, name: str, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        paused, self._paused = self._paused, True
        try:
            value = function(*arguments, **options)
        finally:
            self._paused = paused
        if isinstance(value, np.ndarray):
            self._record(line, name, function, arguments, options, value)
        return value

    def item(self, line: int, owner: Any, index: Any) -> Any:
        join = _join(owner, index)
        if join:
            return self.call(line, join, list(index))
        value = owner[index]
        if isinstance(owner, np.ndarray):
            self._record(line, "[]", operator.getitem, (owner, index), {}, value)
        return value

    def attribute(self, line: int, owner: Any, name: str) -> Any:
        value = getattr(owner, name)
        if isinstance(owner, np.ndarray):
            self._record(line, name, operator.attrgetter(name), (owner,), {}, value)
        return value

    def set_attribute(self, line: int, owner: Any, name: str, value: Any) -> None:
        setattr(owner, name, value)
        self.bound(line, owner, name, value)

    def iterate(self, line: int, iterable: Any) -> Any:
        if not isinstance(iterable, np.ndarray) or not iterable.ndim:
            return iterable
        return self._rows(line, iterable, range(len(iterable)))

    def loop(self, line: int, iterable: Any) -> Iterator[Any]:
        """The turns of a loop; the last ones are left out where the program is hastened on the way."""
        hastened = self._hastened
        for turn in self.iterate(line, iterable):
            yield turn
            if self._hastened is not hastened:
                return

    def _rows(self, line: int, array: NDArray[Any], order: range) -> Iterator[Any]:
        return (self.item(line, array, i) for i in order)

    def store(self, line: int, owner: Any, index: Any, value: Any) -> None:
        """`owner[index] = value`."""
        if isinstance(owner, np.ndarray):
            self._change(line, "[]=", _stored, owner, (index, value), lambda: owner.__setitem__(index, value))
            self._without_a_label(line, owner, [(index, value)])
        else:
            owner[index] = value
            if isinstance(owner, (dict, list)) and isinstance(index, (str, int)):
                text = index if isinstance(index, str) else f"[{index}]"
                self.bound(line, owner, text, value)

    def update(self, line: int, symbol: str, target: Any, value: Any) -> Any:
        """`target += value`, whose result the target becomes."""
        if not isinstance(target, np.ndarray):
            result = IN_PLACE[symbol](target, value)
            if isinstance(result, (np.ndarray, np.generic, float)):
                self._record(line, symbol, OPERATORS[symbol], (target, value), {}, result)
            return result
        return self._change(line, symbol, OPERATORS[symbol], target, (value,), lambda: IN_PLACE[symbol](target, value))

    def update_item(self, line: int, symbol: str, owner: Any, index: Any, value: Any) -> None:
        """`owner[index] += value`."""
        if isinstance(owner, np.ndarray) and _is_everything(index):
            self.update(line, symbol, owner, value)
            return
        self.store(line, owner, index, self.update(line, symbol, self.item(line, owner, index), value))

    def bound(self, line: int, owner: Any, text: str, value: Any) -> None:
        """A name, an attribute or an item got this value. owner: the number of a scope, or the object."""
        if isinstance(value, (list, dict)) and not self._paused:
            held = owner if isinstance(owner, int) else id(owner), text
            for keys, _, array in _named_arrays(owner, text, self._holding.get(held)):  # what was put in since
                self._bindings.update(dict.fromkeys(keys, self.node(array)))
            self._holding[held] = value
            self._called[id(value)] = value, text
        holder = self._holder(owner, text, value)
        for keys, name, array in () if self._paused else _named_arrays(owner, text, value):
            node = self.node(array)
            node.holders |= holder
            if name not in node.names:
                node.names.append(name)
            before = {self._bindings[key]: None for key in keys if key in self._bindings}
            self._bindings.update(dict.fromkeys(keys, node))
            for old in before:
                if old is not node:
                    self._rebound(Update(old, node, line, text))

    def _holder(self, owner: Any, text: str, value: Any) -> set[str]:
        """What the dict is called that gets this name, or in which something gets it."""
        if isinstance(value, dict):
            return {text}
        held = self._called.get(id(owner)) if isinstance(owner, dict) else None
        return {held[1]} if held and held[0] is owner else set()

    def _rebound(self, update: Update) -> None:
        if _made_from(update.new, update.old):
            self._updated(update)
        elif update.old.shape == update.new.shape:
            self.rebound.append(update)

    def enter(self, line: int, name: str, arguments: dict[str, Any]) -> int:
        """A function begins; the number of this call of it."""
        number = len(self.entered) + 1
        self.entered.append((len(self.nodes), name, line, arguments))
        for text, value in arguments.items():
            if not (text == "self" or isinstance(value, (int, str))):
                self.bound(line, number, text, value)
        self.tick(line)
        return number

    def tick(self, line: int) -> None:
        """A turn of a loop."""
        if self._bytes > MOST_BYTES or len(self.nodes) > MOST_NODES or self.late:
            raise Enough

    # the record

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._deadline

    def hasten(self, seconds: float) -> None:
        """End every loop that is running after its turn, and the record after so many seconds."""
        self._hastened = True
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def cut(self, nodes: int, updates: int) -> None:
        """Put aside as `later` what comes after so many nodes and updates."""
        self.later = self.nodes[nodes:], self.updates[updates:]
        del self.nodes[nodes:], self.updates[updates:]

    def node(self, value: Any) -> Node:
        """The node of an array or a number: a new leaf where nothing is known of it."""
        known = self._of.get(id(value))
        if known is not None:
            return known[1]
        return self._add(0, "leaf", None, (), {}, (), value)

    def attributes(self) -> list[tuple[Key, Node]]:
        """What names stand for that objects have, not functions as they run."""
        return [(key, node) for key, node in self._bindings.items() if key[0] > len(self.entered)]

    def known(self, value: Any) -> Node | None:
        entry = self._of.get(id(value))
        return entry[1] if entry else None

    def _record(
        self, line: int, op: str, function: Any, arguments: tuple[Any, ...], options: dict[str, Any], value: Any
    ) -> None:
        if self._paused or id(value) in self._of:
            return
        if isinstance(value, np.ndarray) and value.dtype.kind not in "fiub":
            return
        operands: list[Node] = []
        linked = tuple(self._linked(a, operands) for a in arguments)
        if isinstance(value, float) and not operands:
            return
        named = {key: self._linked(option, operands) for key, option in options.items()}
        if isinstance(value, np.matrix) and op in REDUCING:
            named["keepdims"] = True
        self._add(line, op, function, linked, named, tuple(operands), value)

    def _linked(self, argument: Any, operands: list[Node]) -> Any:
        """An argument with nodes in place of arrays and of numbers that were recorded."""
        if isinstance(argument, np.ndarray):
            if argument.dtype.kind not in "fiub":
                return argument
            node = self.node(argument)
        elif isinstance(argument, (float, np.generic)):
            known = self.known(argument)
            if known is None:
                return argument
            node = known
        elif isinstance(argument, (tuple, list)) and len(argument) <= 1000:
            linked = [self._linked(a, operands) for a in argument]
            return tuple(linked) if isinstance(argument, tuple) else linked
        else:
            return argument
        operands.append(node)
        return node

    def _add(
        self, line: int, op: str, function: Any, arguments: tuple[Any, ...], options: dict[str, Any],
        operands: tuple[Node, ...], value: Any, changes: Node | None = None,
    ) -> Node:  # fmt: skip
        node = Node(len(self.nodes), op, function, arguments, options, operands, value, line, changes)
        self.nodes.append(node)
        self._of[id(value)] = value, node
        if isinstance(value, np.ndarray):
            self._sharing.setdefault(id(_root(value)), {})[id(value)] = value
            self._bytes += value.nbytes if value.base is None else 0
        if node.index % 256 == 0:
            self.tick(line)
        return node

    def _change(
        self, line: int, op: str, function: Any, target: NDArray[Any], rest: tuple[Any, ...], change: Callable[[], Any]
    ) -> Any:
        """Change an array in place; its object then stands for a new node, and so do those that share its memory."""
        if self._paused:
            return change()
        old = self.node(target)
        operands = [old]
        linked = tuple(self._linked(a, operands) for a in rest)
        self._before_change(target)
        try:
            result = change()
        except Exception:
            self._fail(line, op, (target, *rest))
            self._did_not_fit(line, op, function, target, rest)
            raise
        self._add(line, op, function, (old, *linked), {}, tuple(operands), target, old)
        self._after_change(target)
        new = self.node(target)
        if op != "[]=" or (_is_everything(rest[0]) and _made_from(operands[-1], old)):
            self._updated(Update(old, new, line, old.name))
        return result

    def _without_a_label(self, line: int, array: Any, elements: list[tuple[Any, Any]]) -> None:
        """Record an array as outputs and labels where it is outputs but for a 1 less, or more, in one place.

        elements: the numbers in it that are told by: what was taken from outputs there, perhaps with a 1 less or more.
        """
        bases = {self._taken_from(value, index) for index, value in elements}
        base = bases.pop()
        if base is None or bases or base.shape != np.shape(array) or not any(n.op in LINEAR for n in walk([base])):
            return
        label = np.round(base.value - array, 9)
        if np.count_nonzero(label) == 1 and abs(label).max() == 1:
            symbol = "-" if label.max() == 1 else "+"
            hot, old = self.node(abs(label)), self.node(array)
            self._add(line, symbol, OPERATORS[symbol], (base, hot), {}, (base, hot), array, old)

    def _taken_from(self, value: Any, index: Any) -> Node | None:
        """The vector whose number this is in that place, or was before a plain number was added; None for others."""
        node = self.known(value) if isinstance(value, np.floating) else None
        if node and node.op in ("+", "-") and len(node.operands) == 1:
            node = node.operands[0]
        is_taken = node and node.op == "[]" and _place(node.arguments[1]) == _place(index) is not None
        return node.operands[0] if node and is_taken else None

    def _did_not_fit(self, line: int, op: str, function: Any, target: NDArray[Any], rest: tuple[Any, ...]) -> None:
        """Record an update in place that raises for its shape as what it would have been made: a larger array."""
        with contextlib.suppress(Exception):
            value = function(target, *rest)
            self._record(line, op, function, (target, *rest), {}, value)
            self._updated(Update(self.node(target), self.node(value), line, self.node(target).name))

    def _before_change(self, target: NDArray[Any]) -> None:
        """Keep the numbers as they are, for every node that would see them change."""
        for array in list(self._sharing.get(id(_root(target)), {}).values()):
            entry = self._of.get(id(array))
            if entry and entry[1].value is array:
                entry[1].value = array.copy()

    def _after_change(self, target: NDArray[Any]) -> None:
        """What shares memory with a changed array is that array's, seen another way: it is looked at anew."""
        for array in list(self._sharing.get(id(_root(target)), {}).values()):
            entry = self._of.get(id(array))
            if entry and array is not target and not np.array_equal(entry[1].value, array, equal_nan=True):
                self._add(0, "shared", None, (), {}, (entry[1], self.node(target)), array, entry[1])

    def _after_call(self, line: int, name: str, changed: list[Any], before: list[Any]) -> None:
        for array, old in zip(changed, before, strict=True):
            if not np.array_equal(array, old, equal_nan=True):
                node = self.node(array)
                self._add(line, name, None, (), {}, (node,), array, node)

    def _fail(self, line: int, op: str, arguments: tuple[Any, ...]) -> None:
        """Keep what an operation that raises was given."""
        operands: list[Node] = []
        for argument in arguments:
            self._linked(argument, operands)
        self.failed = Node(len(self.nodes), op, None, (), {}, tuple(operands), np.nan, line)

    def _updated(self, update: Update) -> None:
        self.updates.append(update)
        if self.finished(self):
            raise Enough


def _join(owner: Any, index: Any) -> Callable[..., Any] | None:
    """What `np.c_[a, b]` and `np.r_[a, b]` do with arrays and numbers, as a function of a list of them."""
    if owner is not np.c_ and owner is not np.r_:
        return None
    if not isinstance(index, tuple) or not all(isinstance(part, (np.ndarray, float, int)) for part in index):
        return None
    if owner is np.c_:
        return np.column_stack
    return np.hstack if all(np.ndim(part) < 2 for part in index) else np.concatenate


def _place(index: Any) -> tuple[int, ...] | None:
    """An index of one number, which may have been taken from an array; None for others."""
    at = index if isinstance(index, tuple) else (index,)
    numbers = [i.value if isinstance(i, Node) else i for i in at]
    return tuple(map(int, numbers)) if all(isinstance(i, (int, np.integer)) for i in numbers) else None


def _is_everything(index: Any) -> bool:
    """Whether an index stands for all elements of an array."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)


def _stored(target: Any, index: Any, value: Any) -> Any:
    """A copy of an array with some of its elements replaced."""
    copy = target.copy()
    copy[index] = value
    return copy


def _part(function: Callable[..., Any], i: int, *arguments: Any, **options: Any) -> Any:
    return function(*arguments, **options)[i]


def _root(array: NDArray[Any]) -> Any:
    """What owns an array's memory."""
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base


def _owner(function: Any) -> Any:
    """The array whose method it is."""
    owner = getattr(function, "__self__", None)
    return owner if isinstance(owner, np.ndarray) else None


def _unbound(function: Any, owner: Any, arguments: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A method as a function of its array."""
    if owner is None:
        return function, arguments
    return Method(function.__name__), (owner, *arguments)


def _is_own(function: Any) -> bool:
    """Whether the program's own code is called, in which everything is recorded by itself."""
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        return RECORDER in function.__globals__
    own = function if isinstance(function, type) else type(function)
    return getattr(own, "__module__", None) == OWN


Key = tuple[int, str]
"""An owner, the number of a scope or the id of an object, and a name in it."""


def _named_arrays(owner: Any, text: str, value: Any) -> Iterator[tuple[list[Key], str, Any]]:
    """The arrays that are called by a name, itself or those in a list or a dict, with all the keys that they go by.

    What lies in it may be lists, tuples or dicts of arrays itself, as [(W1, b1), (W2, b2)] is.
    """
    place = owner if isinstance(owner, int) else id(owner)
    last = text.rpartition(".")[2]
    if isinstance(value, (np.ndarray, np.floating)) or (isinstance(value, float) and not math.isnan(value)):
        if not isinstance(value, np.ndarray) or value.dtype.kind in "fiub":
            yield [(place, last)], text, value
        return
    for within, name, part in _parts(text, value):
        if _is_numeric(part):
            yield [(id(value), within), (place, f"{last}:{within}")], name, part
        for inner, inner_name, array in _parts(name, part):
            if _is_numeric(array):
                itself = [] if isinstance(part, tuple) else [(id(part), inner)]
                yield [*itself, (place, f"{last}:{within}:{inner}")], inner_name, array


def _parts(text: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """What lies in a list, a tuple or a dict: its place, its name, and itself."""
    if isinstance(value, (list, tuple)) and len(value) <= LONGEST:
        yield from ((f"[{i}]", f"{text}[{i}]", part) for i, part in enumerate(value))
    elif isinstance(value, dict) and len(value) <= 64:
        yield from ((str(key), str(key), part) for key, part in value.items())


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _made_from(new: Node, old: Node, depth: int = 5) -> bool:
    """Whether a value was made from another by sums, differences and products; broadcast in the last one, at most."""
    if new is old:
        return True
    if depth == 0 or new.op not in ADDING:
        return False
    return any(n is old or (n.shape == old.shape and _made_from(n, old, depth - 1)) for n in new.operands)

"""What stands in a rewritten program in place of its operations: it carries them out, and records them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.watching.bindings import Whole, key_name
from tinygrad_mnist.grading.watching.calls import call, is_own
from tinygrad_mnist.grading.watching.changes import change, is_everything, store
from tinygrad_mnist.grading.watching.graph import Node
from tinygrad_mnist.grading.watching.rewriting import BINARY, RECORDER
from tinygrad_mnist.grading.watching.tape import Tape

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "@": operator.matmul,
    "**": operator.pow, "//": operator.floordiv, "%": operator.mod, "&": operator.and_, "|": operator.or_,
    "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
    "neg": operator.neg, "pos": operator.pos, "~": operator.invert,
}  # fmt: skip
IN_PLACE = {symbol: getattr(operator, f"i{OPERATORS[symbol].__name__.rstrip('_')}") for symbol in BINARY.values()}
"""What `+=` does, and the like: operator's iadd beside add."""

ROWWISE = (zip, enumerate, map)
"""What goes through the rows of arrays."""


class Recorder:
    """The operations of a program, each with the number of its line first."""

    slice = slice

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def operate(self, line: int, symbol: str, *operands: Any) -> Any:
        if symbol == "*" and any(isinstance(o, np.matrix) for o in operands) and all(map(np.ndim, operands)):
            symbol = "@"
        try:
            value = OPERATORS[symbol](*operands)
        except Exception:
            self.tape.fail(line, symbol, operands)
            raise
        if isinstance(value, (np.ndarray, np.generic, float)):
            negated = self.tape.known(operands[0]) if symbol == "@" else None
            if negated and negated.op == "neg":
                self._negative_product(line, negated.operands[0], operands[1], value)
            else:
                self.tape.record(line, symbol, OPERATORS[symbol], operands, {}, value)
        return value

    def _negative_product(self, line: int, left: Node, right: Any, value: Any) -> None:
        """Record `-a @ b`, in which the minus is the first operand's, as that of the product: -(a @ b)."""
        if self.tape.paused or not isinstance(right, np.ndarray):
            return
        operands = left, self.tape.node(right)
        product = self.tape.add(line, "@", operator.matmul, operands, {}, operands, np.negative(value))
        self.tape.add(line, "neg", operator.neg, (product,), {}, (product,), value)

    def call(self, line: int, function: Any, /, *arguments: Any, **options: Any) -> Any:
        if is_own(function):
            return function(*arguments, **options)
        if function is reversed and isinstance(arguments[0], np.ndarray):
            return self._rows(line, arguments[0], range(len(arguments[0]))[::-1])
        if isinstance(function, type) and function in ROWWISE:
            return function(*(self.iterate(line, a) for a in arguments), **options)
        if function is setattr:
            setattr(*arguments)
            return self.bound(line, *arguments)
        return call(self.tape, line, function, arguments, options)

    def own(self, line: int, number: float) -> float:
        """A number that is written, as an object of its own: what a parameter begins with."""
        return Whole(number) if isinstance(number, int) else number * 1.0

    def item(self, line: int, owner: Any, index: Any) -> Any:
        join = _join(owner, index)
        if join:
            return self.call(line, join, list(index))
        value = owner[index]
        if isinstance(owner, np.ndarray):
            self.tape.record(line, "[]", operator.getitem, (owner, index), {}, value)
        return value

    def attribute(self, line: int, owner: Any, name: str) -> Any:
        value = getattr(owner, name)
        if isinstance(owner, np.ndarray):
            self.tape.record(line, name, operator.attrgetter(name), (owner,), {}, value)
        return value

    def iterate(self, line: int, iterable: Any) -> Any:
        if not isinstance(iterable, np.ndarray) or not iterable.ndim:
            return iterable
        return self._rows(line, iterable, range(len(iterable)))

    def loop(self, line: int, iterable: Any) -> Iterator[Any]:
        """The turns of a loop; the last ones are left out where the program is hastened on the way."""
        hastened = self.tape.hastened
        for turn in self.iterate(line, iterable):
            yield turn
            if self.tape.hastened is not hastened:
                return

    def _rows(self, line: int, array: NDArray[Any], order: range) -> Iterator[Any]:
        return (self.item(line, array, i) for i in order)

    def store(self, line: int, owner: Any, index: Any, value: Any) -> None:
        """`owner[index] = value`."""
        if isinstance(owner, np.ndarray):
            store(self.tape, line, owner, index, value)
            return
        owner[index] = value
        if isinstance(owner, dict) and isinstance(index, (str, int, tuple)):
            self.bound(line, 0 if RECORDER in owner else owner, key_name(index), value)  # of globals(), the module
        elif isinstance(owner, list) and isinstance(index, int):
            self.bound(line, owner, f"[{index}]", value)

    def update(self, line: int, symbol: str, target: Any, value: Any) -> Any:
        """`target += value`, whose result the target becomes."""
        function, in_place = OPERATORS[symbol], IN_PLACE[symbol]
        if isinstance(target, np.ndarray):
            return change(self.tape, line, symbol, function, target, (value,), lambda: in_place(target, value))
        result = in_place(target, value)
        if isinstance(result, (np.ndarray, np.generic, float)):
            self.tape.record(line, symbol, function, (target, value), {}, result)
        return result

    def update_item(self, line: int, symbol: str, owner: Any, index: Any, value: Any) -> None:
        """`owner[index] += value`."""
        if isinstance(owner, np.ndarray) and is_everything(index):
            self.update(line, symbol, owner, value)
            return
        part = self.item(line, owner, index)
        is_a_part = isinstance(owner, np.ndarray) and isinstance(part, np.ndarray)
        update = self._changed_part if is_a_part else self.update
        self.store(line, owner, index, update(line, symbol, part, value))

    def _changed_part(self, line: int, symbol: str, part: NDArray[Any], value: Any) -> NDArray[Any]:
        """What `+=` makes of a part of an array, which is not changed itself: what has it is, where that is stored."""
        try:
            changed: NDArray[Any] = IN_PLACE[symbol](part.copy(), value)
        except Exception:
            self.tape.fail(line, symbol, (part, value))
            raise
        self.tape.record(line, symbol, OPERATORS[symbol], (part, value), {}, changed)
        return changed

    def bound(self, line: int, owner: Any, text: str, value: Any) -> None:
        """A name, an attribute or an item got this value. owner: the number of a scope, or the object."""
        held, name = getattr(owner, "__dict__", None), text.rpartition(".")[2]
        if type(value) is float and isinstance(held, dict) and name in held:
            self.tape.bindings.set_apart(held, [name])
            value = held[name]
        self.tape.bound(line, owner, text, value)
        for attribute in self.tape.bindings.unnamed(value):
            self.bound(line, value, f"{text}.{attribute}", getattr(value, attribute))

    def enter(self, line: int, name: str, arguments: dict[str, Any]) -> int:
        """A function begins; the number of this call of it."""
        entered = self.tape.entered
        entered.append((len(self.tape.nodes), name, line, arguments))
        number = len(entered)
        for text, value in arguments.items():
            if not (text == "self" or isinstance(value, (int, str))):
                self.bound(line, number, text, value)
        self.tick(line)
        return number

    def tick(self, line: int) -> None:
        """A turn of a loop."""
        self.tape.tick()


def _join(owner: Any, index: Any) -> Callable[..., Any] | None:
    """What `np.c_[a, b]` and `np.r_[a, b]` do with arrays and numbers, as a function of a list of them."""
    if owner is not np.c_ and owner is not np.r_:
        return None
    if not isinstance(index, tuple) or not all(isinstance(part, (np.ndarray, float, int)) for part in index):
        return None
    if owner is np.c_:
        return np.column_stack
    return np.hstack if all(np.ndim(part) < 2 for part in index) else np.concatenate

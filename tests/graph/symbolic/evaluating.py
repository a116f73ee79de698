"""What is said of elements, evaluated: each letter is an axis of its own, and what is added over is added up."""

import math

import numpy as np

from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.symbolic.index import Letter, walked
from tinygrad_mnist.graph.symbolic.traced import _MASKS

FORWARDS = {name: op.forward for name, op in OPS.items()} | {op.name: op.forward for op in _MASKS.values()}
OVER = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}


class Evaluation:
    """The numbers of terms, for all values of their letters at once."""

    def __init__(self, *terms):
        letters = list(dict.fromkeys(x for term in terms for x in walked(term) if isinstance(x, Letter)))
        self.axes = {letter: axis for axis, letter in enumerate(letters)}

    def __call__(self, term):
        return getattr(self, f"_{type(term).__name__.lower()}", lambda number: number)(term)

    def _letter(self, letter):
        shape = [1] * len(self.axes)
        shape[self.axes[letter]] = letter.length
        return np.arange(letter.length).reshape(shape)

    def _part(self, part):
        return self(part.of) % part.by if part.is_rest else self(part.of) // part.by

    def _index(self, index):
        return index.constant + sum((factor * self(atom) for atom, factor in index.terms), np.zeros((), int))

    def _element(self, element):
        """NaN where an index is outside, unless it says what counts there: what is not said must not matter."""
        array, places = element.value.numpy(), [self(i) for i in element.at]
        inside = math.prod(((i >= 0) & (i < n) for i, n in zip(places, array.shape)), start=np.ones((), bool))
        if not array.size:
            return np.zeros(inside.shape)
        found = array[tuple(np.clip(i, 0, n - 1) for i, n in zip(places, array.shape))]
        if inside.all():
            return found
        return np.where(inside, found, math.nan if element.outside is None else element.outside)

    def _applied(self, term):
        values = [np.asarray(self(x)) for x in term.operands]
        if term.op == "within":
            return (values[0] >= 0) & (values[0] < term.params["length"])
        if term.op == "product":
            holds = math.prod((x for x in values if x.dtype.kind == "b"), start=np.ones((), bool))
            return np.where(holds, math.prod((x for x in values if x.dtype.kind != "b"), start=np.ones(())), 0)
        return FORWARDS[term.op](*values, **term.params)

    def _over(self, term):
        letters = [self._letter(letter) for letter in term.letters]
        body = np.broadcast_arrays(np.asarray(self(term.term), float), *letters)[0]
        return OVER[term.op](body, axis=tuple(self.axes[letter] for letter in term.letters), keepdims=True)


def assert_says_the_numbers(line):
    """A line said of an element holds for every element, each of them named once."""
    value = Evaluation(line.left, line.right)
    expected = line.left.value.numpy()
    places = np.broadcast_arrays(np.zeros((), int), *map(value, line.left.at))[1:]
    numbered = np.arange(expected.size).reshape(expected.shape)
    assert sorted(np.ravel(numbered[tuple(places)])) == [*range(expected.size)], "not every element, once"
    with np.errstate(all="ignore"):
        told, there = np.broadcast_arrays(value(line.right), expected[tuple(places)])
    np.testing.assert_allclose(told, there, rtol=1e-9, atol=1e-12)

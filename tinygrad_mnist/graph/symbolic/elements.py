"""Which elements of its operands an element of an operation's result is made of: one table, one rule for each.

A rule is told the indices of the element, asks for those of the operands that it needs, and adds over letters of its
own: of x @ y, the element i, j is Σₖ xᵢₖ yₖⱼ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import OPS
from tinygrad_mnist.engine.ops import _axes as normalised
from tinygrad_mnist.graph.symbolic.index import (
    Applied,
    Element,
    Index,
    Letter,
    Term,
    at_most,
    index,
    is_made_by,
    over,
    product,
    with_letter,
)
from tinygrad_mnist.graph.symbolic.positions import (
    At,
    broadcast,
    in_window,
    new_letters,
    ravelled,
    sources,
    subscripts,
    unravelled,
    window_counts,
)
from tinygrad_mnist.graph.symbolic.traced import Traced
from tinygrad_mnist.graph.symbolic.writing import Writer


@dataclass(frozen=True)
class Contraction:
    """A product of two matrices: the letter that is added over, and each matrix with the axis where it stands."""

    letter: Letter
    factors: list[tuple[Traced, int]]


@dataclass
class Walk:
    """From an expression down to what has a name. contractions: the products of matrices that were met."""

    writer: Writer
    contractions: list[Contraction] = field(default_factory=list)

    def at(self, x: Traced | int | float, at: At) -> Term:
        """An element of an operand: of a number, the number."""
        if not isinstance(x, Traced):
            return x
        if x in self.writer.names:
            return Element(x, at)
        return self.constant(x.numpy(), at) if x.op is None else self.inside(x, at)

    def inside(self, x: Traced, at: At) -> Term:
        """An element of an operation's result in terms of those of its operands."""
        view = self.writer.view(x)
        if view.op in RULES:
            return RULES[view.op](self, Operation(*view, x), at)
        if _is_elementwise(view.op, x):
            return Applied(view.op, self.spread(view.operands, at), view.params)
        return Element(x, at, by_name=False)

    def spread(self, operands: Sequence[Any], at: At) -> tuple[Term, ...]:
        """An element of each operand, which are broadcast to the shape that the indices are of."""
        return tuple(self.at(x, broadcast(np.shape(x), at)) for x in operands)

    def constant(self, array: NDArray[Any], at: At) -> Term:
        """An element of a constant: a number where all are the same, 1 where i = j of an identity."""
        if array.size and array.dtype.kind != "b" and bool(np.all(array == array.flat[0])):
            number: float = array.flat[0].item()
            return number
        if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, np.eye(len(array))):
            return Applied("equal", at)
        return Element(Traced(array), at)


@dataclass(frozen=True)
class Operation:
    """An operation as a rule sees it: how its value is read, and the value."""

    op: str
    operands: tuple[Any, ...]
    params: Mapping[str, Any]
    value: Traced

    @property
    def x(self) -> Traced:
        """The first operand."""
        first: Traced = self.operands[0]
        return first

    def reduced(self, at: At) -> tuple[list[Letter], At]:
        """A letter for each axis of x that is reduced, and the indices of x with them in place."""
        letters = {a: Letter(self.x.shape[a]) for a in normalised(self.params.get("axis"), self.x.ndim)}
        kept = iter(at if len(at) < self.x.ndim else [i for a, i in enumerate(at) if a not in letters])
        return [*letters.values()], tuple(index(letters[a]) if a in letters else next(kept) for a in range(self.x.ndim))


Rule = Callable[[Walk, Operation, At], Term]


def _is_elementwise(op: str, x: Traced) -> bool:
    forward = OPS[op].forward if op in OPS else x.op and x.op.forward
    return op in ELEMENTWISE or (isinstance(forward, np.ufunc) and forward.signature is None)


ELEMENTWISE = {"pow", "sqrt", "sigmoid", "softplus", "relu", "leaky_relu", "elu", "erf", "where", "astype"}
"""What NumPy has no ufunc for; of NumPy's own it is known."""


# elements that only move


def _moved(walk: Walk, o: Operation, at: At) -> Term:
    """Where an element comes from is found by moving the indices of x as x is moved."""
    assert o.value.op
    move = partial(o.value.op.forward, **o.params)
    return walk.at(o.x, sources(o.x.shape, move, at))


def _joined(walk: Walk, o: Operation, at: At) -> Term:
    """The element of the piece that the index is in."""
    axis = o.params["axis"] % len(at)
    spans = pairwise(accumulate((x.shape[axis] for x in o.operands), initial=0))
    pieces = [(x, start) for x, (start, end) in zip(o.operands, spans, strict=True) if end > start]
    terms = [
        walk.at(x, (*at[:axis], at[axis] - start if x.shape[axis] > 1 else Index(), *at[axis + 1 :]))
        for x, start in pieces
    ]
    *_, term = terms or [0]
    for (_, end), earlier in zip(pieces[:0:-1], terms[-2::-1], strict=True):
        term = Applied("where", (Applied("less", (at[axis], Index((), end))), earlier, term))
    return term


# elements that are outside


def _guarded(term: Term, i: Index, length: int, outside: float = 0) -> Term:
    """A term where an index is within a length, and a number elsewhere; an array counts as the number there itself."""
    if i.is_within(length):
        return term
    if isinstance(term, Element) and (i, length) in zip(term.at, term.value.shape, strict=True):
        return replace(term, outside=outside)
    within = Applied("within", (i,), {"length": length})
    return Applied("where", (within, term, outside)) if outside else product(within, term)


def _padded(walk: Walk, o: Operation, at: At) -> Term:
    outside = o.params["constant_values"]
    if not isinstance(outside, int | float):
        return Element(o.value, at, by_name=False)
    before = np.broadcast_to(o.params["pad_width"], (len(at), 2))[:, 0]
    own = tuple(i - int(n) for i, n in zip(at, before, strict=True))
    term = walk.at(o.x, own)
    for i, n in zip(own, o.x.shape, strict=True):
        term = _guarded(term, i, n, outside)
    return term


# elements that are added up


def _reduced(walk: Walk, o: Operation, at: At) -> Term:
    letters, own = o.reduced(at)
    return over(o.op, letters, walk.at(o.x, own))


def _cumulative(op: str, neutral: int) -> Rule:
    def rule(walk: Walk, o: Operation, at: At) -> Term:
        is_flat = o.params["axis"] is None or not o.x.ndim
        axis = 0 if is_flat else o.params["axis"] % o.x.ndim
        letter = Letter(o.value.shape[axis])
        own = (*at[:axis], index(letter), *at[axis + 1 :])
        term = walk.at(o.x, unravelled(own[0], o.x.shape) if is_flat else own)
        if letter.length == 1:
            return term
        counts = at_most(index(letter), at[axis])
        return over(op, [letter], Applied("where", (counts, term, neutral)) if neutral else product(counts, term))

    return rule


def _exponentials(walk: Walk, o: Operation, at: At) -> Term:
    """Σ exp(x) over the axes."""
    letters, own = o.reduced(at)
    return over("sum", letters, Applied("exp", (walk.at(o.x, own),)))


def _logsumexp(walk: Walk, o: Operation, at: At) -> Term:
    return Applied("log", (_exponentials(walk, o, at),))


def _outer(walk: Walk, o: Operation, at: At) -> Term:
    return product(*(walk.at(x, unravelled(i, x.shape)) for x, i in zip(o.operands, at, strict=True)))


def _contracted(walk: Walk, o: Operation, at: At) -> Term:
    """The product over the letters of einsum, matmul and vdot, added over those that the result lacks."""
    ndims = [x.ndim for x in o.operands]
    found = subscripts(o.op, o.params, ndims)
    assert found
    terms, result = found
    factors = list(zip(o.operands, terms, strict=True))
    lengths = {c: n for x, term in factors for c, n in zip(term, x.shape, strict=True) if n != 1}
    letters = {c: Letter(n) for c, n in lengths.items() if c not in result}
    if o.op == "matmul" and ndims == [2, 2]:
        walk.contractions.append(Contraction(letters.get("x", Letter(1)), [(x, t.index("x")) for x, t in factors]))
    known = {c: index(letter) for c, letter in letters.items()} | dict(zip(result, at, strict=True))
    own = ((x, tuple(known.get(c, Index()) for c in term)) for x, term in factors)
    elements = (walk.at(x, broadcast(x.shape, indices)) for x, indices in own)
    return over("sum", [*letters.values()], product(*elements))


def _divided(walk: Walk, o: Operation, at: At) -> Term:
    """x / y; and x / y / z as x / (y z)."""
    above, below = walk.spread(o.operands, at)
    if is_made_by(above, "div") and not isinstance(below, int):
        return Applied("div", (above.operands[0], product(above.operands[1], below)))
    return Applied("div", (above, below))


def _clip(walk: Walk, o: Operation, at: At) -> Term:
    (term,) = walk.spread([o.x], at)
    for op, bound in (("maximum", o.params["min"]), ("minimum", o.params["max"])):
        if bound is not None:
            term = Applied(op, (term, walk.constant(np.asarray(bound), broadcast(np.shape(bound), at))))
    return term


# what is added where it came from


def _scattered(walk: Walk, o: Operation, at: At) -> Term:
    letters, own = new_letters(o.x.shape)
    targets = sources(o.value.shape, lambda places: places[o.params["index"]], own)
    return _added(letters, list(zip(at, targets, strict=True)), walk.at(o.x, own))


def _added(letters: list[Letter], equal: list[tuple[Index, Index]], term: Term) -> Term:
    """The sum over letters of a term where indices are equal. A letter that follows from the others is replaced."""
    letters, within = [*letters], list[tuple[Index, int]]()

    def replace_letter(letter: Letter, given: Index) -> None:
        nonlocal term, equal, within
        letters.remove(letter)
        term = with_letter(term, letter, given)
        equal = [(a.with_letter(letter, given), b.with_letter(letter, given)) for a, b in equal]
        within = [(i.with_letter(letter, given), n) for i, n in within] + [(given, letter.length)]

    for n in range(len(equal)):  # i = k + 2p says what k is
        zero = equal[n][1] - equal[n][0]
        for letter, factor in [(x, f) for x, f in zero.terms if x in letters and abs(f) == 1][:1]:
            replace_letter(letter, (zero - index(letter) * factor) * -factor)
    for n in range(len(within)):  # and 0 ≤ i − 2p < 2 what p is, of which nothing is left to say
        i, length = within[n]
        for letter, factor in [(x, f) for x, f in i.terms if x in letters and f == -length][:1]:
            within[n] = (Index(), 1)
            replace_letter(letter, (i - index(letter) * factor) // length)
    for i, length in reversed(within):
        term = _guarded(term, i, length)
    conditions = [Applied("equal", (a, b)) for a, b in equal if a != b]
    return over("sum", letters, product(*conditions, term))


# windows over images


def _pixel(walk: Walk, x: Traced, at: At, outside: float) -> Term:
    """An element of images; a number in the frame."""
    term = walk.at(x, at)
    for i, length in reversed([*zip(at[2:], x.shape[2:], strict=True)]):
        term = _guarded(term, i, length, outside)
    return term


def _patches(walk: Walk, o: Operation, at: At) -> Term:
    n, *window = unravelled(at[0], (o.x.shape[0], *window_counts(o.x.shape, o.params)))
    *inside, channel = unravelled(at[1], (*o.params["kernel"], o.x.shape[1]))
    return _pixel(walk, o.x, (n, channel, *in_window(o.params, window, inside)), 0)


def _fold(walk: Walk, o: Operation, at: At) -> Term:
    images, kernel = o.value.shape, o.params["kernel"]
    counts = window_counts(images, o.params)
    windows, window = new_letters(counts)
    places, inside = new_letters(kernel)
    row, column = ravelled((at[0], *window), (images[0], *counts)), ravelled((*inside, at[1]), (*kernel, images[1]))
    equal = [*zip(at[2:], in_window(o.params, window, inside), strict=True)]
    return _added(windows + places, equal, walk.at(o.x, (row, column)))


def _max_pool(walk: Walk, o: Operation, at: At) -> Term:
    places, inside = new_letters(o.params["kernel"])
    return over("max", places, _pixel(walk, o.x, (*at[:2], *in_window(o.params, at[2:], inside)), -math.inf))


def _unpool(walk: Walk, o: Operation, at: At) -> Term:
    """A window gives what reaches it to the places where x is at its top: to each its share."""
    g, x, top = o.operands
    windows, window = new_letters(top.shape[2:])
    (places, inside), (others, elsewhere) = new_letters(o.params["kernel"]), new_letters(o.params["kernel"])
    best = walk.at(top, (*at[:2], *window))
    other = _pixel(walk, x, (*at[:2], *in_window(o.params, window, elsewhere)), -math.inf)
    ties = over("sum", others, Applied("equal", (other, best)))
    share = Applied("div", (walk.at(g, (*at[:2], *window)), ties))
    equal = [*zip(at[2:], in_window(o.params, window, inside), strict=True)]
    return _added(windows + places, equal, product(Applied("equal", (walk.at(x, at), best)), share))


RULES: dict[str, Rule] = {
    "reshape": lambda walk, o, at: walk.at(o.x, unravelled(ravelled(at, o.value.shape), o.x.shape)),
    **dict.fromkeys(("transpose", "swapaxes", "flip", "broadcast_to", "getitem"), _moved),
    "concatenate": _joined,
    "pad": _padded,
    **dict.fromkeys(("sum", "max", "min", "prod"), _reduced),
    "cumsum": _cumulative("sum", 0),
    "cumprod": _cumulative("prod", 1),
    "logsumexp": _logsumexp,
    "log_softmax": lambda walk, o, at: Applied("sub", (walk.at(o.x, at), _logsumexp(walk, o, at))),
    "softmax": lambda walk, o, at: Applied("div", (Applied("exp", (walk.at(o.x, at),)), _exponentials(walk, o, at))),
    "mul": lambda walk, o, at: product(*walk.spread(o.operands, at)),
    "div": _divided,
    **dict.fromkeys(("matmul", "vdot", "einsum"), _contracted),
    "outer": _outer,
    "clip": _clip,
    "scatter_add": _scattered,
    "patches": _patches,
    "fold": _fold,
    "max_pool": _max_pool,
    "unpool": _unpool,
}
"""By operation. What has no rule works element by element (see `_is_elementwise`), or is a whole: inv(A)ᵢⱼ."""

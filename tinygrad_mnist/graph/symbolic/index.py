"""Expressions element by element, as data: letters, the indices made of them, and what is computed from elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from tinygrad_mnist.graph.symbolic.traced import Traced

# indices, which are whole numbers


@dataclass(frozen=True, eq=False)
class Letter:
    """What runs over the elements along an axis: 0, 1, … below its length."""

    length: int


@dataclass(frozen=True)
class Part:
    """⌊of / by⌋, or of mod by where it is the rest."""

    of: Index
    by: int
    is_rest: bool


@dataclass(frozen=True)
class Index:
    """An index, such as 2i + k − 1: atoms with their factors, and a constant.

    An atom is a letter, a part of an index, or an element of an array of whole numbers.
    """

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Index | int) -> Index:
        if isinstance(other, int):
            return Index(self.terms, self.constant + other)
        factors = dict(self.terms)
        for atom, factor in other.terms:
            factors[atom] = factors.get(atom, 0) + factor
        return Index(tuple(pair for pair in factors.items() if pair[1]), self.constant + other.constant)

    def __mul__(self, factor: int) -> Index:
        return Index(tuple((atom, own * factor) for atom, own in self.terms if factor), self.constant * factor)

    def __sub__(self, other: Index | int) -> Index:
        return self + other * -1

    def __floordiv__(self, by: int) -> Index:
        whole, rest = self._divided(by)
        return whole if rest.is_within(by) else whole + index(Part(rest, by, is_rest=False))

    def __mod__(self, by: int) -> Index:
        rest = self._divided(by)[1]
        return rest if rest.is_within(by) else index(Part(rest, by, is_rest=True))

    def _divided(self, by: int) -> tuple[Index, Index]:
        """What by divides, divided; and what is left."""
        whole = Index(tuple((atom, f // by) for atom, f in self.terms if f % by == 0), self.constant // by)
        return whole, self - whole * by

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest number that it may be."""
        ends = [sorted(factor * end for end in _bounds(atom)) for atom, factor in self.terms]
        return self.constant + sum(low for low, _ in ends), self.constant + sum(high for _, high in ends)

    def is_within(self, length: int) -> bool:
        """Whether it is 0, 1, … below the length, whatever the letters are."""
        low, high = self.bounds
        return low >= 0 and high < length

    @property
    def letter(self) -> Letter | None:
        """The letter that it is; None where it is anything else."""
        (atom, factor), *others = self.terms or ((None, 0),)
        return atom if isinstance(atom, Letter) and factor == 1 and not others and not self.constant else None

    def with_letter(self, letter: Letter, given: Index) -> Index:
        """The same, of another index in place of a letter."""
        total = Index((), self.constant)
        for atom, factor in self.terms:
            total += _with_letter(atom, letter, given) * factor
        return total


def index(atom: Atom) -> Index:
    """An atom as an index; a letter with but one value is that number."""
    return Index() if isinstance(atom, Letter) and atom.length == 1 else Index(((atom, 1),))


def _bounds(atom: Atom) -> tuple[int, int]:
    if isinstance(atom, Letter):
        return 0, max(atom.length - 1, 0)
    if isinstance(atom, Element):
        return int(atom.value.numpy().min()), int(atom.value.numpy().max())
    low, high = (end // atom.by for end in atom.of.bounds)
    return (0, atom.by - 1) if atom.is_rest else (low, high)


def _with_letter(atom: Atom, letter: Letter, given: Index) -> Index:
    if isinstance(atom, Part):
        of = atom.of.with_letter(letter, given)
        return of % atom.by if atom.is_rest else of // atom.by
    if isinstance(atom, Element):
        return index(with_letter(atom, letter, given))
    return given if atom is letter else index(atom)


# what is computed from elements


@dataclass(frozen=True, eq=False)
class Element:
    """An element of an array.

    outside: what it is where an index is outside of the array; None where none can be. by_name: whether the array goes
    by its name, if it has one, or by its expression, inv(A).
    """

    value: Traced
    at: tuple[Index, ...]
    outside: float | None = None
    by_name: bool = True


@dataclass(frozen=True, eq=False)
class Applied:
    """An operation on numbers. A product, of any number of factors, is 0 where a comparison among them fails."""

    op: str
    operands: tuple[Term, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Over:
    """The sum, product, maximum or minimum of a term over all values of letters."""

    op: str
    letters: tuple[Letter, ...]
    term: Term


Atom = Letter | Part | Element
Term = Element | Applied | Over | Index | int | float


def product(*terms: Term) -> Term:
    """The product: numbers first and multiplied, factors of factors side by side, those of a fraction above its bar.

    Comparisons stay before the fraction, which need not be a number where they fail.
    """
    factors = [f for t in terms for f in (t.operands if is_made_by(t, "product") else (t,))]
    conditions = [f for f in factors if is_made_by(f, *COMPARISONS)]
    for fraction in (f for f in factors if is_made_by(f, "div")):
        above, below = fraction.operands
        rest = [above if f is fraction else f for f in factors if f not in conditions]
        divided = Applied("div", (product(*rest), below))
        return Applied("product", (*conditions, divided)) if conditions else divided
    number = math.prod(f for f in factors if isinstance(f, int | float))
    factors = [number] * (number != 1) + [f for f in factors if not isinstance(f, int | float)]
    return Applied("product", tuple(factors)) if len(factors) > 1 else (*factors, 1)[0]


COMPARISONS = ("equal", "less", "less_equal", "within")
"""Those of indices, and the equality of elements."""


def is_made_by(term: Term, *ops: str) -> TypeGuard[Applied]:
    """Whether a term is one of these operations."""
    return isinstance(term, Applied) and term.op in ops


def over(op: str, letters: Sequence[Letter], term: Term) -> Term:
    """The sum and the like over letters; letters that have but one value are left out, numbers stand before a sum."""
    several = tuple(letter for letter in letters if letter.length != 1)
    if not several:
        return term
    if op == "sum" and is_made_by(term, "product") and isinstance(term.operands[0], int | float):
        return product(term.operands[0], over(op, several, product(*term.operands[1:])))
    if isinstance(term, Over) and term.op == op:
        return Over(op, several + term.letters, term.term)
    return Over(op, several, term)


def at_most(low: Index, high: Index) -> Term:
    """low ≤ high, what is subtracted on one side being added on the other."""
    difference = high - low
    above = Index(tuple(pair for pair in difference.terms if pair[1] > 0), max(difference.constant, 0))
    return Applied("less_equal", (above - difference, above))


def walked(term: Term | Atom) -> Iterator[Term | Atom]:
    """A term and everything in it, its indices and their atoms among them."""
    yield term
    inner: Sequence[Term | Atom] = ()
    if isinstance(term, Index):
        inner = [atom for atom, _ in term.terms]
    elif isinstance(term, Element):
        inner = term.at
    elif isinstance(term, Applied):
        inner = term.operands
    elif isinstance(term, Over):
        inner = [*term.letters, term.term]
    elif isinstance(term, Part):
        inner = [term.of]
    for part in inner:
        yield from walked(part)


def with_letter(term: Any, letter: Letter, given: Index) -> Any:
    """A term, of an index in place of a letter; what was over the letter is over those of the index."""

    def again(x: Any) -> Any:
        return with_letter(x, letter, given)

    if isinstance(term, Index):
        return term.with_letter(letter, given)
    if isinstance(term, Element):
        return replace(term, at=tuple(map(again, term.at)))
    if isinstance(term, Applied):
        operands = tuple(map(again, term.operands))
        is_of_indices = all(isinstance(x, Index) for x in operands)
        return at_most(*operands) if term.op == "less_equal" and is_of_indices else replace(term, operands=operands)
    if isinstance(term, Over):
        letters = [new for own in term.letters for new in (_letters(given) if own is letter else [own])]
        return replace(term, letters=tuple(letters), term=again(term.term))
    return term


def _letters(given: Index) -> list[Letter]:
    return [atom for atom, _ in given.terms if isinstance(atom, Letter)]


def split(at: tuple[Index, ...], term: Term) -> tuple[tuple[Index, ...], Term]:
    """The same with two letters for each that is divided: where j // 9 and j mod 9 occur, j becomes 9k + l."""
    while True:
        parts = [x for t in (*at, term) for x in walked(t) if isinstance(x, Part)]
        found = [(p.by, p.of.letter) for p in parts if p.of.letter and p.of.letter.length % p.by == 0]
        if not found:
            return at, term
        by, letter = max(found, key=lambda pair: pair[0])
        given = index(Letter(letter.length // by)) * by + index(Letter(by))
        at, term = tuple(i.with_letter(letter, given) for i in at), with_letter(term, letter, given)


def forwards(term: Term) -> Term:
    """The same with each letter that elements are added over from the last to the first running the other way."""
    parts = [*walked(term)]
    for letter in [x for part in parts if isinstance(part, Over) for x in part.letters]:
        used = [i for part in parts if isinstance(part, Element) for i in part.at if letter in walked(i)]
        backwards = Index(((letter, -1),), letter.length - 1)
        if used and all(i == backwards for i in used):
            term = with_letter(term, letter, backwards)
    return term

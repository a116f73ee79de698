"""Derivations index by index: below ∂L/∂W = δᵀ a, that ∂L/∂Wᵢⱼ = Σₙ δₙᵢ aₙⱼ, and where the letters stand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tinygrad_mnist.graph.symbolic import pieces
from tinygrad_mnist.graph.symbolic.derive import INLINE
from tinygrad_mnist.graph.symbolic.elements import Contraction
from tinygrad_mnist.graph.symbolic.index import Element
from tinygrad_mnist.graph.symbolic.lettering import Lettering, Said, said
from tinygrad_mnist.graph.symbolic.lines import Line, Program
from tinygrad_mnist.graph.symbolic.names import Name, applied
from tinygrad_mnist.graph.symbolic.pieces import FORMULAS, Text
from tinygrad_mnist.graph.symbolic.terms import Terms, letters
from tinygrad_mnist.graph.symbolic.traced import Traced

_PLACES = ("first", "last")
"""Where the index of an axis of a matrix stands."""


class Sentence(str):
    """Words and formulas, one after the other, as plain text; latex: the same in LaTeX."""

    __slots__ = ("latex",)
    latex: str

    def __new__(cls, *parts: Name | str) -> Sentence:
        latex, text = "", ""
        for part in parts:
            gap = text and not (isinstance(part, str) and part[0] in ",:")
            formula, words = (pieces.words(part), part) if isinstance(part, str) else (part.latex, part.text)
            latex, text = latex + (r"\ " if gap else "") + formula, text + (" " if gap else "") + words
        sentence = super().__new__(cls, text)
        sentence.latex = latex
        return sentence


class Indices:
    """The lines of a program, written as what they say of one element."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines = {line: said(program, line) for line in program.lines}
        lettering = Lettering(program, list(self.lines.values()))
        self.terms, self.axes = Terms(program, lettering.names), lettering.axes

    def equation(self, line: Line) -> tuple[Name, Name, str]:
        """An element of a line's value, what it is, and a remark."""
        element = self.lines[line]
        left = Name(*(self.terms.element(element.left, style, line.name) for style in FORMULAS))
        return left, self.terms.in_formulas(element.right), self._remark(element)

    def legend(self) -> Iterator[tuple[Name, Name, str]]:
        """What each letter runs over, the numbers of arrays without a name, and what a product of matrices is."""
        leaves = {value for _, value in self.program.inputs}
        for names, axes in self.axes.items():
            named = [a for a in axes if a[0] in self.program.names]
            for value, axis in [*(a for a in named if a[0] in leaves), *named][:1]:
                last = value.shape[axis] - 1
                numbers = f"0, …, {last}" if last > 2 else ", ".join(map(str, range(last + 1)))
                remark = Sentence(f"{_along(axis, value.ndim)} of", self.program.names[value])
                yield letters(names), Name(Text(numbers.replace("…", r"\ldots")), Text(numbers)), remark
        for name, value in self.terms.constants.values():
            is_long = value.size > INLINE
            numbers = f"constant({pieces.size(value.shape, 'text')})" if is_long else pieces.numbers(value.numpy())
            yield name, Name(Text(pieces.words(numbers)), Text(numbers)), ""
        if any(line.contractions for line in self.lines.values()):
            left, right = r"\left(A \, B\right)_{ij}", r"\sum_{k} A_{ik} B_{kj}"
            first, second = (Name(Text(matrix), Text(matrix)) for matrix in "AB")
            remark = Sentence("a product adds over the last index of", first, "and the first of", second)
            yield Name(Text(left), Text("(A B)ᵢⱼ")), Name(Text(right), Text("Σₖ Aᵢₖ Bₖⱼ")), remark

    # remarks

    def _remark(self, line: Said) -> Sentence:
        """Where the letter of a product of matrices stands, and so what is transposed; and what is read outside.

        And how far letters go that run along no axis.
        """
        products = {tuple(c.factors): c for c in reversed(line.contractions)}  # where one is met twice, the first
        remarks = [found for c in reversed(products.values()) if (found := self._added_over(c))]
        told = {name for names in self.axes for name in names}
        free = [x for x in line.letters() if self.terms.letters[x] not in told]
        for length, group in groupby(free, lambda x: x.length):
            remarks.append([letters([self.terms.letters[x] for x in group], f" < {length}")])
        outside = {(self.terms.name(x), x.outside) for x in line.parts() if isinstance(x, Element)}
        for name, number in sorted((name, number) for name, number in outside if number is not None):
            remarks.append([name, "counts as", self.terms.in_formulas(number), "outside"])
        return Sentence(*(part for i, remark in enumerate(remarks) for part in (*[", and"][:i], *remark)))

    def _added_over(self, contraction: Contraction) -> list[Name | str]:
        names = self.program.names
        (x, first), (y, second) = (_unturned(*factor) for factor in contraction.factors)
        if contraction.letter not in self.terms.letters or x not in names or y not in names:
            return []
        letter = letters([self.terms.letters[contraction.letter]])
        places = ["and in"] if first == second else [f", {_PLACES[second]} in"]
        turned = [names[z] for z, is_turned in ((x, first == 0), (y, second == 1)) if is_turned]
        hence = [part for name in turned for part in ("and", _transposed(name))][1:]
        why = [", hence", *hence] if turned else [": no transpose"]
        return [letter, f"is {_PLACES[first]} in", names[x], *places, names[y], *why]


def _along(axis: int, ndim: int) -> str:
    """What an axis is along, in words."""
    return "the elements" if ndim == 1 else ("the rows", "the columns")[axis] if ndim == 2 else f"axis {axis}"


def _transposed(name: Name) -> Name:
    """The name of a matrix that is transposed."""
    return applied("transpose", [name], {}, [(2, 2)])


def _unturned(x: Traced, axis: int) -> tuple[Traced, int]:
    """What a matrix is the transpose of, and the axis there; itself where it is none."""
    turned = x.op and x.op.name in ("transpose", "swapaxes")
    return (x.inputs[0], 1 - axis) if turned else (x, axis)

"""Derivations index by index: below ∂L/∂W = δᵀ a, that ∂L/∂Wᵢⱼ = Σₙ δₙᵢ aₙⱼ, and where the letters stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from tinygrad_mnist.graph.symbolic import notation
from tinygrad_mnist.graph.symbolic.derive import INLINE
from tinygrad_mnist.graph.symbolic.elements import Contraction
from tinygrad_mnist.graph.symbolic.index import Applied, Atom, Element, Index, Letter, Over, Term
from tinygrad_mnist.graph.symbolic.lettering import ORDER, Lettering, Said, said
from tinygrad_mnist.graph.symbolic.lines import Line, Program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.notation import Entry, Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced

SHORT = 3
"""How long an index may be that stands as a subscript in text, where it is more than letters: xᵢ₊₁, but x[2i+j]."""

_SUBSCRIPTS = dict(zip("aehijklmnoprstuvx0123456789+−", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋", strict=True))

_STYLES: tuple[Style, Style] = ("latex", "text")

_SIGNS: dict[str, dict[Style, str]] = {
    "sum": {"latex": r"\sum", "text": "Σ"},
    "prod": {"latex": r"\prod", "text": "Π"},
    "max": {"latex": r"\max", "text": "max"},
    "min": {"latex": r"\min", "text": "min"},
}
"""Σ and the like."""

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
            formula, words = (notation.words(part), part) if isinstance(part, str) else (part.latex, part.text)
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
        self._letters, self._axes = lettering.names, lettering.axes
        self._constants: dict[tuple[tuple[int, ...], bytes], tuple[Name, Traced]] = {}

    def equation(self, line: Line) -> tuple[Name, Name, str]:
        """An element of a line's value, what it is, and a remark."""
        element = self.lines[line]
        left = Name(*(self._element(element.left, style, line.name) for style in _STYLES))
        return left, self._in_formulas(element.right), self._remark(element)

    def legend(self) -> Iterator[tuple[Name, Name, str]]:
        """What each letter runs over, the numbers of arrays without a name, and what a product of matrices is."""
        leaves = {value for _, value in self.program.inputs}
        for names, axes in self._axes.items():
            named = [a for a in axes if a[0] in self.program.names]
            for value, axis in [*(a for a in named if a[0] in leaves), *named][:1]:
                last = value.shape[axis] - 1
                numbers = f"0, …, {last}" if last > 2 else ", ".join(map(str, range(last + 1)))
                letters = Name(*(Text(", ".join(_letter(name, style) for name in names)) for style in _STYLES))
                remark = Sentence(f"{_along(axis, value.ndim)} of", self.program.names[value])
                yield letters, Name(Text(numbers.replace("…", r"\ldots")), Text(numbers)), remark
        for name, value in self._constants.values():
            is_long = value.size > INLINE
            numbers = f"constant({notation.size(value.shape, 'text')})" if is_long else notation.numbers(value.numpy())
            yield name, Name(Text(notation.words(numbers)), Text(numbers)), ""
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
        told = {name for names in self._axes for name in names}
        for length, letters in groupby((x for x in line.letters() if self._letters[x] not in told), lambda x: x.length):
            names = [self._letters[x] for x in letters]
            below = (Text(f"{', '.join(_letter(name, style) for name in names)} < {length}") for style in _STYLES)
            remarks.append([Name(*below)])
        outside = {(self._name(x), x.outside) for x in line.parts() if isinstance(x, Element)}
        for name, number in sorted((name, number) for name, number in outside if number is not None):
            remarks.append([name, "counts as", self._in_formulas(number), "outside"])
        return Sentence(*(part for i, remark in enumerate(remarks) for part in (*[", and"][:i], *remark)))

    def _added_over(self, contraction: Contraction) -> list[Name | str]:
        names = self.program.names
        (x, first), (y, second) = (_unturned(*factor) for factor in contraction.factors)
        if contraction.letter not in self._letters or x not in names or y not in names:
            return []
        letter = Name(*(Text(_letter(self._letters[contraction.letter], style)) for style in _STYLES))
        places = ["and in"] if first == second else [f", {_PLACES[second]} in"]
        turned = [names[z] for z, is_turned in ((x, first == 0), (y, second == 1)) if is_turned]
        hence = [part for name in turned for part in ("and", _transposed(name))][1:]
        why = [", hence", *hence] if turned else [": no transpose"]
        return [letter, f"is {_PLACES[first]} in", names[x], *places, names[y], *why]

    # terms

    def _in_formulas(self, term: Term) -> Name:
        """A term in LaTeX and as plain text; a comparison is 1 where it holds."""
        written = Name(self._write(term, "latex"), self._write(term, "text"))
        return _whole(written) if written.text.level == "comparison" else written

    def _write(self, term: Term, style: Style) -> Text:
        """A term in one style."""
        if isinstance(term, Index):
            return self._index(term, style)
        if isinstance(term, Element):
            return self._element(term, style, self._name(term))
        if isinstance(term, Over):
            return self._over(term, style)
        if isinstance(term, Applied):
            return self._applied(term, style)
        return notation.number(term, style)

    def _element(self, element: Element, style: Style, name: Name) -> Text:
        """A name with its indices, those of axes with but one element left out."""
        shown = [i for i, n in zip(element.at, element.value.shape, strict=True) if n != 1 or i != Index()]
        written = [self._index(i, style) for i in shown]
        array: Text = getattr(name, style)
        is_partial, is_slope = array.startswith(r"\frac{\partial"), element.value in self.program.derivatives
        end = (r"\right)" if style == "latex" else ")") if is_slope else "}" if is_partial else ""
        return Text(_with_indices(array.removesuffix(end), written, style) + end, array.level)

    def _name(self, element: Element) -> Name:
        """What its array is called; what has no name goes by its expression, in brackets."""
        value = element.value
        if value in self.program.names and element.by_name:
            return self.program.names[value]
        if value.op:
            return _whole(self.program.in_formulas(value, by_name=False))
        key = value.shape, value.numpy().tobytes()
        if key not in self._constants:
            self._constants[key] = self.program.registry.numbered("c"), value
        return self._constants[key][0]

    def _index(self, i: Index, style: Style) -> Text:
        """A whole number: 2i+k−1; 3−i."""
        is_alone = len(i.terms) == 1 and i.terms[0][1] == 1 and not i.constant
        terms = [(self._atom(atom, style, is_alone), factor) for atom, factor in i.terms]
        pieces = [(f"{abs(f) if abs(f) != 1 else ''}{atom}", f) for atom, f in terms]
        pieces += [(str(abs(i.constant)), i.constant)] if i.constant or not i.terms else []
        pieces.sort(key=lambda piece: piece[1] < 0)
        text = "".join(("−" if sign < 0 else "+") + piece for piece, sign in pieces).removeprefix("+")
        return Text(text.replace("−", "-") if style == "latex" else text, "sum" if len(pieces) > 1 else "atom")

    def _atom(self, atom: Atom, style: Style, is_alone: bool) -> str:
        if isinstance(atom, Letter):
            return _letter(self._letters[atom], style)
        if isinstance(atom, Element):
            return self._element(atom, style, self._name(atom))
        of = self._index(atom.of, style)
        of = Text(of if of.level == "atom" else f"({of})")
        if not atom.is_rest:
            return rf"\lfloor {of} / {atom.by} \rfloor" if style == "latex" else f"⌊{of}/{atom.by}⌋"
        rest = rf"{of} \bmod {atom.by}" if style == "latex" else f"{of} mod {atom.by}"
        return rest if is_alone else f"({rest})"

    def _over(self, term: Over, style: Style) -> Text:
        """Σ and the like, with the letters below it."""
        names = sorted((self._letters[x] for x in term.letters), key=ORDER.index)
        letters = [_letter(name, style) for name in names]
        below = f"_{{{','.join(letters)}}}" if style == "latex" else _below("".join(letters)) or f"_{','.join(letters)}"
        sign = _SIGNS[term.op][style] + below
        body = self._write(term.term, style)
        slot = "product" if term.op == "sum" else "factor"
        is_tight = body.level in ("comparison", "atom", "power") or slot == "factor"
        entry = Entry(f"{sign} <0:{slot}>", f"{sign} <0:{slot}>", "", "factor" if is_tight else "product")
        return notation.filled(entry, term.op, [body], {}, [()], style)

    def _applied(self, term: Applied, style: Style) -> Text:
        operands = [self._write(x, style) for x in term.operands]
        if term.op == "product":
            return _multiplied(term, operands, style)
        if term.op == "within":
            return self._within(term, style)
        for i, x in enumerate(term.operands[1:], 1):
            operands[i] = self.program.count(term.op, x, operands[i], style)
        return notation.write(term.op, operands, term.params, [()] * len(operands), style)

    def _within(self, term: Applied, style: Style) -> Text:
        """0 ≤ i < length, as far as it is not so anyway."""
        (i,), length = term.operands, term.params["length"]
        assert isinstance(i, Index)
        low, high = i.bounds
        start = i.constant if Index(i.terms).letter else 0
        least = self._write(Index((), -start), style) + (r" \le " if style == "latex" else " ≤ ") if low < 0 else ""
        below = f" < {length - start}" if high >= length else ""
        return Text(f"{least}{self._index(i - start, style)}{below}", "comparison")


def _along(axis: int, ndim: int) -> str:
    """What an axis is along, in words."""
    return "the elements" if ndim == 1 else ("the rows", "the columns")[axis] if ndim == 2 else f"axis {axis}"


def _transposed(name: Name) -> Name:
    """The name of a matrix that is transposed."""
    latex, text = (notation.write("transpose", [getattr(name, s)], {}, [(2, 2)], s) for s in _STYLES)
    return Name(latex, text)


def _unturned(x: Traced, axis: int) -> tuple[Traced, int]:
    """What a matrix is the transpose of, and the axis there; itself where it is none."""
    turned = x.op and x.op.name in ("transpose", "swapaxes")
    return (x.inputs[0], 1 - axis) if turned else (x, axis)


def _whole(written: Name) -> Name:
    """A formula in brackets, where it is not a whole."""
    entry = Entry("<0:atom>", "<0:atom>", "")
    latex, text = (notation.filled(entry, "", [getattr(written, s)], {}, [()], s) for s in _STYLES)
    return Name(latex, text)


def _multiplied(term: Applied, operands: list[Text], style: Style) -> Text:
    """Factors side by side; a dot before a number. Σ ends where the brackets around it do."""
    beside, dot = (r" \, ", r" \cdot ") if style == "latex" else (" ", " · ")
    last = len(operands) - 1
    template = ""
    for i, (x, factor) in enumerate(zip(operands, term.operands, strict=True)):
        is_number = x[:1].isdigit() and x.level in ("factor", "power", "atom")
        is_sum = isinstance(factor, Over) and factor.op == "sum"
        slot = "atom" if is_sum and i < last else "product" if is_sum else "factor"
        template += (dot if is_number else beside) * bool(i) + f"<{i}:{slot}>"
    return notation.filled(Entry(template, template, "", "product"), "product", operands, {}, [()], style)


def _letter(name: str, style: Style) -> str:
    """A letter, with its number where it has one."""
    return re.sub(r"(\d+)", r"_{\1}", name) if style == "latex" else name


def _below(text: str) -> str:
    """Text as a subscript; nothing where it has numbers alone, or what Unicode has no subscript for."""
    is_clear = set(text) <= _SUBSCRIPTS.keys() and not re.search("[a-z][0-9]|^[0-9]*$", text)
    return "".join(_SUBSCRIPTS[c] for c in text) if is_clear else ""


def _with_indices(array: str, written: Sequence[str], style: Style) -> str:
    """Wᵢⱼ and xᵢ₊₁ where subscripts leave no doubt, else W[i+1, j]."""
    if not written:
        return array
    are_letters = all(re.fullmatch("[a-z]", i) for i in written)
    if style == "latex":
        below = ("" if are_letters else r",\,").join(written)
        numbered = re.fullmatch(r"(.*)_\{(\d+)\}", array)
        return rf"{numbered[1]}_{{{numbered[2]},\,{below}}}" if numbered else f"{array}_{{{below}}}"
    is_short = are_letters or (len(written) == 1 and len(written[0]) <= SHORT)
    return array + ((is_short and _below("".join(written))) or f"[{', '.join(written)}]")

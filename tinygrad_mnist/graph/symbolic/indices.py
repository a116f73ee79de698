"""The lines of a derivation index by index: letters are given to their axes, and their elements written down."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tinygrad_mnist.graph.symbolic import notation
from tinygrad_mnist.graph.symbolic.derive import INLINE
from tinygrad_mnist.graph.symbolic.elements import Contraction, Walk
from tinygrad_mnist.graph.symbolic.index import Applied, Element, Index, Letter, Over, Part, Term, forwards, index, split, walked
from tinygrad_mnist.graph.symbolic.lines import Line, Program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.notation import Entry, Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced

LETTERS = "ijklprstuvhaxqwdgbcyfeo"
"""What axes are called, in this order; those that Unicode has as subscripts come first."""

SHORT = 3
"""How long an index may be that stands as a subscript in text, where it is more than letters: xᵢ₊₁, but x[2i+j]."""

_SUBSCRIPTS = dict(zip("aehijklmnoprstuvx0123456789+−", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋", strict=True))


Axis = tuple[Traced, int]


@dataclass(frozen=True)
class Indexed:
    """A line, element by element: left, an element of its value, is right."""

    line: Line
    left: Element
    right: Term
    contractions: Sequence[Contraction]

    def parts(self) -> Iterator[Any]:
        """The element, the term, and everything in them."""
        yield from walked(self.left)
        yield from walked(self.right)


def indexed(program: Program, line: Line) -> Indexed:
    """A line of a program, element by element."""
    walk, value = Walk(program), line.value
    at = tuple(index(Letter(n)) for n in value.shape)
    is_named = program.names.get(value) is not line.name or value.op is None
    term = walk.at(value, at) if is_named else walk.inside(value, at)
    at, term = split(at, forwards(term))
    return Indexed(line, Element(value, at), term, walk.contractions)


# letters


class Lettering:
    """What each letter is called: axes that run alike, in whatever lines, go by the same letters.

    names: of the letters. axes: for the names of letters that run alike, where they run in the lines.
    """

    def __init__(self, program: Program, lines: Sequence[Indexed]) -> None:
        self._alike: dict[Any, Any] = {}
        derivation = program.derivation
        for line in lines:
            if line.line.gradient and line.line.node in derivation.forward:
                like = derivation.forward[line.line.node]
                self._alike |= {self._class((line.line.value, a)): self._class((like, a)) for a in range(like.ndim)}
        for _ in range(2):  # the pieces of an axis are known when its like are
            for line in lines:
                for letter, axis, factor in _along(line):
                    whole = letter.length == axis[0].shape[axis[1]]
                    piece = axis if whole else (self._class(axis), factor, letter.length)
                    self._alike[self._class(letter)] = self._class(piece)
        self.names = self._named(program, lines)
        self.axes: dict[tuple[str, ...], list[Axis]] = {}
        of_class: dict[Any, tuple[dict[str, None], list[Axis]]] = {}
        for line in lines:
            for letter, axis, _ in _along(line):
                if letter.length == axis[0].shape[axis[1]]:
                    names, axes = of_class.setdefault(self._class(letter), ({}, []))
                    names[self.names[letter]] = None
                    axes.append(axis)
        self.axes = {tuple(names): axes for names, axes in of_class.values()}

    def _class(self, x: Any) -> Any:
        """What stands for everything that runs alike."""
        while (above := self._alike.setdefault(x, x)) is not x:
            x = above
        return x

    def _named(self, program: Program, lines: Sequence[Indexed]) -> dict[Letter, str]:
        """A name for the first letter of a line that runs along some axis, for the second one, and so on.

        Those of several lines come first; the names that are left serve again and again, for what is in one line alone.
        """
        of_lines = []
        for line in lines:
            seen = Counter[Any]()
            of_lines.append(roles := dict[Letter, tuple[Any, int]]())
            for letter in dict.fromkeys(x for x in line.parts() if isinstance(x, Letter)):
                alike = self._class(letter)
                roles[letter] = alike, seen[alike]
                seen[alike] += 1
        uses = Counter(role for roles in of_lines for role in roles.values())
        taken = {name.text for name in (*program.names.values(), *(c.name for c in program.counts.values()))}
        free = [c for c in LETTERS if c not in taken] + [f"i{number}" for number in range(1, 1000)]
        examples = {} if "n" in taken else {(self._examples(program), 0): "n"}
        shared = [role for role, count in uses.items() if count > 1 and role not in examples]
        given = dict(zip(shared, free)) | examples
        names: dict[Letter, str] = {}
        for roles in of_lines:
            here = given | dict(zip((r for r in roles.values() if r not in given), free[len(shared) :]))
            names |= {letter: here[role] for letter, role in roles.items()}
        return names

    def _examples(self, program: Program) -> Any:
        """The axis of the examples: the one that m counts, else the first of the data's that no parameter has."""
        forward, known = program.derivation.forward, program.derivation.layers.parameters
        counted = [(c.leaf, c.axis) for c in program.counts.values() if c.axis is not None]
        taken = {self._class((forward[x], a)) for x in known if x in forward for a in range(forward[x].ndim)}
        data = [(value, a) for node, value in program.inputs if node not in known for a in range(value.ndim)]
        free = [(x, a) for x, a in data if x.shape[a] > 1 and self._class((x, a)) not in taken]
        return next((self._class(axis) for axis in counted + free), None)


def _along(line: Indexed) -> Iterator[tuple[Letter, Axis, int]]:
    """Each letter that runs along an axis, alone or as a part such as the i of 3i + j; with the axis, and its factor."""
    for part in line.parts():
        if isinstance(part, Element):
            for a, (i, n) in enumerate(zip(part.at, part.value.shape, strict=True)):
                letters = [(x, factor) for x, factor in i.terms if isinstance(x, Letter)]
                if i.is_within(n) and not i.constant and math.prod(x.length for x, _ in letters) == n > 1:
                    yield from ((x, (part.value, a), factor) for x, factor in letters)


# writing


_STYLES: tuple[Style, Style] = ("latex", "text")

_SIGNS = {"sum": (r"\sum", "Σ"), "prod": (r"\prod", "Π"), "max": (r"\max", "max"), "min": (r"\min", "min")}
"""Σ and the like, in LaTeX and in text."""


class Elements:
    """The lines of a program as they are said of a single element each. constants: what arrays without a name are called."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines = {line: indexed(program, line) for line in program.lines}
        self.lettering = Lettering(program, list(self.lines.values()))
        self.names = self.lettering.names
        self.constants: dict[Any, tuple[Name, Traced]] = {}

    def said(self, line: Line) -> tuple[Name, Name, str]:
        """An element of a line's value, what it is, and a remark."""
        element = self.lines[line]
        left = Name(self.element(element.left, "latex", line.name), self.element(element.left, "text", line.name))
        return left, self.in_formulas(element.right), self._remark(element)

    def _remark(self, element: Indexed) -> Sentence:
        """Where the letter of a product of matrices stands, and so what is transposed; and what is read outside."""
        said: list[Name | str] = []
        for contraction in element.contractions:
            said += [*([", and"] if said else []), *self._added_over(contraction)]
        outside = {(self._name(x.value), x.outside) for x in element.parts() if isinstance(x, Element)}
        for name, number in sorted((name, number) for name, number in outside if number is not None):
            said += [*([", and"] if said else []), name, "counts as", self.in_formulas(number), "outside"]
        return Sentence(*said)

    def _added_over(self, contraction: Contraction) -> list[Name | str]:
        names = self.program.names
        (x, first), (y, second) = (_unturned(*factor) for factor in contraction.factors)
        if contraction.letter not in self.names or x not in names or y not in names:
            return []
        turned = [names[z] for z, is_turned in ((x, first == 0), (y, second == 1)) if is_turned]
        hence = [part for name in turned for part in ("and", _transposed(name))][1:]
        return [
            self._letter(contraction.letter), f"is {_PLACES[first]} in", names[x],
            *(("and in",) if first == second else (f", {_PLACES[second]} in",)), names[y],
            *((", hence", *hence) if turned else (": no transpose",)),
        ]  # fmt: skip

    def _letter(self, letter: Letter) -> Name:
        return Name(Text(_letter(self.names[letter], "latex")), Text(self.names[letter]))

    def legend(self) -> Iterator[tuple[Name, Name, str]]:
        """What each letter runs over, and the numbers of arrays that have no name."""
        leaves = {value for _, value in self.program.inputs}
        for names, axes in self.lettering.axes.items():
            value, axis = next((a for a in axes if a[0] in leaves), axes[0])
            if value in self.program.names:
                last = value.shape[axis] - 1
                numbers = f"0, …, {last}" if last > 2 else ", ".join(map(str, range(last + 1)))
                letters = Name(*(Text(", ".join(_letter(name, style) for name in names)) for style in _STYLES))
                what = Sentence(f"{_kind(axis, value.ndim)} of", self.program.names[value])
                yield letters, Name(Text(numbers.replace("…", r"\ldots")), Text(numbers)), what
        for name, value in self.constants.values():
            numbers = notation.numbers(value.numpy()) if value.size <= INLINE else f"constant({notation.size(value.shape, 'text')})"
            yield name, Name(Text(notation.words(numbers)), Text(numbers)), ""
        if any(line.contractions for line in self.lines.values()):
            left, right = r"\left(A \, B\right)_{ij}", r"\sum_{k} A_{ik} B_{kj}"
            remark = "a product adds over the last index of A and the first of B"
            yield Name(Text(left), Text("(A B)ᵢⱼ")), Name(Text(right), Text("Σₖ Aᵢₖ Bₖⱼ")), remark

    def in_formulas(self, term: Term) -> Name:
        """A term in LaTeX and as plain text; a comparison is 1 where it holds."""
        written = Name(self.write(term, "latex"), self.write(term, "text"))
        return _whole(written) if written.text.level == "comparison" else written

    def write(self, term: Term, style: Style) -> Text:
        """A term in one style."""
        if isinstance(term, Index):
            return self.index(term, style)
        if isinstance(term, Element):
            return self.element(term, style, self._name(term.value))
        if isinstance(term, Over):
            return self._over(term, style)
        if isinstance(term, Applied):
            return self._applied(term, style)
        return notation.number(term, style)

    def element(self, element: Element, style: Style, name: Name) -> Text:
        """A name with its indices, those of axes with but one element left out."""
        shown = [i for i, n in zip(element.at, element.value.shape, strict=True) if n != 1 or i != Index()]
        written = [self.index(i, style) for i in shown]
        array: Text = getattr(name, style)
        is_partial, is_slope = array.startswith(r"\frac{\partial"), element.value in self.program.derivatives
        end = (r"\right)" if style == "latex" else ")") if is_slope else "}" if is_partial else ""
        return Text(_with_indices(array.removesuffix(end), written, style) + end, array.level)

    def _name(self, value: Traced) -> Name:
        """What an array is called; what has no name goes by its expression, in brackets."""
        if value in self.program.names:
            return self.program.names[value]
        if value.op:
            return _whole(self.program.in_formulas(value, by_name=False))
        key = value.shape, value.numpy().tobytes()
        if key not in self.constants:
            self.constants[key] = self.program.registry.numbered("c"), value
        return self.constants[key][0]

    def index(self, i: Index, style: Style) -> Text:
        """A whole number: 2i+k−1; 3−i."""
        is_alone = len(i.terms) == 1 and i.terms[0][1] == 1 and not i.constant
        terms = [(self._atom(atom, style, is_alone), factor) for atom, factor in i.terms]
        pieces = [(f"{abs(f) if abs(f) != 1 else ''}{atom}", f) for atom, f in terms]
        pieces += [(str(abs(i.constant)), i.constant)] if i.constant or not i.terms else []
        pieces.sort(key=lambda piece: piece[1] < 0)
        text = "".join(("−" if sign < 0 else "+") + piece for piece, sign in pieces).removeprefix("+")
        return Text(text.replace("−", "-") if style == "latex" else text, "sum" if len(pieces) > 1 else "atom")

    def _atom(self, atom: Any, style: Style, is_alone: bool) -> str:
        if isinstance(atom, Letter):
            return _letter(self.names[atom], style)
        if isinstance(atom, Element):
            return self.element(atom, style, self._name(atom.value))
        of = self.index(atom.of, style)
        of = Text(of if of.level == "atom" else f"({of})")
        if not atom.is_rest:
            return rf"\lfloor {of} / {atom.by} \rfloor" if style == "latex" else f"⌊{of}/{atom.by}⌋"
        rest = rf"{of} \bmod {atom.by}" if style == "latex" else f"{of} mod {atom.by}"
        return rest if is_alone else f"({rest})"

    def _over(self, term: Over, style: Style) -> Text:
        """Σ and the like, with the letters below it."""
        inner = dict.fromkeys(x for x in walked(term.term) if x in term.letters)
        letters = [_letter(self.names[x], style) for x in inner]
        latex, text = _SIGNS[term.op]
        sign = latex + f"_{{{','.join(letters)}}}" if style == "latex" else text + (_subscript("".join(letters)) or "_" + ",".join(letters))
        body = self.write(term.term, style)
        slot = "product" if term.op == "sum" else "factor"
        is_tight = body.level in ("atom", "power") or slot == "factor"
        entry = Entry(f"{sign} <0:{slot}>", f"{sign} <0:{slot}>", "", "factor" if is_tight else "product")
        return notation.filled(entry, term.op, [body], {}, [()], style)

    def _applied(self, term: Applied, style: Style) -> Text:
        operands = [self.write(x, style) for x in term.operands]
        if term.op == "product":
            return _multiplied(term, operands, style)
        if term.op == "within":
            return self._within(term, style)
        operands[1:] = [self.program.count(term.op, x, w, style) for x, w in zip(term.operands[1:], operands[1:], strict=True)]
        return notation.write(term.op, operands, term.params, [()] * len(operands), style)

    def _within(self, term: Applied, style: Style) -> Text:
        """0 ≤ i < length, as far as it is not so anyway."""
        (i,), length = term.operands, term.params["length"]
        low, high = i.bounds
        start = i.constant if Index(i.terms).letter else 0
        least = self.write(Index((), -start), style) + (r" \le " if style == "latex" else " ≤ ") if low < 0 else ""
        below = f" < {length - start}" if high >= length else ""
        return Text(f"{least}{self.index(i - start, style)}{below}", "comparison")


_PLACES = ("first", "last")
"""Where the index of an axis of a matrix stands."""


class Sentence(str):
    """Words and formulas, one after the other, as plain text and in LaTeX."""

    __slots__ = ("latex",)
    latex: str

    def __new__(cls, *parts: Name | str) -> Sentence:
        latex, text = "", ""
        for part in parts:
            gap = text and not (isinstance(part, str) and part[0] in ",:")
            words = part if isinstance(part, str) else part.text
            formula = notation.words(part) if isinstance(part, str) else part.latex
            latex, text = latex + (r"\ " if gap else "") + formula, text + (" " if gap else "") + words
        sentence = super().__new__(cls, text)
        sentence.latex = latex
        return sentence


def _transposed(name: Name) -> Name:
    """The name of a matrix that is transposed."""
    latex, text = (notation.write("transpose", [getattr(name, s)], {}, [(2, 2)], s) for s in _STYLES)
    return Name(latex, text)


def _unturned(x: Traced, axis: int) -> tuple[Traced, int]:
    """What a matrix is the transpose of, and the axis there; itself where it is none."""
    turned = x.op and x.op.name in ("transpose", "swapaxes")
    return (x.inputs[0], 1 - axis) if turned else (x, axis)


def _kind(axis: int, ndim: int) -> str:
    return "the elements" if ndim == 1 else ("the rows", "the columns")[axis] if ndim == 2 else f"axis {axis}"


def _whole(written: Name) -> Name:
    """A formula in brackets, where it is not a whole."""
    entry = Entry("<0:atom>", "<0:atom>", "")
    latex, text = (notation.filled(entry, "", [getattr(written, s)], {}, [()], s) for s in _STYLES)
    return Name(latex, text)


def _multiplied(term: Applied, operands: list[Text], style: Style) -> Text:
    """Factors side by side; a dot before a number. Σ ends where the brackets around it do."""
    signs = [{"latex": r" \cdot ", "text": " · "}[style] if x[:1].isdigit() and x.level == "atom" else " " for x in operands]
    *others, last = [Text(x, "product" if isinstance(t, Over) else x.level) for x, t in zip(operands, term.operands, strict=True)]
    slots = [f"{sign}<{i}:factor>" for i, sign in enumerate(signs)]
    if isinstance(term.operands[-1], Over) and term.operands[-1].op == "sum":
        slots[-1] = slots[-1].replace("factor", "product")
    template = "".join(slots)[len(signs[0]) :]
    return notation.filled(Entry(template, template, "", "product"), "product", [*others, last], {}, [()], style)


def _letter(name: str, style: Style) -> str:
    """A letter, with its number where it has one."""
    return re.sub(r"(\d+)", r"_{\1}", name) if style == "latex" else name


def _subscript(text: str) -> str:
    """Text as a subscript; nothing where Unicode lacks one of its characters."""
    return "".join(map(_SUBSCRIPTS.get, text)) if set(text) <= _SUBSCRIPTS.keys() else ""


def _with_indices(array: str, written: Sequence[str], style: Style) -> str:
    """Wᵢⱼ and xᵢ₊₁ where subscripts leave no doubt, else W[i+1, j]."""
    if not written:
        return array
    are_letters = all(re.fullmatch("[a-z]", i) for i in written)
    if style == "latex":
        below = ("" if are_letters else r",\,").join(written)
        numbered = re.fullmatch(r"(.*)_\{(\d+)\}", array)
        return rf"{numbered[1]}_{{{numbered[2]},\,{below}}}" if numbered else f"{array}_{{{below}}}"
    is_short = len(written) == 1 and len(written[0]) <= SHORT and not written[0].isdigit()
    subscript = _subscript("".join(written)) if are_letters or is_short else ""
    return array + (subscript or f"[{', '.join(written)}]")

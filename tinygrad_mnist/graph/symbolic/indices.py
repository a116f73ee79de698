"""The lines of a derivation index by index: letters are given to their axes, and their elements written down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_mnist.graph.symbolic import notation
from tinygrad_mnist.graph.symbolic.elements import Contraction, Walk
from tinygrad_mnist.graph.symbolic.index import Applied, Element, Index, Letter, Over, Part, Term, index, split, walked
from tinygrad_mnist.graph.symbolic.lines import Line, Program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.notation import Call, Entry, Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced

LETTERS = "ijklprstuvhoeaxyqwdgbcf"
"""What axes are called, in this order; those that Unicode has as subscripts come first."""

_SUBSCRIPTS = dict(zip("aehijklmnoprstuvx0123456789+−′", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋′", strict=True))


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


def indexed(program: Program) -> list[Indexed]:
    """Every line of a program, element by element."""
    return [_indexed(program, line) for line in program.lines]


def _indexed(program: Program, line: Line) -> Indexed:
    walk, value = Walk(program), line.value
    at = tuple(index(Letter(n)) for n in value.shape)
    is_named = program.names.get(value) is not line.name or value.op is None
    term = walk.at(value, at) if is_named else walk.inside(value, at)
    at, term = split(at, term)
    return Indexed(line, Element(value, at), term, walk.contractions)


# letters


@dataclass
class Lettering:
    """What each letter is called: axes that run alike, in whatever line, go by one letter.

    Several of them in one line are told apart by primes: i, i′.
    """

    program: Program
    lines: Sequence[Indexed]
    names: dict[Letter, str] = field(default_factory=dict)
    axes: dict[str, list[tuple[Traced, int]]] = field(default_factory=dict)
    _alike: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.lines:
            for letter, axis in _bare(line):
                self._alike[self._class(letter)] = self._class(axis)
        taken = {name.text for name in (*self.program.names.values(), *(c.name for c in self.program.counts.values()))}
        free = iter([c for c in LETTERS if c not in taken] + [f"i{number}" for number in range(1, 1000)])
        examples = self._examples()
        given: dict[Any, str] = {} if examples is None or "n" in taken else {examples: "n"}
        for line in self.lines:
            own = dict.fromkeys(x for x in line.parts() if isinstance(x, Letter))
            used: list[str] = []
            for letter in own:
                alike = self._class(letter)
                name = given[alike] = given.get(alike) or next(free)
                self.names[letter] = name + "′" * used.count(name)
                used.append(name)
            for letter, axis in _bare(line):
                self.axes.setdefault(given[self._class(letter)], []).append(axis)

    def _class(self, x: Any) -> Any:
        while (above := self._alike.setdefault(x, x)) is not x:
            x = above
        return x

    def _examples(self) -> Any:
        """The axis of the examples: the one that m counts, else the first of the data's that no parameter has."""
        derivation = self.program.derivation
        counted = [(c.leaf, c.axis) for c in self.program.counts.values() if c.axis is not None]
        known = derivation.layers.parameters
        of_parameters = {
            self._class((value, a))
            for node, value in derivation.forward.items()
            for a in range(value.ndim if node in known else 0)
        }
        data = [value for node, value in self.program.inputs if node not in known]
        of_data = [(value, a) for value in data for a in range(value.ndim) if value.shape[a] > 1]
        shared = [axis for axis in of_data if self._class(axis) not in of_parameters]
        return next((self._class(axis) for axis in counted + shared), None)


def _bare(line: Indexed) -> Iterator[tuple[Letter, tuple[Traced, int]]]:
    """Each letter that runs along a whole axis, with that axis."""
    for part in line.parts():
        if isinstance(part, Element):
            for a, (i, n) in enumerate(zip(part.at, part.value.shape, strict=True)):
                if i.letter and i.letter.length == n:
                    yield i.letter, (part.value, a)


# writing


def _sides(op: str) -> tuple[str, str]:
    """A comparison or an operation of Σ and the like in LaTeX and in text."""
    return {"sum": (r"\sum", "Σ"), "prod": (r"\prod", "Π"), "max": (r"\max", "max"), "min": (r"\min", "min")}[op]


@dataclass
class IndexWriter:
    """Writes terms. names: of letters; constants: what arrays without a name are called, by their numbers."""

    program: Program
    names: dict[Letter, str]
    constants: dict[Any, tuple[Name, Traced]] = field(default_factory=dict)

    def in_formulas(self, term: Term, name: Name | None = None) -> Name:
        """A term in LaTeX and as plain text. name: what the array of an element is called here."""
        if isinstance(term, Element) and name:
            return Name(self.element(term, "latex", name), self.element(term, "text", name))
        return Name(self.write(term, "latex"), self.write(term, "text"))

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
            written = self.program.in_formulas(value, by_name=False)
            return Name(*(notation.filled(_WHOLE, "", [x], {}, [()], s) for x, s in ((written.latex, "latex"), (written.text, "text"))))
        key = value.shape, value.numpy().tobytes()
        if key not in self.constants:
            self.constants[key] = self.program.registry.numbered("c"), value
        return self.constants[key][0]

    def index(self, i: Index, style: Style) -> Text:
        """A whole number: 2i+k−1."""
        text = ""
        for atom, factor in sorted(i.terms, key=lambda pair: pair[1] < 0):
            sign = "" if factor > 0 and not text else "+" if factor > 0 else "−"
            written, alone = self._atom(atom, style), len(i.terms) == 1 and factor == 1 and not i.constant
            if not alone and isinstance(atom, Part) and atom.is_rest:
                written = f"({written})"
            text += f"{sign}{abs(factor) if abs(factor) != 1 else ''}{written}"
        if i.constant or not text:
            text += ("+" if i.constant > 0 and text else "−" if i.constant < 0 else "") + str(abs(i.constant))
        return Text(text.replace("−", "-") if style == "latex" else text, "sum" if len(i.terms) > 1 or (i.terms and i.constant) else "atom")

    def _atom(self, atom: Any, style: Style) -> str:
        if isinstance(atom, Letter):
            return _letter(self.names[atom], style)
        if isinstance(atom, Element):
            return self.element(atom, style, self._name(atom.value))
        of, by = self.index(atom.of, style), atom.by
        if style == "latex":
            return rf"{_inside(of)} \bmod {by}" if atom.is_rest else rf"\lfloor {_inside(of)} / {by} \rfloor"
        return f"{_inside(of)} mod {by}" if atom.is_rest else f"⌊{_inside(of)}/{by}⌋"

    def _over(self, term: Over, style: Style) -> Text:
        """Σ and the like, with the letters below it."""
        letters = [_letter(self.names[letter], style) for letter in term.letters]
        latex, text = _sides(term.op)
        sign = latex + f"_{{{','.join(letters)}}}" if style == "latex" else text + (_subscript("".join(letters)) or "_" + ",".join(letters))
        inner = self.write(term.term, style)
        slot = "product" if term.op == "sum" else "factor"
        is_tight = inner.level in ("atom", "power") or slot == "factor"
        entry = Entry(f"{sign} <0:{slot}>", f"{sign} <0:{slot}>", "", "factor" if is_tight else "product")
        return notation.filled(entry, term.op, [inner], {}, [()], style)

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


_WHOLE = Entry("<0:atom>", "<0:atom>", "")


def _multiplied(term: Applied, operands: list[Text], style: Style) -> Text:
    """Factors side by side; a dot before a number. Σ ends where the brackets around it do."""
    signs = [{"latex": r" \cdot ", "text": " · "}[style] if x[:1].isdigit() else " " for x in operands]
    *others, last = [Text(x, "product" if isinstance(t, Over) else x.level) for x, t in zip(operands, term.operands, strict=True)]
    slots = [f"{sign}<{i}:factor>" for i, sign in enumerate(signs)]
    if isinstance(term.operands[-1], Over) and term.operands[-1].op == "sum":
        slots[-1] = slots[-1].replace("factor", "product")
    template = "".join(slots)[len(signs[0]) :]
    return notation.filled(Entry(template, template, "", "product"), "product", [*others, last], {}, [()], style)


def _inside(i: Text) -> str:
    return i if i.level == "atom" else f"({i})"


def _letter(name: str, style: Style) -> str:
    """A letter, with its number where it has one."""
    return re.sub(r"(\d+)", r"_{\1}", name).replace("′", "'") if style == "latex" else name


def _subscript(text: str) -> str:
    """Text as a subscript; nothing where Unicode lacks one of its characters."""
    return "".join(map(_SUBSCRIPTS.get, text)) if set(text) <= _SUBSCRIPTS.keys() else ""


def _with_indices(array: str, written: Sequence[str], style: Style) -> str:
    """Wᵢⱼ and xᵢ₊₁ where subscripts leave no doubt, else W[i+1, j]."""
    if not written:
        return array
    are_letters = all(re.fullmatch(r"[a-z]['′]*", i) for i in written)
    if style == "latex":
        below = ("" if are_letters else r",\,").join(written)
        numbered = re.fullmatch(r"(.*)_\{(\d+)\}", array)
        return rf"{numbered[1]}_{{{numbered[2]},\,{below}}}" if numbered else f"{array}_{{{below}}}"
    subscript = _subscript("".join(written)) if are_letters or len(written) == 1 else ""
    return array + (subscript or f"[{', '.join(written)}]")

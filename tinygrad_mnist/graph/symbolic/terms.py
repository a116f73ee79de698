"""How an element is written: xᵢⱼ, W[i+1, j], Σₖ aᵢₖ bₖⱼ."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tinygrad_mnist.graph.symbolic import notation, pieces
from tinygrad_mnist.graph.symbolic.entries import Entry, filled
from tinygrad_mnist.graph.symbolic.index import Applied, Atom, Element, Index, Letter, Over, Term
from tinygrad_mnist.graph.symbolic.lettering import ORDER
from tinygrad_mnist.graph.symbolic.lines import Program
from tinygrad_mnist.graph.symbolic.names import Name
from tinygrad_mnist.graph.symbolic.pieces import FORMULAS, Style, Text
from tinygrad_mnist.graph.symbolic.traced import Traced

SHORT = 3
"""How long an index may be that stands as a subscript in text, where it is more than letters: xᵢ₊₁, but x[2i+j]."""

_SUBSCRIPTS = dict(zip("aehijklmnoprstuvx0123456789+−", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋", strict=True))


class Terms:
    """Writes terms of a program. letters: what each is called. constants: the arrays that got a name here."""

    def __init__(self, program: Program, letters: Mapping[Letter, str]) -> None:
        self.program, self.letters = program, letters
        self.constants: dict[tuple[tuple[int, ...], bytes], tuple[Name, Traced]] = {}

    def in_formulas(self, term: Term) -> Name:
        """A term in LaTeX and as plain text; a comparison is 1 where it holds."""
        written = Name(self._write(term, "latex"), self._write(term, "text"))
        return _whole(written) if written.text.level == "comparison" else written

    def _write(self, term: Term, style: Style) -> Text:
        """A term in one style."""
        if isinstance(term, Index):
            return self._index(term, style)
        if isinstance(term, Element):
            return self.element(term, style, self.name(term))
        if isinstance(term, Over):
            return self._over(term, style)
        if isinstance(term, Applied):
            return self._applied(term, style)
        return pieces.number(term, style)

    def element(self, element: Element, style: Style, name: Name) -> Text:
        """A name with its indices, those of axes with but one element left out."""
        shown = [i for i, n in zip(element.at, element.value.shape, strict=True) if n != 1 or i != Index()]
        written = [self._index(i, style) for i in shown]
        array: Text = getattr(name, style)
        is_partial, is_slope = array.startswith(r"\frac{\partial"), element.value in self.program.derivatives
        end = (r"\right)" if style == "latex" else ")") if is_slope else "}" if is_partial else ""
        return Text(_with_indices(array.removesuffix(end), written, style) + end, array.level)

    def name(self, element: Element) -> Name:
        """What its array is called; what has no name goes by its expression, in brackets."""
        value = element.value
        if value in self.program.names and element.by_name:
            return self.program.names[value]
        if value.op:
            return _whole(self.program.in_formulas(value, by_name=False))
        key = value.shape, value.numpy().tobytes()
        if key not in self.constants:
            self.constants[key] = self.program.registry.numbered("c"), value
        return self.constants[key][0]

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
            return _letter(self.letters[atom], style)
        if isinstance(atom, Element):
            return self.element(atom, style, self.name(atom))
        of = self._index(atom.of, style)
        of = Text(of if of.level == "atom" else f"({of})")
        if not atom.is_rest:
            return rf"\lfloor {of} / {atom.by} \rfloor" if style == "latex" else f"⌊{of}/{atom.by}⌋"
        rest = rf"{of} \bmod {atom.by}" if style == "latex" else f"{of} mod {atom.by}"
        return rest if is_alone else f"({rest})"

    def _over(self, term: Over, style: Style) -> Text:
        """Σ and the like, with the letters below it."""
        names = sorted((self.letters[x] for x in term.letters), key=ORDER.index)
        letters = [_letter(name, style) for name in names]
        below = f"_{{{','.join(letters)}}}" if style == "latex" else _below("".join(letters)) or f"_{','.join(letters)}"
        sign = notation.SIGNS[term.op][style] + below
        body = self._write(term.term, style)
        slot = "product" if term.op == "sum" else "factor"
        is_tight = body.level in ("comparison", "atom", "power") or slot == "factor"
        entry = Entry(f"{sign} <0:{slot}>", f"{sign} <0:{slot}>", "", "factor" if is_tight else "product")
        return filled(entry, term.op, [body], {}, [()], style)

    def _applied(self, term: Applied, style: Style) -> Text:
        operands = [self._write(x, style) for x in term.operands]
        if term.op == "product":
            return _multiplied(term, operands, style)
        if term.op == "within":
            return self._within(term, style)
        operands = self.program.counted(term.op, term.operands, operands, style)
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


def _whole(written: Name) -> Name:
    """A formula in brackets, where it is not a whole."""
    entry = Entry("<0:atom>", "<0:atom>", "")
    return Name(*(filled(entry, "", [getattr(written, style)], {}, [()], style) for style in FORMULAS))


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
    return filled(Entry(template, template, "", "product"), "product", operands, {}, [()], style)


def letters(names: Sequence[str], end: str = "") -> Name:
    """Letters in both styles, one after the other."""
    return Name(*(Text(", ".join(_letter(name, style) for name in names) + end) for style in FORMULAS))


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

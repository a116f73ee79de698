"""The lines of a derivation said of one element each, and what the letters of all of them are called."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from tinygrad_mnist.graph.symbolic.elements import Contraction, Walk
from tinygrad_mnist.graph.symbolic.index import Element, Letter, Term, forwards, index, split, walked
from tinygrad_mnist.graph.symbolic.lines import Line, Program
from tinygrad_mnist.graph.symbolic.traced import Traced

LETTERS = "ijklprstuvhaxqwdgbcyfeo"
ORDER = ["n", *(letter + number for number in ("", *map(str, range(1, 100))) for letter in LETTERS)]
"""What axes are called, in this order: n, of the examples; the letters that Unicode has as subscripts come first."""

Axis = tuple[Traced, int]


@dataclass(frozen=True)
class Said:
    """A line said of one element: left, an element of its value, is right. contractions: see `Walk`."""

    line: Line
    left: Element
    right: Term
    contractions: Sequence[Contraction]

    def parts(self) -> Iterator[Any]:
        """The element, the term, and everything in them."""
        yield from walked(self.left)
        yield from walked(self.right)

    def letters(self) -> list[Letter]:
        """Each letter once: first those of the element."""
        return list(dict.fromkeys(x for x in self.parts() if isinstance(x, Letter)))

    def along(self) -> Iterator[tuple[Letter, Axis, int]]:
        """Each letter that runs along an axis, alone or as a piece, such as the i of 3i + j; and its factor there."""
        for part in self.parts():
            if isinstance(part, Element):
                for a, (i, n) in enumerate(zip(part.at, part.value.shape, strict=True)):
                    letters = [(x, factor) for x, factor in i.terms if isinstance(x, Letter)]
                    if i.is_within(n) and not i.constant and math.prod(x.length for x, _ in letters) == n > 1:
                        yield from ((x, (part.value, a), factor) for x, factor in letters)


def said(program: Program, line: Line) -> Said:
    """A line of a program said of one element."""
    walk, value = Walk(program), line.value
    at = tuple(index(Letter(n)) for n in value.shape)
    is_defined_here = program.names.get(value) is line.name and value.op is not None
    at, term = split(at, forwards(walk.inside(value, at) if is_defined_here else walk.at(value, at)))
    return Said(line, Element(value, at), term, walk.contractions)


class Lettering:
    """What the letters are called: axes that run alike, in whatever lines, go by the same letters.

    names: of the letters. axes: where letters of some names run, all along.
    """

    def __init__(self, program: Program, lines: Sequence[Said]) -> None:
        self._alike: dict[Any, Any] = {}
        for line in lines:
            node, value = line.line.node, line.line.value
            if line.line.gradient and node is not None:  # a gradient has the axes of what it is the gradient for
                for a in range(value.ndim):
                    self._join((value, a), (program.derivation.forward[node], a))
        for _ in range(2):  # the pieces of an axis are known when its like are
            for line in lines:
                for letter, axis, factor in line.along():
                    self._join(letter, axis if _is_whole(letter, axis) else (self._kind(axis), factor, letter.length))
        along = [(self._kind(x), x, axis) for line in lines for x, axis, _ in line.along() if _is_whole(x, axis)]
        self.names = self._named(program, lines, {kind for kind, *_ in along})
        found: dict[Any, tuple[dict[str, None], list[Axis]]] = {}
        for kind, letter, axis in along:
            names, axes = found.setdefault(kind, ({}, []))
            names[self.names[letter]] = None
            axes.append(axis)
        self.axes = {tuple(names): axes for names, axes in found.values()}

    def _kind(self, x: Any) -> Any:
        """What stands for all that runs alike."""
        while (above := self._alike.setdefault(x, x)) is not x:
            x = above
        return x

    def _join(self, x: Any, y: Any) -> None:
        self._alike[self._kind(x)] = self._kind(y)

    def _named(self, program: Program, lines: Sequence[Said], along: set[Any]) -> dict[Letter, str]:
        """A name for the first letter of each kind in a line, for the second one, and so on.

        What runs along axes, or in several lines, has its names for itself; what is left names the rest, line by line.
        """
        roles = [self._roles(line.letters()) for line in lines]
        uses = Counter(role for of_line in roles for role in of_line.values())
        taken = {name.text for name in (*program.names.values(), *(c.name for c in program.counts.values()))}
        free = [name for name in ORDER[1:] if name not in taken]
        given = {} if "n" in taken else {(self._examples(program), 0): "n"}
        for role, times in uses.items():
            if role not in given and (times > 1 or role[0] in along):
                given[role] = free.pop(0)
        names: dict[Letter, str] = {}
        for of_line in roles:
            rest = iter(free)
            names |= {letter: given.get(role) or next(rest) for letter, role in of_line.items()}
        return names

    def _roles(self, letters: Sequence[Letter]) -> dict[Letter, tuple[Any, int]]:
        """The kind of each letter of a line, and how many of that kind come before it."""
        before: dict[Any, Iterator[int]] = {}
        return {x: (self._kind(x), next(before.setdefault(self._kind(x), count()))) for x in letters}

    def _examples(self, program: Program) -> Any:
        """The axis of the examples: the one that m counts, else the first of a network's data that no parameter has."""
        forward, parameters = program.derivation.forward, program.derivation.layers.parameters
        counted = [(c.leaf, c.axis) for c in program.counts.values() if c.axis is not None]
        taken = {self._kind((forward[x], a)) for x in parameters if x in forward for a in range(forward[x].ndim)}
        is_network = any(program.derivation.layers)
        data = [value for node, value in program.inputs if is_network and node not in parameters]
        axes = [(value, a) for value in data for a, n in enumerate(value.shape) if n > 1]
        return next((self._kind(x) for x in (*counted, *(x for x in axes if self._kind(x) not in taken))), None)


def _is_whole(letter: Letter, axis: Axis) -> bool:
    value, a = axis
    return letter.length == value.shape[a]

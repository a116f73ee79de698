"""Formulas as MathML, for a browser."""

from __future__ import annotations

import functools
import html
import re

_WORDS = r"\\(text|operatorname|mathrm)\{((?:[^{}\\]|\\.)*)\}"
_BRACED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_PIECES = rf"{_WORDS}|\\frac\{{\\partial [^{{}}]*\}}{_BRACED}(?!\^)"
"""Words, and derivatives ∂L/∂x that stand in a formula as they are."""


def mathml(latex: str) -> str:
    """A formula in LaTeX as MathML. Needs latex2mathml, which knows formulas but not words.

    A derivative ∂L/∂x is converted once, in however many formulas it stands.
    """
    return _assembled(latex.replace(r"\hat{y}", "ŷ"), _PIECES)


def _assembled(latex: str, pattern: str) -> str:
    """The formula with what matches the pattern converted on its own."""
    pieces: list[str] = []

    def keep(match: re.Match[str]) -> str:
        pieces.append(_words_as_mathml(match[1], match[2]) if match[1] else _derivative(match[0]))
        return rf"\text{{word{len(pieces) - 1}}}"

    converted = _converted(re.sub(pattern, keep, latex))
    return re.sub(r"<mtext>word(\d+)</mtext>", lambda match: pieces[int(match[1])], converted)


def _words_as_mathml(kind: str, text: str) -> str:
    shown = html.escape(re.sub(r"\\(.)", r"\1", re.sub("^ | $", "\N{NO-BREAK SPACE}", text)))
    return f"<mtext>{shown}</mtext>" if kind == "text" else f"<mi>{shown}</mi>"


@functools.lru_cache(maxsize=1000)
def _derivative(latex: str) -> str:
    whole = _assembled(latex, _WORDS)
    return whole[whole.index("<mrow>") + len("<mrow>") : -len("</mrow></math>")]


@functools.lru_cache(maxsize=1000)
def _converted(latex: str) -> str:
    from latex2mathml.converter import convert

    result: str = convert(latex).replace("<math ", '<math displaystyle="true" ', 1)
    return _FUNCTION.sub(r'\1<mspace width="0.167em"></mspace>', result)


_FUNCTION = re.compile(r"(<mi>\w{2,}</mi>)(?=<(?!/|mo|mrow><mo))")
"""The name of a function before what is no bracket, from which TeX sets it off by a thin space."""

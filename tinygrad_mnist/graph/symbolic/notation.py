"""How each operation is written: in LaTeX, in plain text and in NumPy source. One table, one entry for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_mnist.graph.symbolic.entries import Call, Entry, Template, filled
from tinygrad_mnist.graph.symbolic.pieces import Shape, Style, Text, number, numbers, operator_name, size, source
from tinygrad_mnist.graph.symbolic.positions import order


def write(op: str, operands: Sequence[Text], params: Mapping[str, Any], shapes: Sequence[Shape], style: Style) -> Text:
    """An operation on operands that are written already. shapes: of the operands; () for a number."""
    return filled(NOTATION.get(op) or _unknown(op), op, operands, params, shapes, style)


def function_name(op: str) -> str:
    """The name of the Python function for an operation that a learner has added."""
    return re.sub(r"\W", "_", op) if not op[:1].isdigit() else f"op_{op}"


def _unknown(op: str) -> Entry:
    """An operation that a learner has added: a function of that name, its parameters by theirs."""

    def call(of: Call) -> str:
        return f"{function_name(op)}({', '.join(['<all>', *(f'{name}=<{name}>' for name in of.params)])})"

    return replace(_named(op, op), numpy=call)


# families of entries


def _below(words: str, style: Style) -> str:
    """Words below a sign or the name of a function."""
    if not words:
        return ""
    return rf"_{{\text{{{words}}}}}" if style == "latex" else f"_{words.replace(' ', '')}"


def _function(word: str, numpy: Template, level: str = "atom", helper: str = "", latex: str = "") -> Entry:
    """A function by a word, or by what LaTeX has for it. level: how tightly its source binds."""
    formula = rf"{latex or operator_name(word)}\left(<0>\right)"
    return Entry(formula, f"{word}(<0>)", numpy, levels={"numpy": level}, helper=helper)


def _leaky_relu(call: Call) -> str:
    return f"np.{'maximum' if call.params['negative_slope'] <= 1 else 'minimum'}(<0>, <negative_slope> * <0:factor>)"


def _options(call: Call, default: int | None = None) -> str:
    """axis and keepdims as arguments, where they are not the defaults."""
    axis = "axis=<axis>" if call.params.get("axis") != default else ""
    return ", ".join(filter(None, [axis, "keepdims=True" if call.params.get("keepdims") else ""]))


SIGNS: dict[str, dict[Style, str]] = {
    "sum": {"latex": r"\sum", "text": "Σ"},
    "prod": {"latex": r"\prod", "text": "Π"},
    "max": {"latex": r"\max", "text": "max"},
    "min": {"latex": r"\min", "text": "min"},
}
"""Σ and the like."""


def _reduction(method: str) -> Entry:
    """Σ, Π, max: what it runs over stands below it."""
    is_word = len(SIGNS[method]["text"]) > 1

    def formula(call: Call) -> str:
        operand = "(<0>)" if is_word and call.style == "text" else " <0:factor>"
        return f"{SIGNS[method][call.style]}{_below(call.over, call.style)}{operand}"

    levels = {"latex": "factor", "text": "atom" if is_word else "factor"}
    return Entry(formula, formula, lambda call: f"<0:atom>.{method}({_options(call)})", levels=levels)


def _along(word: str, numpy: str, helper: str = "", default: int | None = None) -> Entry:
    """A function of rows: its axis stands below it unless it is the last, or all. default: the axis NumPy assumes."""

    symbol = operator_name(word).replace(r"\operatorname{log\_", r"\log \, \operatorname{")

    def over(call: Call) -> str:
        return call.over if call.axes != (call.ndim - 1,) else ""

    return Entry(
        lambda call: rf"{symbol}{_below(over(call), 'latex')}\left(<0>\right)",
        lambda call: f"{word}{_below(over(call), 'text')}(<0>)",
        lambda call: f"{numpy}({', '.join(filter(None, ['<0>', _options(call, default)]))})",
        helper=helper,
    )


def _product(array: str, scalar: str) -> Template:
    return lambda call: f"<0:factor=>{scalar if () in call.shapes else array}<1:factor=>"


def _power(call: Call) -> str:
    simple = all(re.fullmatch(r"[\w.]+", x) for x in call.operands)
    return "<0:atom>**<1:power>" if simple else "<0:atom> ** <1:power>"


def _fraction(call: Call) -> str:
    return "<0> / <1:factor>" if call.operands[0].op == "div" else r"\frac{<0:sum>}{<1:sum>}"


def _matmul(matrix: str, inner: str) -> Template:
    return lambda call: f"<0:factor=>{inner if all(len(s) == 1 for s in call.shapes) else matrix}<1:factor>"


def _transpose(call: Call) -> str:
    axes = order("transpose", call.params, call.ndim)
    if axes == tuple(range(call.ndim)):
        return "<0:any>"
    return _turned("T", call) if axes == tuple(range(call.ndim))[::-1] else _reordered("transpose", axes, call)


def _swapaxes(call: Call) -> str:
    axes = call.params["axis1"], call.params["axis2"]
    if {a % call.ndim for a in axes} == {call.ndim - 1, call.ndim - 2}:
        return _turned("T" if call.ndim == 2 else "mT", call)
    return _reordered("swapaxes", axes, call)


def _turned(attribute: str, call: Call) -> str:
    return {"latex": r"<0:atom>^{\top}", "text": "<0:atom>ᵀ", "numpy": f"<0:atom>.{attribute}"}[call.style]


def _reordered(word: str, axes: tuple[int, ...], call: Call) -> str:
    listed = ", ".join(map(str, axes))
    if call.style == "latex":
        return _subscripted(word, listed)
    return f"<0:atom>.{word}({listed})" if call.style == "numpy" else f"{word}(<0>; {listed})"


def _subscripted(word: str, below: str) -> str:
    """A function in LaTeX, with what is below its name."""
    return rf"{operator_name(word)}_{{{below}}}\left(<0>\right)"


def _shaped(word: str, numpy: str) -> Entry:
    def formula(call: Call) -> str:
        shape = tuple(np.atleast_1d(call.params["shape"]))
        if call.style == "text":
            return f"{word}(<0> to {size(shape, 'text')})"
        return _subscripted(word, size(shape, "latex").replace("scalar", r"\cdot"))

    return Entry(formula, formula, numpy)


def _clip(call: Call) -> str:
    def bound(name: str, infinity: float) -> str:
        value = infinity if call.params.get(name) is None else call.params[name]
        return "…" if isinstance(value, np.ndarray) else number(value, call.style)

    low, high = bound("min", -np.inf), bound("max", np.inf)
    if call.style == "latex":
        return _subscripted("clip", rf"\left[{low}, {high}\right]")
    return f"clip(<0>, {low}, {high})"


def _einsum(call: Call) -> str:
    """The sum over the letters that the result lacks: Σ_j a_ij b_jk."""
    terms, result = call.params["subscripts"].split("->")
    hidden = "".join(dict.fromkeys(c for c in terms.replace(",", "") if c not in result))
    factors = [f"<{i}:atom>_{{{term}}}" if term else f"<{i}:atom>" for i, term in enumerate(terms.split(","))]
    factors = [f"{{{f[: f.index('>') + 1]}}}{f[f.index('>') + 1 :]}" for f in factors]
    total = rf"\sum_{{{hidden}}} " if hidden else ""
    below = f"_{{{result}}}" if result else ""
    return rf"\left[{total}{' '.join(factors)}\right]{below}"


def _compare(latex: str, text: str, numpy: str) -> Entry:
    latex, text, numpy = (f"<0:sum> {sign} <1:sum>" for sign in (latex, text, numpy))
    return Entry(latex, text, numpy, "comparison")


def _astype(call: Call) -> str:
    if call.style == "numpy":
        return "<0:atom>.astype(<dtype>)"
    if call.operands[0].level == "comparison":
        return r"\left[<0>\right]" if call.style == "latex" else "[<0>]"
    kind = np.dtype(call.params["dtype"]).name
    return rf"{operator_name(kind)}\left(<0>\right)" if call.style == "latex" else f"{kind}(<0>)"


def _index(call: Call) -> str:
    """What stands between the brackets of x[…]."""
    index = call.params["index"]
    parts = index if isinstance(index, tuple) else (index,)
    comma = "," if call.style == "numpy" and isinstance(index, tuple) and len(index) == 1 else ""
    return ", ".join(_part(part, call.style) for part in parts) + comma if parts else "()"


def _part(part: Any, style: Style) -> str:
    if isinstance(part, slice):
        start, stop = ("" if b is None else str(b) for b in (part.start, part.stop))
        step = "" if part.step is None else f":{part.step}"
        return f"{start}:{stop}{step}".replace(":", "{:}" if style == "latex" else ":")
    if style == "numpy":
        return source(part)
    if part is None:
        return r"\mathrm{new}" if style == "latex" else "new"
    if part is Ellipsis:
        return r"\ldots" if style == "latex" else "..."
    return numbers(np.asarray(part))


def _named(name: str, numpy: str) -> Entry:
    """A function of NumPy's, called by its name."""
    return Entry(rf"{operator_name(name)}\left(<all>\right)", f"{name}(<all>)", f"{numpy}(<all>)")


_ELEMENTWISE = (
    "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "exp2", "log2", "log10",
    "cbrt", "hypot", "arctan2", "remainder", "fmod",
)  # fmt: skip
_WINDOW = "<0>, <kernel>, <stride>, <padding>, <dilation>"

NOTATION: dict[str, Entry] = {
    # arithmetic
    "add": Entry("<0:sum> + <1:product>", "<0:sum> + <1:product>", "<0:sum> + <1:product>", "sum"),
    "sub": Entry("<0:sum> - <1:product>", "<0:sum> − <1:product>", "<0:sum> - <1:product>", "sum"),
    "mul": Entry(_product(r" \odot ", r" \cdot "), _product(" ⊙ ", " · "), "<0:factor=> * <1:factor>", "product"),
    "div": Entry(_fraction, "<0:product> / <1:factor>", "<0:product> / <1:factor>", "product", {"latex": "factor"}),
    "neg": Entry("-<0:product>", "−<0:product>", "-<0:product>", "sum"),
    "pow": Entry("{<0:atom>}^{<1>}", "<0:atom>^<1:power>", _power, "power"),
    "matmul": Entry(_matmul(r" \, ", r" \cdot "), _matmul(" ", "·"), "<0:factor=> @ <1:factor>", "product"),
    "vdot": Entry(r"\sum <0:factor=> \odot <1:factor=>", "Σ <0:factor=> ⊙ <1:factor=>", "np.vdot(<0>, <1>)", "factor"),
    # elementwise functions
    **{name: _function(name, f"np.{name}(<0>)", latex=rf"\{name}") for name in ("exp", "log", "sin", "cos", "tanh")},
    "log1p": Entry(r"\log\left(1 + <0:product>\right)", "log(1 + <0:product>)", "np.log1p(<0>)"),
    "expm1": Entry(r"e^{<0>} - 1", "exp(<0>) − 1", "np.expm1(<0>)", levels={"latex": "sum", "text": "sum"}),
    "sqrt": Entry(r"\sqrt{<0>}", "√<0:atom>", "np.sqrt(<0>)"),
    "abs": Entry(r"\left|<0>\right|", "|<0>|", "np.abs(<0>)"),
    "maximum": Entry(r"\max\left(<0>, <1>\right)", "max(<0>, <1>)", "np.maximum(<0>, <1>)"),
    "minimum": Entry(r"\min\left(<0>, <1>\right)", "min(<0>, <1>)", "np.minimum(<0>, <1>)"),
    "sigmoid": _function("σ", "sigmoid(<0>)", helper="sigmoid", latex=r"\sigma"),
    "softplus": Entry(r"\log\left(1 + e^{<0>}\right)", "softplus(<0>)", "np.logaddexp(0, <0>)"),
    "relu": _function("relu", "np.maximum(<0>, 0)"),
    "leaky_relu": _function("leaky_relu", _leaky_relu),
    "elu": _function("elu", "np.maximum(<0>, 0) + <alpha> * np.expm1(-np.maximum(-<0>, 0))", level="sum"),
    "clip": Entry(_clip, _clip, "np.clip(<0>, <min>, <max>)"),
    "where": Entry(
        r"\begin{cases} <1> & <0> \\ <2> & \text{otherwise} \end{cases}",
        "(<1> if <0> else <2>)",
        "np.where(<0>, <1>, <2>)",
        levels={"latex": "factor"},
    ),
    # shape
    "reshape": _shaped("reshape", "<0:atom>.reshape(<shape>)"),
    "transpose": Entry(_transpose, _transpose, _transpose),
    "swapaxes": Entry(_swapaxes, _swapaxes, _swapaxes),
    "flip": _along("flip", "np.flip"),
    "astype": Entry(_astype, _astype, _astype),
    "broadcast_to": _shaped("broadcast", "np.broadcast_to(<0>, <shape>)"),
    "pad": _function("pad", "np.pad(<0>, <pad_width>, constant_values=<constant_values>)"),
    # reductions
    **{method: _reduction(method) for method in SIGNS},
    "cumsum": _along("cumsum", "np.cumsum"),
    "logsumexp": _along("logsumexp", "logsumexp", helper="logsumexp"),
    "log_softmax": _along("log_softmax", "log_softmax", helper="log_softmax", default=-1),
    # indexing and joining
    "getitem": Entry(
        lambda call: rf"<0:atom>\left[{_index(call)}\right]",
        lambda call: f"<0:atom>[{_index(call)}]",
        lambda call: f"{'<0:atom>' if call.ndim else 'np.asarray(<0>)'}[{_index(call)}]",
    ),
    "scatter_add": Entry(
        lambda call: _subscripted("scatter", f"[{_index(call)}]"),
        lambda call: f"scatter(<0> at [{_index(call)}])",
        lambda call: f"scatter_add(<0>, np.s_[{_index(call)}], <shape>)",
        helper="scatter_add",
    ),
    "concatenate": Entry(
        lambda call: r"\left[" + r" \mid ".join(f"<{i}>" for i in range(len(call.operands))) + r"\right]",
        lambda call: "[" + " | ".join(f"<{i}>" for i in range(len(call.operands))) + "]",
        "np.concatenate([<all>], axis=<axis>)",
    ),
    "einsum": Entry(
        _einsum,
        lambda call: f"einsum({call.params['subscripts'].replace('->', ' → ')}; <all>)",
        lambda call: f"np.einsum({call.params['subscripts']!r}, <all>)".replace("'", '"'),
    ),
    # NumPy's words, of the package array_functions
    **{name: _named(name, f"np.{name}") for name in _ELEMENTWISE},
    **{name: _named(name, f"np.linalg.{name}") for name in ("solve", "det", "cholesky")},
    "cumprod": _along("cumprod", "np.cumprod"),
    # of the package nn: the error function, and windows over images
    "erf": _function("erf", "erf(<0>)", helper="erf"),
    "patches": _function("patches", f"patches({_WINDOW})", helper="patches"),
    "fold": _function("fold", f"fold(<0>, <shape>{_WINDOW[3:]})", helper="fold"),
    "max_pool": _function("max_pool", f"max_pool({_WINDOW})", helper="max_pool"),
    "unpool": Entry(
        rf"{operator_name('unpool')}\left(<0>; <1>\right)", "unpool(<0>; <1>)", f"unpool(<0>, <1>, <2>{_WINDOW[3:]})",
        helper="unpool",
    ),
    # what is met in rules alone: masks
    "greater": _compare(">", ">", ">"),
    "greater_equal": _compare(r"\geq", "≥", ">="),
    "less": _compare("<", "<", "<"),
    "less_equal": _compare(r"\leq", "≤", "<="),
    "equal": _compare("=", "=", "=="),
    "not_equal": _compare(r"\neq", "≠", "!="),
    "logical_and": Entry(r"<0> \wedge <1>", "<0> ∧ <1>", "np.logical_and(<0>, <1>)", "comparison"),
    # the product of a column and a row
    "outer": Entry(
        r"<0:factor> \, <1:atom>^{\top}", "<0:factor> <1:atom>ᵀ", "np.outer(<0>, <1>)", "product", {"numpy": "atom"}
    ),
    # what a learner would rather read than exp(log_softmax(z))
    "softmax": _along("softmax", "softmax", helper="softmax", default=-1),
}  # fmt: skip
"""Every operation by its name."""

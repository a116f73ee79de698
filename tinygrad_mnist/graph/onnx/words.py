"""What each operation is in ONNX: one entry each, which writes its nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_mnist.engine.ops import _axes as normalised
from tinygrad_mnist.graph.onnx.values import Times, Value
from tinygrad_mnist.graph.onnx.writing import Writer, common
from tinygrad_mnist.graph.symbolic.positions import order, window_counts

Entry = Callable[[Writer, Value], str]

WORDS: dict[str, Entry] = {}
"""By the name of the operation."""

WORDLESS = {
    "solve": "it has no equations of matrices, and no inverse",
    "pinv": "it has no inverse of a matrix",
    "log_abs_det": "it has the determinant alone, which is beyond the numbers where its logarithm is not",
    "cholesky": "it has no decompositions",
    "packed_eigh": "it has no eigenvalues",
    "packed_svd": "it has no singular values",
    "singular_values": "it has no singular values",
}
"""The operations that ONNX's standard can't say, and what it lacks."""


def word(name: str) -> Callable[[Entry], Entry]:
    """Enter a function that writes an operation's nodes into the table."""

    def enter(entry: Entry) -> Entry:
        WORDS[name] = entry
        return entry

    return enter


def table() -> str:
    """What can be written and what can't, in Markdown."""
    known = ", ".join(f"`{name}`" for name in sorted(WORDS))
    lines = [f"| `{name}` | {reason} |" for name, reason in sorted(WORDLESS.items())]
    return "\n".join([f"Written: {known}.", "", "| not written | of the standard |", "|---|---|", *lines])


def _node(kind: str, of: Callable[[Value], str] = attrgetter("kind"), **attributes: Any) -> Entry:
    """One node on the operands. of: the kind that they are taken in, by default that of the result."""
    return lambda w, v: w.op(kind, *(w.of(x, of(v)) for x in v.inputs), **attributes)


def _logarithm(base: float) -> Entry:
    return lambda w, v: w.op("Div", w.op("Log", w.operand(v)), w.constant(math.log(base), "f"))


def _turned(w: Writer, v: Value) -> str:
    return w.transpose(w.operand(v), order(str(v.op), v.params, len(v.shape)))


WORDS |= {name: _node(kind) for name, kind in {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "matmul": "MatMul",
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf", "sigmoid": "Sigmoid",
    "softplus": "Softplus", "relu": "Relu", "maximum": "Max", "minimum": "Min", "det": "Det",
}.items()}  # fmt: skip

WORDS |= {name: _node(kind, of=common) for name, kind in {
    "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less", "less_equal": "LessOrEqual",
    "equal": "Equal",
}.items()}  # fmt: skip

WORDS |= {
    "not_equal": lambda w, v: w.op("Not", WORDS["equal"](w, v)),
    "logical_and": _node("And", of=lambda v: "b"),
    "fmod": _node("Mod", fmod=1),
    "leaky_relu": lambda w, v: w.op("LeakyRelu", w.operand(v), alpha=float(v.params["negative_slope"])),
    "elu": lambda w, v: w.op("Elu", w.operand(v), alpha=float(v.params["alpha"])),
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "exp2": lambda w, v: w.op("Pow", w.constant(2, "f"), w.operand(v)),
    "vdot": lambda w, v: w.op("ReduceSum", w.op("Mul", *w.operands(v)), keepdims=0),
    "astype": Writer.operand,
    "reshape": lambda w, v: w.reshape(w.operand(v), v.shape),
    "broadcast_to": lambda w, v: w.expand(w.operand(v), v.shape),
    "transpose": _turned,
    "swapaxes": _turned,
    "flip": lambda w, v: w.flip(w.operand(v), v.shape, normalised(v.params["axis"], len(v.shape))),
    "patches": lambda w, v: w.reshape(_rows(w, w.operand(v), v.inputs[0].shape, v)[0], v.shape),
    "fold": lambda w, v: _folded(w, w.operand(v), v),
    "max_pool": lambda w, v: w.op("MaxPool", w.operand(v), kernel_shape=list(v.params["kernel"]), **_lying(v)),
}

# elementwise functions


@word("where")
def _where(w: Writer, v: Value) -> str:
    condition, x, y = v.inputs
    return w.op("Where", w.of(condition, "b"), w.of(x, v.kind), w.of(y, v.kind))


@word("pow")
def _pow(w: Writer, v: Value) -> str:
    x, y = w.operands(v)
    if v.shape == () and v.inputs[1] == 3:  # as a power, onnxruntime takes it for a gelu that can't be of one number
        return w.op("Mul", x, w.op("Mul", x, x))
    return w.op("Pow", x, y)


@word("log1p")
def _log1p(w: Writer, v: Value) -> str:
    """log(u) · x / (u − 1) with u = 1 + x, which is right though u was rounded; x where u is 1 or infinite (Kahan)."""
    x, one = w.operand(v), w.constant(1, "f")
    u = w.op("Add", x, one)
    tiny = w.op("Or", w.op("Equal", u, one), w.op("IsInf", u))
    exact = w.op("Where", tiny, one, w.op("Sub", u, one))
    return w.op("Where", tiny, x, w.op("Mul", w.op("Log", u), w.op("Div", x, exact)))


@word("expm1")
def _expm1(w: Writer, v: Value) -> str:
    """Near zero 2 t / (1 − t) with t = tanh(x / 2), which loses no digit there; exp(x) − 1 elsewhere."""
    x, one, two = w.operand(v), w.constant(1, "f"), w.constant(2, "f")
    near = w.op("Less", w.op("Abs", x), one)
    t = w.op("Tanh", w.op("Div", w.op("Where", near, x, w.constant(0, "f")), two))
    small = w.op("Div", w.op("Mul", two, t), w.op("Sub", one, t))
    return w.op("Where", near, small, w.op("Sub", w.op("Exp", x), one))


@word("cbrt")
def _cbrt(w: Writer, v: Value) -> str:
    x = w.operand(v)
    return w.op("Mul", w.op("Sign", x), w.op("Pow", w.op("Abs", x), w.constant(1 / 3, "f")))


@word("hypot")
def _hypot(w: Writer, v: Value) -> str:
    """The larger one times √(1 + ratio²): no square overflows."""
    x, y = (w.op("Abs", operand) for operand in w.operands(v))
    large, small, one = w.op("Max", x, y), w.op("Min", x, y), w.constant(1, "f")
    nothing = w.op("Equal", large, w.constant(0, "f"))
    ratio = w.op("Div", small, w.op("Where", nothing, one, large))
    return w.op("Mul", large, w.op("Sqrt", w.op("Add", one, w.op("Mul", ratio, ratio))))


@word("arctan2")
def _arctan2(w: Writer, v: Value) -> str:
    """arctan(y / x), half a turn on where x is negative; the angle of nothing is 0."""
    y, x = w.operands(v)
    zero, one, turn = (w.constant(number, "f") for number in (0, 1, math.pi))
    nothing = w.op("And", w.op("Equal", x, zero), w.op("Equal", y, zero))
    angle = w.op("Atan", w.op("Div", y, w.op("Where", nothing, one, x)))
    half = w.op("Where", w.op("Less", y, zero), w.op("Neg", turn), turn)
    return w.op("Add", angle, w.op("Where", w.op("Less", x, zero), half, zero))


@word("remainder")
def _remainder(w: Writer, v: Value) -> str:
    """What C's fmod leaves has the sign of x; NumPy's has that of y."""
    x, y = w.operands(v)
    zero = w.constant(0, v.kind)
    left = w.op("Mod", x, y, fmod=1)
    other_sign = w.op("Xor", w.op("Less", left, zero), w.op("Less", y, zero))
    wrong = w.op("And", other_sign, w.op("Not", w.op("Equal", left, zero)))
    return w.op("Where", wrong, w.op("Add", left, y), left)


@word("clip")
def _clip(w: Writer, v: Value) -> str:
    x = w.operand(v)
    low, high = (v.params.get(bound) for bound in ("min", "max"))
    raised = x if low is None else w.op("Max", x, w.constant(low, v.kind))
    return raised if high is None else w.op("Min", raised, w.constant(high, v.kind))


# products and reductions


@word("einsum")
def _einsum(w: Writer, v: Value) -> str:
    """Lengths of one that NumPy would repeat are repeated first."""
    subscripts = v.params["subscripts"]
    terms = subscripts.partition("->")[0].split(",")
    pairs = list(zip(terms, v.inputs, strict=True))
    lengths = {c: n for term, x in pairs for c, n in zip(term, x.shape, strict=True) if n != 1}
    whole = [tuple(lengths.get(c, 1) for c in term) for term in terms]
    operands = [
        name if shape == x.shape else w.expand(name, shape)
        for name, x, shape in zip(w.operands(v), v.inputs, whole, strict=True)
    ]
    return w.op("Einsum", *operands, equation=subscripts)


def _reduction(kind: str) -> Entry:
    def entry(w: Writer, v: Value) -> str:
        x = w.operand(v)
        axes = normalised(v.params.get("axis"), len(v.inputs[0].shape))
        return w.op(kind, x, w.constant(axes), keepdims=int(v.params.get("keepdims", False))) if axes else x

    return entry


WORDS |= {name: _reduction(kind) for name, kind in {
    "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin", "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp",
}.items()}  # fmt: skip


@word("log_softmax")
def _log_softmax(w: Writer, v: Value) -> str:
    x = w.operand(v)
    axes = normalised(v.params["axis"], len(v.shape))
    if len(axes) == 1:
        return w.op("LogSoftmax", x, axis=axes[0])
    return w.op("Sub", x, w.op("ReduceLogSumExp", x, w.constant(axes), keepdims=1) if axes else x)


@word("cumsum")
def _cumsum(w: Writer, v: Value) -> str:
    x, axis = _line(w, v)
    return w.op("CumSum", x, w.constant(axis))


@word("cumprod")
def _cumprod(w: Writer, v: Value) -> str:
    """A loop over the slices, each times the product so far."""
    from onnx import TensorProto, helper

    x, axis = _line(w, v)
    slices = [n for i, n in enumerate(v.shape) if i != axis]
    so_far, part, product, kept = (w.graph.other(name) for name in ("so_far", "part", "product", "kept"))
    body = helper.make_graph(
        [helper.make_node("Mul", [so_far, part], [product]), helper.make_node("Identity", [product], [kept])],
        w.graph.other("product_so_far"),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (so_far, part)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (product, kept)],
    )
    last, result = w.graph.other("last"), w.graph.other("scan")
    start = w.expand(w.constant(1, "f"), slices)
    w.graph.nodes.append(
        helper.make_node(
            "Scan", [start, x], [last, result], name=result, body=body, num_scan_inputs=1,
            scan_input_axes=[axis], scan_output_axes=[axis],
        )
    )  # fmt: skip
    return w.op("Identity", result)


def _line(w: Writer, v: Value) -> tuple[str, int]:
    """What is accumulated, and along which axis: a flat array where none is named."""
    x, axis = w.operand(v), v.params["axis"]
    flat = axis is None or not v.inputs[0].shape
    return (w.reshape(x, v.shape), 0) if flat else (x, normalised(axis, len(v.shape))[0])


# shape


@word("pad")
def _pad(w: Writer, v: Value) -> str:
    """One node; for several constants one for each side, as NumPy goes from axis to axis."""
    x, ndim = w.operand(v), len(v.shape)
    if any(isinstance(n, Times) for n in np.ravel(np.array(v.params["pad_width"], object))):
        raise NotImplementedError("its widths depend on the number of examples")
    widths = np.broadcast_to(v.params["pad_width"], (ndim, 2))
    fill = v.params.get("constant_values", 0)
    if np.ndim(fill) == 0:
        return _padded(w, x, widths, fill, v.kind)
    for side in np.ndindex(ndim, 2):
        own = np.zeros_like(widths)
        own[side] = widths[side]
        x = _padded(w, x, own, np.broadcast_to(fill, (ndim, 2))[side], v.kind)
    return x


def _padded(w: Writer, x: str, widths: Any, fill: Any, kind: str) -> str:
    if not np.any(widths):
        return x
    return w.op("Pad", x, w.constant(np.transpose(widths).reshape(-1)), w.constant(fill, kind))


@word("concatenate")
def _concatenate(w: Writer, v: Value) -> str:
    """Of those that have elements; the others are left out, as onnxruntime may get them wrong."""
    return w.op("Concat", *(w.of(x, v.kind) for x in v.inputs if 0 not in x.shape), axis=v.params["axis"])


# indices


def basic_index(index: Any, ndim: int) -> list[Any] | None:
    """A basic index as an integer or slice for each axis, and None for each new one; None for any other index."""
    items = list(index) if isinstance(index, tuple) else [index]
    if any(
        isinstance(i, bool | np.bool_) or not isinstance(i, int | np.integer | slice | None | type(...)) for i in items
    ):
        return None
    missing = [slice(None)] * (ndim - sum(i is not None and i is not ... for i in items))
    at = next((k for k, i in enumerate(items) if i is ...), len(items))
    return [*items[:at], *missing, *items[at + 1 :]]


def _places(index: Any, shape: tuple[Any, ...]) -> Any:
    """Where in a flat array each element of an index lies."""
    if any(isinstance(n, Times) for n in shape):
        raise NotImplementedError("its arrays of indices point into an axis that depends on the number of examples")
    return np.arange(math.prod(shape)).reshape(shape)[index]


@word("getitem")
def _getitem(w: Writer, v: Value) -> str:
    x, shape, index = w.operand(v), v.inputs[0].shape, v.params["index"]
    items = basic_index(index, len(shape))
    if items is not None:
        along = [i for i in items if i is not None]
        cuts = {axis: _cut(i) for axis, i in enumerate(along) if i != slice(None)}
        part = w.slice(x, shape, cuts)
        return part if all(isinstance(i, slice) for i in items) else w.reshape(part, v.shape)
    axis = _only_array(index)
    if axis is not None:
        return w.op("Gather", x, w.constant(np.asarray(index[axis])), axis=axis)
    places = _places(index, shape)
    return w.op("Gather", w.reshape(x, (-1,)), w.constant(places), axis=0)


def _cut(item: Any) -> slice:
    return item if isinstance(item, slice) else slice(item, item + 1 if item != -1 else None)


def _only_array(index: Any) -> int | None:
    """The axis of the only array of an index that takes everything else before it; None for another index."""
    items = index if isinstance(index, tuple) else ()
    before = all(isinstance(i, slice) and i == slice(None) for i in items[:-1])
    own = items and isinstance(items[-1], np.ndarray | list | tuple) and np.asarray(items[-1]).dtype.kind == "i"
    return len(items) - 1 if before and own else None


@word("scatter_add")
def _scatter_add(w: Writer, v: Value) -> str:
    """Zeros around what a slice took; for other indices, an addition at each place."""
    x, index = w.operand(v), v.params["index"]
    if 0 in v.inputs[0].shape:
        return w.expand(w.constant(0, v.kind), v.shape)
    items = basic_index(index, len(v.shape))
    if items is not None:
        along = [i for i in items if i is not None]
        return _framed(w, x, [_range(i, n) for i, n in zip(along, v.shape, strict=True)], v)
    axis = _only_array(index)
    if axis is not None:
        places = np.asarray(index[axis])
        whole = (*v.shape[:axis], *places.shape, *v.shape[axis + 1 :])
        x = x if v.inputs[0].shape == whole else w.expand(x, whole)
        return _added_along(w, x, axis, places.reshape(-1), v.shape, v.kind)
    places = _places(index, v.shape)
    rows = w.reshape(w.expand(x, places.shape) if v.inputs[0].shape != places.shape else x, (-1,))
    zeros = w.expand(w.constant(0, v.kind), (math.prod(v.shape),))
    added = w.op("ScatterElements", zeros, w.constant(places.reshape(-1)), rows, axis=0, reduction="add")
    return w.reshape(added, v.shape)


def _range(item: Any, length: Any) -> range | None:
    """Which elements of an axis an item takes; None for all, in their order."""
    if item == slice(None):
        return None
    if isinstance(length, Times):
        raise NotImplementedError("it fills a part of an axis that depends on the number of examples")
    if isinstance(item, slice):
        return range(length)[item]
    return range(length)[item : item + 1 or None]


def _added_along(w: Writer, x: str, axis: int, places: Any, shape: Sequence[Any], kind: str) -> str:
    """Zeros of a shape, to which x is added at these places of an axis."""
    taken = [*shape[:axis], len(places), *shape[axis + 1 :]]
    along = np.reshape(places, [-1 if i == axis else 1 for i in range(len(shape))])
    zeros, indices = w.expand(w.constant(0, kind), shape), w.expand(w.constant(along), taken)
    return w.op("ScatterElements", zeros, indices, w.reshape(x, taken), axis=axis, reduction="add")


def _framed(w: Writer, x: str, ranges: list[range | None], v: Value) -> str:
    """Zeros around what slices took, and between it where they have steps."""
    inside = [n if r is None else len(r) for r, n in zip(ranges, v.shape, strict=True)]
    x = w.reshape(x, inside)
    for axis, r in enumerate(ranges):
        if r is not None and abs(r.step) > 1:
            inside[axis], ranges[axis] = v.shape[axis], None
            x = _added_along(w, x, axis, np.array(r), inside, v.kind)
    turned = [axis for axis, r in enumerate(ranges) if r is not None and r.step < 0]
    x = w.flip(x, inside, turned)
    widths = [(0, 0) if r is None else _outside(r, n) for r, n in zip(ranges, v.shape, strict=True)]
    return _padded(w, x, np.array(widths, int).reshape(-1, 2), 0, v.kind)


def _outside(r: range, length: int) -> tuple[int, int]:
    """How many elements lie before and behind what was taken."""
    return (min(r), length - 1 - max(r)) if len(r) else (0, length)


# windows over images


def _of_windows(v: Value) -> tuple[Any, ...]:
    return tuple(v.params[name] for name in ("kernel", "stride", "padding", "dilation"))


def _lying(v: Value) -> dict[str, list[int]]:
    """How windows lie, as attributes of a node."""
    _, stride, padding, dilation = _of_windows(v)
    return {"strides": list(stride), "pads": [*padding, *padding], "dilations": list(dilation)}


def _rows(w: Writer, x: str, shape: tuple[Any, ...], v: Value, fill: float = 0) -> tuple[str, tuple[int, ...]]:
    """Every window's numbers, shape (batch, rows, columns, kernel, kernel, channels), and how many rows and columns.

    They are gathered from the pixels, so that an infinite one stays in its own windows.
    """
    kernel, stride, padding, dilation = _of_windows(v)
    _, channels, *size = shape
    height, width = (n + 2 * p for n, p in zip(size, padding, strict=True))
    x = _padded(w, x, [(0, 0), (0, 0), *((p, p) for p in padding)], fill, v.kind)
    counts = window_counts(shape, v.params)
    each = zip(counts, stride, kernel, dilation, strict=True)
    down, across = (s * np.arange(n)[:, None] + d * np.arange(k) for n, s, k, d in each)
    places = down[:, None, :, None] * width + across[None, :, None, :]
    pixels = w.op("Reshape", x, w.constant([-1, channels, height * width]))
    windows = w.op("Gather", pixels, w.constant(places), axis=2)
    return w.op("Transpose", windows, perm=[0, 2, 3, 4, 5, 1]), counts


def _folded(w: Writer, rows: str, v: Value) -> str:
    """Col2Im of rows of the order (kernel, kernel, channels)."""
    kernel, (_, channels, *size) = v.params["kernel"], v.shape
    places, windows = math.prod(kernel), math.prod(window_counts(v.shape, v.params))
    apart = w.op("Reshape", rows, w.constant([-1, windows, places, channels]))
    blocks = w.op("Transpose", apart, perm=[0, 3, 2, 1])
    columns = w.op("Reshape", blocks, w.constant([-1, channels * places, windows]))
    return w.op("Col2Im", columns, w.constant(size), w.constant(kernel), **_lying(v))


@word("unpool")
def _unpool(w: Writer, v: Value) -> str:
    """Each window's g, shared among the places where x is at its top."""
    g, x, top = w.operands(v)
    windows, counts = _rows(w, x, v.inputs[1].shape, v, -np.inf)
    channels = v.shape[1]

    def by_window(images: str) -> str:
        last = w.op("Transpose", images, perm=[0, 2, 3, 1])
        return w.op("Reshape", last, w.constant([-1, *counts, 1, 1, channels]))

    wins = w.op("Equal", windows, by_window(top))
    ties = w.op("ReduceSum", w.cast(wins, "b", "f"), w.constant([3, 4]), keepdims=1)
    return _folded(w, w.op("Where", wins, w.op("Div", by_window(g), ties), w.constant(0, "f")), v)

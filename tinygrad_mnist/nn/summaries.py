"""A model in a table: its parts, the shapes that they put out, their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.engine import Tensor, no_grad

if TYPE_CHECKING:
    from tinygrad_mnist.nn.module import Module

WIDTH = 80


def text(model: Module, x: Any = None) -> str:
    """A table in plain text, for a terminal. x: an array that is sent through to learn the shapes."""
    shapes: dict[Module, tuple[int, ...]] = {}
    if x is not None:
        with _watching(model, shapes), no_grad():
            model(Tensor(x))
    rows = [
        (path, f"{m!r}".partition("  #")[0], str(shapes.get(m, "")), f"{_count(m.parameters()):,}")
        for path, m in _leaves(model)
    ]
    table = _table(("", "layer", "output" if shapes else "", "parameters"), rows)
    return f"{table}\n{_total(model)}"


def html(model: Module) -> str:
    """A table for a notebook; of a single layer, of its parameters."""
    from tinygrad_mnist.screens.cell import cell, dimensions, line, table

    name = type(model).__name__
    if any(model.children()):
        parts = [
            (path, f"{m!r}", ", ".join(dimensions(p.shape) for p in m.parameters()), f"{_count(m.parameters()):,}")
            for path, m in _leaves(model)
        ]
        inside = table(("", "layer", "weights", "parameters"), parts, "lllr")
    else:
        name = f"{model!r}".partition("  #")[0]
        own = [(path, dimensions(p.shape), f"{p.size:,}") for path, p in model.named_parameters()]
        inside = table(("", "shape", "parameters"), own, "llr")
    return cell(line((name, "bold")), inside, line((_total(model), "dim")))


def _leaves(model: Module) -> Iterator[tuple[str, Module]]:
    """The parts that have no parts, with their paths."""
    return ((path, m) for path, m in model.named_modules() if not any(m.children()))


def _total(model: Module) -> str:
    """How many parameters it has."""
    total = _count(model.parameters())
    learned = _count(p for p in model.parameters() if p.requires_grad)
    return f"{total:,} parameters" + (f", {total - learned:,} of them frozen" if learned < total else "")


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(prod(tensor.shape) for tensor in tensors)


@contextmanager
def _watching(model: Module, shapes: dict[Module, tuple[int, ...]]) -> Iterator[None]:
    """Inside, every part notes the shape of what it puts out, and behaves as in use."""
    with ExitStack() as undo:
        for module in model.modules():
            undo.callback(setattr, module, "training", module.training)
            undo.callback(vars(module).pop, "forward")
            vars(module)["forward"] = _noting(module, shapes)
        model.eval()
        yield


def _noting(module: Module, shapes: dict[Module, tuple[int, ...]]) -> Any:
    forward = module.forward

    def noted(*inputs: Any, **options: Any) -> Tensor:
        out = forward(*inputs, **options)
        shapes[module] = out.shape
        return out

    return noted


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as they need, the second shortened so that a line keeps to 80 characters."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    widths[1] = min(widths[1], max(12, WIDTH - 6 - widths[0] - widths[2] - widths[3]))
    alignments = (str.ljust, str.ljust, str.ljust, str.rjust)
    lines = []
    for path, layer, shape, count in (head, *rows):
        cells = zip(alignments, (path, _shortened(layer, widths[1]), shape, count), widths, strict=True)
        lines.append("  ".join(align(cell, width) for align, cell, width in cells if width))
    rule = "─" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:], rule])


def _shortened(call: str, width: int) -> str:
    """A call with as many of its arguments as fit."""
    if len(call) <= width:
        return call
    kept = call[: width - 2].rpartition(", ")[0]
    while kept.count("(") > kept.count(")") + 1:  # not within a pair
        kept = kept.rpartition(", ")[0]
    return f"{kept}, …)" if kept else call[: width - 1] + "…"

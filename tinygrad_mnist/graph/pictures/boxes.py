"""What is to be drawn of a graph, before any language of drawing: boxes, arrows, and what stands side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.description import Description, Kind, Vertex, describe
from tinygrad_mnist.graph.layers import Scope, error_of
from tinygrad_mnist.graph.playback import Share, Step, play
from tinygrad_mnist.shown import shown_name

Array = NDArray[Any]
BoxKind = Kind | Literal["layer", "vjp", "sum", "plus", "gradient", "layer vjp"]
BACKWARD = {"vjp", "sum", "plus", "gradient", "layer vjp"}

LARGE = 500
"""From how many boxes on a picture that is not told otherwise shows whole layers."""

_FEW_LEAVES = 50
_FEW_NUMBERS = 4
_LONG_LINE = 60


class RenderingError(RuntimeError):
    """A picture could not be drawn; the message says how it can."""


@dataclass(frozen=True)
class Box:
    """Something to draw: its kind decides the shape and the colour; the first of its lines is the largest."""

    key: str
    kind: BoxKind
    lines: tuple[str, ...]
    scope: Scope
    tooltip: str = ""


@dataclass(frozen=True)
class Arrow:
    """From box to box: a value of the forward pass, a gradient of the backward pass, or an op beside its vjp."""

    source: str
    target: str
    label: str
    kind: Literal["value", "gradient", "beside"]


@dataclass
class Picture:
    """Boxes, arrows, and pairs of boxes that stand at one height. Layers stand below each other: see `below`."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def below(self) -> list[tuple[str, str]]:
        """Boxes that stand below others that they do not come from: a layer's leaves, below what enters the layer."""
        scopes = {box.key: box.scope for box in self.boxes}
        made = {arrow.target for arrow in self.arrows}
        entry: dict[Scope, str] = {}
        for arrow in self.arrows:
            scope = scopes[arrow.target]
            if arrow.kind == "value" and scope and scopes[arrow.source] != scope:
                entry.setdefault(scope, arrow.source)
        leaves = [box for box in self.boxes if box.kind in ("parameter", "data") and box.key not in made]
        return [(entry[leaf.scope], leaf.key) for leaf in leaves if leaf.scope in entry]

    def spine(self) -> dict[str, str]:
        """The longest way from data, or else from anywhere, to the output, and its backward pass: each box's column."""
        lengths = {box.key: (box.kind == "data", 0) for box in self.boxes}
        longest: dict[str, str] = {}
        for arrow in self.arrows:
            from_data, length = lengths[arrow.source]
            if arrow.kind == "value" and (from_data, length + 1) > lengths[arrow.target]:
                lengths[arrow.target] = from_data, length + 1
                longest[arrow.target] = arrow.source
        key = max(lengths, key=lengths.__getitem__)
        way = {key: "forward"}
        while key in longest and longest[key] not in way:
            key = longest[key]
            way[key] = "forward"
        return way | {right: "backward" for left, right in self.pairs if left in way}


def picture(
    output: Node | Sequence[Node],
    wrt: Iterable[Node] | None = None,
    backward: bool = False,
    values: bool = False,
    depth: int | None = None,
) -> Picture:
    """What `draw` and `mermaid` draw; see `draw` for the arguments and for what is raised."""
    if depth is not None and depth < 0:
        raise ValueError(f"depth={depth}: how many levels of layers are opened is 0 or more")
    targets = None if wrt is None else [wrt] if isinstance(wrt, Node) else list(wrt)
    description = describe(output, targets)
    drawn = _forward(description, values)
    if backward:
        if not isinstance(output, Node):
            raise ValueError("a backward pass starts at one output: give a single tensor, or backward=False")
        _Backward(drawn, description, output, targets, values).add(play(output, gradient=np.ones(output.shape)))
    if depth is None and len(drawn.boxes) > LARGE:
        return _folded(drawn, _layer_or_rest(drawn))
    return drawn if depth is None else _folded(drawn, lambda box: box.scope[: depth + 1], depth)


def written(shape: Sequence[int]) -> str:
    """A shape as it stands on an arrow: "8 × 784", and nothing for a single number."""
    return " × ".join(map(str, shape))


def summary(array: Array) -> str:
    """A few numbers themselves; of many their range, and how many are not finite."""
    if array.dtype.kind == "c":
        return "complex numbers"
    numbers = np.ravel(array).astype(np.float64) + 0.0  # -0 becomes 0
    if not numbers.size:
        return "empty"
    if numbers.size <= _FEW_NUMBERS:
        listed = ", ".join(f"{x:.4g}" for x in numbers)
        return listed if array.ndim == 0 else f"[{listed}]"
    finite = numbers[np.isfinite(numbers)]
    facts = [f"{finite.min():.3g} … {finite.max():.3g}"] if finite.size else []
    counts = {"NaN": np.count_nonzero(np.isnan(numbers)), "Inf": np.count_nonzero(np.isinf(numbers))}
    return ", ".join(facts + [f"{count} {name}" for name, count in counts.items() if count])


def clean(text: str) -> str:
    """One line of what can be printed, not too long."""
    return shown_name(text, _LONG_LINE) if text else ""


def framed(boxes: Sequence[Box], level: int) -> tuple[list[Box], dict[Scope, list[Box]]]:
    """The boxes that stand in no layer at this level, and those in each layer."""
    outside: list[Box] = []
    frames: dict[Scope, list[Box]] = {}
    for box in boxes:
        (frames.setdefault(box.scope[: level + 1], []) if len(box.scope) > level else outside).append(box)
    return outside, frames


def _forward(description: Description, values: bool) -> Picture:
    boxes = []
    for vertex in description.vertices:
        shown = summary(description.value(vertex.key)) if values and vertex.kind != "constant" else ""
        named = vertex.name if vertex.name != vertex.label else None
        lines = tuple(filter(None, (vertex.label, vertex.params, named, shown)))
        boxes.append(Box(vertex.key, vertex.kind, lines, vertex.scope, _tooltip(vertex)))
    return Picture(boxes, [Arrow(e.source, e.target, written(e.shape), "value") for e in description.edges])


def _tooltip(vertex: Vertex) -> str:
    place = f"{Path(vertex.source[0]).name}:{vertex.source[1]}" if vertex.source else ""
    facts = (vertex.name, vertex.op or vertex.kind, written(vertex.shape), vertex.dtype, place)
    return " · ".join(filter(None, facts))


class _Backward:
    """Adds the backward pass to a picture: beside each operation its vjp, beside each leaf its gradient."""

    def __init__(
        self, drawn: Picture, description: Description, output: Node, wrt: Sequence[Node] | None, values: bool
    ) -> None:
        self._drawn, self._description, self._values = drawn, description, values
        self._vertices = {vertex.key: vertex for vertex in description.vertices}
        self._wrt = wrt
        self._output = description.key(output)
        self._symbol = (output.name if output.shape == () else None) or "L"
        self._arriving: dict[str, list[tuple[str, str]]] = {}
        self._totals: dict[str, Array] = {}

    def add(self, steps: Sequence[Step]) -> None:
        """Draw what each step of the backward pass does."""
        output = self._vertices[self._output]
        self._drawn.boxes.append(Box("seed", "gradient", (f"∂{self._symbol}/∂{output.name or self._symbol} = 1",), ()))
        self._arriving[self._output] = [("seed", written(output.shape))]
        for step in steps:
            key = self._description.key(step.node) if step.node in self._description else ""
            if key in self._arriving and self._vertices[key].op:
                self._step(key, step)
        for key in list(self._arriving):
            self._gradient(key)

    def _step(self, key: str, step: Step) -> None:
        vjp = f"{key}_vjp"
        vertex = self._vertices[key]
        self._box(vjp, "vjp", f"vjp of {vertex.label}", key, step.cotangent, error_of(vertex.name or ""))
        self._drawn.pairs.append((key, vjp))
        self._drawn.arrows.append(Arrow(key, vjp, "", "beside"))
        self._arrive(key, vjp)
        for share in step.shares:
            if self._is_wanted(share.node):
                self._share(vjp, key, share)

    def _is_wanted(self, node: Node) -> bool:
        vertex = self._vertices[self._description.key(node)]
        return bool(vertex.op) or (
            vertex.kind == "parameter" if self._wrt is None else any(x is node for x in self._wrt)
        )

    def _share(self, vjp: str, key: str, share: Share) -> None:
        target = self._description.key(share.node)
        origin = vjp
        if share.axes:
            origin = f"{vjp}_{share.position}"
            axes = f"axis {share.axes[0]}" if len(share.axes) == 1 else f"axes {', '.join(map(str, share.axes))}"
            self._box(origin, "sum", f"Σ over {axes}", key)
            self._drawn.arrows.append(Arrow(vjp, origin, written(share.raw.shape), "gradient"))
        self._arriving.setdefault(target, []).append((origin, written(share.node.shape)))
        self._totals[target] = share.total

    def _arrive(self, key: str, box: str) -> None:
        """Lead the shares of a vertex to this box, through a sum where there are several."""
        arriving = self._arriving.pop(key)
        if len(arriving) > 1:
            plus = f"{key}_plus"
            self._box(plus, "plus", "+", key)
            self._drawn.arrows += [Arrow(origin, plus, label, "gradient") for origin, label in arriving]
            arriving = [(plus, arriving[0][1])]
        self._drawn.arrows += [Arrow(origin, box, label, "gradient") for origin, label in arriving]

    def _gradient(self, key: str) -> None:
        gradient = f"{key}_gradient"
        name = self._vertices[key].label
        self._box(gradient, "gradient", f"∂{self._symbol}/∂{name}", key, self._totals.get(key))
        self._drawn.pairs.append((key, gradient))
        self._arrive(key, gradient)

    def _box(
        self, key: str, kind: BoxKind, label: str, beside: str, array: Array | None = None, name: str | None = None
    ) -> None:
        shown = summary(array) if self._values and array is not None else ""
        lines = tuple(filter(None, (label, name, shown)))
        self._drawn.boxes.append(Box(key, kind, lines, self._vertices[beside].scope, label))


def _layer_or_rest(drawn: Picture) -> Callable[[Box], Scope]:
    """Where each box of a large picture goes: into its outermost layer, or with all that is outside of layers.

    The output with its vjp stays, and the leaves with their gradients while they are few.
    """
    leaves = [box.key for box in drawn.boxes if not box.scope and box.kind in ("parameter", "data", "gradient")]
    stays = {box.key for box in drawn.boxes if box.kind == "output"}
    stays |= {right for left, right in drawn.pairs if left in stays}
    if len(leaves) <= _FEW_LEAVES:
        stays.update(leaves)
    return lambda box: box.scope[:1] or (() if box.key in stays else ("outside of layers",))


def _folded(drawn: Picture, place: Callable[[Box], Scope], depth: int = 0) -> Picture:
    """The picture with one box for all boxes whose place is deeper than depth; forward and backward apart."""
    members: dict[tuple[bool, Scope], list[Box]] = {}
    for box in drawn.boxes:
        if len(place(box)) > depth:
            members.setdefault((box.kind in BACKWARD, place(box)), []).append(box)
    layers = [
        _fold(f"layer{number}", scope, boxes, is_backward)
        for number, ((is_backward, scope), boxes) in enumerate(members.items())
    ]
    new = {box.key: layer.key for layer, boxes in zip(layers, members.values(), strict=True) for box in boxes}
    arrows = (Arrow(new.get(a.source, a.source), new.get(a.target, a.target), a.label, a.kind) for a in drawn.arrows)
    pairs = ((new.get(a, a), new.get(b, b)) for a, b in drawn.pairs)
    return Picture(
        [box for box in drawn.boxes if box.key not in new] + layers,
        list(dict.fromkeys(arrow for arrow in arrows if arrow.source != arrow.target)),
        list(dict.fromkeys(pairs)),
    )


def _fold(key: str, scope: Scope, boxes: Sequence[Box], is_backward: bool) -> Box:
    kinds = Counter("operation" if box.kind == "output" else box.kind for box in boxes)
    counted = [_count(kinds[kind], kind) for kind in ("parameter", "operation", "vjp", "gradient") if kinds[kind]]
    kind: BoxKind = "layer vjp" if is_backward else "output" if any(b.kind == "output" for b in boxes) else "layer"
    label = f"{scope[-1]} backward" if is_backward else scope[-1]
    return Box(key, kind, (label, *counted), scope[:-1], " · ".join((label, *counted)))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

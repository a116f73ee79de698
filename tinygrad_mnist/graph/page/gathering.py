"""The page that steps: one HTML file that replays a graph's forward and backward pass, offline."""

from __future__ import annotations

import base64
import hashlib
import json
import linecache
import os
from collections import Counter
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.errors import GraphError, no_graph
from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.graph.description import Vertex, describe
from tinygrad_mnist.graph.layers import error_of
from tinygrad_mnist.graph.page import health, terms, words
from tinygrad_mnist.graph.page.layout import lay_out
from tinygrad_mnist.graph.page.naming import names, written
from tinygrad_mnist.graph.page.rules import Rules
from tinygrad_mnist.graph.page.storage import Storage
from tinygrad_mnist.graph.playback import Share, Step, play
from tinygrad_mnist.graph.symbolic.names import Name, partial
from tinygrad_mnist.graph.symbolic.notation import Text, mathml

LIMIT = 2000
"""How many values a page can show."""
WIDEST = 24
"""How many characters of a name stand in the graph."""

Account = dict[str, Any]


def explore(output: Node, path: str | os.PathLike[str], gradient: Any = None, title: str | None = None) -> Path:
    """Write a page that steps through the forward and the backward pass of an output; returns its path.

    The file has everything in it: it opens in any current browser, without a network. gradient: the cotangent
    of the output, as in `backward`; needed where the output is no scalar. title: of the page, by default the
    output's name.

    Raises GraphError where no graph leads to the output, ValueError for a graph of more than 2000 values,
    TypeError for complex numbers, and OSError where the file can't be written: nothing is left behind then.
    """
    return write_page(Path(path), "page", account(output, gradient, title))


def account(output: Node, gradient: Any = None, title: str | None = None) -> Account:
    """All that the page shows, as JSON has it: vertices with places and values, edges, steps, and the arrays."""
    return Gathering(output, gradient).collect(title)


def write_page(path: Path, name: str, data: Account) -> Path:
    """Put the data and the static files of a page into one file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    script = "\n".join(_static(file) for file in ("data.js", "heat.js", "graph.js", "terms.js", f"{name}.js"))
    parts = {
        "TITLE": escape(data["title"]),
        "STYLE": _static("page.css"),
        "DATA": _json(data),
        "SCRIPT": script,
        "HASH": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    before, *marked = _static(f"{name}.html").split("{{")
    text = before + "".join(parts[key] + rest for key, rest in (piece.split("}}", 1) for piece in marked))
    write_atomically(path, text.encode())
    return path


def _json(data: Account) -> str:
    """The account as JSON that may stand in a page. Its buffers, by far the longest part, hold nothing to escape."""
    rest = {name: value for name, value in data.items() if name != "buffers"}
    text = json.dumps(rest, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    buffers = ",".join(f'{{"type":"{buffer["type"]}","bytes":"{buffer["bytes"]}"}}' for buffer in data["buffers"])
    return f'{text[:-1]},"buffers":[{buffers}]}}'


def _static(file: str) -> str:
    return (resources.files("tinygrad_mnist.graph.page") / "static" / file).read_text(encoding="utf-8")


class Gathering:
    """Collects what the page shows of one output."""

    def __init__(self, output: Node, gradient: Any = None) -> None:
        if isinstance(output, Node) and output.op is None:
            raise GraphError(no_graph(output))
        self.graph = describe(output)
        shown = [vertex for vertex in self.graph.vertices if vertex.kind != "constant"]
        if len(shown) > LIMIT:
            raise ValueError(f"a page shows up to {LIMIT} values, and this graph has {len(shown)}: explore part of it")
        self.shown = {vertex.key: vertex for vertex in shown}
        self.output = self.graph.key(output)
        self.rules = Rules()
        self.played = play(output, gradient, self.rules.pull)
        self.named = names(self.graph)
        self.names: dict[str, str] = {key: name.text for key, name in self.named.items()}
        self.storage = Storage()
        self.uses = Counter(self.graph.key(share.node) for step in self.played for share in step.shares)
        self.gradients = {self.output: self.played[0].cotangent} | {
            self.graph.key(share.node): share.total for step in self.played for share in step.shares
        }

    def collect(self, title: str | None) -> Account:
        """The account, as `account` returns it."""
        vertices = [self._vertex(vertex) for vertex in self.shown.values()]
        edges = [(edge.source, edge.target) for edge in self.graph.edges if edge.source in self.shown]
        layout = lay_out({vertex["key"]: vertex["width"] + vertex["beside"] for vertex in vertices}, edges)
        for vertex in vertices:
            vertex["x"], vertex["y"] = layout.places[vertex["key"]]
        count = Counter(edges)
        routes = [
            {"from": a, "to": b, "count": count[a, b], "points": points} for (a, b), points in layout.routes.items()
        ]
        steps = [*self._forward(), *self._backward()]
        return {
            "title": title or self.names[self.output],
            "output": self.output,
            "vertices": vertices,
            "edges": routes,
            "steps": steps,
            "buffers": self.storage.buffers(),
        }

    def _vertex(self, vertex: Vertex) -> Account:
        key, value = vertex.key, self.graph.value(vertex.key)
        gradient = self.gradients.get(key)
        caption = self._caption(vertex)
        size = " × ".join(map(str, vertex.shape)) if vertex.shape else f"= {value.item():.3g}"
        below = size if caption == self.names[key] else f"{self.names[key]} {size}"
        return {
            "key": key,
            "kind": vertex.kind,
            "name": self.names[key],
            "caption": caption,
            "width": max(10 * len(caption), 7.6 * len(below), 30) + 28,
            "beside": 8 if gradient is None or gradient.shape else 60,
            "op": vertex.op,
            "params": vertex.params,
            "dtype": vertex.dtype,
            "source": _source(vertex),
            "value": self.storage.add(value),
            "gradient": None if gradient is None else self.storage.add(gradient),
            "uses": self.uses[key],
            "error": error_of(vertex.name or ""),
            "marks": health.marks(vertex.op, value, gradient, vertex.kind == "parameter"),
            "norms": _norms(value, gradient),
            **(self._operation(vertex) if vertex.op else {}),
        }

    def _caption(self, vertex: Vertex) -> str:
        """The operation's symbol with the numbers it takes: "× 3"; a leaf's name."""
        if not vertex.op:
            name = self.names[vertex.key]
            return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
        constants = ["" if key in self.shown else self.names[key] for key in self.graph.operands(vertex.key)]
        return " ".join([*constants[:1], "transpose" if vertex.label == "ᵀ" else vertex.label, *constants[1:]]).strip()

    def _operation(self, vertex: Vertex) -> Account:
        node = self.graph.node(vertex.key)
        product = terms.product(node)
        operands = [
            {
                "key": key if key in self.shown else None,
                "name": self.names[key],
                "value": self.storage.add(self.graph.value(key)),
                "local": None if product else self._local(node, position),
            }
            for position, key in enumerate(self.graph.operands(vertex.key))
        ]
        formula = _equation(self.named[vertex.key].latex, written(vertex, self.named, self.graph).latex)
        return {"operands": operands, "product": product, "formula": formula}

    def _local(self, node: Node, position: int) -> Account | None:
        pull = self.rules.again(node, position)
        return pull and terms.local(pull, node.shape, node.inputs[position].shape, self.storage)

    def _forward(self) -> list[Account]:
        leaves = [vertex for vertex in self.shown.values() if not vertex.op]
        steps = [_step("given", None, words.given(len(leaves)))]
        for vertex in self.graph.operations:
            operands = self.graph.operands(vertex.key)
            sentence = words.forward(
                str(vertex.op), self.names[vertex.key], [self.names[key] for key in operands],
                [self.graph.value(key) for key in operands], self.graph.value(vertex.key),
            )  # fmt: skip
            steps.append(_step("forward", vertex.key, sentence))
        return steps

    def _backward(self) -> list[Account]:
        output, parameters = self.shown[self.output], sum(v.kind == "parameter" for v in self.shown.values())
        begin = _step("start", self.output, words.start(self.names[self.output], output.shape))
        end = _step("done", None, words.summary(self.names[self.output], parameters))
        seen: Counter[str] = Counter()
        return [begin, *(self._step_back(step, seen) for step in self.played), end]

    def _step_back(self, step: Step, seen: Counter[str]) -> Account:
        key = self.graph.key(step.node)
        shares = []
        for share in step.shares:
            seen[self.graph.key(share.node)] += 1
            shares.append(self._share(step, share, seen[self.graph.key(share.node)]))
        sentence = " ".join(dict.fromkeys(text for share in shares for text in share["sentences"]))
        return _step("backward", key, sentence) | {"cameIn": self.storage.add(step.cotangent), "shares": shares}

    def _share(self, step: Step, share: Share, number: int) -> Account:
        key, to = self.graph.key(step.node), self.graph.key(share.node)
        name, op = self.names[to], str(self.shown[key].op)
        operands = [self.names[x] for x in self.graph.operands(key)]
        shapes = [self.graph.value(x).shape for x in self.graph.operands(key)]
        sentences = [
            words.backward(op, name, self.graph.value(to), operands, step.cotangent, share.contribution),
            words.unbroadcast(op, name, share.axes, share.raw.shape, self._gradient_of(key)) if share.axes else "",
            words.accumulated(name, number, self.uses[to]),
        ]
        return {
            "to": to,
            "position": share.position,
            "raw": self.storage.add(share.raw) if share.axes else None,
            "axes": list(share.axes),
            "formula": self._rule(step, share),
            "note": words.shapes(op, name, share.position, shapes, step.cotangent.shape),
            "contribution": self.storage.add(share.contribution),
            "total": self.storage.add(share.total),
            "number": number,
            "sentences": [text for text in sentences if text],
        }

    def _rule(self, step: Step, share: Share) -> str | None:
        key, to = self.graph.key(step.node), self.graph.key(share.node)
        operands = [self.named[x] for x in self.graph.operands(key)]
        right = self.rules.formula(step.node, share.position, self._partial(key), self.named[key], operands)
        return None if right is None else _equation(self._partial(to).latex, right)

    def _partial(self, key: str) -> Name:
        """∂L/∂value."""
        return partial(self.named[self.output], self.named[key])

    def _gradient_of(self, key: str) -> str:
        return f"∂{self.names[self.output]}/∂{self.names[key]}"


def _step(phase: str, key: str | None, sentence: str) -> Account:
    return {"phase": phase, "node": key, "sentence": sentence, "shares": []}


def _equation(left: Text, right: Text) -> str:
    """MathML of left = right; of one side where both are the same."""
    return mathml(right if left == right else f"{left} = {right}")


def _source(vertex: Vertex) -> Account | None:
    if vertex.source is None:
        return None
    file, line = vertex.source
    return {"file": os.path.basename(file), "line": line, "text": linecache.getline(file, line).strip()}


def _norms(value: Any, gradient: Any) -> list[str]:
    """The norms of a value and of its gradient, as text: JSON has no NaN."""
    return [f"{health.norm(array):.3g}" for array in (value, gradient) if array is not None]

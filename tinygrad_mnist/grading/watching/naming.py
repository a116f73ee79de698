"""What a program's values are called: one short name for each, and whose derivative another name says it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count

from tinygrad_mnist.grading.watching.graph import Node, names_of

INDEXED = re.compile(r"[^\W\d_]+_?\d+")
"""A name that says which layer it is of."""

DERIVATIVE = re.compile(r"^(?:d|delta|grad|g|nabla|∂|error|err)_?(?=\w)|_?(?:delta|grad|error|err)$", re.IGNORECASE)
"""What makes the name of a derivative of the name of a value."""

SUMS = {"z", "s", "net", "u", "n", "pre", "h", "logits"}
"""What learners call the sums in a layer, whose derivatives δ are; lower case, without index."""


IN_FULL = 3
"""How clearly dZ1 says that it is the derivative of Z1."""


def short_names(nodes: Iterable[Node]) -> dict[Node, str]:
    """A name for each node that has one, each once: those of the same name are numbered in the order of the program."""
    called = {node: name for node in nodes if (name := short_name(node))}
    counts = Counter(called.values())
    taken = {name for name, times in counts.items() if times == 1}
    given: dict[Node, str] = {}
    for node, name in called.items():
        if counts[name] > 1:
            numbered = (f"{name}{number}" for number in count(1))
            name = next(n for n in numbered if n not in taken)
            taken.add(name)
        given[node] = name
    return given


def short_name(node: Node) -> str:
    """What a program calls a value, rather with an index than without; "" where it has no short name."""
    names = [name.rpartition(".")[2] for name in names_of(node)]
    fitting = [name for name in names if re.fullmatch(r"[^\W\d]\w{0,15}(\[\d+\])?", name)]
    fitting.sort(key=lambda name: (not INDEXED.fullmatch(name), "[" in name))
    return fitting[0] if fitting else ""


def numbered(names: Sequence[str]) -> list[str]:
    """What several layers have by one name, by the layer too: dW1, db1, dW2, db2."""
    return [f"{name}{names[: i + 1].count(name)}" if names.count(name) > 1 else name for i, name in enumerate(names)]


def likeness(derivative: str, value: str) -> int:
    """How clearly a name says that it is the derivative of a value's.

    3: in full (dZ1 of Z1), 2: by the layer (delta1 of Z1), 1: by its kind (dZ of Z1), 0: not at all.
    """
    core = DERIVATIVE.sub("", derivative.rpartition(".")[2].lower())
    (kind, index), (of, layer) = _split(core), _split(value.rpartition(".")[2].lower())
    if core == derivative.lower():
        return 0
    if (kind, index) == (of, layer):
        return IN_FULL if index else 1
    if not kind and index and index == layer and of in SUMS:
        return 2
    return int(kind == of and bool(kind))


def _split(name: str) -> tuple[str, str]:
    """A name without its index, and the index."""
    index = "".join(re.findall(r"\d+", name)[-1:])
    return re.sub(r"[\d_\[\]]", "", name), index

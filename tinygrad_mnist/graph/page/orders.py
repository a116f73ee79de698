"""Two ways through one graph, side by side: what an order of the backward pass does to the gradients."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.page.gathering import Account, Gathering
from tinygrad_mnist.graph.page.writing import collect, write_page
from tinygrad_mnist.graph.playback import play


class Send(NamedTuple):
    """A node sends an input its share of the gradient."""

    source: Node
    target: Node
    share: NDArray[Any]


def engine_order(output: Node) -> list[Send]:
    """What the engine sends: users before their inputs, each gradient complete before it is sent on."""
    return [Send(step.node, share.node, share.contribution) for step in play(output) for share in step.shares]


def compare_orders(output: Node, runs: Mapping[str, Iterable[Send]], path: str | os.PathLike[str]) -> Path:
    """Write a page that replays several orders of sending beside each other; returns its path.

    runs: for each title, what was sent, in that order. A gradient that is sent on before it is complete is marked,
    and so is every gradient that ends up wrong. Raises as `explore` does.
    """
    gathering = Gathering(output)
    page = collect(gathering, "Why topological order?")
    page["runs"] = [{"title": title, **_run(gathering, sends)} for title, sends in runs.items()]
    page["buffers"] = gathering.storage.buffers()
    return write_page(Path(path), "order", page)


def _run(gathering: Gathering, sends: Iterable[Send]) -> Account:
    """The sends with what they come to, and what is wrong with each and in the end."""
    expected = gathering.gradients
    totals = {gathering.output: expected[gathering.output]}
    sent: Counter[str] = Counter()
    events = []
    for source, target, share in sends:
        origin, to = gathering.graph.key(source), gathering.graph.key(target)
        early = not np.array_equal(totals[origin], expected[origin], equal_nan=True)
        again = sent[origin] >= sum(isinstance(x, Node) and x.requires_grad for x in source.inputs)
        sent[origin] += 1
        before = totals.get(to)
        totals[to] = share if before is None else before + share
        events.append({
            "from": origin, "to": to, "early": early, "again": again, "total": gathering.storage.add(totals[to]),
            "sentence": _sentence(gathering, origin, to, share, totals, early, again, expected[origin]),
        })  # fmt: skip
    wrong = [key for key, total in totals.items() if not np.allclose(total, expected[key], equal_nan=True)]
    return {"events": events, "wrong": wrong, "verdict": _verdict(gathering, totals, expected, wrong)}


def _sentence(
    gathering: Gathering, origin: str, to: str, share: NDArray[Any], totals: Mapping[str, NDArray[Any]],
    early: bool, again: bool, complete: NDArray[Any],
) -> str:  # fmt: skip
    name, target = gathering.names[origin], gathering.names[to]
    text = f"{name} sends {_number(share)} to {target}, which now has {_number(totals[to])}."
    if again:
        return f"{text} Wrong: {name} has sent before, so what it sent then is counted twice."
    if early:
        return f"{text} Too early: {name} has only {_number(totals[origin])} of its gradient, {_number(complete)}."
    return text


def _verdict(gathering: Gathering, totals: Mapping[str, Any], expected: Mapping[str, Any], wrong: list[str]) -> str:
    if not wrong:
        return "Every gradient is right."
    name, output = gathering.names[wrong[-1]], gathering.names[gathering.output]
    return f"∂{output}/∂{name} is {_number(expected[wrong[-1]])}, and this order gives {_number(totals[wrong[-1]])}."


def _number(array: NDArray[Any]) -> str:
    return f"{array.item():.4g}" if array.size == 1 else f"an array {array.shape}"

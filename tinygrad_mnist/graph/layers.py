"""Which layer each value of a graph belongs to, told from the names of the parameters alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.node import plain

Scope = tuple[str, ...]
"""The names of the layers around a value, outermost first; () outside of all."""

LOSS: Scope = ("loss",)

_NUMBERED = re.compile(r"[Wwb]_?(\d+)")
_LOSS_BEGINS = {"log_softmax", "logsumexp"}


def of_parameter(node: Node) -> Scope:
    """The layer of a parameter: ("encoder", "layer1") for "encoder.layer1.weight", ("layer1",) for "W1" and "b1".

    Numbered names count from one axis on: the w1 and w2 of a scalar expression are no layers.
    """
    name = node.name or ""
    parts = name.split(".")
    if all(part and part == part.strip() for part in parts) and len(parts) > 1:
        return tuple(parts[:-1])
    numbered = _NUMBERED.fullmatch(name)
    return (f"layer{numbered[1]}",) if numbered and node.shape else ()


def scopes(nodes: Sequence[Node]) -> dict[Node, Scope]:
    """The scope of each node; nodes come inputs first.

    An operation belongs to the layer of the parameters it takes (as they are, or transposed and the like), else
    to the latest layer among its inputs. What follows the last layer, from the labels or the log-softmax on, is
    the loss, if it ends in a number. Data and constants come from outside.
    """
    parameters, found = _parameters(nodes), dict[Node, Scope]()
    ranks: dict[Scope, int] = {(): -1}
    for node in nodes:
        if node in parameters and node.op is None:
            found[node] = of_parameter(node)
        else:
            inputs = _inputs(node)
            own = [found[x] for x in inputs if x in parameters and found[x]]
            found[node] = max(own or (found[x] for x in inputs), key=ranks.__getitem__, default=())
        ranks.setdefault(found[node], len(ranks))
    if len(ranks) > 1 and nodes[-1].shape == ():
        found.update(dict.fromkeys(_loss(nodes, parameters), LOSS))
    return found


def _inputs(node: Node) -> list[Node]:
    return [x for x in node.inputs if isinstance(x, Node)]


def _parameters(nodes: Iterable[Node]) -> set[Node]:
    """Parameters, and what is computed from nothing but them."""
    found = set[Node]()
    for node in nodes:
        if node.requires_grad and all(x in found for x in _inputs(node)):
            found.add(node)
    return found


def _is_data(x: Any) -> bool:
    return bool(np.shape(plain(x))) and not (isinstance(x, Node) and (x.op or x.requires_grad))


def _loss(nodes: Sequence[Node], parameters: set[Node]) -> list[Node]:
    """The operations after the last that takes a parameter, from the first on that takes labels or is a log-softmax.

    A number computed from parameters, such as a penalty, is no parameter of a layer.
    """
    before = set[Node]()
    for node in reversed(nodes):
        if node in before or any(x in parameters and x.shape for x in _inputs(node)):
            before.update((node, *_inputs(node)))
    loss = dict[Node, None]()
    for node in nodes:
        begins = node.op and (node.op.name in _LOSS_BEGINS or any(map(_is_data, node.inputs)))
        if node not in before and (begins or any(x in loss for x in _inputs(node))):
            loss[node] = None
    return list(loss)

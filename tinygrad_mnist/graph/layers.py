"""Which layer each value of a program belongs to, and what it is called: z1, a1, δ1, W1, ŷ. Decided here alone.

A layer is a product of what comes from the data with a weight, and what follows from it until the next product:

    X ── @ ── + ── z1 ── norm ── n1 ── f ── a1 ── pool ── @ ── + ── z2 ── softmax ── ŷ
         │    │          γ1 β1                            │    │
         W1   b1                                          W2   b2

A learner's own names stay what they are; the books' names are given to what has none, and to the parameters of
modules, which are named by their paths (0.weight is W1). A name is given once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.recording import Recording, breadth_first

Scope = tuple[str, ...]
"""The names of the layers around a value, outermost first; () outside of all."""

LOSS: Scope = ("loss",)
PREDICTION, LOG_PREDICTION = "ŷ", "log ŷ"

PRODUCTS = {"matmul", "einsum"}
MOVES = {"reshape", "transpose", "swapaxes", "astype"}
"""What arranges numbers otherwise, and changes none."""

NONLINEAR = {"relu", "leaky_relu", "elu", "sigmoid", "tanh", "erf", "softplus", "maximum", "minimum", "where"}
"""Of each activation, one operation at least: gelu has its tanh or erf, silu its sigmoid."""

OF_THE_OUTPUT = {"relu", "leaky_relu", "elu", "sigmoid", "tanh"}
"""What makes a prediction of the last sum, where no softmax does."""

_INPUTS = {"X", "x", "input", "inputs", "image", "images"}
"""What a learner calls data, even where gradients are wanted for them."""

_NUMBERED = re.compile(r"[Wwb]_?(\d+)")
_LOSS_BEGINS = {"log_softmax", "logsumexp"}


def error_of(name: str) -> str | None:
    """What the books call ∂L/∂z(l): "δ1" for z1, "δ" for z; None for what is no z."""
    found = re.fullmatch(r"z_?(\d*)", name)
    return f"δ{found[1]}" if found else None


@dataclass(frozen=True)
class Layer:
    """A layer of weights: z = the product with its bias, a = f(z).

    number: "1", "2", …, or "" where there is but one, with a W of no number. weight: a leaf, or what is computed from
    leaves alone. bias: None where there is none. entering: what is multiplied with the weight. before: what the
    activation is applied to: z itself, or z normalised, or in another shape. activation: None for a layer without.
    """

    number: str
    weight: Node
    bias: Node | None
    product: Node
    entering: Node
    z: Node
    before: Node
    activation: Node | None


class Layers:
    """The layers of a program, their names and their scopes.

    inputs: the data, where they can not be seen from what requires gradients and what does not.
    """

    def __init__(self, recording: Recording, inputs: Collection[Node] = ()) -> None:
        self.recording = recording
        self.parameters = _parameters(recording, inputs)
        self.layers = list(_layers(recording, self.parameters, any_name=bool(inputs)))

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def name(self, node: Node) -> str | None:
        """What a node is called: by its own name, else by the books'; None where neither has one for it."""
        return self.names.get(node) or node.name or self.predictions.get(node)

    @cached_property
    def names(self) -> dict[Node, str]:
        """The names of the books for data, parameters, sums and activations that have none of their own."""
        taken = {node.name for node in self.recording.nodes if node.name and not _is_path(node)}
        names: dict[Node, str] = {}
        for node, name in self._wanted():
            if node not in names and name not in taken and (not node.name or _is_path(node)):
                names[node] = name
                taken.add(name)
        return names

    def _wanted(self) -> Iterator[tuple[Node, str]]:
        if self.layers:
            yield from ((x, "X") for x in _data_of(self.recording, self.layers[0], self.parameters))
        for layer in self.layers:
            normalised = layer.before if unmoved(layer.before) is not layer.z else None
            named = {"W": layer.weight, "b": layer.bias, "z": layer.z, "n": normalised, "a": layer.activation}
            yield from ((x, f"{letter}{layer.number}") for letter, x in named.items() if x is not None)
        yield from ((leaf, f"{letter}{layer.number}") for leaf, (layer, letter) in self._norms.items())

    @cached_property
    def predictions(self) -> dict[Node, str]:
        """log ŷ for the last log-softmax, and ŷ for what is computed from it by exp."""
        for node in reversed(self.recording.operations):
            if str(node.op) == "log_softmax":
                users = self.recording.users[node]
                return {node: LOG_PREDICTION} | {user: PREDICTION for user in users if str(user.op) == "exp"}
        return {}

    @cached_property
    def _norms(self) -> dict[Node, tuple[Layer, str]]:
        """The parameters of a normalisation, with the layer whose sum it normalises: γ scales it, β shifts it."""
        of_layer = {layer.z: layer for layer in self.layers}
        known = {x for layer in self.layers for x in (layer.weight, layer.bias)}
        nearest = self.recording.nearest(of_layer)
        found = {}
        for leaf in self.recording.nodes:
            letter = {"weight": "γ", "bias": "β"}.get((leaf.name or "").rpartition(".")[2])
            if letter and leaf in self.parameters and leaf not in known and not leaf.op:
                uses = breadth_first([leaf], self.recording.users.__getitem__)
                normalised = next((nearest[x] for x in uses if nearest[x]), frozenset[Node]())
                if len(normalised) == 1:
                    found[leaf] = of_layer[next(iter(normalised))], letter
        return found

    @cached_property
    def scopes(self) -> dict[Node, Scope]:
        """The scope of each node.

        An operation belongs to the layer of the parameters it takes (as they are, or transposed and the like), else to
        the latest layer among its inputs; the patches that a convolution is applied to belong to it. What
        follows the last layer, from the labels or the log-softmax on, is the loss, if it ends in a number. Data
        and constants come from outside.
        """
        of_leaf = {x: self._of_leaf(x) for x in self.parameters if not x.op}
        of_leaf |= {leaf: of_leaf[layer.weight] for leaf, (layer, _) in self._norms.items() if layer.weight in of_leaf}
        found: dict[Node, Scope] = {}
        ranks: dict[Scope, int] = {(): -1}
        for node in self.recording.nodes:
            inputs = [x for _, x in self.recording.tensors(node)]
            own = [found[x] for x in inputs if x in self.parameters and found[x]]
            latest = max(own or (found[x] for x in inputs), key=lambda scope: ranks.get(scope, len(ranks)), default=())
            found[node] = of_leaf.get(node, latest)
            if node.op:
                ranks.setdefault(found[node], len(ranks))
        for layer in self.layers:
            found.update(dict.fromkeys(_gathered(layer), found[layer.product]))
        if len(ranks) > 1 and self.recording.nodes[-1].shape == ():
            found.update(dict.fromkeys(_loss(self.recording, self.parameters), LOSS))
        return found

    def _of_leaf(self, leaf: Node) -> Scope:
        """The layer of a parameter: ("encoder", "layer1") for "encoder.layer1.weight", ("layer1",) for "W1" and "b1".

        The parts of a Sequential are numbered as layers are. The w1 and w2 of a scalar expression are no layers.
        """
        if _is_path(leaf):
            *outer, part = str(leaf.name).split(".")[:-1]
            numbers = [layer.number for layer in self.layers if leaf is layer.weight or leaf is layer.bias]
            return (*outer, f"layer{numbers[0]}" if part.isdecimal() and numbers else part)
        numbered = _NUMBERED.fullmatch(leaf.name or "")
        return (f"layer{numbered[1]}",) if numbered and leaf.shape else ()


def _is_path(node: Node) -> bool:
    """Whether a leaf is named by its path in a module: "encoder.layer1.weight", "0.bias"."""
    parts = (node.name or "").split(".")
    return len(parts) > 1 and all(part and part == part.strip() for part in parts)


def _parameters(recording: Recording, inputs: Collection[Node]) -> set[Node]:
    """Parameters, frozen ones among them, and what is computed from nothing but them.

    Where the inputs are known, it is what was not computed from them.
    """
    if inputs:
        return {node for node, nearest in recording.nearest(inputs).items() if not nearest}
    found = set[Node]()
    for node in recording.nodes:
        made_of = [x for _, x in recording.tensors(node) if x.op or x.shape or x in found]
        if (made_of and found.issuperset(made_of)) if node.op else _is_parameter(node):
            found.add(node)
    return found


def _is_parameter(leaf: Node) -> bool:
    if leaf.name in _INPUTS:
        return False
    return leaf.requires_grad or _is_path(leaf) or bool(_NUMBERED.fullmatch(leaf.name or ""))


# finding the layers


def _layers(recording: Recording, parameters: set[Node], any_name: bool) -> Iterator[Layer]:
    sums = list(_sums(recording, parameters, any_name))
    numbers = _numbers([weight for weight, *_ in sums])
    stretches = _stretches(recording, [z for *_, z in sums], {product for _, _, product, _ in sums})
    entering = [next(x for _, x in recording.tensors(product) if x not in parameters) for _, _, product, _ in sums]
    for i, (weight, bias, product, z) in enumerate(sums):
        if i + 1 < len(sums):
            before, activation = _activation(recording, stretches[i], entering[i + 1])
        else:
            before, activation = _output_activation(recording, z)
        yield Layer(numbers[i], weight, bias, product, entering[i], z, before, activation)


def _sums(
    recording: Recording, parameters: set[Node], any_name: bool
) -> Iterator[tuple[Node, Node | None, Node, Node]]:
    """The weight, the bias, the product and the sum of each layer, in order of computation.

    A weight without a bias counts the first time that it is used: the backward pass uses it again. It must be called
    like a weight, or nothing, unless any name will do.
    """
    used = set[Node]()
    for product in recording.operations:
        tensors = [x for _, x in recording.tensors(product)]
        factors = [x for x in tensors if x in parameters]
        if str(product.op) not in PRODUCTS or len(factors) != 1 or len(tensors) < 2 or factors[0].data.ndim < 2:
            continue
        weight = unmoved(factors[0])
        bias, z = _biased(recording, product, parameters)
        is_weight = not weight.op and (any_name or _is_called_weight(weight))
        if bias is not None or (is_weight and weight not in used):
            used.add(weight)
            yield weight, bias, product, z


def _gathered(layer: Layer) -> list[Node]:
    """The patches of images that enter a convolution, and what arranges them; nothing for another layer."""
    arrangements = list(_arrangements(layer.entering))
    return arrangements if str(arrangements[-1].op) == "patches" else []


def unmoved(node: Node) -> Node:
    """What a node is another arrangement of."""
    *_, last = _arrangements(node)
    return last


def _arrangements(node: Node) -> Iterator[Node]:
    """A node, and what it is another arrangement of, step by step."""
    yield node
    while node.op and node.op.name in MOVES:
        node = node.inputs[0]
        yield node


def _is_called_weight(leaf: Node) -> bool:
    return (leaf.name or "weight").rpartition(".")[2].lower().startswith(("w", "kernel"))


def _biased(recording: Recording, product: Node, parameters: set[Node]) -> tuple[Node | None, Node]:
    """The bias of a product and their sum; None and the product where there is none."""
    users = recording.users[product]
    if len(users) == 1 and str(users[0].op) == "add":
        for _, x in recording.tensors(users[0]):
            bias = unmoved(x)
            if x is not product and x in parameters and not bias.op:
                return bias, users[0]
    return None, product


def _numbers(weights: Sequence[Node]) -> list[str]:
    """The layers' numbers: those of the weights' own names where they have them, else in order of computation."""
    own = ["" if _is_path(weight) else re.sub(r"^.*?(\d*)$", r"\1", weight.name or "") for weight in weights]
    if len(set(own)) == len(own) and all(own):
        return own
    if len(weights) == 1 and weights[0].name and not _is_path(weights[0]):
        return own
    return [str(number) for number in range(1, len(weights) + 1)]


def _stretches(recording: Recording, sums: Sequence[Node], products: set[Node]) -> list[list[Node]]:
    """For each sum, itself and what is computed from it and from no other sum, up to the next product."""
    nearest = recording.nearest(sums)
    stretches: dict[Node, list[Node]] = {z: [z] for z in sums}
    for node in recording.operations:
        if len(nearest[node]) == 1 and node not in stretches and node not in products:
            (z,) = nearest[node]
            stretches[z].append(node)
    return [stretches[z] for z in sums]


def _activation(recording: Recording, stretch: Sequence[Node], following: Node) -> tuple[Node, Node | None]:
    """f of a hidden layer: what it is applied to, and its result.

    It is the first step from one bottleneck to the next that is not linear; else, as f may be anything, what enters the
    following layer, if it is made of this sum alone and element by element. Without one, the layer's signal is the last
    bottleneck of the sum's size: no pooling follows it.
    """
    bottlenecks = _bottlenecks(recording, stretch)
    for start, end in pairwise(bottlenecks):
        if any(str(node.op) in NONLINEAR for node in stretch[start + 1 : end + 1]):
            return stretch[start], stretch[end]
    z = stretch[0]
    until = {node: i for i, node in enumerate(stretch)}.get(following, 0)
    if until and all(node.shape == z.shape for node in stretch[1 : until + 1]):
        return z, following
    return next(stretch[i] for i in reversed(bottlenecks) if stretch[i].data.size == z.data.size), None


def _bottlenecks(recording: Recording, nodes: Sequence[Node]) -> list[int]:
    """The positions past which no earlier node reaches: all that follows is computed from the node there alone."""
    position = {node: i for i, node in enumerate(nodes)}
    last_use = list(range(len(nodes)))
    for i, node in enumerate(nodes):
        for _, x in recording.tensors(node):
            if x in position:
                last_use[position[x]] = i
    furthest = np.maximum.accumulate([0, *last_use])[:-1]
    return [i for i, reach in enumerate(furthest) if reach <= i]


def _output_activation(recording: Recording, z: Node) -> tuple[Node, Node | None]:
    """f of the last layer: the prediction, where it is a function of the last sum and no softmax follows."""
    found = next((user for user in recording.users[z] if str(user.op) in OF_THE_OUTPUT), None)
    softmax_follows = found is not None and any(str(user.op) in _LOSS_BEGINS for user in recording.users[found])
    return z, None if softmax_follows else found


# what else has a name


def _data_of(recording: Recording, first: Layer, parameters: set[Node]) -> list[Node]:
    """What the first layer is applied to, if it is a leaf or made of a single one and parameters."""
    signals = [x for _, x in recording.tensors(first.product) if x not in parameters]
    beneath = [x for signal in signals for x in recording.beneath(signal)]
    return [x for x in beneath if not x.op and x.shape and x not in parameters][:1]


def _loss(recording: Recording, parameters: set[Node]) -> set[Node]:
    """The operations after the last that takes a parameter, from the first on that takes labels or is a log-softmax.

    A number computed from parameters, such as a penalty, is no parameter of a layer.
    """
    before = set[Node]()
    for node in reversed(recording.nodes):
        inputs = [x for _, x in recording.tensors(node)]
        if node in before or any(x in parameters and x.shape for x in inputs):
            before.update((node, *inputs))
    loss = set[Node]()
    for node in recording.operations:
        inputs = [x for _, x in recording.tensors(node)]
        begins = str(node.op) in _LOSS_BEGINS or any(x.shape and not x.op and x not in parameters for x in inputs)
        if node not in before and (begins or any(x in loss for x in inputs)):
            loss.add(node)
    return loss

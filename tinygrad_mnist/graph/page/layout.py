"""Places for the vertices of a graph: in layers from top to bottom, every arrow downward, few crossings.

The steps are Sugiyama's (1981): layers by longest path, long edges cut by bends, order by barycentre, then
places along the layer by least squares. It needs no program outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

Key = str
GAP = 22.0
LAYER = 66.0
SWEEPS = 12
SETTLED = 0.5
"""A sweep that moves nothing by more pixels is the last."""
MAIN = 60.0
"""How much more an edge of the longest path pulls than any other: it becomes a straight line."""


@dataclass(frozen=True)
class Layout:
    """The middle of each vertex, and for each edge the points it runs through, in pixels; y grows downward."""

    places: dict[Key, tuple[float, float]]
    routes: dict[tuple[Key, Key], list[tuple[float, float]]]


@dataclass
class _Layers:
    """Vertices and bends by layer; each one's neighbours above and below with the strength of their pull."""

    rows: list[list[Key]]
    width: dict[Key, float]
    above: dict[Key, list[tuple[Key, float]]] = field(default_factory=dict)
    below: dict[Key, list[tuple[Key, float]]] = field(default_factory=dict)

    def join(self, upper: Key, lower: Key, pull: float) -> None:
        self.above.setdefault(lower, []).append((upper, pull))
        self.below.setdefault(upper, []).append((lower, pull))


def lay_out(widths: Mapping[Key, float], edges: Sequence[tuple[Key, Key]]) -> Layout:
    """Places for vertices of these widths, given with every source before its targets."""
    edges = list(dict.fromkeys(edges))
    layer = _layers(list(widths), edges)
    layers, chains = _bend(widths, edges, layer)
    _order(layers)
    x = _spread(layers)
    places = {key: (x[key], layer[key] * LAYER) for key in widths}
    depth = {key: number * LAYER for number, row in enumerate(layers.rows) for key in row}
    return Layout(places, {edge: [(x[key], depth[key]) for key in chain] for edge, chain in chains.items()})


def _layers(keys: Sequence[Key], edges: Sequence[tuple[Key, Key]]) -> dict[Key, int]:
    """The longest way from a leaf; then each vertex without inputs comes down to just above its first user."""
    layer = dict.fromkeys(keys, 0)
    inputs: dict[Key, list[Key]] = {key: [] for key in keys}
    users: dict[Key, list[Key]] = {key: [] for key in keys}
    for source, target in edges:
        inputs[target].append(source)
        users[source].append(target)
    for key in keys:
        layer[key] = max((layer[source] + 1 for source in inputs[key]), default=0)
    for key in reversed(keys):
        if users[key] and len(inputs[key]) <= 1:
            layer[key] = max(layer[key], min(layer[user] for user in users[key]) - 1)
    for key in keys:
        layer[key] = max((layer[source] + 1 for source in inputs[key]), default=layer[key])
    return layer


def _bend(
    widths: Mapping[Key, float], edges: Sequence[tuple[Key, Key]], layer: Mapping[Key, int]
) -> tuple[_Layers, dict[tuple[Key, Key], list[Key]]]:
    """Cut every edge into pieces of one layer each; the chain of keys that each edge runs through."""
    rows: list[list[Key]] = [[] for _ in range(max(layer.values()) + 1)]
    for key in widths:
        rows[layer[key]].append(key)
    layers, chains = _Layers(rows, dict(widths)), {}
    main = _longest_path(edges, list(widths))
    for number, (source, target) in enumerate(edges):
        bends = [f"{number}|{row}" for row in range(layer[source] + 1, layer[target])]
        for row, bend in enumerate(bends, start=layer[source] + 1):
            rows[row].append(bend)
            layers.width[bend] = 0.0
        chains[source, target] = chain = [source, *bends, target]
        pull = MAIN if (source, target) in main else 1.0
        for upper, lower in pairwise(chain):
            layers.join(upper, lower, pull)
    return layers, chains


def _longest_path(edges: Sequence[tuple[Key, Key]], keys: Sequence[Key]) -> set[tuple[Key, Key]]:
    length = dict.fromkeys(keys, 0)
    best: dict[Key, Key] = {}
    position = {key: number for number, key in enumerate(keys)}
    for source, target in sorted(edges, key=lambda edge: position[edge[1]]):
        if target not in best or length[source] + 1 > length[target]:
            length[target], best[target] = length[source] + 1, source
    path, key = set(), keys[-1]
    while key in best:
        path.add((best[key], key))
        key = best[key]
    return path


def _order(layers: _Layers) -> None:
    """Sweep down and up, each time sorting a row by the mean place of its neighbours."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        rows = layers.rows if down else layers.rows[::-1]
        neighbours = layers.above if down else layers.below
        for fixed, row in pairwise(rows):
            at = {key: (number + 0.5) / len(fixed) for number, key in enumerate(fixed)}
            wished = {key: (number + 0.5) / len(row) for number, key in enumerate(row)}
            for key in neighbours.keys() & wished.keys():
                wished[key] = sum(at[k] for k, _ in neighbours[key]) / len(neighbours[key])
            row.sort(key=wished.__getitem__)


def _spread(layers: _Layers) -> dict[Key, float]:
    """Places along the rows: each where its neighbours pull it, no closer than the widths allow."""
    x: dict[Key, float] = {}
    rows = [_Pulled.of(keys, layers) for keys in layers.rows]
    for row in rows:
        x.update(zip(row.keys, _apart([0.0] * len(row.keys), [1.0] * len(row.keys), row.offsets), strict=True))
    for sweep in range(4 * SWEEPS):
        before = dict(x)
        for row in rows if sweep % 2 else rows[::-1]:
            x.update(zip(row.keys, _apart(row.wished(x), row.weights, row.offsets), strict=True))
        if all(abs(x[key] - place) < SETTLED for key, place in before.items()):
            break
    return x


@dataclass(frozen=True)
class _Pulled:
    """A row of vertices, with what pulls each, how strongly in all, and how far apart they stand when packed."""

    keys: Sequence[Key]
    pulls: list[list[tuple[Key, float]]]
    weights: list[float]
    offsets: list[float]

    @classmethod
    def of(cls, row: Sequence[Key], layers: _Layers) -> _Pulled:
        pulls = [layers.above.get(key, []) + layers.below.get(key, []) for key in row]
        return cls(row, pulls, [sum(w for _, w in pull) + 0.01 for pull in pulls], _offsets(row, layers))

    def wished(self, x: Mapping[Key, float]) -> list[float]:
        """Where each vertex would stand: at the mean of its neighbours, weighted by their pull."""
        vertices = zip(self.keys, self.pulls, self.weights, strict=True)
        return [sum(x[k] * w for k, w in pull) / (total - 0.01) if pull else x[key] for key, pull, total in vertices]


def _offsets(row: Sequence[Key], layers: _Layers) -> list[float]:
    """How far to the right of the row's first vertex each one stands when they are packed."""
    steps = ((layers.width[left] + layers.width[right]) / 2 + GAP for left, right in pairwise(row))
    return list(accumulate(steps, initial=0.0))


def _apart(wished: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to the wished ones (least squares) that keep the distances: pooled adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for wish, weight, offset in zip(wished, weights, offsets, strict=True):
        mean, total, count = wish - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, n = blocks.pop()
            mean, total, count = (before * heavy + mean * total) / (heavy + total), heavy + total, count + n
        blocks.append((mean, total, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]

"""Which arrays of a convolution hold maps, a column for each: rows that are pixels of images."""

from __future__ import annotations

from math import prod

from tinygrad_mnist.graph.description import Description

PIXELS_LAST = (0, 3, 1, 2)
"""How `conv2d` moves the maps before their pixels."""


def grids(graph: Description) -> dict[str, tuple[int, ...]]:
    """For each such value its images, their rows and their columns; the last axis counts the maps.

    They are found from where the maps are put before the pixels: what leads there, back to the patches of the images.
    """
    vertices = {vertex.key: vertex for vertex in graph.vertices}
    found: dict[str, tuple[int, ...]] = {}
    for vertex in graph.operations:
        if vertex.op != "transpose" or graph.node(vertex.key).params.get("axes") != PIXELS_LAST:
            continue
        waiting = graph.operands(vertex.key)[:1]
        grid = vertices[waiting[0]].shape[:3]
        while waiting:
            key = waiting.pop()
            if key not in found and vertices[key].shape[:-1] in (grid, (prod(grid),)):
                found[key] = grid
                operands = [] if vertices[key].op == "patches" else graph.operands(key)
                waiting += operands[:1] if vertices[key].op == "matmul" else operands
    return found

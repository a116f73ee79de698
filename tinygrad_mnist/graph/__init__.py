"""Readings of a recorded graph: a neutral description, and its picture."""

from tinygrad_mnist.graph.description import Description, Edge, Vertex, describe
from tinygrad_mnist.graph.dot import draw

__all__ = ["Description", "Edge", "Vertex", "describe", "draw"]

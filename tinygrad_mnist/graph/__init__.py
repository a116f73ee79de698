"""Readings of a recorded graph: description, backward pass step by step, pictures, the chain rule, NumPy source."""

from tinygrad_mnist.graph.description import Description, Edge, Vertex, describe
from tinygrad_mnist.graph.dot import draw
from tinygrad_mnist.graph.explanation import Explanation, explain, rules
from tinygrad_mnist.graph.mermaid import mermaid
from tinygrad_mnist.graph.picture import RenderingError
from tinygrad_mnist.graph.playback import Share, Step, play
from tinygrad_mnist.graph.source import to_numpy

__all__ = [
    "Description", "Edge", "Explanation", "RenderingError", "Share", "Step", "Vertex",
    "describe", "draw", "explain", "mermaid", "play", "rules", "to_numpy",
]  # fmt: skip

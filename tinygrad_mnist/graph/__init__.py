"""Readings of a recorded graph: a neutral description, the backward pass step by step, and the pictures."""

from tinygrad_mnist.graph.description import Description, Edge, Vertex, describe
from tinygrad_mnist.graph.dot import draw
from tinygrad_mnist.graph.mermaid import mermaid
from tinygrad_mnist.graph.picture import RenderingError
from tinygrad_mnist.graph.playback import Share, Step, play

__all__ = ["Description", "Edge", "RenderingError", "Share", "Step", "Vertex", "describe", "draw", "mermaid", "play"]

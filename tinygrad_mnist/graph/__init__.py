"""Readings of a recorded graph: words, pictures, pages that step, the chain rule in formulas, source, exercises."""

from tinygrad_mnist.graph.description import Description, Edge, Vertex, describe
from tinygrad_mnist.graph.exercises.exercise import Exercise
from tinygrad_mnist.graph.exercises.making import exercise
from tinygrad_mnist.graph.onnx.export import to_onnx
from tinygrad_mnist.graph.page.orders import Send, compare_orders, engine_order
from tinygrad_mnist.graph.page.writing import explore
from tinygrad_mnist.graph.pictures.boxes import RenderingError
from tinygrad_mnist.graph.pictures.dot import draw
from tinygrad_mnist.graph.pictures.flowchart import mermaid
from tinygrad_mnist.graph.playback import Share, Step, play
from tinygrad_mnist.graph.symbolic.explanation import Explanation, explain, rules
from tinygrad_mnist.graph.symbolic.source import to_numpy

__all__ = [
    "Description", "Edge", "Exercise", "Explanation", "RenderingError", "Send", "Share", "Step", "Vertex",
    "compare_orders", "describe", "draw", "engine_order", "exercise", "explain", "explore", "mermaid", "play", "rules",
    "to_numpy", "to_onnx",
]  # fmt: skip

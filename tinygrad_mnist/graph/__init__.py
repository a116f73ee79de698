"""Readings of a recorded graph: words, pictures, pages that step, the chain rule in formulas, source, exercises."""

from typing import TYPE_CHECKING

from tinygrad_mnist.later import later

if TYPE_CHECKING:
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

__getattr__, __dir__ = later(
    __name__,
    {
        "description": ("Description", "Edge", "Vertex", "describe"),
        "exercises.exercise": ("Exercise",),
        "exercises.making": ("exercise",),
        "onnx.export": ("to_onnx",),
        "page.orders": ("Send", "compare_orders", "engine_order"),
        "page.writing": ("explore",),
        "pictures.boxes": ("RenderingError",),
        "pictures.dot": ("draw",),
        "pictures.flowchart": ("mermaid",),
        "playback": ("Share", "Step", "play"),
        "symbolic.explanation": ("Explanation", "explain", "rules"),
        "symbolic.source": ("to_numpy",),
    },
)

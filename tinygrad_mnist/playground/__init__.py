"""The playground: a page to draw, train, break and grade in, with this very package behind it.

The page and Python speak the messages of `protocol`: in a browser with a Web Worker, in which Pyodide runs a
`Session`, or over a websocket with a Session in `server`.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.later import later

if TYPE_CHECKING:
    from tinygrad_mnist.playground.errors import PlaygroundError
    from tinygrad_mnist.playground.session import Session

__all__ = ["PlaygroundError", "Session"]

__getattr__, __dir__ = later(__name__, {"errors": ("PlaygroundError",), "session": ("Session",)})

"""The playground: a page to draw, train, break and grade in, with this very package behind it.

The page and Python speak the messages of `protocol`: in a browser with a Web Worker, in which Pyodide runs a
`Session`, or over a websocket with a Session in `server`.
"""

from tinygrad_mnist.playground.session import Session

__all__ = ["Session"]

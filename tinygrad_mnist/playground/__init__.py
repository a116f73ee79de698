"""The playground: a page to draw, train, break and grade in, with this very package behind it.

The page and Python speak the messages of `protocol`: in a browser over a Web Worker, in which Pyodide runs a
`Session`, and over a websocket to the same Session in `server`.
"""

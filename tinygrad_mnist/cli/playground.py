"""`tinygrad-mnist playground`: a page to draw, train, break and grade in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import files
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import prepare_files


def playground(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the server on this machine.", show_default="any that is free")
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    html: Annotated[
        Path | None, typer.Option(help="Write the page into this file, which needs no server, and end.")
    ] = None,
    pyodide: Annotated[
        Path | None,
        typer.Option(help="With --html: a folder of Pyodide, to put into the file; without it, it comes from its CDN."),
    ] = None,
) -> None:
    """Draw a digit, train, step, break and grade, in one page.

    It opens in the browser, with this very engine behind it. The server listens on this machine alone, and only to
    whom has the address with its token. Ctrl-C ends it.
    """
    if pyodide and not html:
        raise typer.BadParameter("--pyodide is for --html: the server has its own Python")
    from tinygrad_mnist.playground.page import page

    if html:
        prepare_files(html)
        files.write_text(html, page(transport="worker", pyodide=pyodide))
        show.line(f"saved {html}")
        return
    from tinygrad_mnist.playground.server import serve  # which says what it lacks

    serve(page(transport="websocket", pyodide=None), port, _say, browser)


def _say(address: str) -> None:
    show.line(f"the playground is at {address}")
    show.note("on this machine alone; Ctrl-C ends it")

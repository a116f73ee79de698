"""`tinygrad-mnist exercise`: the gradients of a network and its loss to be filled in, as a notebook and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import graph as readings
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.graph import ModelOrNew, NewActivation, NewLayers, loss_on_images, new_or_loaded
from tinygrad_mnist.cli.options import Data, asked_wrongly, load_data, outputs, prepare_files


def exercise(
    model: ModelOrNew = None,
    source: Data = "digits",
    layers: NewLayers = None,
    activation: NewActivation = None,
    notebook: Annotated[Path | None, typer.Option(help="The file of the notebook.")] = None,
    html: Annotated[Path | None, typer.Option(help="The file of the page.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The file of either, by its name: .ipynb or .html.")
    ] = None,
) -> None:
    """Write an exercise: backprop by hand, each gradient checked.

    It leads through a network and its loss on a few images.
    """
    if out:
        notebook, html = _by_its_name(out, notebook, html)
    if not (notebook or html):
        raise typer.BadParameter("name a file to write: -o FILE, or --notebook FILE, --html FILE or both")
    prepare_files(notebook, html)
    network = new_or_loaded(model, layers, activation)
    loss = loss_on_images(network, load_data(source, outputs(network)))
    made = readings.exercise(loss)
    for path, write in ((notebook, made.to_notebook), (html, made.to_html)):
        if path:
            with asked_wrongly():
                write(path)
            show.line(f"saved {path}")


def _by_its_name(out: Path, notebook: Path | None, html: Path | None) -> tuple[Path | None, Path | None]:
    """The files of the notebook and of the page, of which this is one."""
    match out.suffix.lower():
        case ".ipynb" if not notebook:
            return out, html
        case ".html" | ".htm" if not html:
            return notebook, out
        case ".ipynb" | ".html" | ".htm":
            raise typer.BadParameter(f"-o {out} names a second file of a kind: leave it out, or --notebook or --html")
    raise typer.BadParameter(f"the name {out.name!r} tells neither: end it with .ipynb or .html")

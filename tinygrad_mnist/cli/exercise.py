"""`tinygrad-mnist exercise`: the gradients of a network and its loss to be filled in, as a notebook and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import graph as readings
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.graph import loss_on_images, new_or_loaded
from tinygrad_mnist.cli.options import Data, asked_wrongly, load_data, outputs, prepare_files


def exercise(
    model: Annotated[Path | None, typer.Argument(help="A model.safetensors; without it, a new network.")] = None,
    source: Data = "digits",
    layers: Annotated[
        str | None, typer.Option(help="A new network, as `train` takes it [default: 784,128,64,10].")
    ] = None,
    activation: Annotated[str | None, typer.Option(help="Of a new network [default: leaky_relu].")] = None,
    notebook: Annotated[Path | None, typer.Option(help="The file of the notebook.")] = None,
    html: Annotated[Path | None, typer.Option(help="The file of the page.")] = None,
) -> None:
    """Write an exercise: backprop by hand, each gradient checked.

    It leads through a network and its loss on a few images.
    """
    if not (notebook or html):
        raise typer.BadParameter("name a file to write: --notebook FILE, --html FILE or both")
    prepare_files(notebook, html)
    network = new_or_loaded(model, layers, activation)
    loss = loss_on_images(network, load_data(source, outputs(network)))
    made = readings.exercise(loss)
    for path, write in ((notebook, made.to_notebook), (html, made.to_html)):
        if path:
            with asked_wrongly():
                write(path)
            show.line(f"saved {path}")

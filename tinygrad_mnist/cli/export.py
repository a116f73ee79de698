"""`tinygrad-mnist export`: a model in the format of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Model, check_outputs, load


def export(
    model: Model,
    onnx: Annotated[Path, typer.Option(help="The file to write, which onnxruntime runs and Netron shows.")],
    backward: Annotated[
        bool, typer.Option("--backward", help="Write the loss and the gradient of every parameter too.")
    ] = False,
) -> None:
    """Write a model as an ONNX file, for any number of images."""
    network = load(model)
    check_outputs([onnx], [model])
    training.save_onnx(network, onnx, backward)
    show.line(f"saved {onnx}")

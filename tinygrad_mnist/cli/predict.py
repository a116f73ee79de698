"""`tinygrad-mnist evaluate` and `tinygrad-mnist predict`: what a trained model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tinygrad_mnist import data, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Model, load, load_data, outputs
from tinygrad_mnist.engine import no_grad


def evaluate(
    model: Model,
    source: Data = "auto",
    classes: Annotated[bool, typer.Option("--classes", help="Each class's precision and recall, and mix-ups.")] = False,
) -> None:
    """Score a model on the test images."""
    network = load(model)
    dataset = load_data(source, outputs(network))
    scores = training.score(network, dataset.test)
    show.line(
        f"{dataset.name}: {training.percent(scores.accuracy)} of {len(dataset.test):,} test images are read correctly"
    )
    if classes:
        show.lines(f"\n{scores}\n\n{scores.confusion_table()}")


def predict(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Pictures of one digit each, of any size and colour.")],
) -> None:
    """Read the digit in each picture, with the probability of all ten; exit code 1 where one can't be read."""
    network = load(model)
    unread = 0
    for path in images:
        try:
            pixels = data.read_image(path).reshape(1, *training.input_shape(network)).astype(np.float32) / 255
        except data.DataError as error:
            show.error(str(error))
            unread += 1
            continue
        with no_grad():
            (probabilities,) = network(pixels).softmax().numpy()
        show.prediction(str(path), probabilities.tolist())
    if unread:
        raise typer.Exit(1)

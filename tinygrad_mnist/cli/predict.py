"""`tinygrad-mnist evaluate` and `tinygrad-mnist predict`: what a trained model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Model, load
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.files import write_atomically


def evaluate(
    model: Model,
    source: Data = "auto",
    classes: Annotated[bool, typer.Option("--classes", help="Each digit's precision and recall, and mix-ups.")] = False,
) -> None:
    """Score a model on the test images."""
    network = load(model)
    dataset = data.load(source, say=show.note)
    scores = training.score(network, dataset.test)
    show.line(
        f"{dataset.name}: {training.percent(scores.accuracy)} of {len(dataset.test):,} test images are read correctly"
    )
    if classes:
        show.line(f"\n{scores}\n\n{scores.confusion_table()}")


def predict(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Pictures of digits, of any size and colour.")],
    shown: Annotated[
        Path | None, typer.Option("--show", help="Write what the network saw, enlarged, as PNG into this file.")
    ] = None,
) -> None:
    """Read the digits in each picture, with the probability of all ten; exit code 1 where none can be read."""
    network = load(model)
    seen: list[NDArray[np.uint8]] = []
    unread = 0
    for path in images:
        try:
            digits = data.read_digits(path)
        except data.DataError as error:
            show.error(str(error))
            unread += 1
            continue
        seen += [digit.pixels for digit in digits]
        for number, digit in enumerate(digits, start=1):
            name = f"{path}, digit {number} of {len(digits)}" if len(digits) > 1 else str(path)
            show.prediction(name, _probabilities(network, digit.pixels), digit.doubts)
    if shown and seen:
        write_atomically(shown, data.as_the_network_sees(seen))
    if unread:
        raise typer.Exit(1)


def _probabilities(network: nn.Module, pixels: NDArray[np.uint8]) -> list[float]:
    example = pixels.reshape(1, *training.input_shape(network)).astype(np.float32) / 255
    with no_grad():
        (probabilities,) = network(example).softmax().numpy()
    answer: list[float] = probabilities.tolist()
    return answer

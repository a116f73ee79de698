"""`tinygrad-mnist evaluate` and `tinygrad-mnist predict`: what a trained model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Model, load, load_data, outputs
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.files import write_atomically


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
            moved = data.moved(digit.pixels)
            answer, *others = _probabilities(network, [digit.pixels, *moved.values()])
            show.prediction(name, answer, digit.doubts, _wavering(answer, dict(zip(moved, others, strict=True))))
    if shown and seen:
        write_atomically(shown, data.as_the_network_sees(seen))
    if unread:
        raise typer.Exit(1)


def _probabilities(network: nn.Module, pictures: list[NDArray[np.uint8]]) -> list[list[float]]:
    examples = np.stack(pictures).reshape(-1, *training.input_shape(network)).astype(np.float32) / 255
    with no_grad():
        answers: list[list[float]] = network(examples).softmax().numpy().tolist()
    return answers


def _wavering(answer: list[float], moved: dict[str, list[float]]) -> str:
    """What else a network reads in a picture that was hardly moved, in words; empty where it stays with its answer."""
    for words, other in moved.items():
        if np.argmax(other) != np.argmax(answer):
            return f"{words} it reads as a {np.argmax(other)}"
    return ""

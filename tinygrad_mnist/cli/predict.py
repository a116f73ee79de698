"""`tinygrad-mnist evaluate` and `tinygrad-mnist predict`: what a trained model reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import data, files, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import STDOUT, Data, Model, check_outputs, load, load_data, outputs


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
    pictures: Annotated[
        list[Path], typer.Argument(help="Pictures of digits, of any size and colour, and folders of them.")
    ],
    shown: Annotated[
        Path | None, typer.Option("--show", help="Write what the network saw, enlarged, as PNG into this file.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write a record for each digit into this file, or to - .")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table of them into this file, or to - .")] = None,
) -> None:
    """Read the digits in pictures, with the probability of all ten.

    Exit code 1 where a picture can't be read, 2 where it isn't there; the others are read all the same.
    """
    network = load(model)
    check_outputs([path for path in (shown, json, csv) if path], [model, *pictures])
    is_printed = STDOUT not in (json, csv)
    answers = []
    for answer in training.read_pictures(network, pictures):
        answers.append(answer)
        if is_printed or answer.status == "refused":
            show.prediction(answer)
    if is_printed:
        show.right(answers)
    seen = [answer.pixels for answer in answers if answer.pixels is not None]
    if shown and seen:
        files.write_atomically(shown, data.as_the_network_sees(seen))
    if json:
        _write(json, training.answers_as_json(answers))
    if csv:
        _write(csv, training.answers_as_csv(answers, outputs(network)))
    if any(answer.status == "refused" for answer in answers):
        raise typer.Exit(1 if all(picture.exists() for picture in pictures) else 2)


def _write(path: Path, text: str) -> None:
    if path == STDOUT:
        show.output(text)
    else:
        files.write_text(path, text)

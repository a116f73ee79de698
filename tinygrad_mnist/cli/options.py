"""What several commands take: options with their checks, and models from files."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer

from tinygrad_mnist import data, files, nn, training
from tinygrad_mnist.arguments import Range
from tinygrad_mnist.cli import show
from tinygrad_mnist.data.augment import Distortion
from tinygrad_mnist.engine import no_grad

STDOUT = Path("-")

INPUTS, IMAGES = data.SIDE**2, f"1x{data.SIDE}x{data.SIDE}"


S = TypeVar("S")
T = TypeVar("T")


class Interrupted(Exception):
    """Ctrl-C before there was anything to keep."""


@contextmanager
def interrupted(said: Callable[[], str]) -> Iterator[None]:
    """What is said where Ctrl-C ends this; nothing, where there is nothing to say."""
    try:
        yield
    except KeyboardInterrupt:
        if words := said():
            raise Interrupted(words) from None


@contextmanager
def asked_wrongly(refused: type[ValueError] = ValueError) -> Iterator[None]:
    """Where this is refused, the command was asked wrongly, and the error's own words say how."""
    try:
        yield
    except refused as error:
        raise typer.BadParameter(str(error)) from None


Data = Annotated[
    str,
    typer.Option(
        "--data", help="auto, mnist, digits (embedded), or a folder or file with MNIST (IDX, .npz, CSV, pictures)."
    ),
]
Model = Annotated[Path, typer.Argument(help="A model.safetensors that train has written, or an .onnx that export has.")]


def layer_sizes(text: str) -> tuple[int, ...]:
    """The layer sizes in "784,128,64,10"."""
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 784,128,64,10")
    return tuple(int(item) for item in network_layers(text))


def if_given(check: Callable[[S], T]) -> Callable[[S | None], T | None]:
    """A check of an option that may be left out."""
    return lambda value: None if value is None else check(value)


def network_layers(text: str) -> tuple[int | str, ...]:
    """The items of a network in a line, from images of 28 × 28 to the classes."""
    with asked_wrongly():
        items = nn.parse_layers(text)
    if items[0] not in (INPUTS, IMAGES) or len(items) < 2 or not isinstance(items[-1], int):
        raise typer.BadParameter(
            f"{text!r} must begin with {INPUTS} or {IMAGES}, the pixels, and end with the number of classes"
        )
    return items


def distortion(text: str) -> Distortion | None:
    """The distortion in "rotate=10,shift=1"; None for "none"."""
    if text == "none":
        return None
    parts = [part.partition("=") for part in text.replace(" ", "").split(",")]
    try:
        strengths = {name: float(value) for name, _, value in parts}
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not such as rotate=10,shift=1, nor none") from None
    known = one_of([field.name for field in fields(Distortion)])
    with asked_wrongly():
        return Distortion(**{known(name): value for name, value in strengths.items()})


def _among(allowed: Collection[str] | Range, otherwise: str) -> Callable[[S], S]:
    def checked(value: S) -> S:
        if value not in allowed:
            raise typer.BadParameter(f"{value!r} is {otherwise}")
        return value

    return checked


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """A check that a value is one of these names."""
    return _among(names, f"none of {', '.join(names)}")


known_activation = one_of(nn.ACTIVATIONS)


def within(numbers: Range) -> Callable[[float], float]:
    """A check that a number is in a range."""
    return _among(numbers, f"not {numbers.words}")


Layers = Annotated[str, typer.Option(help="Sizes of the layers, inputs first.", callback=layer_sizes)]


def load(path: Path) -> nn.Module:
    """A model, ready for use, that takes the images of a data set and answers with its classes."""
    read = training.load_onnx if path.suffix.lower() == ".onnx" else training.load_model
    model: nn.Module = read(path)
    example = np.ones((1, *training.input_shape(model)), np.float32)  # of which every weight takes its share
    try:
        with no_grad():
            answer = model(example)
    except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError):
        answer = None
    if answer is None or len(answer.shape) != 2:
        raise training.CheckpointError(f"{path}: {model!r} does not lead from {INPUTS} pixels to classes")
    if not np.isfinite(answer.numpy()).all():
        raise training.CheckpointError(f"{path}: {model!r} answers with numbers that are not finite; train anew")
    return model


def outputs(model: nn.Module) -> int:
    """How many classes a model of `load` tells apart."""
    return int(model(np.zeros((1, *training.input_shape(model)), np.float32)).shape[1])


def load_data(source: str, classes: int) -> data.Dataset:
    """A data set for a network that tells so many classes apart; DataError where it has more."""
    dataset = data.load(source, say=show.note, classes=max(classes, data.CLASSES))
    if classes < dataset.classes:
        raise data.DataError(
            f"{dataset.name}: has {dataset.classes} classes, but the network tells {classes} apart; "
            f"give one that ends with {dataset.classes}"
        )
    return dataset


def file_of(place: str | None) -> Path | None:
    """The file to write that an option names; none where it is -, for standard output."""
    return Path(place) if place and place != str(STDOUT) else None


def check_folder_of(path: Path) -> None:
    """A file is written into a folder that is there: one that isn't is misspelt more often than meant to be made."""
    if not path.parent.exists():
        raise typer.BadParameter(f"{path}: there is no folder {path.parent} to write it in")


def prepare_files(*paths: Path | None) -> None:
    """Each of these can be written, which is said now rather than in the end; None is one that is not asked for."""
    asked = [path for path in paths if path]
    for path in asked:
        check_folder_of(path)
    for path in asked:
        files.prepare_folder(path.parent, path.name)


def check_outputs(written: Sequence[Path], read: Sequence[Path]) -> None:
    """Each output has a place of its own, which can be written, and overwrites nothing that is read."""
    for path in written:
        if written.count(path) > 1:
            raise typer.BadParameter(f"{path} is to be written twice: give each output a file of its own")
        if path != STDOUT and data.is_among(path, read):
            raise typer.BadParameter(f"{path} is to be read, too: give another file to write")
    prepare_files(*(path for path in written if path != STDOUT))

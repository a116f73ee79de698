"""What a model reads in pictures: an answer for each digit, with what is in doubt, and why a picture is refused."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import DataError, Digit, digits_of_folders, moved, pictures_in, read_digits
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.nn import Module
from tinygrad_mnist.shown import json_text, no_formula, one_line
from tinygrad_mnist.training.inputs import as_model_takes, input_shape

SURE = 0.9
"""A lesser probability, in any way in which a digit might lie, is remarked on. Of MNIST's 10,000 test images the
default network then reads 3 wrongly, surely and without a remark; 7, were only another digit remarked on."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What is read in one digit of a picture; or of a picture in which none can be read, why.

    position, of: which of the picture's digits it is, from left to right, and how many they are; None where refused.
    digit: the likeliest; None where refused. probabilities: of each class, where it is read without doubt: the mean
    over the digit as it is, a little turned, and moved by a pixel, as a network is sure of what it has never seen.
    remarks: what speaks against it, or why the picture is refused. expected: the digit that its folder is called by.
    pixels: what the network saw, (28, 28) uint8.
    """

    file: Path
    status: Literal["read", "in doubt", "refused"]
    remarks: tuple[str, ...] = ()
    expected: int | None = None
    position: int | None = None
    of: int | None = None
    digit: int | None = None
    probabilities: tuple[float, ...] = ()
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False)

    @property
    def probability(self) -> float | None:
        """Of the digit."""
        return max(self.probabilities, default=None)

    @property
    def is_right(self) -> bool:
        """Whether it is read as the digit that its folder is called by."""
        return self.status == "read" and self.digit == self.expected


def read_pictures(model: Module, paths: Sequence[Path]) -> Iterator[Answer]:
    """The answers to the pictures at these paths, and in the folders there, in this order; of each, from left to right.

    What can't be read is refused, and the others are read all the same.
    """
    pictures: list[Path] = []
    for path in paths:
        try:
            pictures += pictures_in(path) if os.path.isdir(path) else [path]
        except DataError as error:
            yield _refusal(path, error)
    for path, expected in zip(pictures, digits_of_folders(pictures), strict=True):
        try:
            digits = read_digits(path)
            yield from [_answer(model, path, i, digits, expected) for i in range(len(digits))]
        except DataError as error:
            yield _refusal(path, error, expected)


def _refusal(path: Path, error: DataError, expected: int | None = None) -> Answer:
    return Answer(path, "refused", (str(error).removeprefix(f"{one_line(str(path))}: "),), expected)


def _answer(model: Module, path: Path, i: int, digits: Sequence[Digit], expected: int | None) -> Answer:
    pixels, doubts = digits[i].pixels, digits[i].doubts
    ways = moved(pixels)
    each = _probabilities(model, list(ways.values()))
    if not np.isfinite(each).all():
        raise DataError(f"{path}: the network answers with numbers that are not finite; train anew")
    mean = each.mean(axis=0)
    digit = int(mean.argmax())
    return Answer(
        path, "in doubt" if doubts else "read", doubts or _wavering(list(ways), each, digit), expected, i + 1,
        len(digits), digit, () if doubts else tuple(mean.tolist()), pixels,
    )  # fmt: skip


def _wavering(ways: list[str], probabilities: NDArray[Any], digit: int) -> tuple[str, ...]:
    """In words, which other digit it is nearest to; none where it is surely the same, in whichever way it is framed.

    probabilities: of each class in each way, shape (ways, classes).
    """
    least = int(probabilities[:, digit].argmin())
    if probabilities[least, digit] >= SURE:
        return ()
    second, first = probabilities[least].argsort()[-2:].tolist()
    return (f"{ways[least]} it reads as a {first}",) if first != digit else (f"{ways[least]} it might be a {second}",)


def _probabilities(model: Module, pictures: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Of each class, for framed digits: shape (pictures, classes)."""
    examples = as_model_takes(np.stack(pictures), input_shape(model))
    with np.errstate(over="ignore", invalid="ignore"), no_grad():
        answers: NDArray[Any] = model(examples).softmax().numpy()
    return answers


def answers_as_json(answers: Sequence[Answer]) -> str:
    """A list of records for programs, one for each answer, all with the same names."""
    records = [
        {
            "file": str(a.file), "position": a.position, "of": a.of, "status": a.status, "digit": a.digit,
            "probability": a.probability, "probabilities": a.probabilities or None, "remarks": a.remarks,
            "expected": a.expected,
        }
        for a in answers
    ]  # fmt: skip
    return f"{json_text(records)}\n"


def answers_as_csv(answers: Sequence[Answer], classes: int) -> str:
    """The same as a table for programs and spreadsheets: a line for each answer, p0, p1, … for the probabilities."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    numbers = [f"p{i}" for i in range(classes)]
    table.writerow(["file", "position", "of", "status", "digit", "probability", *numbers, "remarks", "expected"])
    for a in answers:
        name, remarks = (no_formula(one_line(text)) for text in (str(a.file), "; ".join(a.remarks)))
        probabilities = a.probabilities or [None] * classes
        table.writerow([name, a.position, a.of, a.status, a.digit, a.probability, *probabilities, remarks, a.expected])
    return out.getvalue()

"""`tinygrad-mnist compare`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from tinygrad_mnist import comparing, data, manual, nn
from tinygrad_mnist.arguments import NOT_NEGATIVE, POSITIVE
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Layers, file_of, load_data, one_of, prepare_files, within
from tinygrad_mnist.files import write_text
from tinygrad_mnist.grading.watching.comparison import compare_program
from tinygrad_mnist.shown import json_text


def derived(name: str) -> str:
    if name not in manual.ACTIVATIONS:
        raise typer.BadParameter(f"{name!r} has no hand derivation; these have: {', '.join(manual.ACTIVATIONS)}")
    return name


def compare(
    program: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A program or notebook that trains a network from scratch.", show_default=False
        ),
    ] = None,
    source: Data = "auto",
    layers: Layers = "784,128,64,10",
    activation: Annotated[
        str, typer.Option(help=f"Of the hidden layers: {', '.join(manual.ACTIVATIONS)}.", callback=derived)
    ] = "leaky_relu",
    l2: Annotated[float, typer.Option(help="λ of the penalty (λ/2) Σ W².", callback=within(NOT_NEGATIVE))] = 0.0,
    batch_size: Annotated[int, typer.Option(min=1, help="Training images to compare on.")] = 64,
    dtype: Annotated[
        str, typer.Option(help=f"{', '.join(comparing.TOLERANCES)}.", callback=one_of(comparing.TOLERANCES))
    ] = "float64",
    columns: Annotated[
        bool | None, typer.Option("--columns/--rows", help="Only one convention of the two.", show_default="both")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights and of the choice of images.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures to this file.")] = None,
    numbers: Annotated[str | None, typer.Option("--json", help="Write the numbers to a file, or to - .")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds until FILE is stopped.", callback=within(POSITIVE))] = 30.0,
) -> int:
    """Compare autograd with the hand derivation, layer by layer.

    Exit code 1 where they disagree. With FILE, compare autograd with that program's own backward pass, node by node;
    the other options are for the model that is compared without one, but for --json. The file runs as a program of
    yours: no sandbox.
    """
    if program and not program.is_file():
        raise typer.BadParameter(f"there is no file {program}")
    html, json_file = None if program else html, file_of(numbers)
    prepare_files(html, json_file)
    results: list[Any]
    if program:
        results = [compare_program(program, time_limit)]
        text = results[0].to_json()
    else:
        batch = _batch(load_data(source, int(layers[-1])), batch_size, seed, dtype)
        model = nn.MLP(layers, activation, seed=seed, dtype=dtype)  # type: ignore[arg-type]  # parsed by the callback
        results = list(_with_formulas(model, *batch, l2, columns, seed))
        report = {"passed": all(each.passed for each in results), "comparisons": [each.to_dict() for each in results]}
        text = json_text(report, allow_nan=True)
    if html:
        write_text(html, comparing.page(results))
    if json_file:
        write_text(json_file, f"{text}\n")
    if numbers == "-":
        show.output(f"{text}\n")
    else:
        for each in results:
            show.table(each)
    for path in filter(None, (html, json_file)):
        (show.note if numbers == "-" else show.line)(f"saved {path}")
    return 0 if all(each.passed for each in results) else 1


def _with_formulas(
    model: nn.MLP, X: NDArray[Any], labels: NDArray[Any], l2: float, columns: bool | None, seed: int
) -> Iterator[comparing.Comparison]:
    """The model beside the hand derivation in rows, in columns, or in both."""
    rng = np.random.default_rng(seed)
    for b in model.biases:  # they start at 0, and would not be missed
        b.data = rng.standard_normal(b.shape).astype(X.dtype)
    if not columns:
        yield comparing.compare(model, (X, labels), manual.rows, l2)
    if columns is not False:
        yield comparing.compare(comparing.ColumnMLP(model), (X.T, labels), manual.columns, l2)


def _batch(dataset: data.Dataset, size: int, seed: int, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Training images as rows, and their labels, drawn at random."""
    count = len(dataset.train)
    if size > count:
        raise data.DataError(f"{dataset.name}: a batch of {size:,} is more than its {count:,} training images")
    pick = np.random.default_rng(seed).choice(count, size, replace=False)
    chosen = dataset.train[pick]
    return chosen.inputs().astype(dtype), chosen.labels

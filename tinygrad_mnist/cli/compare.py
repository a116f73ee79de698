"""`tinygrad-mnist compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from tinygrad_mnist import comparing, data, manual, nn
from tinygrad_mnist.arguments import NOT_NEGATIVE, POSITIVE
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, Layers, load_data, one_of, within
from tinygrad_mnist.files import prepare_folder, write_text
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
    if program:
        return _with_program(program, numbers, time_limit)
    json_file = Path(numbers) if numbers and numbers != "-" else None
    files = [path for path in (html, json_file) if path]
    for path in files:
        prepare_folder(path.parent, path.name)
    X, labels = _batch(load_data(source, int(layers[-1])), batch_size, seed, dtype)
    model = nn.MLP(layers, activation, seed=seed, dtype=dtype)  # type: ignore[arg-type]  # parsed by the callback
    rng = np.random.default_rng(seed)
    for b in model.biases:  # they start at 0, and would not be missed
        b.data = rng.standard_normal(b.shape).astype(dtype)

    comparisons = []
    if not columns:
        comparisons.append(comparing.compare(model, (X, labels), manual.rows, l2))
    if columns is not False:
        comparisons.append(comparing.compare(comparing.ColumnMLP(model), (X.T, labels), manual.columns, l2))
    passed = all(comparison.passed for comparison in comparisons)

    if html:
        write_text(html, comparing.page(comparisons))
    report = {"passed": passed, "comparisons": [comparison.to_dict() for comparison in comparisons]}
    text = json_text(report, allow_nan=True)
    if json_file:
        write_text(json_file, f"{text}\n")
    if numbers == "-":
        show.output(f"{text}\n")
    else:
        for comparison in comparisons:
            show.table(comparison)
    for path in files:
        (show.note if numbers == "-" else show.line)(f"saved {path}")
    return 0 if passed else 1


def _with_program(program: Path, numbers: str | None, time_limit: float) -> int:
    """A learner's program beside autograd of its own forward pass."""
    if not program.is_file():
        raise typer.BadParameter(f"there is no file {program}")
    json_file = Path(numbers) if numbers and numbers != "-" else None
    if json_file:
        prepare_folder(json_file.parent, json_file.name)
    beside = compare_program(program, time_limit)
    if numbers == "-":
        show.output(f"{beside.to_json()}\n")
    else:
        show.table(beside)
    if json_file:
        write_text(json_file, f"{beside.to_json()}\n")
        show.line(f"saved {json_file}")
    return 0 if beside.passed else 1


def _batch(dataset: data.Dataset, size: int, seed: int, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Training images as rows, and their labels, drawn at random."""
    if size > len(dataset.train):
        raise data.DataError(
            f"{dataset.name}: a batch of {size:,} is more than its {len(dataset.train):,} training images"
        )
    pick = np.random.default_rng(seed).choice(len(dataset.train), size, replace=False)
    chosen = dataset.train[pick]
    return chosen.inputs().astype(dtype), chosen.labels

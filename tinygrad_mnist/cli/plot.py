"""`tinygrad-mnist plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Data, load, load_data, outputs
from tinygrad_mnist.training.run import MODEL


def plot(
    run: Annotated[Path, typer.Argument(help="A folder that train has written.")],
    source: Data = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures.", show_default="RUN/plots")] = None,
) -> None:
    """Draw a run: its curves, what it misreads, what it has learned."""
    dataset = load_data(source, outputs(load(run / MODEL)))
    from tinygrad_mnist import plots  # Matplotlib takes its time to load

    paths = plots.save_all(run, dataset.test, out)
    show.line(f"{dataset.name}: {len(paths)} pictures, on {len(dataset.test):,} test images")
    for path in paths:
        show.line(f"saved {path}")

"""`tinygrad-mnist tutorials`: what each tutorial reached, reaches here, and reaches with today's recipe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from tinygrad_mnist import data, files
from tinygrad_mnist.arguments import POSITIVE
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.frameworks import side_by_side
from tinygrad_mnist.cli.options import Data, interrupted, prepare_files, within
from tinygrad_mnist.training import percent
from tinygrad_mnist.tutorials import session as lessons
from tinygrad_mnist.tutorials.session import Result, Session, Tutorial


def _known(asked: list[str] | None) -> list[str]:
    known = lessons.ids()
    names = [name.upper() for name in asked or known]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"there is no tutorial {name}; there are {', '.join(known)}")
    return list(dict.fromkeys(names))


def tutorials(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="T0…T4", help="Which, by default all.", callback=_known)
    ] = None,
    source: Data = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this file, too.")] = None,
    frameworks: Annotated[
        bool, typer.Option("--frameworks", help="Run T2, T3 and T4 in NumPy, PyTorch and Keras, beside ours.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="With --frameworks: write a page to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="With --frameworks: write a PNG to this file.")] = None,
    time_limit: Annotated[
        float, typer.Option(help="With --frameworks: seconds for an epoch of a program.", callback=within(POSITIVE))
    ] = 600.0,
) -> None:
    """Run the networks of five tutorials, as written and improved.

    Improved is with today's recipe. Every row is scored once on the test images. Exit code 1 where a gradient is not
    that of the formulas by hand. With --frameworks those of T2, T3 and T4, from the same weights on the same
    batches, in what is installed of PyTorch and Keras; exit code 1 where losses differ by more than rounding and a
    known convention.
    """
    if frameworks:
        side_by_side(names or (), source, seed, markdown, html, plot, time_limit)
        return
    if html or plot:
        raise typer.BadParameter("--html and --plot are for --frameworks")
    prepare_files(markdown)
    chosen = [lessons.read(name) for name in names or ()]
    dataset = data.load(source, say=show.note)
    start = time.perf_counter()
    done = list(_run(chosen, dataset, seed))
    verdict = f"{time.perf_counter() - start:.0f} s; {_verdict(done, dataset)}"
    show.lines(f"\n{verdict}")
    if markdown:
        named = source if source in ("auto", "mnist", "digits") else "FOLDER"
        call = f"tinygrad-mnist tutorials {' '.join(names or ())} --data {named} --seed {seed}"
        files.write_text(markdown, show.tutorials_markdown(done, dataset.name, call, verdict))
    if any(r.written and not r.written.agrees for _, results in done for r in results):
        raise typer.Exit(1)


def _run(chosen: Iterable[Tutorial], dataset: data.Dataset, seed: int) -> Iterator[tuple[Tutorial, list[Result]]]:
    """Each tutorial and its results, printed row by row."""
    with show.Tutorials() as progress:
        session = Session(dataset, seed, progress.update)
        show.line(f"{dataset.name}: {len(session.train):,} images to train on, {len(dataset.test):,} to test")
        with interrupted(lambda: "interrupted; the rows above are done"):
            for tutorial in chosen:
                show.tutorial_head(tutorial)
                results = []
                for row in tutorial.rows:
                    results.append(session.run(row))
                    progress.stop()
                    show.tutorial_row(results[-1])
                yield tutorial, results


def _verdict(done: Sequence[tuple[Tutorial, list[Result]]], dataset: data.Dataset) -> str:
    """Whether every reported accuracy is beaten, in a sentence."""
    if dataset.name == data.DIGITS:
        return "what was reported is for MNIST; these digits are too few for a few epochs"
    compared = [(tutorial.id, r) for tutorial, results in done for r in results if r.is_beaten is not None]
    missed = [f"{id} {r.row.name} ({percent(r.better.test)})" for id, r in compared if not r.is_beaten]
    if missed:
        return f"not beaten: {', '.join(missed)}"
    return f"every reported accuracy is beaten ({len(compared)})" if compared else "no accuracy is reported to beat"

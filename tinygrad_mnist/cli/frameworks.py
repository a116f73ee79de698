"""`tinygrad-mnist tutorials --frameworks`: the same networks in Keras, in PyTorch and by hand, beside ours."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from tinygrad_mnist import data, files
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import interrupted, prepare_files
from tinygrad_mnist.frameworks import views
from tinygrad_mnist.frameworks.pairing import Comparison, compare
from tinygrad_mnist.frameworks.running import FRAMEWORKS, PROGRAMS, Classroom, missing
from tinygrad_mnist.frameworks.tasks import TASKS, Task, images


def side_by_side(
    tutorials: Sequence[str], source: str, seed: int, markdown: Path | None, html: Path | None, plot: Path | None,
    time_limit: float,
) -> None:  # fmt: skip
    """Run and compare what these tutorials have; exit code 1 where losses differ and it is not known why."""
    tasks = [task for task in TASKS.values() if task.tutorial in tutorials]
    if not tasks:
        have = ", ".join(dict.fromkeys(task.tutorial for task in TASKS.values()))
        raise typer.BadParameter(f"--frameworks is for {have}, and not for {', '.join(tutorials)}")
    prepare_files(markdown, html, plot)
    if not PROGRAMS.is_dir():
        raise FileNotFoundError(
            "examples/frameworks isn't beside this package: --frameworks runs in a checkout of the project"
        )
    dataset = data.load(source, say=show.note)
    start = time.perf_counter()
    done = list(_run(tasks, dataset, seed, time_limit))
    show.lines(f"\n{time.perf_counter() - start:.0f} s; {views.verdict(done)}")
    called = f"tinygrad-mnist tutorials {' '.join(dict.fromkeys(task.tutorial for task in tasks))} --frameworks --data "
    called += f"{source if source in data.NAMES else 'FOLDER'} --seed {seed}"
    facts = f"{dataset.name}, {len(dataset.train):,} images to train on, {len(dataset.test):,} to test"
    if markdown:
        picture = os.path.relpath(plot, markdown.parent).replace(os.sep, "/") if plot else None
        files.write_text(markdown, views.markdown(done, facts, called, picture))
    if html:
        from tinygrad_mnist.frameworks.page import page

        files.write_text(html, page(done, facts, called))
    if plot:
        from tinygrad_mnist.frameworks.pictures import figure
        from tinygrad_mnist.screens.figure import png

        files.write_atomically(plot, png(figure(done)))
    if not all(comparison.is_explained for comparison in done):
        raise typer.Exit(1)


def _run(tasks: Sequence[Task], dataset: data.Dataset, seed: int, time_limit: float) -> Iterator[Comparison]:
    """Each comparison, printed as it is done; what is not installed is said first."""
    lacks = {framework: missing(framework) for framework in FRAMEWORKS}
    for lack in filter(None, lacks.values()):
        show.note(lack)
    present = [framework for framework, lack in lacks.items() if not lack]
    given, said = images(dataset, seed), "interrupted; what is above is done"
    with show.Tutorials() as bar, Classroom(given, time_limit, bar.update) as classroom, interrupted(lambda: said):
        for task in tasks:
            comparison = compare(classroom, task, present, seed)
            bar.stop()
            show.lines(views.lines(comparison))
            yield comparison

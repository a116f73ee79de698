"""`tinygrad-mnist grade` of a class: what it takes besides, its pages and its table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import __version__, cluster, files, grading
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import asked_wrongly, interrupted, prepare_files
from tinygrad_mnist.grading import classroom
from tinygrad_mnist.grading.classroom.distant import DistantWorker
from tinygrad_mnist.grading.classroom.gradescope import gradescope as for_gradescope
from tinygrad_mnist.grading.classroom.storage import kept_pages
from tinygrad_mnist.grading.classroom.submissions import PROGRAMS
from tinygrad_mnist.screens.bar import Bar
from tinygrad_mnist.shown import json_text

Html = Annotated[Path | None, typer.Option(help="Of one file a page, as report.html; of a class a folder of pages.")]
Csv = Annotated[Path | None, typer.Option(help="Of a class: a table for spreadsheets.")]
PointsFor = Annotated[str | None, typer.Option("--points", help="10 for all gradients, or dW1=2,db1=1 for each.")]
Gradescope = Annotated[
    Path | None, typer.Option(help="Of one submission, a file or folder: results.json for Gradescope.")
]
Again = Annotated[bool, typer.Option("--again", help="Of a class: grade those too that were graded before.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Of a class: how many at once; as many as there are cores.")]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Of a class: of a Dask cluster that grades it, such as tcp://10.0.0.1:8786.", show_default=False),
]
Memory = Annotated[float, typer.Option(min=0.5, help="GiB of memory for each program, where the system bounds it.")]


def grade_class(
    paths: list[Path],
    settings: dict[str, Any],
    html: Path | None,
    csv: Path | None,
    points: str | None,
    gradescope: Path | None,
    again: bool,
    jobs: int | None,
    memory: float,
    scheduler: str | None,
) -> None:
    """Grade them, with a bar; write what was asked for, and print the table."""
    if html and html.suffix.lower() == ".html":
        raise typer.BadParameter(f"the pages of a class, or with points, are a folder: {html.with_suffix('')}, say")
    prepare_files(csv, gradescope)
    folder = tempfile.TemporaryDirectory(prefix="tinygrad-mnist-class-", ignore_cleanup_errors=True)
    with asked_wrongly(grading.GradeError), folder as unpacked:
        worth = classroom.Points.parse(points) if points else None
        if gradescope and len(paths) > 1:
            raise grading.GradeError(
                "--gradescope is for one submission: a file, or a folder that is all one learner's"
            )
        if gradescope:
            found = [classroom.find_submission(paths[0], Path(unpacked))]
        else:
            found = classroom.find_submissions(paths, Path(unpacked))
        if html:
            _check_no_other_class(html, found, any(path.suffix.lower() not in PROGRAMS for path in paths))
        with _graders(scheduler, jobs) as (new_worker, at_once):
            limits = classroom.Limits(int(memory * 2**30), at_once)
            whole = _graded(found, settings, html, worth, again, limits, new_worker)
    if html:
        files.write_text(html / "index.html", whole.to_html())
        for graded in whole.results:
            files.write_text(html / f"{graded.submission.page}.html", whole.learner_html(graded))
    if csv:
        files.write_text(csv, f"\ufeff{whole.to_csv()}")  # spreadsheets then know that it is UTF-8
    if gradescope:
        (graded,) = whole.results
        content = for_gradescope(graded.report, worth or classroom.Points(), graded.seconds)
        files.write_text(gradescope, json_text(content))
    show.table(whole)
    if whole.pointless and not gradescope:
        show.note(f"no program has {', '.join(whole.pointless)}, which --points names: nobody has its points")
    if html:
        show.line(f"{html / 'index.html'}")
    if not whole.all_judged:
        raise typer.Exit(1)


def _check_no_other_class(pages: Path, found: list[classroom.Submission], is_whole: bool) -> None:
    """The pages that are there are of these learners, of whom a whole class may have lost some since."""
    kept, asked = kept_pages(pages), {submission.page for submission in found}
    others = sorted(kept - asked)
    if others and not (is_whole and kept & asked):
        names = ", ".join(others[:3]) + (", …" if others[3:] else "")
        raise grading.GradeError(
            f"{pages} has the pages of others ({names}), whose class's page would be lost: grade all of them, which "
            "takes no time for those that are unchanged, or name another folder"
        )


@contextmanager
def _graders(scheduler: str | None, jobs: int | None) -> Iterator[tuple[Callable[[], classroom.Grader], int]]:
    """What makes those that grade, here or on a cluster, and how many of them work at once."""
    if scheduler is None:
        yield classroom.Worker, jobs or classroom.Limits().jobs
        return
    with cluster.connected(scheduler) as client:
        workers = cluster.threads(client)
        if not workers:
            raise cluster.ClusterError(f"{scheduler}: it has no worker; start one by `dask worker {scheduler}`")
        yield partial(DistantWorker, client), jobs or workers


def _graded(
    found: list[classroom.Submission],
    settings: dict[str, Any],
    html: Path | None,
    points: classroom.Points | None,
    again: bool,
    limits: classroom.Limits,
    new_worker: Callable[[], classroom.Grader],
) -> classroom.ClassReport:
    """All of them; each learner's page is written as soon as there is a report."""
    done: list[classroom.Graded] = []
    with Bar() as bar:
        bar.start("grading", len(found))
        goes_on = "; the same command goes on from there" if html else ""
        with interrupted(lambda: f"interrupted after {len(done)} of {len(found)}{goes_on}"):
            for graded in classroom.grade_class(
                found, __version__, keep=html, again=again, limits=limits, new_worker=new_worker, **settings
            ):
                done.append(graded)
                bar.move(len(done), facts=f"{len(done)}/{len(found)}  {graded.name[:28]}")
                if html:
                    page = classroom.ClassReport((graded,), points).learner_html(graded)
                    files.write_text(html / f"{graded.submission.page}.html", page)
    return classroom.ClassReport.of(done, points)

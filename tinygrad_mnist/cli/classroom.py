"""`tinygrad-mnist grade` of a class: what it takes besides, its pages and its table."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import __version__, files, grading
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Interrupted
from tinygrad_mnist.grading import classroom
from tinygrad_mnist.grading.classroom.gradescope import gradescope as for_gradescope
from tinygrad_mnist.shown import json_text

Html = Annotated[Path | None, typer.Option(help="Of one file a page, as report.html; of a class a folder of pages.")]
Csv = Annotated[Path | None, typer.Option(help="Of a class: a table for spreadsheets.")]
PointsFor = Annotated[str | None, typer.Option("--points", help="10 for all gradients, or dW1=2,db1=1 for each.")]
Gradescope = Annotated[
    Path | None, typer.Option(help="Of one submission, a file or folder: results.json for Gradescope.")
]
Again = Annotated[bool, typer.Option("--again", help="Of a class: grade those too that were graded before.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Of a class: how many at once; as many as there are cores.")]
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
) -> None:
    """Grade them, with a bar; write what was asked for, and print the table."""
    for path in filter(None, (csv, gradescope)):
        files.prepare_folder(path.parent, path.name)
    usual = classroom.Limits()
    limits = classroom.Limits(int(memory * 2**30), jobs or usual.jobs)
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-class-", ignore_cleanup_errors=True) as unpacked:
        try:
            worth = classroom.Points.parse(points) if points else None
            if gradescope and len(paths) > 1:
                raise grading.GradeError(
                    "--gradescope is for one submission: a file, or a folder that is all one learner's"
                )
            if gradescope:
                found = [classroom.find_submission(paths[0], Path(unpacked))]
            else:
                found = classroom.find_submissions(paths, Path(unpacked))
            whole = _graded(found, settings, html, worth, again, limits)
        except grading.GradeError as error:
            raise typer.BadParameter(str(error)) from None
    if html:
        _write(html / "index.html", whole.to_html())
        for graded in whole.results:
            _write(html / f"{graded.submission.page}.html", whole.learner_html(graded))
    if csv:
        _write(csv, f"\ufeff{whole.to_csv()}")  # spreadsheets then know that it is UTF-8
    if gradescope:
        (graded,) = whole.results
        content = for_gradescope(graded.report, worth or classroom.Points(), graded.seconds)
        _write(gradescope, json_text(content))
    show.table(whole)
    if html:
        show.line(f"{html / 'index.html'}")
    if not whole.all_judged:
        raise typer.Exit(1)


def _graded(
    found: list[classroom.Submission],
    settings: dict[str, Any],
    html: Path | None,
    points: classroom.Points | None,
    again: bool,
    limits: classroom.Limits,
) -> classroom.ClassReport:
    """All of them; each learner's page is written as soon as there is a report."""
    done: list[classroom.Graded] = []
    with show.Bar() as bar:
        bar.start("grading", len(found))
        try:
            for graded in classroom.grade_class(found, __version__, keep=html, again=again, limits=limits, **settings):
                done.append(graded)
                bar.move(len(done), facts=f"{len(done)}/{len(found)}  {graded.name[:28]}")
                if html:
                    page = classroom.ClassReport((graded,), points).learner_html(graded)
                    _write(html / f"{graded.submission.page}.html", page)
        except KeyboardInterrupt:
            again_ = "; the same command goes on from there" if html else ""
            raise Interrupted(f"interrupted after {len(done)} of {len(found)}{again_}") from None
    return classroom.ClassReport.of(done, points)


def _write(path: Path, text: str) -> None:
    files.write_text(path, text)

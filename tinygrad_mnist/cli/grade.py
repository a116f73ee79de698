"""`tinygrad-mnist grade`: which term of a backprop is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import files, grading, manual
from tinygrad_mnist.arguments import POSITIVE
from tinygrad_mnist.cli import classroom, show
from tinygrad_mnist.cli.options import asked_wrongly, file_of, prepare_files, within


def grade(
    submitted: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="A program or notebook with a network from scratch, or a backward pass alone; several, or a folder.",
        ),
    ],
    columns: Annotated[
        bool | None,
        typer.Option("--columns/--rows", help="Examples are columns (W @ X + b), or rows. Found where not said."),
    ] = None,
    weights_in_out: Annotated[
        bool | None, typer.Option("--weights-in-out/--weights-out-in", help="Rows with X @ W + b, or with X @ W.T + b.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help=f"Of the hidden layers: {', '.join(manual.ACTIVATIONS)}; found if not said.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(help=f"Output and loss: {', '.join(manual.HEADS)}; found if not said.")
    ] = None,
    l2: Annotated[float | None, typer.Option(min=0, help="λ of the penalty on the weights; found if not said.")] = None,
    penalty: Annotated[
        str | None, typer.Option(help=f"What stands before λ Σ W²: {', '.join(manual.PENALTIES)}; found if not said.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="How Y comes: one-hot, integers. Found where not said.")] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, max=grading.DEEPEST, help="Layers, where names don't say it.")
    ] = None,
    function: Annotated[
        str | None, typer.Option("--backward", "--function", help="The backward pass, by its name.")
    ] = None,
    forward: Annotated[str | None, typer.Option(help="The forward pass that it takes values of.")] = None,
    of_class: Annotated[str | None, typer.Option("--class", help="The class whose methods these are.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds until it is stopped.", callback=within(POSITIVE))] = 20.0,
    json: Annotated[str | None, typer.Option("--json", help="Write the report as JSON to a file, or to - .")] = None,
    html: classroom.Html = None,
    csv: classroom.Csv = None,
    points: classroom.PointsFor = None,
    gradescope: classroom.Gradescope = None,
    again: classroom.Again = False,
    jobs: classroom.Jobs = None,
    memory: classroom.Memory = 4.0,
    scheduler: classroom.Scheduler = None,
) -> None:
    """Run a backprop, or those of a class: which term is wrong?

    Says why it is wrong, and what it should be. Exit code 0: all gradients are right; 1: something is wrong. Of a class
    0: all could be graded, whatever the verdicts. The files run as programs of yours: no sandbox.
    """
    settings: dict[str, Any] = {
        "columns": columns, "weights_in_out": weights_in_out, "activation": activation, "head": head, "l2": l2,
        "penalty": penalty, "labels": labels, "depth": depth, "function": function, "forward": forward,
        "of_class": of_class, "time_limit": time_limit,
    }  # fmt: skip
    folder = html is not None and html.suffix.lower() != ".html"
    several = len(submitted) > 1 or submitted[0].suffix not in (".py", ".ipynb")
    if several or folder or csv or points or gradescope or scheduler:
        if json:
            raise typer.BadParameter("--json is for one file; of a class, each result is in the folder of --html")
        classroom.grade_class(submitted, settings, html, csv, points, gradescope, again, jobs, memory, scheduler)
        return
    (file,) = submitted
    if not file.is_file():
        raise typer.BadParameter(f"there is no file {file}")
    json_file = file_of(json)
    prepare_files(html, json_file)
    with asked_wrongly(grading.GradeError):
        report = grading.grade(file, memory=int(memory * 2**30), **settings)
    if json == "-":
        show.output(f"{report.to_json()}\n")
    else:
        show.table(report)
    if json_file:
        files.write_text(json_file, f"{report.to_json()}\n")
    if html:
        files.write_text(html, report.to_html())
    if not report.passed:
        raise typer.Exit(1)

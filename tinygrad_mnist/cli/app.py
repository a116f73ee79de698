"""The program: its commands, and what becomes of an error."""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tinygrad_mnist import __version__, data, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.compare import compare
from tinygrad_mnist.cli.exercise import exercise
from tinygrad_mnist.cli.grade import grade
from tinygrad_mnist.cli.graph import graph
from tinygrad_mnist.cli.options import Interrupted
from tinygrad_mnist.cli.plot import plot
from tinygrad_mnist.cli.predict import evaluate, predict
from tinygrad_mnist.cli.sweep import sweep
from tinygrad_mnist.cli.train import train
from tinygrad_mnist.cli.tutorials import tutorials
from tinygrad_mnist.graph import RenderingError
from tinygrad_mnist.sweeps import SweepError

_CTRL_C = 130
"""What typer makes of a KeyboardInterrupt."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (train, evaluate, predict, compare, graph, exercise, grade, plot, tutorials, sweep):
    app.command()(command)


def _say_version(asked: bool) -> None:
    if asked:
        show.line(f"tinygrad-mnist {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Learn to read handwritten digits, with gradients you can check by hand."""


def main() -> None:
    """Run the command line. Exit code 0: done; 1: it failed; 2: it was asked wrongly."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # δ and ✓ have no place in every encoding
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # who ends it so wants what Ctrl-C keeps
    sys.exit(_run())


def _run() -> int:
    try:
        code: int = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="tinygrad-mnist") or 0
        if code == _CTRL_C:
            raise Interrupted("interrupted; nothing was saved")
        return code
    except TyperException as error:
        show.error(f"{error.format_message()} (tinygrad-mnist --help says what there is)")
        return 2
    except (
        data.DataError, training.CheckpointError, training.TrainingError, RenderingError, SweepError, Interrupted,
    ) as error:  # fmt: skip
        show.error(str(error))
    except MemoryError:
        show.error("there is not enough memory for this: take smaller layers or batches")
    except OSError as error:
        show.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return 1

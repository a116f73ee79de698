"""The program: its commands, and what becomes of an error."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import Annotated

import numpy as np
import typer
from typer.exceptions import TyperException

from tinygrad_mnist import __version__
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.compare import compare
from tinygrad_mnist.cli.exercise import exercise
from tinygrad_mnist.cli.export import export
from tinygrad_mnist.cli.grade import grade
from tinygrad_mnist.cli.graph import graph
from tinygrad_mnist.cli.options import Interrupted
from tinygrad_mnist.cli.playground import playground
from tinygrad_mnist.cli.plot import plot
from tinygrad_mnist.cli.predict import evaluate, predict
from tinygrad_mnist.cli.sweep import sweep
from tinygrad_mnist.cli.train import train
from tinygrad_mnist.cli.tutorials import tutorials
from tinygrad_mnist.cli.wording import Command, said, worded
from tinygrad_mnist.compiler import CompileError
from tinygrad_mnist.engine import GraphError
from tinygrad_mnist.graph import RenderingError
from tinygrad_mnist.shown import LineError
from tinygrad_mnist.training import TrainingError

_CTRL_C = 130
"""What typer makes of a KeyboardInterrupt."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
COMMANDS = (train, evaluate, predict, compare, graph, export, exercise, grade, plot, tutorials, sweep, playground)
for command in COMMANDS:
    app.command(cls=Command)(worded(command))


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
    _prepare_streams()
    _listen()
    atexit.register(_let_be)
    code = _ended_quietly(_run())
    _listen()  # whoever called this may want it
    sys.exit(code)


def _listen() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # who ends it by the second wants what Ctrl-C keeps
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _let_be() -> None:
    """Ctrl-C while Python puts its things away is not for us: all is done, and the exit code says so."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _prepare_streams() -> None:
    """What is closed leads nowhere, and no file that is opened later gets its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # it is a stream
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # δ and ✓ have no place in every encoding


def _ended_quietly(code: int) -> int:
    """The exit code once all is written; where nobody reads it any more, nothing more is said."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                with suppress(OSError):
                    show.error(f"output: {error.strerror}")
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # Python flushes it once more
            code = code or 1
    return code


def _run() -> int:
    try:
        return _called()
    except KeyboardInterrupt:
        _say_error("interrupted; nothing was saved")
    except BrokenPipeError:  # as in `train | head`
        pass
    except TyperException as error:
        _say_error(f"{said(error.format_message())} ({_help()} says what there is)")
        return 2
    except LineError as error:
        _say_error(str(error))
        return 2 if error.is_missing else 1
    except (CompileError, GraphError, RenderingError, TrainingError, Interrupted) as error:
        _say_error(str(error))
    except MemoryError:
        _say_error("there is not enough memory for this: take smaller layers or batches")
    except OSError as error:
        _say_error(f"{error.filename or 'output'}: {error.strerror}" if error.strerror else str(error))
    return 1


def _help() -> str:
    """What shows the help on the command at hand, or on all where there is none."""
    names = {command.__name__ for command in COMMANDS}
    return " ".join(["tinygrad-mnist", *(name for name in sys.argv[1:2] if name in names), "--help"])


def _called() -> int:
    with np.errstate(all="ignore"), warnings.catch_warnings():  # what overflows is seen in the results
        warnings.simplefilter("ignore", SyntaxWarning)  # of learners' programs, which are parsed more than once
        code: int = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="tinygrad-mnist") or 0
    if code == _CTRL_C:
        raise KeyboardInterrupt
    return code


def _say_error(text: str) -> None:
    with suppress(OSError):  # stderr may be closed
        show.error(text)

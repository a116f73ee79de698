"""Lines about what is running, and a bar for how much of it is done: in a terminal, in a notebook, in a log."""

from __future__ import annotations

import sys
import time
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from tinygrad_mnist.screens.cell import markup
from tinygrad_mnist.shown import MONOSPACE, one_line

if TYPE_CHECKING:
    from rich.console import Console

B = TypeVar("B", bound="Bar")

PAUSE = 0.1
"""Seconds between two pictures of a notebook's bar."""

KEPT = 25
"""Lines that a notebook goes on showing; of those before it is said how many there were."""


@cache
def console() -> Console:
    """The terminal, or whatever standard output is."""
    from rich.console import Console

    return Console(highlight=False)


def say(text: str) -> None:
    """Lines for the person at the screen, each of them safe; plain where it is no terminal."""
    plain = "\n".join(map(one_line, text.split("\n")))
    try:
        console().print(plain, markup=False, soft_wrap=not console().is_terminal)
    except ImportError:  # as in a browser
        print(plain, flush=True)


class Bar:
    """Lines, and below them a bar for what is done of the task at hand.

    On a terminal the bar is one line that is written anew and goes when it is stopped; in a notebook both are one
    output that is; elsewhere, as in a log, there are the lines alone, without control characters. As a context, it
    leaves no bar behind.
    """

    def __init__(self) -> None:
        self._screen = _screen()

    def __enter__(self: B) -> B:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_shown(self) -> bool:
        """Whether there is one now."""
        return self._screen.is_shown

    def line(self, text: str) -> None:
        """A line that stays."""
        self._screen.line(one_line(text))

    def start(self, what: str, total: float) -> None:
        """Show it, empty."""
        self.stop()
        self._screen.start(what, total)

    def move(self, completed: float, what: str | None = None, facts: str = "") -> None:
        """Fill it so far, with these words beside it; where there is none, nothing happens."""
        if self.is_shown:
            self._screen.move(completed, what, facts)

    def stop(self) -> None:
        """Take it away."""
        if self.is_shown:
            self._screen.stop()


class _Screen:
    """Where lines are shown, and a bar: here, as in a log, the lines alone."""

    is_shown = False

    def line(self, text: str) -> None:
        say(text)

    def start(self, what: str, total: float) -> None: ...

    def move(self, completed: float, what: str | None, facts: str) -> None: ...

    def stop(self) -> None: ...


def _screen() -> _Screen:
    if in_notebook():
        return _Notebook()
    try:
        return _Terminal() if console().is_terminal and not console().is_dumb_terminal else _Screen()
    except ImportError:
        return _Screen()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this: what is displayed there can be displayed anew."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


class _Terminal(_Screen):
    """The last line is the bar's; the others go above it."""

    _progress: Any

    def start(self, what: str, total: float) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        columns = [TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[facts]}")]
        self._progress = Progress(*columns, console=console(), transient=True)
        self.is_shown = True
        self._progress.add_task(what, total=total, facts="")
        self._progress.start()

    def move(self, completed: float, what: str | None, facts: str) -> None:
        (task,) = self._progress.task_ids
        self._progress.update(task, completed=completed, description=what, facts=facts, refresh=False)

    def stop(self) -> None:
        self._progress.stop()
        self.is_shown = False


class _Notebook(_Screen):
    """One output, which is displayed anew."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._count, self._shown_at = 0, 0.0
        self._what, self._total, self._done, self._facts = "", 0.0, 0.0, ""

    def line(self, text: str) -> None:
        self._lines.append(text)
        self._count += 1
        self._show(at_once=not self.is_shown)

    def start(self, what: str, total: float) -> None:
        self.is_shown = True
        self._what, self._total, self._done, self._facts = what, total, 0.0, ""
        self._show()

    def move(self, completed: float, what: str | None, facts: str) -> None:
        self._what, self._done, self._facts = what or self._what, completed, facts
        self._show()

    def stop(self) -> None:
        self.is_shown = False
        self._show()

    def _show(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - self._shown_at < PAUSE and self._handle is not None:
            return
        self._shown_at = now
        lines = [*([f"… {self._count - len(self._lines):,} lines before"] if self._count > KEPT else []), *self._lines]
        bar = f"{self._what}  {self._done / (self._total or 1):4.0%}  {self._facts}" if self.is_shown else ""
        text = "\n".join([*lines, bar] if bar else lines)
        style = f"{MONOSPACE};margin:0;overflow-x:auto;white-space:pre;line-height:1.45"
        shape = f'<progress max="1" value="{self._done / (self._total or 1):.3f}"></progress> ' if bar else ""
        inside = "\n".join([*map(markup, lines), f"{shape}{markup(bar)}"])
        content = {"text/html": f'<div style="{style}">{inside}</div>', "text/plain": text}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

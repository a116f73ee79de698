"""What runs says how far it is: in a terminal, in a notebook, in a log."""

from __future__ import annotations

import io
import re
import sys
import types

import numpy as np
import pytest

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.screens import bar


@pytest.fixture
def train():
    """Two epochs on a few images, with whatever is shown of them."""
    rng = np.random.default_rng(0)
    some = data.Split(rng.random((40, 28, 28)).astype(np.float32), np.arange(40) % 10)

    def run(callback, steps=3):
        model = nn.MLP((784, 10), seed=0)
        return training.fit(model, (some, some[:10]), nn.SGD(model.parameters(), 0.1), epochs=2, callbacks=[callback])

    return run


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns, and what is written to it."""
    from rich.console import Console

    out = io.StringIO()
    screen = Console(file=out, force_terminal=True, width=80, highlight=False, color_system=None)
    monkeypatch.setattr(bar, "console", lambda: screen)
    monkeypatch.setenv("TERM", "xterm")
    return out


def test_a_log_has_plain_lines(train, capsys):
    train(training.Progress())
    printed = capsys.readouterr().out
    first, second = printed.splitlines()
    assert re.fullmatch(r"epoch 1/2  loss \d\.\d{4}  train +[\d.]+ %  validation +[\d.]+ %  \d+\.\d\d s  best", first)
    assert second.startswith("epoch 2/2")
    assert all(letter.isprintable() or letter == "\n" for letter in printed)


def test_a_terminal_has_one_line_that_is_written_anew(train, terminal):
    train(training.Progress())
    written = terminal.getvalue()
    assert "\x1b[2K" in written
    assert written.count("epoch 1/2  loss") == 1
    shown = [re.sub(r"\x1b\[[?\d]*[a-zA-Z]", "", part) for part in re.split(r"[\r\n]+", written)]
    assert max(map(len, shown)) <= 80
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")


def test_what_ends_a_run_leaves_no_bar(train, terminal):
    class Stop(training.Progress):
        def step_ends(self, run):
            super().step_ends(run)
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        train(Stop())
    assert terminal.getvalue().count("\x1b[?25h") == 1


def test_a_notebook_has_one_output_that_is_displayed_anew(train, monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content)

    def display(content, raw, display_id):
        shown.append(content)
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    monkeypatch.setattr(bar, "PAUSE", 0)
    train(training.Progress())
    assert "<progress" in shown[1]["text/html"]
    assert "<progress" not in shown[-1]["text/html"]
    assert [line[:9] for line in shown[-1]["text/plain"].splitlines()] == ["epoch 1/2", "epoch 2/2"]
    many = bar.Bar()
    for number in range(30):
        many.line(f"<b>{number}")
    assert shown[-1]["text/plain"].startswith("… 5 lines before\n<b>5\n")
    assert "&lt;b&gt;29" in shown[-1]["text/html"]
    assert "<b>" not in shown[-1]["text/html"]

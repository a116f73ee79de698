"""The playground's session answers whatever there is to ask, and begins with little."""

import json
import os
import subprocess
import sys

import pytest
from typer import BadParameter

from tests.playground.asking import one
from tinygrad_mnist.cli.app import app
from tinygrad_mnist.playground import PlaygroundError
from tinygrad_mnist.playground.protocol import KINDS


def test_every_kind_of_message_is_answered(page):
    assert {*page.session._handlers()} == {*KINDS}


def test_the_command_writes_the_page_or_says_what_it_lacks(tmp_path, monkeypatch, capsys):
    file = tmp_path / "playground.html"
    app(["playground", "--html", str(file)], standalone_mode=False)
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "saved" in capsys.readouterr().out
    with pytest.raises(BadParameter, match="--pyodide is for --html"):
        app(["playground", "--pyodide", str(tmp_path)], standalone_mode=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(PlaygroundError, match="uvicorn, which is not installed: pip install"):
        app(["playground", "--no-browser"], standalone_mode=False)


def test_hello_needs_no_more_than_numpy():
    program = (
        "import sys, numpy; from tinygrad_mnist.playground import Session; s = Session(); s.answer('{}');"
        "[s.answer(m) for m in sys.argv[1:]]; print(*{m.partition('.')[0] for m in sys.modules},"
        "sum(m.startswith('tinygrad_mnist') for m in sys.modules))"
    )
    drawn = json.dumps({"kind": "read", "image": one()})
    messages = ['{"kind": "hello"}', '{"kind": "set_up"}', '{"kind": "advance", "steps": 2}', drawn, '{"kind": "code"}']
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    said = subprocess.run(
        [sys.executable, "-c", program, *messages], capture_output=True, text=True, check=True, env=unmeasured
    )
    *names, count = said.stdout.split()
    assert {*names} - {*sys.stdlib_module_names} <= {"numpy", "tinygrad_mnist", "__main__", "cython_runtime"} | {
        name for name in names if name.startswith(("_", "sitecustomize"))
    }
    assert int(count) < 105  # each takes its time in a browser

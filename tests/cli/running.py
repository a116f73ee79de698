"""The command line, as the tests call it: in this process where that tells the same, in its own elsewhere."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tinygrad_mnist.cli import main

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


def environment(tmp_path):
    """No network, no cache, no data set: a fresh machine."""
    kept = {k: v for k, v in os.environ.items() if k != "TINYGRAD_MNIST_DATA"}
    offline = {"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**kept, **offline, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def process(tmp_path, *arguments, **options):
    """As a person calls it: what a new process prints, and its exit code."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_mnist", *map(str, arguments)],
        **{"capture_output": True, "text": True, "timeout": 120, "env": environment(tmp_path), **options},
    )  # fmt: skip


def unmeasured(tmp_path):
    """The same environment without coverage, whose data no limit set for the command then stops."""
    return {k: v for k, v in environment(tmp_path).items() if not k.startswith("COVERAGE_PROCESS")}


def command(tmp_path, *arguments, cwd=None):
    """The same without a new process, whose start takes longer than most commands."""
    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.delenv("TINYGRAD_MNIST_DATA", raising=False)
        for name, value in environment(tmp_path).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["tinygrad-mnist", *map(str, arguments)])
        patch.chdir(cwd or os.getcwd())
        with pytest.raises(SystemExit) as exit:
            main()
    said, complained = (stream.buffer.getvalue().decode() for stream in (out, errors))
    return subprocess.CompletedProcess(arguments, exit.value.code, said, complained)

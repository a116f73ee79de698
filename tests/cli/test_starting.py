"""The command line as a process: Ctrl-C while it starts, and streams that nobody reads."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cli.running import environment
from tinygrad_mnist import starting

COMMAND = [sys.executable, "-m", "tinygrad_mnist"]
TRAIN = ["train", "--data", "digits", "--layers", "784,6,10", "--epochs", "2", "--out", "run"]

SENDER = """
import os, signal, sys
from importlib.abc import MetaPathFinder
class Sender(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Sender())
name = sys.argv[1]
sys.argv[:] = ["/usr/bin/tinygrad-mnist"]
del sys.argv[1:]
Sender.find_spec.__globals__["sys"].argv.append(name)
from tinygrad_mnist.cli import main
main()
"""
"""What the installed command does, with a Ctrl-C as soon as a certain module is imported."""


@pytest.mark.parametrize("module", ["tinygrad_mnist.engine", "tinygrad_mnist.training.loop", "typer", "rich.console"])
def test_ctrl_c_while_it_imports_is_one_line(tmp_path, module):
    result = subprocess.run(
        [sys.executable, "-c", SENDER, module], capture_output=True, text=True, env=environment(tmp_path), timeout=60
    )
    assert result.stderr == "error: interrupted; nothing was saved\n"
    assert result.returncode == 130


def test_ctrl_c_while_python_ends_leaves_the_exit_code(tmp_path):
    late = "import atexit, os, signal; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); "
    started = f"{late}from tinygrad_mnist.cli import main; import sys; sys.argv[1:] = ['--version']; main()"
    result = subprocess.run(
        [sys.executable, "-c", started], capture_output=True, text=True, env=environment(tmp_path), timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_other_people_s_programs_keep_their_ctrl_c():
    assert not starting.is_the_command()
    assert signal.getsignal(signal.SIGINT) is not starting.end_in_a_line


@pytest.mark.skipif(os.name == "nt", reason="there is no such shell")
@pytest.mark.parametrize(
    ("redirected", "code", "words"),
    [
        (">&-", 0, ""),
        (">&- 2>&- <&-", 0, ""),
        ("| true", None, ""),
        ("> /dev/full", 1, "error: output: No space left on device"),
    ],
)
def test_streams_that_lead_nowhere_end_quietly(tmp_path, redirected, code, words):
    if "/dev/full" in redirected and not os.path.exists("/dev/full"):
        pytest.skip("this system has no full device")
    result = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *COMMAND, *TRAIN],
        capture_output=True, text=True, cwd=tmp_path, env=environment(tmp_path), timeout=60,
    )  # fmt: skip
    assert result.stderr.strip() == words
    assert result.returncode == (0 if code is None else code)
    if code == 0:
        assert (tmp_path / "run" / "history.json").exists()


def test_stderr_that_is_closed_changes_no_exit_code(tmp_path):
    result = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *COMMAND, "evaluate", "nowhere.safetensors"],
        capture_output=True, cwd=tmp_path, env=environment(tmp_path), timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (2, b"")

"""`tinygrad-mnist plot` as a person runs it."""

import subprocess
import sys

import pytest

from tests.cli.running import command, environment
from tinygrad_mnist import nn, training
from tinygrad_mnist.training import History

PICTURES = {"training", "predictions", "confusion", "mistakes", "first-layer", "saliency", "signals"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plot") / "run"
    folder.mkdir()
    training.save_model(nn.MLP((784, 20, 10)), folder / "model.safetensors")
    History().save(folder / "history.json")
    return folder


def test_it_says_what_it_drew_and_where(run, tmp_path):
    result = command(tmp_path, "plot", run, "--data", "digits")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    first, *rest = result.stdout.splitlines()
    assert first == "digits: 7 pictures, on 297 test images"
    assert rest == [f"saved {run / 'plots' / line.rsplit('/', 1)[1]}" for line in rest]
    assert {path.stem for path in (run / "plots").iterdir()} == PICTURES


def written(folder):
    """Its files, but for what Matplotlib keeps in the user's cache."""
    return {path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plot"], 2, "Missing argument 'run'"),
        (["plot", "nowhere", "--data", "digits"], 2, "nowhere/model.safetensors: no such file"),
        (["plot", "RUN", "--data", "nowhere"], 2, "nowhere: no folder or file of this name"),
        (["plot", "five", "--data", "digits"], 1, "does not lead from 784 pixels to classes"),
        (["plot", "no-history", "--data", "digits"], 2, "no-history/history.json: no such file"),
        (["plot", "RUN", "--data", "digits", "--out", "file"], 1, "file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_in_one_line(run, tmp_path, arguments, code, words):
    (tmp_path / "file").write_text("in the way")
    for name, layers in [("five", (5, 10)), ("no-history", (784, 10))]:
        (tmp_path / name).mkdir()
        training.save_model(nn.MLP(layers), tmp_path / name / "model.safetensors")
    before = written(tmp_path)
    result = command(tmp_path, *(run if a == "RUN" else a for a in arguments), cwd=tmp_path)
    assert result.returncode == code
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert written(tmp_path) == before


def test_other_commands_do_not_wait_for_matplotlib(tmp_path):
    program = "import sys, tinygrad_mnist.cli.app; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(tmp_path))
    assert result.stdout == "False\n"

"""Programs of several frameworks side by side: what agrees, where they part, and what is said where one is missing.

Without PyTorch and Keras, NumPy by hand is the other framework, also with a mistake.
"""

import importlib.util
import re

import numpy as np
import pytest

from tests.cli.running import command
from tests.cli.test_train import message_of
from tinygrad_mnist import data
from tinygrad_mnist.frameworks import pairing, running
from tinygrad_mnist.frameworks.running import FRAMEWORKS, OURS, Classroom, Orders, ProgramError
from tinygrad_mnist.frameworks.tasks import TASKS, images

NUMPY = FRAMEWORKS[1]


@pytest.fixture(scope="module")
def classroom():
    with Classroom(images(data.load("digits")), time_limit=60) as room:
        yield room


def changed(tmp_path, old, new):
    """T3 by hand with a line changed, beside ours."""
    text = NUMPY.program(TASKS["t3"]).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "t3_changed.py"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return {OURS.key: OURS.program(TASKS["t3"]), NUMPY.key: path}


def test_digits_and_the_first_step_that_parts():
    ours = np.array([2.0, 1.0, 0.5, np.nan])
    apart = pairing.differences(ours, np.array([2.0, 1.00001, 0.6, np.nan]))
    np.testing.assert_allclose(apart, [0, 1e-5, 1 / 6, 0], rtol=1e-4)
    assert pairing.parting_step(apart) == 3
    assert pairing.parting_step(apart[:2]) is None
    assert pairing.shown_digits(pairing.digits(apart[:2])) == "5.0"
    assert pairing.shown_digits(pairing.digits(apart[:1])) == "all"
    assert np.isinf(pairing.differences(ours, np.full(4, np.nan))[:3]).all()


@pytest.mark.parametrize(
    ("old", "new", "layer", "words"),
    [
        ("db1 = dZ1 @ X.T / m, dZ1.sum(axis=1, keepdims=True) / m", "db1 = dZ1 @ X.T / m, dZ1.sum() / m", "b1", "b1"),
        ("dZ2 = e / total - Y", "dZ2 = (e / total - Y) * 2", "b2", "all of them move 2 times as far"),
        ("np.maximum(Z1, 0)", "Z1", "the loss", "the forward pass or loss"),
    ],
)
def test_a_mistake_is_found_with_its_step_and_layer(classroom, tmp_path, old, new, layer, words):
    programs = changed(tmp_path, old, new)
    parting = pairing.Explaining(classroom, TASKS["t3"], NUMPY, programs).explain(2)
    assert (parting.step, parting.layer, parting.is_explained) == (2, layer, False)
    assert words in parting.words


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("128", "64", "another batch size or number of epochs"),
        ("import numpy as np", "import numpy as np\nraise SystemExit('no\\nway')", "ended with code 1: way"),
        ("[W1, b1[:, 0], W2, b2[:, 0]]", "[W1.T]", "hands back weights"),
        ("import numpy as np", "import time\nimport numpy as np\ntime.sleep(60)", "has not come on in 2 s"),
    ],
)
def test_a_program_that_fails_is_named_in_a_line(classroom, tmp_path, monkeypatch, old, new, words):
    programs = changed(tmp_path, old, new)
    monkeypatch.setattr(classroom, "time_limit", 2.0 if "sleep" in new else 60.0)
    with pytest.raises(ProgramError, match=words) as error:
        classroom.run(TASKS["t3"], {NUMPY.key: programs[NUMPY.key]}, Orders(1000, 1))
    assert "t3_changed.py: " in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not_installed_is_a_line(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(running, "_is_installed", lambda package: False)
    lines = [running.missing(framework) for framework in FRAMEWORKS]
    assert lines == [
        None, None, "torch isn't installed: pip install torch; its rows are left out",
        "keras isn't installed: pip install keras tensorflow-cpu; its rows are left out",
    ]  # fmt: skip
    monkeypatch.setattr(running, "_is_installed", lambda package: package == "keras")
    assert "what keras runs on isn't installed: pip install tensorflow-cpu" in running.missing(FRAMEWORKS[3])
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert "KERAS_BACKEND is jax, which isn't installed: pip install jax" in running.missing(FRAMEWORKS[3])


def test_the_command_prints_and_writes_the_comparison(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "_is_installed", lambda package: False)
    written = ["--markdown", "t.md", "--html", "t.html", "--plot", "t.png"]
    result = command(tmp_path, "tutorials", "T3", "--frameworks", "--data", "digits", *written, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("isn't installed") == 2
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert re.search(r"^NumPy by hand +\d\d\.\d\d % .* [5-7]\.\d +[5-7]\.\d$", result.stdout, re.M)
    assert "1 of 1 agree with ours in 4 digits" in result.stdout
    text = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "--frameworks --data digits --seed 0`" in text
    assert "| NumPy by hand |" in text
    assert "](t.png)" in text
    page = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "<svg role=img" in page
    assert "NumPy by hand" in page
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["T0", "--frameworks"], 2, "--frameworks is for T2, T3, T4, and not for T0"),
        (["T3", "--html", "x.html"], 2, "--html and --plot are for --frameworks"),
    ],
)
def test_what_can_not_be_done_is_said(tmp_path, arguments, code, words):
    assert words in message_of(command(tmp_path, "tutorials", *arguments, "--data", "digits"), code)


def test_ours_is_the_shortest():
    for task in TASKS.values():
        lines = {f.key: pairing.lines_of_code(f.program(task)) for f in FRAMEWORKS if f.program(task).exists()}
        assert min(lines, key=lines.get) == OURS.key


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="PyTorch is not installed")
def test_pytorch_agrees(classroom):
    comparison = pairing.compare(classroom, TASKS["t3_adam"], [OURS, FRAMEWORKS[2]])
    assert [row.parting for row in comparison.rows] == [None, None]


@pytest.mark.skipif(bool(running.missing(FRAMEWORKS[3])), reason="Keras or what it runs on is not installed")
def test_keras_parts_for_its_epsilon_alone(classroom):
    comparison = pairing.compare(classroom, TASKS["t2_cnn"], [OURS, FRAMEWORKS[3]])
    assert comparison.rows[1].parting.is_explained
    assert "Adam's ε" in comparison.rows[1].parting.words

"""What a model reads in pictures, as records for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.training import Answer

TEST = data.load("digits").test


@pytest.fixture
def model() -> nn.MLP:
    nn.manual_seed(0)
    return nn.MLP((784, 10))


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders called by digits, and one with what makes trouble."""
    monkeypatch.chdir(tmp_path)
    for name in ("mixed/3/a.png", "mixed/10/x.png", "digits/0/10.png", "digits/0/9.png", "digits/7/b.JPG"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(TEST.images[0]).convert("RGB").save(name)
    Path("odd").mkdir()
    pair = [np.asarray(Image.fromarray(image).resize((140, 140))) for image in TEST.images[:2]]
    Image.fromarray(np.concatenate(pair, axis=1)).save("odd/=two\n.png")
    box = np.full((300, 300), 255, np.uint8)
    box[60:240, 60:240], box[70:230, 70:230] = 0, 255
    Image.fromarray(box).save("odd/box.png")
    Image.new("L", (30, 30), 200).save("odd/blank.png")
    Path("odd/notes.txt").write_text("no picture")
    Path("empty").mkdir()


@pytest.mark.usefixtures("pictures")
def test_folders_are_read_in_order_and_their_names_tell_the_digits(model: nn.MLP) -> None:
    answers = list(training.read_pictures(model, [Path("digits"), Path("mixed")]))
    assert [(a.file.as_posix(), a.expected) for a in answers] == [
        ("digits/0/10.png", 0), ("digits/0/9.png", 0), ("digits/7/b.JPG", 7),
        ("mixed/10/x.png", None), ("mixed/3/a.png", None),
    ]  # fmt: skip
    assert {(a.status, a.position, a.of) for a in answers} == {("read", 1, 1)}
    probabilities = np.array([a.probabilities for a in answers])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert [a.digit for a in answers] == probabilities.argmax(axis=1).tolist()
    assert [a.is_right for a in answers] == [a.digit == a.expected for a in answers]


@pytest.mark.usefixtures("pictures")
def test_records_tell_what_is_read_in_doubt_and_refused(model: nn.MLP) -> None:
    answers = list(training.read_pictures(model, [Path("empty"), Path("odd"), Path("none.png")]))
    records = json.loads(training.answers_as_json(answers))
    assert [(r["file"], r["position"], r["of"], r["status"]) for r in records] == [
        ("empty", None, None, "refused"),
        ("odd/=two\n.png", 1, 2, "read"), ("odd/=two\n.png", 2, 2, "read"),
        ("odd/blank.png", None, None, "refused"), ("odd/box.png", 1, 1, "in doubt"),
        ("none.png", None, None, "refused"),
    ]  # fmt: skip
    assert [r["remarks"][0].partition(";")[0] for r in records if r["status"] != "read"] == [
        "no picture is in it", "no digit to be seen", "it is unlike any digit", "no such file",
    ]  # fmt: skip
    for record in records:
        likely = record["probabilities"] or [None]
        assert (len(likely) == 10) == (record["status"] == "read")
        assert record["probability"] == max(likely, key=lambda p: p or 0)
        assert (record["digit"] is None) == (record["status"] == "refused")


def test_a_probability_is_the_mean_over_the_ways_in_which_a_digit_might_lie(model: nn.MLP, tmp_path: Path) -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 14] = 255
    Image.fromarray(bar).save(tmp_path / "bar.png")
    model.W1.data, model.b1.data = np.zeros((10, 784), np.float32), np.zeros(10, np.float32)
    model.W1.data[3] = np.eye(28, dtype=np.float32)[14].repeat(28).reshape(28, 28).T.ravel()  # a bar in its very column
    model.b1.data[5] = 8
    (answer,) = training.read_pictures(model, [tmp_path / "bar.png"])
    with no_grad():
        each = model(np.stack([*data.moved(bar).values()]).reshape(7, 784).astype(np.float32) / 255).softmax().numpy()
    assert each[0, 3] > 0.99
    np.testing.assert_allclose(answer.probabilities, each.mean(axis=0), rtol=1e-6)
    assert (answer.digit, answer.remarks) == (5, ("as it is it reads as a 3",))
    assert answer.probability is not None
    assert answer.probability < 0.9
    model.b1.data[5] = 21  # only in its own column might it still be a 3
    (answer,) = training.read_pictures(model, [tmp_path / "bar.png"])
    assert (answer.digit, answer.remarks) == (5, ("as it is it might be a 3",))
    model.b1.data[5] = 30
    (answer,) = training.read_pictures(model, [tmp_path / "bar.png"])
    assert (answer.digit, answer.remarks) == (5, ())


@pytest.mark.usefixtures("pictures")
def test_the_table_has_a_line_for_each_and_no_formulas(model: nn.MLP) -> None:
    answers = list(training.read_pictures(model, [Path("odd/=two\n.png"), Path("=2+3.png"), Path("digits")]))
    text = training.answers_as_csv(answers, 10)
    assert text.count("\n") == 1 + len(answers)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["file"] for row in rows[:3]] == [r"odd/=two\n.png", r"odd/=two\n.png", "'=2+3.png"]
    assert all(len(row) == 18 and None not in row.values() for row in rows)
    for row, answer in zip(rows, answers, strict=True):
        numbers = tuple(float(row[f"p{i}"]) for i in range(10)) if row["p0"] else ()
        assert (row["status"], numbers) == (answer.status, answer.probabilities)
        assert row["expected"] == ("" if answer.expected is None else str(answer.expected))


@pytest.mark.usefixtures("pictures")
def test_a_network_whose_numbers_overflow_reads_nothing(model: nn.MLP) -> None:
    model.W1.data[:] = np.float32(3e38)
    (answer,) = training.read_pictures(model, [Path("digits/0/9.png")])
    assert isinstance(answer, Answer)
    assert (answer.status, answer.digit) == ("refused", None)
    assert answer.remarks == ("the network answers with numbers that are not finite; train anew",)

"""What a notebook shows of the object at the end of a cell: whole, escaped, with numbers that are right."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from tests.each import each
from tests.grading.classroom.test_class_report import WHOLE
from tinygrad_mnist import Tensor, check_gradients, cross_entropy, data, graph, nn, plots, training
from tinygrad_mnist.screens.cell import cell, line, table
from tinygrad_mnist.screens.chart import Curve, chart
from tinygrad_mnist.screens.figure import Picture
from tinygrad_mnist.sweeps.outcome import Outcome, Seed, Tried
from tinygrad_mnist.training import Epoch, History, Recipe, Scores

HOSTILE = "<script>alert('x')</script>\x1b[2J\"&'"
VOID = {"img", "path", "circle", "progress", "br"}


class Reader(HTMLParser):
    """Reads HTML strictly: every tag is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        self.words.append(text)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def split(count: int = 30, classes: int = 10) -> data.Split:
    rng = np.random.default_rng(0)
    return data.Split(rng.integers(0, 256, (count, 28, 28)).astype(np.uint8), np.arange(count) % classes, classes)


def epochs(count: int, validated: bool = True) -> list[Epoch]:
    share = 0.91 if validated else None
    return [Epoch(n, 1 / n, 0.9, share and 0.5, share, 0.1, 0.25) for n in range(1, count + 1)]


def outcome() -> Outcome:
    tried = [Tried(i, i, {HOSTILE: 0.012345}, 0.9 + i / 100, 0.1, (0.5,), 2.0, None) for i in range(3)]
    return Outcome(Recipe(), tried[2], tried, [Seed(0, 0.95, 0.94), Seed(1, 0.96, 0.95)], [], {}, None)


class Own(nn.Module):
    def __init__(self) -> None:
        self.parts = {HOSTILE: nn.Linear(3, 2)}


SHOWN = {
    "history": (History(epochs(3)), ["3 epochs in 0.8 s", "epoch 1, loss 1.0000", "validation 91.00 %"]),
    "history without validation": (History(epochs(1, False)), ["1 epoch in", "epoch 1, loss 1.0000"]),
    "history of nothing": (History(), ["no epoch is done yet"]),
    "scores": (Scores(np.eye(3)[[0, 1, 1, 2]], np.array([0, 1, 2, 2])), ["75.00 %", "of 4", "precision", "50.0 %"]),
    "recipe": (Recipe(epochs=7), ["epochs", "7", "Passes over the training set."]),
    "split": (split(), ["Split(30 images of 28 × 28, uint8, 10 classes)"]),
    "data": (data.Dataset(HOSTILE, split(), split(7)), ["10 classes", "the first of 30", "<script>", r"\x1b[2J"]),
    "digit": (data.Digit(np.eye(28, dtype=np.uint8), (HOSTILE,)), ["<script>"]),
    "mlp": (nn.MLP((6, 5, 3)), ["W1", "5×6", "30", "53 parameters", "MLP([6, 5, 3], activation='leaky_relu')"]),
    "sequential": (nn.network(("1x28x28", "4c3", 10)), ["Conv2d(1, 4", "4×1×3×3, 4", "31,410 parameters"]),
    "a module of one's own": (Own(), ["<script>", "Linear(in_features=3", "8 parameters"]),
    "sweep": (outcome(), ["the best of 3 on the validation images", "92.00 %", "0.0123", "may be luck", "<script>"]),
    "class": (WHOLE, ["=bob", "<script>alert(1)</script>", "activation's derivative missing"]),
    "graph": (
        graph.describe(cross_entropy(nn.MLP((784, 10))(np.ones((2, 784))), [0, 1])),
        ["log_softmax", "784×10", "W1"],
    ),
    "derivatives": (
        check_gradients(lambda a: a.tanh(), [np.ones(2)]),
        ["all 2 derivatives agree", "2", "scaled error"],
    ),
}


@each("name, shown", [(name, shown) for name, (shown, _) in SHOWN.items()])
def test_html_is_whole_and_escaped_and_text_is_short(name, shown):
    read = Reader(shown._repr_html_())
    assert not {"script", "style", "link"} & set(read.tags)
    assert all(letter.isprintable() for letter in read.text)
    missing = [word for word in SHOWN[name][1] if word not in read.text]
    assert not missing, read.text
    assert len(repr(shown)) < 1500
    assert "array(" not in repr(shown)


def test_a_data_set_shows_digits_and_counts_each_class():
    html = data.Dataset("some", split(30), split(7))._repr_html_()
    assert html.count('src="data:image/png;base64,') == 2
    assert re.findall(r">(\d+)</td>", html) == ["3"] * 10 + ["1"] * 7 + ["0"] * 3
    grey = data.Split(split(3).images / 255.0, np.arange(3))
    assert grey._repr_html_() == split(3)._repr_html_().replace("uint8", "float64")


def test_a_curve_leaves_out_what_is_no_number_and_thins_what_is_long():
    drawn = chart("loss", [Curve("a", [1.0, np.nan, 3.0, np.inf])], marked=2)
    assert drawn.count("<circle") == 2
    assert ">1</text>" in drawn
    assert ">3</text>" in drawn
    assert len(chart("loss", [Curve("a", range(100_000), dashed=True)])) < 20_000
    assert "svg" in chart("loss", [Curve("a", [np.nan])])


def test_tables_scroll_and_long_words_are_broken():
    made = cell(line(HOSTILE), table(("a", "b"), [(HOSTILE, "1" * 500)], align="lr"))
    assert "overflow-x:auto" in made
    assert "overflow-wrap:anywhere" in made
    assert "<script>" in Reader(made).text


def test_figures_show_themselves_no_wider_than_they_are():
    figure = plots.digits(split(5).images)
    assert isinstance(figure, Picture)
    content, size = figure._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert size["width"] < 500


def test_a_picture_brings_what_untrusted_notebooks_show(monkeypatch):
    drawing = graph.draw((Tensor(np.ones(3), requires_grad=True, name="x") * 2).sum())
    drawn = {"svg": b"<svg width='9000pt'></svg>", "png": b"\x89PNG"}
    monkeypatch.setattr(drawing, "pipe", drawn.__getitem__)
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    assert "max-width:100%" in bundle["image/svg+xml"]
    assert "a picture of 4 boxes" in bundle["text/plain"]


def test_scores_of_a_model_are_those_that_it_says():
    found = training.score(nn.MLP((784, 10), seed=1), split(40))
    assert repr(found).startswith(f"Scores({training.percent(found.accuracy)} of 40 are read correctly")


def test_a_flowchart_is_drawn_by_notebooks_and_is_text_elsewhere():
    text: Any = graph.mermaid((Tensor(np.ones(3), requires_grad=True, name="x") * 2).sum())
    bundle = text._repr_mimebundle_()
    assert bundle["text/plain"] == text
    assert bundle["text/markdown"] == f"```mermaid\n{text}```"
    assert "```" not in text

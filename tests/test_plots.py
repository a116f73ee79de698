"""The pictures show what the arrays say; how they look was looked at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tinygrad_mnist import data, nn, no_grad, one_hot, plots, training
from tinygrad_mnist.plots.drawing import RIGHT, WRONG
from tinygrad_mnist.plots.run import _untrained
from tinygrad_mnist.screens.figure import png
from tinygrad_mnist.training import Epoch, History

Array = NDArray[Any]
SIZES = (784, 12, 8, 10)


@pytest.fixture(scope="module")
def unseen_digits() -> data.Split:
    return data.load("digits").test


@pytest.fixture(scope="module")
def model() -> nn.MLP:
    return nn.MLP(SIZES, "tanh", seed=1)


@pytest.fixture(scope="module")
def answers(model: nn.MLP, unseen_digits: data.Split) -> Array:
    """The probabilities of an untrained network: about a tenth is right."""
    with no_grad():
        return model(unseen_digits.inputs()).softmax().numpy()


def history(count: int) -> History:
    names = Epoch.__dataclass_fields__
    facts = {"train_accuracy": 0.9, "validation_accuracy": 0.8, "lr": 0.1, "seconds": 1.0, "validation_loss": 0.6}
    epochs = [{"number": n, "loss": 1 / n, **facts} for n in range(1, count + 1)]
    return History([Epoch(**{name: value for name, value in row.items() if name in names}) for row in epochs])


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        found += [ax.get_title(), *(text.get_text() for text in ax.texts)]
    return [text for text in found if text]


def pixels(figure: Figure) -> Array:
    """The picture, (height, width, 4)."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def images_in(figure: Figure) -> list[Array]:
    return [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images]


def test_unseen_digits_are_shown_with_their_labels(unseen_digits: data.Split) -> None:
    some = unseen_digits[:13]
    figure = plots.digits(some.images, some.labels)
    assert texts(figure) == [str(label) for label in some.labels]
    np.testing.assert_array_equal(images_in(figure), some.images)
    np.testing.assert_array_equal(images_in(plots.digits(some.inputs())), some.inputs().reshape(-1, 28, 28))


def test_right_and_wrong_differ_in_sign_colour_and_frame(unseen_digits: data.Split, answers: Array) -> None:
    some, probabilities = unseen_digits[:40], answers[:40]
    figure = plots.predictions(some.images, some.labels, probabilities)
    frames = {True: set(), False: set()}
    axes = [ax for ax in figure.axes if ax.images]
    for ax, label, read in zip(axes, some.labels, probabilities.argmax(axis=1), strict=True):
        is_right = bool(label == read)
        assert ax.get_title() == (f"✓ {read}" if is_right else f"✗ {read}, is {label}")
        assert ax.title.get_color() == (RIGHT if is_right else WRONG)
        frames[is_right].add(style(ax))
    assert len(frames[True]) == len(frames[False]) == 1
    (right, wrong) = (*frames[True], *frames[False])
    assert all(a != b for a, b in zip(right, wrong, strict=True))
    count = int((some.labels == probabilities.argmax(axis=1)).sum())
    assert f"{count} of 40 are read correctly" in texts(figure)


def style(ax: Axes) -> tuple[Any, ...]:
    spine = ax.spines["top"]
    return matplotlib.colors.to_hex(spine.get_edgecolor()), str(spine.get_linestyle()), spine.get_linewidth()


def test_the_worst_mistakes_come_first(unseen_digits: data.Split, answers: Array) -> None:
    figure = plots.worst_mistakes(unseen_digits.images, unseen_digits.labels, answers, count=6)
    read, of_label = answers.argmax(axis=1), answers[np.arange(len(answers)), unseen_digits.labels]
    wrong = sorted((of_label[i], i) for i in np.flatnonzero(read != unseen_digits.labels))
    expected = [i for _, i in wrong[:6]]
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == [f"is {unseen_digits.labels[i]}, read as {read[i]}" for i in expected]
    np.testing.assert_array_equal(images_in(figure), unseen_digits.images[expected])
    bars = [[bar.get_width() for bar in ax.patches] for ax in figure.axes if not ax.images]
    np.testing.assert_allclose(bars, answers[expected])


def test_no_mistakes_are_said_in_words(unseen_digits: data.Split) -> None:
    sure = one_hot(unseen_digits.labels, 10)
    assert texts(plots.worst_mistakes(unseen_digits.images, unseen_digits.labels, sure)) == [
        "every digit is read correctly"
    ]


def test_the_confusion_matrix_shows_its_counts() -> None:
    counts = np.random.default_rng(0).integers(0, 4, (10, 10)) + np.diag(range(995, 1005))
    counts[3] = 0
    figure = plots.confusion_matrix(counts)
    (ax,) = figure.axes
    cells = {text.get_position(): text.get_text() for text in ax.texts}
    for true, read in np.ndindex(10, 10):
        assert cells.get((read, true), "0") == f"{counts[true, read]:,}"
    rest = {y: text for (x, y), text in cells.items() if x > 9}
    assert rest[3] == "–"
    assert rest[7] == f"{100 * counts[7, 7] / counts[7].sum():.1f} %"
    assert f"{counts.trace():,} of {counts.sum():,}" in ax.get_title()


@pytest.mark.parametrize("counts", [np.zeros((10, 10), int), np.diag(range(10))])
def test_a_confusion_matrix_without_mistakes_or_examples_is_one_too(counts: Array) -> None:
    assert pixels(plots.confusion_matrix(counts)).any()


@pytest.mark.parametrize("count", [1, 30])
def test_curves_of_any_length(count: int) -> None:
    figure = plots.training_curves(history(count))
    loss, accuracy = figure.axes
    np.testing.assert_allclose(loss.lines[0].get_ydata(), 1 / np.arange(1, count + 1))
    assert "kept: epoch 1" in [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert pixels(figure).any()


def test_no_epochs_are_said_in_words() -> None:
    assert texts(plots.training_curves(History())) == ["no epoch is done yet"]


def test_weights_and_filters_are_shown_as_images_around_zero(model: nn.MLP) -> None:
    W = model.weights[0].numpy()
    figure = plots.first_layer(W, count=7)
    np.testing.assert_array_equal(images_in(figure), W[:7].reshape(7, 28, 28))
    kernels = np.random.default_rng(0).standard_normal((6, 1, 3, 3))
    for picture, end in [(figure, np.abs(W[:7]).max()), (plots.filters(kernels), np.abs(kernels).max())]:
        for limits in (ax.images[0].get_clim() for ax in picture.axes if ax.images):
            assert limits == pytest.approx((-end, end))
    np.testing.assert_array_equal(images_in(plots.filters(kernels)), kernels[:, 0])
    deep = np.random.default_rng(0).standard_normal((5, 4, 3, 3))
    np.testing.assert_array_equal(images_in(plots.filters(deep, count=8)), deep[:2].reshape(8, 3, 3))
    deeper = np.random.default_rng(0).standard_normal((2, 40, 3, 3))
    np.testing.assert_array_equal(images_in(plots.filters(deeper)), deeper[:, :16].reshape(32, 3, 3))


def test_saliency_is_the_slope_of_the_answer(unseen_digits: data.Split) -> None:
    model = nn.MLP(SIZES, "tanh", seed=1, dtype=np.float64)
    x = unseen_digits[:12].inputs().astype(np.float64)
    figure = plots.saliency(model, x, unseen_digits[:12].labels)
    read = model(x).numpy().argmax(axis=1)
    maps = [np.asarray(ax.images[0].get_array()) for ax in figure.axes if ax.images and not ax.get_title()]
    assert len(maps) == 12
    for i, (row, column) in [(0, (10, 14)), (7, (14, 9)), (9, (13, 13)), (11, (20, 20))]:
        step = np.zeros_like(x)
        step[i, row * 28 + column] = 1e-5
        slope = (model(x + step).numpy() - model(x - step).numpy())[i, read[i]] / 2e-5
        assert maps[i][row, column] == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_signals_have_a_column_for_each_model(model: nn.MLP, unseen_digits: data.Split) -> None:
    x, labels = unseen_digits[:50].inputs(), unseen_digits[:50].labels
    dead = nn.MLP(SIZES, "relu")
    for p in dead.weights:
        p.data = np.zeros_like(p.data)
    figure = plots.signals({"one": model, "dead": dead}, x, labels)
    assert len(figure.axes) == 2 * 3 * 2
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == ["one", "dead"] * 2
    assert "100.0 % flat" in " ".join(texts(figure))
    assert "100.0 % below 1e-12" in " ".join(texts(figure))
    assert pixels(figure).any()


def test_signals_of_networks_of_another_depth_are_refused(model: nn.MLP, unseen_digits: data.Split) -> None:
    x, labels = unseen_digits[:5].inputs(), unseen_digits[:5].labels
    with pytest.raises(ValueError, match="a has 3, b has 2"):
        plots.signals({"a": model, "b": nn.MLP((784, 10, 10))}, x, labels)


def test_under_each_init_a_network_is_normalised_by_the_batch_and_drops_nothing(unseen_digits: data.Split) -> None:
    model = nn.network((784, 20, 10), "tanh", batch_norm=True, dropout=0.5).eval()
    found = {
        name: training.layer_signals(new, unseen_digits[:80].inputs(), unseen_digits[:80].labels)
        for name, new in _untrained(model).items()
    }
    assert found.keys() == {"init: standard_normal", "init: xavier", "init: he"}
    for hidden, _ in found.values():
        np.testing.assert_allclose(np.arctanh(hidden.values.astype(np.float64)).std(axis=0), 1, atol=0.05)
        assert (hidden.gradients != 0).all()


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of pictures, which take their time, their texts are written."""
    monkeypatch.setattr(plots.run, "png", lambda figure: "\n".join(texts(figure)).encode())


@pytest.mark.usefixtures("unrendered")
def test_weights_of_a_later_layer_are_not_drawn_as_images_of_digits(unseen_digits: data.Split, tmp_path: Path) -> None:
    model = nn.network(("1x28x28", "4c3", "mp2", "16c3", "mp2", 20, 10))  # the third layer has 784 inputs too
    training.save_model(model, tmp_path / "model.safetensors")
    history(2).save(tmp_path / "history.json")
    names = {path.stem for path in plots.save_all(tmp_path, unseen_digits[:4])}
    assert "filters" in names
    assert "first-layer" not in names


@pytest.mark.usefixtures("unrendered")
def test_a_single_test_image_is_drawn(unseen_digits: data.Split, tmp_path: Path) -> None:
    training.save_model(nn.network((784, 20, 10), batch_norm=True), tmp_path / "model.safetensors")
    history(1).save(tmp_path / "history.json")
    assert "predictions" in {path.stem for path in plots.save_all(tmp_path, unseen_digits[:1])}


def test_a_bin_that_would_dwarf_the_others_goes_through_the_roof_with_its_share(unseen_digits: data.Split) -> None:
    model = nn.MLP(SIZES, "relu", seed=1)
    x, labels = unseen_digits.inputs(), unseen_digits.labels
    figure = plots.signals({"one": model}, x, labels)
    hidden, logits = figure.axes[0], figure.axes[2]
    counts = sorted(bar.get_height() for bar in hidden.patches)
    assert hidden.get_ylim()[1] == pytest.approx(3 * counts[-2])
    share = re.search(r"↑ ([0-9.]+) %", " ".join(texts(figure)))
    assert share is not None
    assert float(share[1]) == pytest.approx(100 * counts[-1] / sum(counts), abs=0.05)
    assert logits.get_ylim()[1] > max(bar.get_height() for bar in logits.patches)


def test_numbers_that_overflow_are_counted_and_not_drawn(unseen_digits: data.Split) -> None:
    huge = nn.MLP(SIZES, "relu")
    for p in huge.weights:
        p.data = p.data * np.float32(1e20)
    figure = plots.signals({"huge": huge}, unseen_digits[:5].inputs(), unseen_digits[:5].labels)
    assert "100.0 % NaN or ∞" in " ".join(texts(figure))


@pytest.mark.parametrize("count", [1, 3])
def test_the_heading_of_a_small_picture_is_within_it(count: int, model: nn.MLP, unseen_digits: data.Split) -> None:
    figures = [
        plots.first_layer(model.weights[0].numpy(), count),
        plots.saliency(model, unseen_digits[:count].inputs()),
        plots.filters(np.ones((count, 1, 3, 3))),
        plots.filters(np.ones((100, count + 1, 11, 11))),
    ]
    for figure in figures:
        FigureCanvasAgg(figure).draw()
        box = figure.texts[0].get_window_extent()
        assert 0 < box.x0 < box.x1 < figure.bbox.x1


@pytest.fixture(scope="module")
def run(model: nn.MLP, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    training.save_model(model, folder / "model.safetensors")
    history(3).save(folder / "history.json", data="digits")
    return folder


def test_every_picture_of_a_run_is_written_whole(run: Path, unseen_digits: data.Split, tmp_path: Path) -> None:
    paths = plots.save_all(run, unseen_digits, tmp_path / "pictures")
    names = ["training", "predictions", "confusion", "mistakes", "first-layer", "saliency", "signals"]
    assert [path.name for path in paths] == [f"{name}.png" for name in names]
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {path.name for path in paths}
    for path in paths:
        with Image.open(path) as picture:
            width, height = picture.size
            assert 800 <= width <= 1600
            assert 200 <= height <= 1300
            assert len(picture.convert("L").getcolors()) > 10
    assert {path.name for path in run.iterdir()} == {"model.safetensors", "history.json"}


def test_a_network_of_filters_is_drawn_as_it_is_used(unseen_digits: data.Split, tmp_path: Path) -> None:
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5)]
    model = nn.Sequential(*layers, nn.Linear(4 * 13**2, 10))
    training.save_model(model, tmp_path / "model.safetensors")
    history(2).save(tmp_path / "history.json")
    paths = plots.save_all(tmp_path, unseen_digits[:8])
    names = ["training", "predictions", "confusion", "mistakes", "filters", "saliency", "signals"]
    assert [path.stem for path in paths] == names
    kept, some = training.load_model(tmp_path / "model.safetensors").eval(), unseen_digits[:8]
    with no_grad():
        answers = kept(some.inputs().reshape(-1, 1, 28, 28)).softmax().numpy()
    assert png(plots.predictions(some.inputs(), some.labels, answers)) == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("content", "message"), [(None, "history.json: no such file"), ("{", "history.json: no history of a run")]
)
def test_a_run_without_a_history_is_named(
    model: nn.MLP, unseen_digits: data.Split, tmp_path: Path, content: str | None, message: str
) -> None:
    training.save_model(model, tmp_path / "model.safetensors")
    if content is not None:
        (tmp_path / "history.json").write_text(content)
    with pytest.raises(training.CheckpointError, match=message):
        plots.save_all(tmp_path, unseen_digits)
    assert not (tmp_path / "plots").exists()

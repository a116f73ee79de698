"""All pictures of a run, from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.files import prepare_folder, write_atomically
from tinygrad_mnist.graph.layers import Layers
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.nn.init import initialise
from tinygrad_mnist.plots.drawing import Array
from tinygrad_mnist.plots.learning import filters, first_layer, saliency, signals, training_curves
from tinygrad_mnist.plots.reading import confusion_matrix, predictions, worst_mistakes
from tinygrad_mnist.screens.figure import png
from tinygrad_mnist.training import History
from tinygrad_mnist.training.run import HISTORY, MODEL

INITS = ("standard_normal", "xavier", "he")


def save_all(run: str | Path, test: data.Split, folder: str | Path | None = None) -> list[Path]:
    """Every picture of a run as a PNG: those of its history, and of its model on the test images.

    run: the folder with model.safetensors and history.json. folder: where to, by default "plots" in the run's.
    Gives the paths in the order of a tour. Raises CheckpointError where the run has no readable model or history,
    and OSError where the folder can't be written.
    """
    run = Path(run)
    folder = Path(folder) if folder else run / "plots"
    model = training.load_model(run / MODEL)
    history = History.load(run / HISTORY)
    prepare_folder(folder)
    pictures = {folder / f"{name}.png": png(figure) for name, figure in _all(model, history, test).items()}
    for path, content in pictures.items():
        write_atomically(path, content)
    return list(pictures)


def _all(model: Any, history: History, test: data.Split) -> dict[str, Figure]:
    model.eval()
    x, labels = training.model_inputs(model, test), test.labels
    scores = training.score(model, test)
    probabilities = Tensor(scores.logits).softmax().numpy()
    figures = {
        "training": training_curves(history),
        "predictions": predictions(x[:50], labels[:50], probabilities[:50]),
        "confusion": confusion_matrix(scores.confusion),
        "mistakes": worst_mistakes(x, labels, probabilities),
    }
    first = next(iter(Layers(Recording(model(x[:1])))), None)
    weights: Array = np.zeros(0) if first is None else first.weight.data
    if weights.ndim == 2 and weights.shape[1] == data.SIDE**2:
        figures["first-layer"] = first_layer(weights)
    if weights.ndim == 4:
        figures["filters"] = filters(weights)
    figures["saliency"] = saliency(model, x[:10], labels[:10])
    if len(x) > 1:  # one alone can't be normalised
        figures["signals"] = signals({"as trained": model, **_untrained(model)}, x[:200], labels[:200])
    return figures


def _untrained(model: nn.Module) -> dict[str, nn.Module]:
    """Networks of these layers as they start, one for each init: normalised by the batch, and nothing dropped."""
    models = {f"init: {name}": training.as_new(model) for name in INITS}
    for init, new in zip(INITS, models.values(), strict=True):
        initialise(new, init, np.random.default_rng(0))
        for part in new.modules():
            part.training = not isinstance(part, nn.Dropout)
    return models

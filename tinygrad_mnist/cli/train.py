"""`tinygrad-mnist train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.cli.options import Activation, Data, Interrupted, Layers, positive

VALIDATION_SHARE = 0.1
MOMENTUM = 0.9
LR_DECAY = 1e-3


def train(
    source: Data = "auto",
    layers: Layers = "784,128,64,10",
    activation: Activation = "leaky_relu",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 20,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples in each step.")] = 64,
    lr: Annotated[float, typer.Option(help="Learning rate of the first step.", callback=positive)] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model and its history.")] = Path("run"),
) -> None:
    """Train an MLP by stochastic gradient descent, and score the best epoch on the test images."""
    dataset = data.load(source, say=show.note)
    train_set, validation_set = _split(dataset, seed)
    model = nn.MLP(layers, activation, seed=seed)  # type: ignore[arg-type]  # parsed by the callback
    training.prepare_folder(out, "model.safetensors", "history.json")
    optimizer = nn.SGD(model.parameters(), lr, momentum=MOMENTUM, lr_decay=LR_DECAY)
    show.line(f"{model!r}")
    show.line(
        f"{dataset.name}: {len(train_set):,} images to train on, {len(validation_set):,} to validate, "
        f"{len(dataset.test):,} to test"
    )
    with show.Training() as progress:
        history = training.fit(
            model,
            train_set,
            validation_set,
            optimizer,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            progress=progress,
        )
    best = history.best
    if best is None:
        raise Interrupted("interrupted before the first epoch was done; nothing was saved")
    facts: dict[str, Any] = {
        "data": dataset.name,
        "layers": model.layer_sizes,
        "activation": activation,
        "batch_size": batch_size,
        "lr": lr,
        "momentum": MOMENTUM,
        "lr_decay": LR_DECAY,
        "seed": seed,
        "best_epoch": best.number,
    }
    training.save_model(model, out / "model.safetensors")
    if not history.interrupted:
        facts["test_accuracy"] = training.evaluate(model, dataset.test)
    history.save(out / "history.json", **facts)
    if history.interrupted:
        show.line(f"interrupted: kept epoch {best.number}, the best so far, not scored on the test images")
    else:
        show.line(f"test accuracy {show.percent(facts['test_accuracy'])} (epoch {best.number}, chosen by validation)")
    show.line(f"saved {out / 'model.safetensors'} and {out / 'history.json'}")


def _split(dataset: data.Dataset, seed: int) -> tuple[data.Split, data.Split]:
    try:
        return data.train_validation_split(dataset.train, VALIDATION_SHARE, seed)
    except ValueError:
        raise data.DataError(
            f"{dataset.name}: {len(dataset.train)} training images are too few to set a tenth aside; give 10 or more"
        ) from None

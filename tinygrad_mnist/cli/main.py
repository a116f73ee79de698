"""The commands: train, evaluate, predict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from typer.exceptions import TyperException

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.engine import no_grad

INPUTS, CLASSES = 784, 10
VALIDATION_SHARE = 0.1
MOMENTUM = 0.9
LR_DECAY = 1e-3

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Learn to read handwritten digits, with gradients you can check by hand.",
)


def main() -> None:
    """Run the command line. Exit code 0: done; 1: it failed; 2: it was asked wrongly."""
    sys.exit(_run())


def _run() -> int:
    try:
        return app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="tinygrad-mnist") or 0
    except TyperException as error:
        show.error(f"{error.format_message()} (tinygrad-mnist --help says what there is)")
        return 2
    except (data.DataError, training.CheckpointError, training.TrainingError) as error:
        show.error(str(error))
    except OSError as error:
        show.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (typer.Abort, KeyboardInterrupt):
        show.error("interrupted; nothing was saved")
    return 1


def _layers(text: str) -> tuple[int, ...]:
    """The layer sizes in "784,128,64,10"."""
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 784,128,64,10") from None
    if len(sizes) < 2 or sizes[0] != INPUTS or sizes[-1] != CLASSES or min(sizes) < 1:
        raise typer.BadParameter(
            f"{text!r} must begin with {INPUTS} (28 × 28 pixels), end with {CLASSES} (the digits), and "
            f"have only positive sizes between"
        )
    return sizes


def _valid_layers(text: str) -> str:
    _layers(text)
    return text


def _activation(name: str) -> str:
    if name not in nn.ACTIVATIONS:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(nn.ACTIVATIONS)}")
    return name


def _learning_rate(value: float) -> float:
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value} is not a positive number")
    return value


Data = Annotated[
    str, typer.Option("--data", help="auto, mnist, digits (embedded), or a folder with four files in MNIST's format.")
]
Model = Annotated[Path, typer.Argument(help="A model.safetensors that train has written.")]


@app.command()
def train(
    source: Data = "auto",
    layers: Annotated[
        str, typer.Option(help="Sizes of the layers, inputs first.", callback=_valid_layers)
    ] = "784,128,64,10",
    activation: Annotated[
        str, typer.Option(help=f"Of the hidden layers: {', '.join(nn.ACTIVATIONS)}.", callback=_activation)
    ] = "leaky_relu",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training set.")] = 20,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples in each step.")] = 64,
    lr: Annotated[float, typer.Option(help="Learning rate of the first step.", callback=_learning_rate)] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, split and shuffling.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model and its history.")] = Path("run"),
) -> None:
    """Train an MLP by stochastic gradient descent, and score the best epoch on the test images."""
    training.prepare_folder(out)
    dataset = data.load(source, say=show.note)
    train_set, validation_set = data.train_validation_split(dataset.train, VALIDATION_SHARE, seed)
    model = nn.MLP(_layers(layers), activation, seed=seed)
    optimizer = nn.SGD(model.parameters, lr, momentum=MOMENTUM, lr_decay=LR_DECAY)
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
        raise KeyboardInterrupt
    facts: dict[str, Any] = {
        "data": dataset.name,
        "layers": model.layer_sizes,
        "activation": activation,
        "batch_size": batch_size,
        "lr": lr,
        "seed": seed,
    }
    if not history.interrupted:
        facts["test_accuracy"] = training.evaluate(model, dataset.test)
    training.save_model(model, out / "model.safetensors")
    history.save(out / "history.json", **facts)
    if history.interrupted:
        show.line(f"interrupted: kept epoch {best.number}, the best so far, unscored on the test images")
    else:
        show.line(f"test accuracy {show.percent(facts['test_accuracy'])} (epoch {best.number}, chosen by validation)")
    show.line(f"saved {out / 'model.safetensors'} and {out / 'history.json'}")


@app.command()
def evaluate(model: Model, source: Data = "auto") -> None:
    """Score a model on the test images."""
    network = training.load_model(model)
    dataset = data.load(source, say=show.note)
    score = training.evaluate(network, dataset.test)
    show.line(f"{dataset.name}: {show.percent(score)} of {len(dataset.test):,} test images are read rightly")


@app.command()
def predict(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Pictures of one digit each, of any size and colour.")],
) -> None:
    """Read the digit in each picture, with the probability of all ten."""
    network = training.load_model(model)
    framed = [data.read_image(path) for path in images]
    pixels = np.stack(framed).reshape(len(framed), -1).astype(np.float32) / 255
    with no_grad():
        probabilities = network(pixels).softmax().numpy()
    for path, row in zip(images, probabilities, strict=True):
        show.prediction(str(path), row.tolist())

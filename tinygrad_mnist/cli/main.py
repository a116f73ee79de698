"""The commands: train, evaluate, predict."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from typer.exceptions import TyperException

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli import show
from tinygrad_mnist.engine import no_grad

_CTRL_C = 130
"""What typer makes of a KeyboardInterrupt."""

INPUTS, CLASSES = data.SIDE**2, data.CLASSES
VALIDATION_SHARE = 0.1
MOMENTUM = 0.9
LR_DECAY = 1e-3

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Learn to read handwritten digits, with gradients you can check by hand.",
)


def main() -> None:
    """Run the command line. Exit code 0: done; 1: it failed; 2: it was asked wrongly."""
    sys.exit(_run())


def _run() -> int:
    try:
        code: int = app(sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="tinygrad-mnist") or 0
        if code == _CTRL_C:
            raise _Interrupted("interrupted; nothing was saved")
        return code
    except TyperException as error:
        show.error(f"{error.format_message()} (tinygrad-mnist --help says what there is)")
        return 2
    except (data.DataError, training.CheckpointError, training.TrainingError, _Interrupted) as error:
        show.error(str(error))
    except MemoryError:
        show.error("there is not enough memory for this: take smaller layers or batches")
    except OSError as error:
        show.error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return 1


class _Interrupted(Exception):
    """Ctrl-C before there was anything to keep."""


def _layers(text: str) -> tuple[int, ...]:
    """The layer sizes in "784,128,64,10"."""
    if not re.fullmatch(r"[0-9]+(,[0-9]+)*", text):
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 784,128,64,10")
    sizes = tuple(map(int, text.split(",")))
    if len(sizes) < 2 or sizes[0] != INPUTS or sizes[-1] != CLASSES or min(sizes) < 1:
        raise typer.BadParameter(
            f"{text!r} must begin with {INPUTS} (28 × 28 pixels), end with {CLASSES} (the digits), and "
            f"have only positive sizes between"
        )
    return sizes


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


def _split(dataset: data.Dataset, seed: int) -> tuple[data.Split, data.Split]:
    try:
        return data.train_validation_split(dataset.train, VALIDATION_SHARE, seed)
    except ValueError:
        raise data.DataError(
            f"{dataset.name}: {len(dataset.train)} training images are too few to set a tenth aside; give 10 or more"
        ) from None


def _load(path: Path) -> nn.MLP:
    """A model that takes the images of a data set and answers with its classes."""
    model = training.load_model(path)
    if (model.layer_sizes[0], model.layer_sizes[-1]) != (INPUTS, CLASSES):
        raise training.CheckpointError(f"{path}: {model!r} does not lead from {INPUTS} pixels to {CLASSES} digits")
    return model


@app.command()
def train(
    source: Data = "auto",
    layers: Annotated[str, typer.Option(help="Sizes of the layers, inputs first.", callback=_layers)] = "784,128,64,10",
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
    dataset = data.load(source, say=show.note)
    train_set, validation_set = _split(dataset, seed)
    model = nn.MLP(layers, activation, seed=seed)  # type: ignore[arg-type]  # parsed by the callback
    training.prepare_folder(out, "model.safetensors", "history.json")
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
        raise _Interrupted("interrupted before the first epoch was done; nothing was saved")
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


@app.command()
def evaluate(model: Model, source: Data = "auto") -> None:
    """Score a model on the test images."""
    network = _load(model)
    dataset = data.load(source, say=show.note)
    score = training.evaluate(network, dataset.test)
    show.line(f"{dataset.name}: {show.percent(score)} of {len(dataset.test):,} test images are read correctly")


@app.command()
def predict(
    model: Model,
    images: Annotated[list[Path], typer.Argument(help="Pictures of one digit each, of any size and colour.")],
) -> None:
    """Read the digit in each picture, with the probability of all ten."""
    network = _load(model)
    framed = [data.read_image(path) for path in images]
    pixels = np.stack(framed).reshape(len(framed), -1).astype(np.float32) / 255
    with no_grad():
        probabilities = network(pixels).softmax().numpy()
    for path, row in zip(images, probabilities, strict=True):
        show.prediction(str(path), row.tolist())

"""A digit on its way through the network: what every layer makes of it, and what would change the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import SIDE, DataError, Digit, Split, read_drawing
from tinygrad_mnist.data.dataset import as_inputs
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.graph.layers import Layers
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.nn import Module, cross_entropy, functional
from tinygrad_mnist.playground.protocol import SIDES, Encoded
from tinygrad_mnist.records import RecordError
from tinygrad_mnist.training.inputs import as_model_takes, input_shape
from tinygrad_mnist.training.metrics import Scores

Array = NDArray[Any]

NEAREST, COMPARED = 5, 10_000
"""How many digits are shown beside one, and among how many of the training set they are looked for."""


def digit_of(image: Encoded, framed: bool) -> Digit:
    """The digit that was drawn; raises RecordError for no such image, and DataError where nothing is drawn."""
    pixels = image.array()
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or not 0 < min(pixels.shape) <= max(pixels.shape) <= SIDES:
        raise RecordError(
            f"image is {image.dtype} of shape {list(image.shape)[:8]}, expected uint8 up to {SIDES} × {SIDES}"
        )
    if not framed:
        return read_drawing(pixels)
    if pixels.shape != (SIDE, SIDE):
        raise RecordError(f"image has shape {list(pixels.shape)}, and a framed one is {SIDE} × {SIDE}")
    return Digit(pixels)


def read(model: Module, digit: Digit) -> dict[str, Any]:
    """Every layer's sums z and activations a for one digit, the answer, and how its pixels speak for it.

    saliency: (28, 28), the derivative of the answer's logit less that of the second answer.

    Raises DataError where the network's numbers are no longer finite.
    """
    model.eval()
    x = Tensor(as_model_takes(digit.pixels[None], input_shape(model)), requires_grad=True, name="X")
    with np.errstate(over="ignore", invalid="ignore"):
        logits = model(x)
    if not np.isfinite(logits.numpy()).all():
        raise DataError("the network has diverged, its numbers are no longer finite: press Back to start")
    probabilities = functional.softmax(logits, -1).numpy()[0]
    second, answer = (int(i) for i in np.argsort(probabilities, kind="stable")[-2:])
    (saliency,) = grad(logits[0, answer] - logits[0, second], [x])
    return {
        "seen": digit.pixels,
        "doubts": list(digit.doubts),
        "layers": _layers(logits, x),
        "probabilities": probabilities,
        "answer": answer,
        "second": second,
        "sure": float(probabilities[answer]),
        "saliency": saliency.numpy().reshape(SIDE, SIDE),
    }


def explored(model: Module, digit: Digit, label: int) -> str:
    """The page that steps through the network as it stands, and back, on one digit."""
    from tinygrad_mnist.graph.page.writing import account, page_text  # formulas and all

    model.eval()
    X = Tensor(as_model_takes(digit.pixels[None], input_shape(model)), name="X")
    loss = cross_entropy(model(X), np.array([label]))
    loss.name = "loss"
    for node in Recording(loss).operations:
        node.place = None  # no line of the visitor's made it
    return page_text("page", account(loss))


def worst(split: Split, scores: Scores, count: int) -> list[dict[str, Any]]:
    """The digits whose label has the least probability, the worst first."""
    probabilities = functional.softmax(Tensor(scores.logits), -1).numpy()
    of_label = probabilities[np.arange(len(split)), split.labels]
    return [
        {
            "image": as_bytes(split.images[i]),
            "label": int(split.labels[i]),
            "answer": int(scores.predicted[i]),
            "probability": float(of_label[i]),
        }
        for i in np.argsort(of_label, kind="stable")[:count]
    ]


def _layers(logits: Tensor, x: Tensor) -> list[dict[str, Any]]:
    """The values of each layer of weights: its sums, and behind its activation; (units,) or (maps, h, w)."""
    layers = Layers(Recording(logits), inputs=[x])
    found: list[dict[str, Any]] = []
    for number, layer in enumerate(layers, start=1):
        last = layer.activation is None
        found.append({"name": f"z{number}", "kind": "sums", "values": _one(logits if last else layer.before)})
        if layer.activation is not None:
            found.append({"name": f"a{number}", "kind": "activations", "values": _one(layer.activation)})
    return found


def _one(node: Any) -> Array:
    values: Array = node.numpy()
    return values[0] if len(values) == 1 else values


class Neighbours:
    """The digits to learn from, to find those that are most like another."""

    def __init__(self, split: Split) -> None:
        self.split = split[:COMPARED]
        self.rows = self.split.inputs()
        self.squares = np.einsum("ij,ij->i", self.rows, self.rows)

    def nearest(self, digit: Digit) -> list[dict[str, Any]]:
        """The nearest by the Euclidean distance of their pixels, from 0 to 1, the nearest first."""
        (x,) = as_inputs(digit.pixels[None])
        squares = np.maximum(self.squares - 2 * (self.rows @ x) + x @ x, 0)
        closest = np.argsort(squares, kind="stable")[:NEAREST]
        images, labels = self.split.images, self.split.labels
        return [
            {"image": as_bytes(images[i]), "label": int(labels[i]), "distance": float(np.sqrt(squares[i]))}
            for i in closest
        ]


def as_bytes(image: Array) -> NDArray[np.uint8]:
    """An image of any kind of numbers as pixels of 0 to 255."""
    return image if image.dtype == np.uint8 else np.asarray((255 * image).round(), np.uint8)

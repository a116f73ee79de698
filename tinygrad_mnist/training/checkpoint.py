"""Models on disk: safetensors, with the architecture in the metadata."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.files import write_atomically
from tinygrad_mnist.nn import MLP

_KEY = "tinygrad_mnist"


class CheckpointError(ValueError):
    """A file that holds no model of ours; the message says what is wrong with it."""


def save_model(model: MLP, path: str | Path) -> None:
    """Write the parameters as W1, b1, W2, … and the architecture beside them, whole or not at all."""
    from safetensors.numpy import save

    architecture = {"model": "MLP", "layer_sizes": model.layer_sizes, "activation": model.activation}
    tensors = {name: np.ascontiguousarray(p.numpy()) for name, p in model.named_parameters()}
    write_atomically(Path(path), save(tensors, {_KEY: json.dumps(architecture)}))


def load_model(path: str | Path) -> MLP:
    """The model in a file. Raises CheckpointError where it is missing, damaged, or not one of ours."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; give a model.safetensors that train has written")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); train anew") from None
    return _build(path, metadata, tensors)


def _build(path: str | Path, metadata: dict[str, str], tensors: dict[str, NDArray[Any]]) -> MLP:
    if _KEY not in metadata:
        raise CheckpointError(f"{path}: no model of tinygrad_mnist; another program has written it")
    try:
        architecture = json.loads(metadata[_KEY])
        sizes, activation = architecture["layer_sizes"], architecture["activation"]
        expected: dict[str, tuple[int, ...]] = {}
        for layer, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            expected |= {f"W{layer}": (outputs, inputs), f"b{layer}": (outputs,)}
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: its metadata describe no model ({type(error).__name__}: {error})") from None
    _check(path, expected, tensors)
    try:
        model = MLP(sizes, activation, dtype=tensors["W1"].dtype)
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: its metadata describe no model ({error})") from None
    for name, p in model.named_parameters():
        p.data = tensors[name]
    return model


def _check(path: str | Path, expected: dict[str, tuple[int, ...]], tensors: dict[str, NDArray[Any]]) -> None:
    """Raise CheckpointError unless the tensors are those expected, of these shapes, and finite."""
    if expected.keys() != tensors.keys():
        missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
        raise CheckpointError(
            f"{path}: it lacks {sorted(missing) or 'nothing'} and has {sorted(extra) or 'nothing'} too many"
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name]:
            raise CheckpointError(f"{path}: {name} has shape {tensor.shape}, but its layers need {expected[name]}")
        if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
            raise CheckpointError(f"{path}: {name} holds something else than finite floating-point numbers")

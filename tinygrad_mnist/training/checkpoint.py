"""Models on disk: safetensors, with the architecture in the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tinygrad_mnist.nn import MLP
from tinygrad_mnist.training.files import write_atomically

_KEY = "tinygrad_mnist"


class CheckpointError(ValueError):
    """A file that holds no model of ours; the message says what is wrong with it."""


def save_model(model: MLP, path: str | Path) -> None:
    """Write the parameters under their names and the architecture beside them, whole or not at all."""
    from safetensors.numpy import save

    architecture = {"model": "MLP", "layer_sizes": model.layer_sizes, "activation": model.activation}
    tensors = {str(p.name): np.ascontiguousarray(p.numpy()) for p in model.parameters}
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


def _build(path: str | Path, metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> MLP:
    try:
        architecture = json.loads(metadata[_KEY])
        model = MLP(architecture["layer_sizes"], architecture["activation"])
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: its metadata describe no model of tinygrad_mnist ({type(error).__name__}: {error})"
        ) from None
    expected = {str(p.name): p for p in model.parameters}
    if expected.keys() != tensors.keys():
        missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
        raise CheckpointError(
            f"{path}: it lacks {sorted(missing) or 'nothing'} and has {sorted(extra) or 'nothing'} too many"
        )
    for name, p in expected.items():
        if tensors[name].shape != p.shape:
            raise CheckpointError(f"{path}: {name} has shape {tensors[name].shape}, but {model!r} needs {p.shape}")
        if not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"{path}: {name} holds NaN or infinity; the training of it diverged")
        p.data = tensors[name]
    return model

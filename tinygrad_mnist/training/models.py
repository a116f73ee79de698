"""Models on disk: safetensors with PyTorch's names, and the architecture in the metadata.

The parameters of an MLP are called as in an nn.Sequential of its layers: 0.weight, 0.bias, 2.weight, …
"""

from __future__ import annotations

import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.nn import MLP, Module
from tinygrad_mnist.nn.module import Layer

Arrays = dict[str, NDArray[Any]]
KEY = "tinygrad_mnist"
RUN_KEY = "tinygrad_mnist_run"
"""Where the metadata of a model, and of a checkpoint, hold what is ours."""


class CheckpointError(ValueError):
    """A file that does not hold what is asked of it; the message says what is wrong with it."""


def save_model(model: Module, path: str | Path) -> None:
    """Write the parameters and buffers, and the architecture beside them, whole or not at all."""
    from safetensors.numpy import save

    state = model.state_dict()
    tensors = {file_name: np.asarray(state[name], order="C") for name, file_name in _file_names(model, state).items()}
    write_atomically(Path(path), save(tensors, {KEY: architecture_text(model)}))


def load_model(path: str | Path) -> Any:
    """The model in a file that `save_model` wrote, ready for use: in eval mode.

    Raises CheckpointError where the file is missing, damaged, or not ours. A model of a class of your own can't
    be built from its file: build it, then `load_weights`.
    """
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: a folder; give the model.safetensors in it")
    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file; give a model.safetensors that train has written")
    tensors, metadata = read_safetensors(path)
    if RUN_KEY in metadata:
        raise CheckpointError(f"{path}: a checkpoint to resume from, no model: give the model.safetensors beside it")
    if KEY not in metadata:
        raise CheckpointError(
            f"{path}: no model of tinygrad_mnist; another program has written it. For its weights, build a model "
            f"of the same layers and load_weights(model, path)"
        )
    return described_model(path, metadata[KEY], tensors)


def described_model(path: str | Path, architecture: str, tensors: Arrays) -> Any:
    """The model that a file's metadata describe, in eval mode, with its tensors; raises CheckpointError for none."""
    drawn = nn.get_rng_state()
    try:
        model = _built(json.loads(architecture), tensors)
    except (KeyError, ValueError, TypeError, MemoryError) as error:
        raise CheckpointError(f"{path}: its metadata describe no model ({error})") from None
    finally:
        nn.set_rng_state(drawn)  # what layers start with is drawn, and not wanted here
    _take_over(path, model, tensors)
    return model.eval()


def as_new(model: Module) -> Any:
    """Another model of the same architecture, with weights as its layers start; in training mode.

    Raises ValueError for a model, or a part of one, of a class of your own.
    """
    return _built(_architecture(model), model.state_dict())


def load_weights(model: Module, path: str | Path) -> None:
    """Take over the weights from a safetensors file of the same layers, ours or one that PyTorch's state_dict made.

    Raises CheckpointError where the file is missing or damaged, or its names or shapes are not the model's.
    """
    tensors, _ = read_safetensors(path)
    _take_over(path, model, tensors)


def read_safetensors(path: str | Path) -> tuple[Arrays, dict[str, str]]:
    """The tensors and the metadata of a file; raises CheckpointError where it is none."""
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); train anew") from None


# names


def _file_names(model: Module, state: Arrays) -> dict[str, str]:
    """What each tensor of a model is called in its file."""
    return {name: _sequential_name(name) if isinstance(model, MLP) else name for name in state}


def _sequential_name(name: str) -> str:
    """W2 → 2.weight: in an nn.Sequential, the activations stand between the layers and are counted too."""
    letter, layer = name[0], int(name[1:])
    return f"{2 * (layer - 1)}.{'weight' if letter == 'W' else 'bias'}"


def _take_over(path: str | Path, model: Module, tensors: Arrays) -> None:
    """Load a file's tensors into the model, all of them or none; raises CheckpointError where they do not fit."""
    state = model.state_dict()
    own = {file_name: name for name, file_name in _file_names(model, state).items()}
    known = {own.get(name, name): array for name, array in tensors.items()}
    for name, array in known.items():
        if name in state and (array.dtype.kind != state[name].dtype.kind or not np.isfinite(array).all()):
            raise CheckpointError(f"{path}: {name} holds something else than finite floating-point numbers")
    try:
        model.load_state_dict(known)
    except ValueError as error:
        raise CheckpointError(f"{path}: {' '.join(str(error).split())}") from None


# architectures


def architecture_text(model: Module) -> str:
    """A model's architecture as its files' metadata have it."""
    return json.dumps(_architecture(model))


def _architecture(model: Module) -> dict[str, Any]:
    """What `_built` needs, as JSON can hold it: the class, and its arguments or its layers."""
    name = type(model).__name__
    if isinstance(model, MLP):
        return {"model": "MLP", "layer_sizes": model.layer_sizes, "activation": model.activation}
    if getattr(nn, name, None) is not type(model):
        return {"model": name}
    if name == "Sequential":
        return {"model": name, "layers": [_architecture(layer) for layer in model.children()]}
    assert isinstance(model, Layer)  # as all others in nn
    return {"model": name, "arguments": model.arguments()}


def _built(architecture: dict[str, Any], tensors: Arrays) -> Module:
    """A model of this architecture with the dtypes of its tensors, its weights not yet theirs."""
    name = architecture["model"]
    if name == "MLP":
        _check_sizes(architecture["layer_sizes"], tensors)
        return MLP(architecture["layer_sizes"], architecture["activation"], dtype=_dtype(tensors))
    layer = getattr(nn, name, None)
    if not (isinstance(layer, type) and issubclass(layer, Module)):
        raise ValueError(f"{name} is no model of tinygrad_mnist.nn: build it, and load_weights(model, path)")
    if name == "Sequential":
        return layer(*(_built(part, _below(f"{i}.", tensors)) for i, part in enumerate(architecture["layers"])))
    arguments = {argument: tuple(v) if isinstance(v, list) else v for argument, v in architecture["arguments"].items()}
    if "dtype" in inspect.signature(layer).parameters:
        arguments["dtype"] = _dtype(tensors)
    return layer(**arguments)


def _dtype(tensors: Arrays) -> Any:
    """That of the floating-point ones."""
    return next((array.dtype for array in tensors.values() if array.dtype.kind == "f"), np.float32)


def _below(path: str, tensors: Arrays) -> Arrays:
    """The tensors of a part, by their names in it."""
    return {name.removeprefix(path): array for name, array in tensors.items() if name.startswith(path)}


def _check_sizes(sizes: list[int], tensors: Arrays) -> None:
    """Raise ValueError unless the weights have these sizes, before anything as large is made of them."""
    for layer, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        for name in (f"W{layer}", _sequential_name(f"W{layer}")):  # as part of a model, and as one
            if name in tensors and tensors[name].shape != (outputs, inputs):
                raise ValueError(f"{name} has shape {tensors[name].shape}, but its layers need {(outputs, inputs)}")

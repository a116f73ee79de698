"""Models on disk: safetensors with PyTorch's names, and the architecture in the metadata.

The parameters of an MLP are called as in an nn.Sequential of its layers: 0.weight, 0.bias, 2.weight, …
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist import nn, records
from tinygrad_mnist.arguments import Range
from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.nn import MLP, Module
from tinygrad_mnist.nn.module import Layer
from tinygrad_mnist.nn.random import drawing_from
from tinygrad_mnist.records import RecordError, checked, parsed
from tinygrad_mnist.shown import reason
from tinygrad_mnist.training.stored import Arrays, CheckpointError, read_safetensors

KEY = "tinygrad_mnist"
RUN_KEY = "tinygrad_mnist_run"
"""Where the metadata of a model, and of a checkpoint, hold what is ours."""

MOST_LAYERS = 10_000
"""In a file."""

WINDOWS = Range("an integer from 0 to 256", most=256, whole=True)
"""The sizes, strides and paddings of windows over images: larger ones make images that no memory holds."""


def save_model(model: Module, path: str | Path) -> None:
    """Write the parameters and buffers, and the architecture beside them, whole or not at all."""
    write_atomically(Path(path), model_file(model))


def model_file(model: Module) -> bytes:
    """What `save_model` writes."""
    from safetensors.numpy import save

    state = model.state_dict()
    tensors = {file_name: np.asarray(state[name], order="C") for name, file_name in _file_names(model, state).items()}
    return save(tensors, {KEY: architecture_text(model)})


def load_model(path: str | Path) -> Any:
    """The model in a file that `save_model` wrote, ready for use: in eval mode.

    Raises CheckpointError where the file is missing, damaged, or not ours. A model of a class of your own can't
    be built from its file: build it, then `load_weights`.
    """
    tensors, metadata = read_safetensors(path)
    if RUN_KEY in metadata:
        raise CheckpointError(f"{path}: a checkpoint to resume from, no model: give the model.safetensors beside it")
    advice = "For its weights, build a model of the same layers and load_weights(model, path)"
    return described_model(path, metadata, tensors, advice)


def described_model(path: str | Path, metadata: dict[str, str], tensors: Arrays, advice: str) -> Any:
    """The model that a file's metadata describe, in eval mode, with its tensors.

    Raises CheckpointError, which ends in advice where another program wrote the file, for none.
    """
    if KEY not in metadata:
        raise CheckpointError(f"{path}: no model of tinygrad_mnist; another program has written it. {advice}")
    try:
        parts = parsed(metadata[KEY])
        if sum(1 for _ in _parts(parts)) > MOST_LAYERS:
            raise RecordError(f"more than {MOST_LAYERS:,} layers, the most that are read")
        with drawing_from(np.random.default_rng(0)):  # what layers start with is drawn, and not wanted here
            model = _built(parts, tensors)
    except RecordError as error:
        raise CheckpointError(f"{path}: its metadata describe no model ({error})") from None
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
        raise CheckpointError(f"{path}: {reason(error)}") from None


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


def _parts(architecture: Any) -> Iterator[Any]:
    """What is described, and every part of it."""
    yield architecture
    layers = architecture.get("layers") if isinstance(architecture, dict) else None
    for part in layers if isinstance(layers, list) else ():
        yield from _parts(part)


def _built(architecture: Any, tensors: Arrays, place: str = "") -> Module:
    """A model of this architecture with the dtypes of its tensors, its weights not yet theirs.

    Raises RecordError for what describes no model of nn, and, before anything is made of it, for sizes that are not
    those of the tensors.
    """
    given = checked(architecture, dict[str, Any], place)
    name = checked(given.pop("model", None), str, f"{place}.model".lstrip("."))
    layer = getattr(nn, name, None)
    if not (isinstance(layer, type) and issubclass(layer, Module)):
        raise RecordError(f"{name} is no model of tinygrad_mnist.nn: build it, and load_weights(model, path)")
    if layer is nn.Sequential:
        own = _by_part(tensors)
        parts = checked(given.get("layers"), list[Any], f"{place}.layers".lstrip("."))
        return nn.Sequential(*(_built(part, own[str(i)], f"{place}.{i}".lstrip(".")) for i, part in enumerate(parts)))
    place = f"{place} {name}".strip()
    arguments = records.arguments(layer, given if layer is MLP else given.get("arguments"), place)
    _check_numbers(arguments, place)
    for tensor, shape in _weights(layer, arguments, tensors):
        if tensor not in tensors or tensors[tensor].shape != shape:
            found = f"has shape {tensors[tensor].shape}" if tensor in tensors else "is missing"
            raise RecordError(f"{place}: {tensor} {found}, but its layers need {shape}")
    return records.call(layer, arguments | ({"dtype": _dtype(tensors)} if "dtype" in arguments else {}), place)


def _dtype(tensors: Arrays) -> Any:
    """That of the floating-point ones."""
    return next((array.dtype for array in tensors.values() if array.dtype.kind == "f"), np.float32)


def _by_part(tensors: Arrays) -> defaultdict[str, Arrays]:
    """The tensors of each part, by their names in it."""
    parts: defaultdict[str, Arrays] = defaultdict(dict)
    for name, array in tensors.items():
        part, _, own = name.partition(".")
        parts[part][own] = array
    return parts


# sizes


_WINDOWS = ("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size")


def _check_numbers(arguments: dict[str, Any], place: str) -> None:
    """Raise RecordError for numbers that are not finite, and for windows that are too large."""
    for name, value in arguments.items():
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise RecordError(f"{place}.{name} is {number} and no finite number")
            if isinstance(number, int) and name in _WINDOWS and number not in WINDOWS:
                raise RecordError(f"{place}.{name} is {number} and not {WINDOWS.words}")


def _weights(layer: type[Module], given: dict[str, Any], tensors: Arrays) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the tensors that decide how much memory a layer of these arguments takes."""
    name = layer.__name__
    if name == "MLP":
        for number, (inputs, outputs) in enumerate(pairwise(given["layer_sizes"]), start=1):
            own = f"W{number}"
            yield own if own in tensors else _sequential_name(own), (outputs, inputs)  # as part of a model, and as one
    elif name == "Linear":
        yield "weight", (given["out_features"], given["in_features"])
    elif name in ("Conv2d", "ConvTranspose2d"):
        channels = given["in_channels"], given["out_channels"]
        first, second = channels if name == "ConvTranspose2d" else channels[::-1]
        kernel = given["kernel_size"]
        yield (
            "weight",
            (first, second // max(given["groups"], 1), *(kernel if isinstance(kernel, tuple) else [kernel] * 2)),
        )
    elif name in ("BatchNorm1d", "BatchNorm2d"):
        there = {"weight": given["affine"], "running_mean": given["track_running_stats"]}
        yield from ((tensor, (given["num_features"],)) for tensor in there if there[tensor])
    elif name == "GroupNorm" and given["affine"]:
        yield "weight", (given["num_channels"],)
    elif name == "LayerNorm" and given["elementwise_affine"]:
        shape = given["normalized_shape"]
        yield "weight", shape if isinstance(shape, tuple) else (shape,)

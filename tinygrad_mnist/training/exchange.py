"""Models as ONNX files, which other programs run and show; and back from those that were written here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.engine import GraphError, Tensor
from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.graph import to_onnx
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.nn import Linear, Module
from tinygrad_mnist.records import checked, parsed
from tinygrad_mnist.shown import reason
from tinygrad_mnist.training.inputs import input_shape
from tinygrad_mnist.training.models import KEY, architecture_text, described_model
from tinygrad_mnist.training.stored import Arrays, CheckpointError, read_checked

_REST = f"{KEY}_buffers"
"""Where the metadata hold running variances and the like."""

EXAMPLES = (3, 7)
"""With how many examples a model is recorded: neither they nor their halves are multiples of each other."""

Dtype = Literal["float16", "float32", "float64", "int64"]
"""Those of a model's numbers."""

LARGEST = 512 << 20
"""Bytes of a file, at most."""


def save_onnx(model: Module, path: str | Path, backward: bool = False, shape: Sequence[int] | None = None) -> None:
    """Write a model as it is used, in eval mode, as an ONNX file for any number of examples, whole or not at all.

    X: its input, float32 of shape (m, *shape). backward: write its cross-entropy with the one-hot rows y too, called
    loss, and the gradient of each parameter, dW1 for W1. shape: of one example, by default that of the first layer's
    inputs, or of an image of 28 × 28.

    Raises CheckpointError without the package onnx, or where the model can't be written as ONNX.
    """
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        first, second = (_output(model, m, shape or _example_shape(model), backward) for m in EXAMPLES)
        data = [node for node in Recording(first).nodes if node.op is None and node.name in ("X", "y")]
        file = to_onnx(first, backward=backward, inputs=data, other=second)
    except (GraphError, ModuleNotFoundError) as error:
        raise CheckpointError(f"{path}: not written: {error}") from None
    finally:
        for module in training:
            module.training = True
    _complete(file, model)
    content = file.SerializeToString()
    if len(content) > LARGEST:
        raise CheckpointError(f"{path}: not written: {len(content) >> 20} MiB, and {LARGEST >> 20} are the most")
    write_atomically(Path(path), content)


def _example_shape(model: Module) -> tuple[int, ...]:
    first = next((module for module in model.modules() if isinstance(module, Linear)), None)
    if isinstance(model, nn.MLP):
        return (model.layer_sizes[0],)
    shape = input_shape(model)
    return (first.in_features,) if first and len(shape) == 1 else shape


def _output(model: Module, examples: int, shape: Sequence[int], backward: bool) -> Tensor:
    """What the model, or the loss, is for so many examples; recorded from the data on."""
    rng = np.random.default_rng(0)
    images = rng.random((examples, *shape), np.float32)
    output: Tensor = model(Tensor(images, requires_grad=True, name="X"))
    if not backward:
        return output
    labels = np.eye(output.shape[-1], dtype=np.float32)[rng.integers(0, output.shape[-1], examples)]
    loss = nn.cross_entropy(output, Tensor(labels, name="y"))
    loss.name = "loss"
    return loss


def _complete(file: Any, model: Module) -> None:
    """Put in what reading needs besides: the architecture, and the numbers that evaluation does not use as they are."""
    written = {tensor.doc_string for tensor in file.graph.initializer}
    rest = {name: [str(x.dtype), x.tolist()] for name, x in model.state_dict().items() if name not in written}
    file.metadata_props.add(key=KEY, value=architecture_text(model))
    file.metadata_props.add(key=_REST, value=json.dumps(rest))


def load_onnx(path: str | Path) -> Any:
    """The model in an ONNX file that `save_onnx` wrote, with its weights, in eval mode; float32.

    Raises CheckpointError where the file is missing, damaged, or another program's, and without the package onnx.
    """
    tensors, metadata = _read(Path(path))
    advice = "Only what `tinygrad-mnist export --onnx` or training.save_onnx writes can be read back"
    return described_model(path, metadata, tensors, advice)


def _read(path: Path) -> tuple[Arrays, dict[str, str]]:
    """The named tensors and the metadata of a file."""
    try:
        import onnx
    except ImportError:
        raise CheckpointError(
            f'{path}: ONNX files are read by the package onnx: pip install "tinygrad-mnist[onnx]"'
        ) from None
    content = read_checked(path, LARGEST, "model.onnx")
    try:
        file = onnx.load_model_from_string(content)
        own = [t for t in file.graph.initializer if t.data_location != onnx.TensorProto.EXTERNAL]
        tensors = {t.doc_string: onnx.numpy_helper.to_array(t) for t in own if t.doc_string}
        metadata = {entry.key: entry.value for entry in file.metadata_props}
        if not all(isinstance(text, str) for text in (*tensors, *metadata, *metadata.values())):
            raise ValueError("a text in it is no UTF-8")  # for which protobuf gives bytes
        rest = checked(parsed(metadata.get(_REST, "{}")), dict[str, tuple[Dtype, Any]], "buffers")
        tensors |= {name: np.array(numbers, dtype) for name, (dtype, numbers) in rest.items()}
    except MemoryError:
        raise
    except Exception as error:  # onnx and protobuf raise what they like on damaged files
        raise CheckpointError(f"{path}: not a readable ONNX file ({reason(error)})") from None
    return tensors, metadata

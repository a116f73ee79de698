"""Models run by onnxruntime, and what they must agree with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the package onnx, which writes the files, is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime, which runs the files, is not installed")
runtime.set_default_logger_severity(3)

RESULTS, GRADIENTS = 1e-6, 1e-5
"""How far onnxruntime's numbers may be from ours, in float32, beside the largest of them."""


def run(model: Any, as_written: bool = False, **inputs: Any) -> dict[str, Any]:
    """The outputs by their names; inputs that the model does not take are left out. as_written: nothing is fused."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    if as_written:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    taken = {x.name: np.asarray(inputs[x.name]) for x in session.get_inputs()}
    return dict(zip([x.name for x in session.get_outputs()], session.run(None, taken), strict=True))


def shapes(values: Any) -> dict[str, list[Any]]:
    """The shapes of a graph's inputs or outputs."""
    return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}


def agree(got: Any, wanted: Any, rounding: float = RESULTS) -> bool:
    """Whether numbers are of the same shape, and equal up to rounding, beside the largest."""
    wanted = np.asarray(wanted)
    if got.shape != wanted.shape:
        return False
    return not wanted.size or bool(np.abs(got - wanted).max() <= rounding * np.abs(wanted).max())

"""Losses, layers as functions, and helpers of models, each an ordinary expression of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import elu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus, tanh
from tinygrad_mnist.nn.images import adaptive_avg_pool2d, avg_pool2d, conv2d, conv_transpose2d, max_pool2d
from tinygrad_mnist.nn.loss_functions import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    one_hot,
    smooth_l1_loss,
)
from tinygrad_mnist.nn.random import generator
from tinygrad_mnist.nn.special import erf, gelu


def linear(x: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: rows x of shape (..., in), a weight of shape (out, in), a bias of shape (out,)."""
    z: Tensor = x @ weight.T
    return z if bias is None else z + bias


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each number zero with probability p, and the others times 1 / (1 - p) (Srivastava et al. 2014).

    What to drop comes from `nn.manual_seed`'s generator.
    """
    if not training or not p:
        return Tensor.wrap(x)
    kept = generator().random(x.shape, dtype=np.float32) >= p
    return Tensor.wrap(x) * as_array(kept * (1 / (1 - p) if p < 1 else 0.0), x.dtype, like=plain(x))


def accuracy(logits: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """The share of rows whose largest logit is at the label; ValueError where there are no rows, or one logit."""
    if np.shape(plain(logits))[-1:] == (1,):
        raise ValueError("of one output the largest is always the first: compare (logits > 0) with the labels yourself")
    predicted = np.argmax(plain(logits), axis=-1)
    expected = as_array(plain(labels), like=predicted)
    if predicted.shape != expected.shape:
        raise ValueError(f"{predicted.shape} predictions do not fit labels of shape {expected.shape}")
    if not predicted.size:
        raise ValueError("the accuracy over no examples has no value")
    return float(np.mean(predicted == expected))

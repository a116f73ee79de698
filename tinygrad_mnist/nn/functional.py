"""Losses, layers as functions, and helpers of models, each an ordinary expression of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import elu as elu
from tinygrad_mnist.engine.ops import leaky_relu as leaky_relu
from tinygrad_mnist.engine.ops import log_softmax as log_softmax
from tinygrad_mnist.engine.ops import relu as relu
from tinygrad_mnist.engine.ops import sigmoid as sigmoid
from tinygrad_mnist.engine.ops import silu as silu
from tinygrad_mnist.engine.ops import softmax as softmax
from tinygrad_mnist.engine.ops import softplus as softplus
from tinygrad_mnist.engine.ops import tanh as tanh
from tinygrad_mnist.nn.images import adaptive_avg_pool2d as adaptive_avg_pool2d
from tinygrad_mnist.nn.images import avg_pool2d as avg_pool2d
from tinygrad_mnist.nn.images import conv2d as conv2d
from tinygrad_mnist.nn.images import conv_transpose2d as conv_transpose2d
from tinygrad_mnist.nn.images import max_pool2d as max_pool2d
from tinygrad_mnist.nn.loss_functions import binary_cross_entropy as binary_cross_entropy
from tinygrad_mnist.nn.loss_functions import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from tinygrad_mnist.nn.loss_functions import cross_entropy as cross_entropy
from tinygrad_mnist.nn.loss_functions import huber_loss as huber_loss
from tinygrad_mnist.nn.loss_functions import kl_div as kl_div
from tinygrad_mnist.nn.loss_functions import l1_loss as l1_loss
from tinygrad_mnist.nn.loss_functions import mse_loss as mse_loss
from tinygrad_mnist.nn.loss_functions import nll_loss as nll_loss
from tinygrad_mnist.nn.loss_functions import one_hot as one_hot
from tinygrad_mnist.nn.loss_functions import smooth_l1_loss as smooth_l1_loss
from tinygrad_mnist.nn.random import generator
from tinygrad_mnist.nn.special import erf as erf
from tinygrad_mnist.nn.special import gelu as gelu


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

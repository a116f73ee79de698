"""Layers: PyTorch's names, arguments, defaults and state-dict keys, each an ordinary expression of tensors.

A layer that has numbers takes dtype, float32 by default. Initial weights are PyTorch's default, U(±1/√fan-in),
from `nn.manual_seed`'s generator; `nn.init.initialise` starts them otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_mnist.arguments import COUNT, SHARE
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.ops import _in_float32 as in_float32
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.init import start
from tinygrad_mnist.nn.module import Layer, Module, as_tensor


def _parameter(array: NDArray[Any], dtype: DTypeLike) -> Tensor:
    return Tensor(array, requires_grad=True, dtype=dtype)


class Sequential(Module):
    """Modules one after the other; their names are their positions, "0", "1", …"""

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                advice = ": pass them as Sequential(*layers)" if isinstance(module, list | tuple) else ""
                advice = f": write {module.__name__}(…)" if isinstance(module, type) else advice
                raise TypeError(f"Sequential takes modules, and argument {i} is {type(module).__name__}{advice}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Tensor:
        """The last module's output."""
        for module in self.children():
            x = module(x)
        return as_tensor(x)

    def __getitem__(self, index: int) -> Module:
        return list(self.children())[index]

    def __len__(self) -> int:
        return len(list(self.children()))

    def __iter__(self) -> Iterator[Module]:
        return self.children()


class Linear(Layer):
    """x Wᵀ + b with rows x of shape (..., in_features); weight (out_features, in_features), bias (out_features,)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: DTypeLike = np.float32
    ) -> None:
        COUNT.check(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight, self.bias = start((out_features, in_features), out_features if bias else 0, dtype)

    def forward(self, x: Any) -> Tensor:
        """Shape (..., out_features)."""
        rows = as_tensor(x)
        if not rows.ndim or rows.shape[-1] != self.in_features:
            advice = "; put Flatten() before it" if rows.ndim > 2 else ""
            raise ValueError(f"{self!r} takes rows of {self.in_features} numbers, not shape {rows.shape}{advice}")
        return F.linear(rows, self.weight, self.bias)


class _BatchNorm(Layer):
    """(x - μ) / √(σ² + eps) · weight + bias, with mean and variance over all axes but the channels'.

    In training μ and σ² are those of the batch, and the running ones move towards them by momentum (None:
    they are the mean over all batches so far), the variance with n - 1 (Ioffe and Szegedy 2015, alg. 1 and 2).
    In use they are the running ones.
    """

    shapes: tuple[str, ...] = ()
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        COUNT.check(num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = _parameter(np.ones(num_features), dtype)
            self.bias = _parameter(np.zeros(num_features), dtype)
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, dtype))
            self.register_buffer("running_var", np.ones(num_features, dtype))
            self.register_buffer("num_batches_tracked", np.array(0, np.int64))

    def forward(self, x: Any) -> Tensor:
        """The shape of x."""
        x = as_tensor(x)
        ndims = [shape.count(",") + 1 for shape in self.shapes]
        if x.ndim not in ndims or x.shape[1] != self.num_features:
            raise ValueError(
                f"{self!r} takes shape {' or '.join(self.shapes)} with {self.num_features} channels, not {x.shape}"
            )
        normalised = in_float32(self._normalised) if x.dtype == np.float16 else self._normalised
        if x.ndim == 2:
            return normalised(x)
        places = x.transpose(0, *range(2, x.ndim), 1)  # channels last: rows are added up faster than several axes
        rows = normalised(places.reshape(-1, self.num_features))
        return rows.reshape(places.shape).transpose(0, -1, *range(1, x.ndim - 1))

    def _normalised(self, rows: Tensor) -> Tensor:
        of_batch = self.training or not self.track_running_stats
        if of_batch and len(rows) < 2:
            raise ValueError(f"{self!r} with the statistics of a batch needs more than one value for each channel")
        mean = rows.mean(axis=0) if of_batch else self.running_mean
        deviation = rows - mean
        var = (deviation * deviation).mean(axis=0) if of_batch else self.running_var
        if self.training:
            self._track(mean.data, var.data, len(rows))
        scale = 1 / (var + self.eps).sqrt()
        return deviation * (self.weight * scale) + self.bias if self.affine else deviation * scale

    def _track(self, mean: NDArray[Any], var: NDArray[Any], n: int) -> None:
        """Move the running mean and variance towards those of a batch with n values for each channel."""
        if self.track_running_stats:
            self.num_batches_tracked.data += 1
            batches: Any = self.num_batches_tracked.data
            share = 1 / batches if self.momentum is None else self.momentum
            for running, value in ((self.running_mean, mean), (self.running_var, var * (n / (n - 1)))):
                running.data += share * (value - running.data)

    def extra_repr(self) -> str:
        """The arguments that `repr` shows."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    shapes = ("(batch, channels)", "(batch, channels, length)")


class BatchNorm2d(_BatchNorm):
    __doc__ = _BatchNorm.__doc__
    shapes = ("(batch, channels, height, width)",)


class LayerNorm(Layer):
    """(x - μ) / √(σ² + eps) · weight + bias with mean and variance of each example (Ba et al. 2016, eq. 3).

    normalized_shape: the last axes, over which they are taken, or the length of the last one.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
        COUNT.check(**{f"normalized_shape[{i}]": length for i, length in enumerate(shape)})
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight = _parameter(np.ones(shape), dtype) if elementwise_affine else None
        self.bias = _parameter(np.zeros(shape), dtype) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Tensor:
        """The shape of x."""
        x = as_tensor(x)
        axes = tuple(range(-len(self.normalized_shape), 0))
        if x.shape[len(x.shape) - len(axes) :] != self.normalized_shape:
            raise ValueError(f"{self!r} takes a shape that ends with {self.normalized_shape}, not {x.shape}")
        out = _standardised(x, axes, self.eps)
        out = out if self.weight is None else out * self.weight
        return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        """The arguments that `repr` shows."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Layer):
    """(x - μ) / √(σ² + eps) · weight + bias with mean and variance of each group of channels (Wu and He 2018, eq. 7).

    A group is num_channels / num_groups channels of an example; weight and bias are one number for each channel.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        COUNT.check(num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(f"num_channels={num_channels} can't be divided into num_groups={num_groups}")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.weight = _parameter(np.ones(num_channels), dtype) if affine else None
        self.bias = _parameter(np.zeros(num_channels), dtype) if affine else None

    def forward(self, x: Any) -> Tensor:
        """The shape of x, which is (batch, channels, …)."""
        x = as_tensor(x)
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"{self!r} takes shape (batch, {self.num_channels}, …), not {x.shape}")
        size = math.prod(x.shape[2:]) * self.num_channels // self.num_groups
        groups = x.reshape(len(x), self.num_groups, size)
        out = _standardised(groups, (2,), self.eps).reshape(x.shape)
        if self.weight is None or self.bias is None:
            return out
        across = (-1, *[1] * (x.ndim - 2))
        return out * self.weight.reshape(across) + self.bias.reshape(across)


@in_float32
def _standardised(x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """x less its mean over the axes, over its deviation there."""
    deviation = x - x.mean(axis=axes, keepdims=True)
    var = (deviation * deviation).mean(axis=axes, keepdims=True)
    return deviation / (var + eps).sqrt()


class Dropout(Layer):
    """In training, each number zero with probability p, and the others times 1 / (1 - p) (Srivastava et al. 2014).

    What to drop comes from `nn.manual_seed`'s generator. In use it changes nothing.
    """

    def __init__(self, p: float = 0.5) -> None:
        SHARE.check(p=p)
        self.p = p

    def forward(self, x: Any) -> Tensor:
        """The shape of x."""
        return F.dropout(as_tensor(x), self.p, self.training)


class Flatten(Layer):
    """The axes from start_dim to end_dim as one: images as rows, by default."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        """The shape of x with these axes multiplied."""
        x = as_tensor(x)
        start, end = (dim % x.ndim if -x.ndim <= dim < x.ndim else -1 for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end:
            raise ValueError(f"{self!r} does not fit shape {x.shape}")
        return x.reshape((*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


class Unflatten(Layer):
    """One axis as several: rows as images by Unflatten(1, (1, 28, 28)). -1 lets one length be worked out."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Any) -> Tensor:
        """The shape of x with this axis divided."""
        x = as_tensor(x)
        sizes = self.unflattened_size
        free, known = sizes.count(-1), abs(math.prod(sizes))
        if -x.ndim <= self.dim < x.ndim and free == 1 and known:
            sizes = tuple(x.shape[self.dim] // known if size == -1 else size for size in sizes)
        if not -x.ndim <= self.dim < x.ndim or min(sizes) < 0 or x.shape[self.dim] != math.prod(sizes):
            raise ValueError(f"{self!r} does not fit shape {x.shape}")
        dim = self.dim % x.ndim
        return x.reshape((*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))

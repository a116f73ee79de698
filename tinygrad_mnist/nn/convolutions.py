"""Convolutions and pools over images, with PyTorch's names, arguments, defaults and state-dict keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_mnist.arguments import COUNT
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.images import check_padding, pair
from tinygrad_mnist.nn.init import start
from tinygrad_mnist.nn.module import Layer
from tinygrad_mnist.nn.patches import Pair


class _Convolution(Layer):
    """What the two kinds of convolution share: how they start, and what `repr` shows."""

    def _keep(
        self, in_channels: int, out_channels: int, kernel_size: int | Pair, stride: int | Pair, groups: int
    ) -> None:
        """Check and keep the arguments that both take."""
        COUNT.check(in_channels=in_channels, out_channels=out_channels, groups=groups)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = pair("kernel_size", kernel_size, 1), pair("stride", stride, 1)

    def _start(self, first: int, second: int, bias: bool, dtype: DTypeLike) -> None:
        """Draw a weight of shape (first, second / groups, *kernel_size), and a bias."""
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"groups={self.groups} must divide in_channels={self.in_channels} and out_channels={self.out_channels}"
            )
        shape = (first, second // self.groups, *self.kernel_size)
        self.weight, self.bias = start(shape, self.out_channels if bias else 0, dtype)

    def extra_repr(self) -> str:
        """The arguments that `repr` shows."""
        defaults = {"padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0), "groups": 1, "bias": True}
        own = self.arguments()
        given = [f"{name}={own[name]!r}" for name, value in defaults.items() if own.get(name, value) != value]
        first = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        return ", ".join([first, *given])


class Conv2d(_Convolution):
    """Each output channel is its kernel's product with every window; weight (out_channels, in_channels, *kernel_size).

    Images have the shape (batch, in_channels, height, width); of groups, the weight has in_channels / groups. See
    `functional.conv2d`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._keep(in_channels, out_channels, kernel_size, stride, groups)
        self.padding = check_padding(padding, self.stride)
        self.dilation = pair("dilation", dilation, 1)
        self._start(out_channels, in_channels, bias, dtype)

    def forward(self, x: Any) -> Tensor:
        """Shape (batch, out_channels, rows, columns)."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class ConvTranspose2d(_Convolution):
    """Every pixel adds its multiple of a kernel to a window; weight (in_channels, out_channels, *kernel_size).

    What takes images back to the shape that they had before a `Conv2d` of these arguments; of groups, the weight has
    out_channels / groups. See `functional.conv_transpose2d`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Pair = 1,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._keep(in_channels, out_channels, kernel_size, stride, groups)
        self.padding, self.output_padding = pair("padding", padding, 0), pair("output_padding", output_padding, 0)
        self.dilation = pair("dilation", dilation, 1)
        self._start(in_channels, out_channels, bias, dtype)

    def forward(self, x: Any) -> Tensor:
        """Shape (batch, out_channels, rows, columns)."""
        options = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return F.conv_transpose2d(x, self.weight, self.bias, *options)


class _Pool(Layer):
    """Windows over images of shape (batch, channels, height, width), channel by channel."""

    def __init__(
        self, kernel_size: int | Pair, stride: int | Pair | None, padding: int | Pair, **options: int | Pair | None
    ) -> None:
        pair("kernel_size", kernel_size, 1)
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        vars(self).update(options)

    def extra_repr(self) -> str:
        """The arguments that `repr` shows: those of every pool, and what is not as by default."""
        shown = self.changed("kernel_size", "stride", "padding")
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class MaxPool2d(_Pool):
    """The maximum of each window; stride is the kernel's size by default. Ties share the gradient.

    dilation, ceil_mode: see `functional.max_pool2d`.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation=dilation, ceil_mode=ceil_mode)

    def forward(self, x: Any) -> Tensor:
        """Shape (batch, channels, rows, columns)."""
        return F.max_pool2d(x, **self.arguments())


class AvgPool2d(_Pool):
    """The mean of each window, with the zeros of the padding; stride is the kernel's size by default.

    ceil_mode, count_include_pad, divisor_override: see `functional.avg_pool2d`.
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        options = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "divisor_override": divisor_override}
        super().__init__(kernel_size, stride, padding, **options)

    def forward(self, x: Any) -> Tensor:
        """Shape (batch, channels, rows, columns)."""
        return F.avg_pool2d(x, **self.arguments())


class AdaptiveAvgPool2d(Layer):
    """The means of as many windows as output_size says; of 1, those of whole images. None keeps a size."""

    def __init__(self, output_size: int | tuple[int | None, int | None] | None) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        """Shape (batch, channels, *output_size)."""
        return F.adaptive_avg_pool2d(x, self.output_size)

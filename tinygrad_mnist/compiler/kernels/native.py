"""What parts call and numba compiles: products by the address of BLAS, and functions of many numbers at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from tinygrad_mnist.compiler import blas

LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453

ROUNDS = 1.5 * 2.0**52
"""Added to a double, it leaves the whole number in the last bits."""

_POINTER = ir.IntType(8).as_pointer()


@njit
def product(gemm: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any) -> None:
    """c = alpha a @ b + beta c, where each lies in rows or in columns. gemm: as of `blas.gemm`."""
    number = c.dtype.type
    sizes = c.shape[0], c.shape[1], a.shape[1]
    _in_blocks(gemm, sizes, number(alpha), _matrix(a), _matrix(b), number(beta), _matrix(c), c.itemsize)


@njit
def _matrix(x: Any) -> Any:
    """Where a matrix lies, and how many numbers lie between two rows and between two columns."""
    return np.int64(x.ctypes.data), x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


_division, _ordered = njit(blas.division), njit(blas.ordered)


@njit(cache=True)
def _in_blocks(gemm: Any, sizes: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any, itemsize: Any) -> None:
    """A product, in blocks where these are faster; a, b, c: as of `_matrix`."""
    rows, columns, inner = sizes
    address, most, few = gemm
    axis, length = _division(rows, columns, inner, most, few, a[2] == 1 and b[2] != 1)
    for start in range(0, sizes[axis], length):
        by = start * itemsize
        if axis == 0:
            part = min(length, rows - start), columns, inner
            _whole(address, part, alpha, _moved(a, by * a[1]), b, beta, _moved(c, by * c[1]))
        elif axis == 1:
            part = rows, min(length, columns - start), inner
            _whole(address, part, alpha, a, _moved(b, by * b[2]), beta, _moved(c, by * c[2]))
        else:
            part = rows, columns, min(length, inner - start)
            x, y = _moved(a, by * a[2]), _moved(b, by * b[1])
            _whole(address, part, alpha, x, y, beta if start == 0 else 1.0, c)


@njit
def _moved(x: Any, by: Any) -> Any:
    return x[0] + by, x[1], x[2]


@njit
def _whole(address: Any, sizes: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any) -> None:
    swaps, order_x, order_y, m, n, step_x, step_y, step_c = _ordered(*sizes, a[1:], b[1:], c[1:])
    x, y = (b[0], a[0]) if swaps else (a[0], b[0])
    _call(address, order_x, order_y, m, n, sizes[2], alpha, x, step_x, y, step_y, beta, c[0], step_c)


@intrinsic
def _call(
    typing: Any, address: Any, order_a: Any, order_b: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any, step_a: Any,
    b: Any, step_b: Any, beta: Any, c: Any, step_c: Any,
) -> Any:  # fmt: skip
    """BLAS's call: the addresses of letters, of whole numbers, of alpha and beta, and of the matrices.

    Of 8 bytes a whole number is read as one of 4 too, where the lower come first, as on all that numba compiles for.
    """

    def written(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def place(i: int) -> Any:
            if i in matrices:
                return builder.inttoptr(values[i], _POINTER)
            return builder.bitcast(cgutils.alloca_once_value(builder, values[i]), _POINTER)

        matrices = (7, 9, 12)
        form = ir.FunctionType(ir.VoidType(), [_POINTER] * (len(values) - 1))
        builder.call(builder.inttoptr(values[0], form.as_pointer()), [place(i) for i in range(1, len(values))])
        return context.get_dummy_value()

    whole = types.int64
    return types.void(*[whole] * 6, alpha, *[whole] * 4, alpha, whole, whole), written


@njit(fastmath={"contract"})
def exp(x: Any) -> Any:
    """eˣ in single precision, to the last bit but one: 2ⁿ eʳ in double precision, where n is whole and |r| ≤ ½ ln 2.

    Without a branch or a call, so that LLVM computes several at once.
    """
    wide = np.float64(x)
    wide = 200.0 if wide > 200.0 else -200.0 if wide < -200.0 else wide
    shifted = wide * LOG2_E + ROUNDS
    r = wide - (shifted - ROUNDS) * LN_2
    series = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r / 5040))))))
    bits = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52)
    return np.float32(series * bits.view(np.float64))


def _chosen(name: str, comparison: str) -> Any:
    """The larger or the smaller of two numbers, or NaN if one is: LLVM's own for floats, which it knows to reduce."""

    def typed(typing: Any, x: Any, y: Any) -> Any:
        def written(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = values[0].type
            if isinstance(signature.return_type, types.Float):
                function = builder.module.declare_intrinsic(f"llvm.{name}", [kind], ir.FunctionType(kind, [kind, kind]))
                return builder.call(function, values)
            is_signed = getattr(signature.return_type, "signed", False)
            compared = builder.icmp_signed if is_signed else builder.icmp_unsigned
            return builder.select(compared(comparison, *values), *values)

        both = typing.unify_types(x, y)
        return both(both, both), written

    return intrinsic(typed)


maximum, minimum = _chosen("maximum", ">="), _chosen("minimum", "<=")


@njit(fastmath={"reassoc", "nsz", "contract"})
def plus(x: Any, y: Any) -> Any:
    """x + y in a sum of many, whose order is free, so that LLVM adds several at once."""
    return x + y

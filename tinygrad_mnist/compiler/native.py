"""What parts call and numba compiles: products by the address of BLAS, and functions of many numbers at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453

ROUNDS = 1.5 * 2.0**52
"""Added to a double, it leaves the whole number in the last bits."""

SMALL, FEW, SHORTEST = 10**6, 1200, 64
"""So many multiplications OpenBLAS does, with its kernels for AVX-512, without packing the matrices first, and of rows
with columns of so few results (its `sgemm_small_kernel_permit`): a product is done in blocks of so many, if these are
not too short.
"""

_POINTER = ir.IntType(8).as_pointer()


@njit(error_model="numpy")
def product(gemm: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any) -> None:
    """c = alpha a @ b + beta c, where each lies in rows or in columns. gemm: the address of BLAS's function."""
    rows, columns = c.shape
    most = SMALL // a.shape[1] if _in_rows(b) or not _in_rows(a) else min(SMALL // a.shape[1], FEW)
    length = most // min(rows, columns) // 16 * 16
    if length < SHORTEST or length >= max(rows, columns):
        _whole(gemm, alpha, a, b, beta, c)
    elif rows > columns:
        for i in range(0, rows, length):
            _whole(gemm, alpha, a[i : i + length], b, beta, c[i : i + length])
    else:
        for j in range(0, columns, length):
            _whole(gemm, alpha, a, b[:, j : j + length], beta, c[:, j : j + length])


@njit
def _whole(gemm: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any) -> None:
    """BLAS knows columns: of a matrix that lies in rows it computes the transpose, cᵀ = alpha bᵀ aᵀ + beta cᵀ."""
    rows, columns = c.shape
    if _in_rows(c):
        _call(gemm, _order(b, c), _order(a, c), columns, rows, a.shape[1], alpha, b, _step(b), a, _step(a), beta, c,
              _step(c))  # fmt: skip
    else:
        _call(gemm, _order(a, c), _order(b, c), rows, columns, a.shape[1], alpha, a, _step(a), b, _step(b), beta, c,
              _step(c))  # fmt: skip


@njit
def _in_rows(x: Any) -> Any:
    return x.strides[1] == x.itemsize


@njit
def _order(x: Any, c: Any) -> Any:
    """ "N" where a matrix lies as the result does, else "T"."""
    return 78 if _in_rows(x) == _in_rows(c) else 84


@njit
def _step(x: Any) -> Any:
    """How many numbers lie between the beginnings of two rows, or of two columns."""
    return max(x.shape[1], x.strides[0] // x.itemsize) if _in_rows(x) else max(x.shape[0], x.strides[1] // x.itemsize)


@intrinsic
def _call(
    typing: Any, gemm: Any, order_a: Any, order_b: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any, step_a: Any, b: Any,
    step_b: Any, beta: Any, c: Any, step_c: Any,
) -> Any:  # fmt: skip
    """BLAS's call: the addresses of letters, of whole numbers, of numbers like those of c, and of the matrices.

    Of 8 bytes a whole number is read as one of 4 too, where the lower come first, as on all that numba compiles for.
    """

    def written(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        def place(value: Any, kind: Any) -> Any:
            is_array = isinstance(kind, types.Array)
            found = context.make_array(kind)(context, builder, value).data if is_array else cgutils.alloca_once_value(
                builder, value
            )  # fmt: skip
            return builder.bitcast(found, _POINTER)

        form = ir.FunctionType(ir.VoidType(), [_POINTER] * (len(values) - 1))
        pairs = zip(values[1:], signature.args[1:], strict=True)
        builder.call(builder.inttoptr(values[0], form.as_pointer()), [place(*each) for each in pairs])
        return context.get_dummy_value()

    whole, number = types.int64, c.dtype
    matrices = (number, a, whole, b, whole, number, c, whole)
    return types.void(whole, whole, whole, whole, whole, whole, *matrices), written


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

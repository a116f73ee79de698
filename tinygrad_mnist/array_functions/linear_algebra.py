"""Linear algebra: equations, inverses, determinants, decompositions and norms of matrices, or of stacks of them."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import Axis
from tinygrad_mnist.engine.primitive import Function, op


def _identity(n: int, x: Array) -> Array:
    return np.eye(n, dtype=x.dtype)


def _as_columns(x: Array) -> Array:
    return ops.expand_dims(ops.expand_dims(x, -1), -1)


# equations and inverses


@op(
    lambda g, out, a, b: -np.linalg.solve(a.mT, g) @ out.mT,  # a x = b, so da x + a dx = db
    lambda g, out, a, b: np.linalg.solve(a.mT, g),
    name="solve",
)
def _solve(a: Array, b: Array, /) -> Array:
    return np.linalg.solve(a, b)


@means(np.linalg.solve)
def solve(a: Array, b: Array) -> Array:
    """x with a x = b, for one vector b or for matrices of columns."""
    return _solve(a, ops.reshape(b, (-1, 1)))[..., 0] if np.ndim(b) == 1 else _solve(a, b)


@means(np.linalg.inv)
def inv(a: Array) -> Array:
    """The matrix whose product with a is the identity."""
    return _solve(a, _identity(a.shape[-1], a))


def _pinv_vjp(g: Array, out: Array, a: Array, rcond: Any = None, hermitian: bool = False, rtol: Any = None) -> Array:
    rows, columns = _identity(a.shape[-2], g), _identity(a.shape[-1], g)
    outside = (rows - a @ out) @ g.mT @ out @ out.mT + out.mT @ out @ g.mT @ (columns - out @ a)
    return outside - out.mT @ g @ out.mT


means(np.linalg.pinv)(op(_pinv_vjp, name="pinv")(np.linalg.pinv))
"""The pseudoinverse, with the rule of Golub and Pereyra 1973 for a rank that stays as it is."""


@means(np.linalg.matrix_power)
def matrix_power(a: Array, n: int) -> Array:
    """The product of n such matrices, or of -n inverses."""
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:
        return ops.broadcast_to(_identity(a.shape[-1], a), a.shape)
    half = matrix_power(a, n // 2)
    return half @ half @ a if n % 2 else half @ half


@means(np.linalg.multi_dot)
def multi_dot(arrays: list[Array]) -> Array:
    """The product of all, from left to right."""
    return reduce(ops.matmul, arrays)


# determinants


def _cofactors(a: Array, out: Array) -> Array:
    """The determinant's derivatives by the elements: those without their row and column, where no inverse is."""
    if np.all(np.linalg.slogdet(plain(a))[0]):
        return _as_columns(out) * np.linalg.inv(a).mT
    n = a.shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int)
    signs = np.array([[(-1) ** (i + j) for j in range(n)] for i in range(n)], a.dtype)
    return det(a[..., others[:, None, :, None], others[None, :, None, :]]) * signs


det: Function = means(np.linalg.det)(op(lambda g, out, a: _as_columns(g) * _cofactors(a, out))(np.linalg.det))


@op(lambda g, out, a: _as_columns(g) * np.linalg.inv(a).mT)
def log_abs_det(a: Array, /) -> Array:
    """The logarithm of the determinant's size."""
    return np.linalg.slogdet(a)[1]


@means(np.linalg.slogdet)
def slogdet(a: Array) -> Any:
    """The sign of the determinant, as a plain array, and the logarithm of its size."""
    sign, _ = result = np.linalg.slogdet(plain(a))
    return type(result)(sign, log_abs_det(a))


# decompositions; several results lie in one array, one below the other, and are taken from it


def _symmetric(a: Array, UPLO: str = "L") -> Array:
    """The symmetric matrix of which NumPy reads this triangle."""
    own = np.tri(a.shape[-1], dtype=bool)
    return ops.where(own if UPLO == "L" else own.T, a, ops.swapaxes(a, -1, -2))


def _gaps(x: Array) -> Array:
    """1 / (xⱼ - xᵢ), and 0 on the diagonal."""
    same = np.eye(x.shape[-1], dtype=bool)
    gaps = ops.expand_dims(x, -2) - ops.expand_dims(x, -1)
    return ops.where(same, 0, 1 / ops.where(same, 1, gaps))


def _cholesky_vjp(g: Array, out: Array, a: Array) -> Array:
    below = np.tril(out.mT @ g) * (1 - 0.5 * _identity(a.shape[-1], g))
    whole = np.linalg.solve(out.mT, np.linalg.solve(out.mT, below.mT).mT)
    return (whole + whole.mT) / 2


_cholesky = op(_cholesky_vjp, name="cholesky")(np.linalg.cholesky)


@means(np.linalg.cholesky)
def cholesky(a: Array, /, *, upper: bool = False) -> Array:
    """The lower triangle whose product with its transpose is a, or the upper one (Murray 2016)."""
    lower = _cholesky(_symmetric(a, "U" if upper else "L"))
    return lower.mT if upper else lower


def _eigh_vjp(g: Array, out: Array, a: Array) -> Array:
    values, vectors = out[..., 0, :], out[..., 1:, :]
    inner = _gaps(values) * (vectors.mT @ g[..., 1:, :]) + _identity(a.shape[-1], g) * g[..., :1, :]
    return vectors @ inner @ vectors.mT


@op(_eigh_vjp, name="packed_eigh")
def _eigh(a: Array, /) -> Array:
    values, vectors = np.linalg.eigh(a)
    return np.concatenate([values[..., None, :], vectors], axis=-2)


@means(np.linalg.eigh)
def eigh(a: Array, UPLO: str = "L") -> Any:
    """Eigenvalues in rising order, and the eigenvectors as columns, of a symmetric matrix given by a triangle.

    Where eigenvalues are equal, the eigenvectors have no derivative.
    """
    packed: Array = _eigh(_symmetric(a, UPLO))
    return type(np.linalg.eigh(np.eye(1)))(packed[..., 0, :], packed[..., 1:, :])


@means(np.linalg.eigvalsh)
def eigvalsh(a: Array, UPLO: str = "L") -> Array:
    """The eigenvalues of a symmetric matrix, in rising order."""
    return eigh(a, UPLO)[0]


def _parts(packed: Array, rows: int) -> tuple[Array, Array, Array]:
    """U, the singular values and V, as they lie below each other."""
    return packed[..., :rows, :], packed[..., rows, :], packed[..., rows + 1 :, :]


def _svd_vjp(g: Array, out: Array, a: Array) -> Array:
    """Townsend 2016, (16) to (18)."""
    gu, gs, gv = _parts(g, a.shape[-2])
    u, s, v = _parts(out, a.shape[-2])
    gaps, scale = _gaps(s * s), ops.expand_dims(s, -2)
    left, right = u.mT @ gu, v.mT @ gv
    inner = gaps * (left - left.mT) * scale + ops.expand_dims(s, -1) * gaps * (right - right.mT)
    inner = inner + _identity(s.shape[-1], g) * ops.expand_dims(gs, -2)
    outside = (gu - u @ left) / scale @ v.mT + u @ ((gv - v @ right) / scale).mT
    return u @ inner @ v.mT + outside


@op(_svd_vjp, name="packed_svd")
def _svd(a: Array, /) -> Array:
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], vt.mT], axis=-2)


def _singular_values_vjp(g: Array, out: Array, a: Array) -> Array:
    u, _, v = _parts(_svd(a), a.shape[-2])
    return (u * ops.expand_dims(g, -2)) @ v.mT


@op(_singular_values_vjp)
def singular_values(a: Array, /) -> Array:
    """The singular values of a matrix, in falling order."""
    return np.linalg.svd(a, compute_uv=False)


@means(np.linalg.svd)
def svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U, the singular values and Vᵀ, or the singular values alone.

    Where singular values are equal, U and V have no derivative. Raises TypeError for U and V with more columns than
    there are singular values, which have none either.
    """
    if not compute_uv:
        return singular_values(a)
    rows, columns = np.shape(a)[-2:]
    if full_matrices and rows != columns:
        raise TypeError("np.linalg.svd on a Tensor that is not square is recorded with full_matrices=False alone")
    u, s, v = _parts(_svd(a), rows)
    return type(np.linalg.svd(np.eye(1)))(u, s, v.mT)


@means(np.linalg.svdvals)
def svdvals(x: Array, /) -> Array:
    """The singular values of a matrix, in falling order."""
    return singular_values(x)


# norms


def _root(total: Array, exponent: float) -> Array:
    """total to the power 1 / exponent, and 0 for 0, where no gradient flows."""
    positive = ops.where(total == 0, 1, total)
    return ops.where(total == 0, 0, ops.sqrt(positive) if exponent == 2 else ops.pow(positive, 1 / exponent))


@means(np.linalg.vector_norm)
def vector_norm(x: Array, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """The length of all elements together, or along these axes."""
    if axis is None and keepdims:
        return ops.reshape(norm(ops.reshape(x, -1), ord), (1,) * np.ndim(x))
    return norm(ops.reshape(x, -1), ord) if axis is None else norm(x, ord, axis, keepdims)


@means(np.linalg.matrix_norm)
def matrix_norm(x: Array, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """The norm of each of a stack of matrices."""
    return norm(x, ord, (-2, -1), keepdims)


@means(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Lengths of vectors, (Σ|x|ᵖ)^(1/p), √Σx² by default; of matrices Frobenius', by default, and the others.

    The gradient of a length of zero is zero.
    """
    if x.dtype.kind != "f":
        x = ops.astype(x, np.float64)
    if ord is None:
        return _root(ops.sum(ops.mul(x, x), axis, keepdims), 2)
    axes = tuple(range(np.ndim(x))) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, np.ndim(x))
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"np.linalg.norm with ord={ord!r} is of vectors or matrices: one axis or two, not {len(axes)}")
    return _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    if ord == 0:
        return np.linalg.norm(plain(x), 0, axis, keepdims)
    size = ops.abs(x)
    if ord in (np.inf, -np.inf):
        return (ops.max if ord > 0 else ops.min)(size, axis, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"np.linalg.norm of vectors takes a number for ord, and not {ord!r}")
    return _root(ops.sum(ops.pow(x if ord == 2 else size, ord), axis, keepdims), ord)


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, int], keepdims: bool) -> Array:
    if ord == "fro":
        return _root(ops.sum(ops.mul(x, x), axes, keepdims), 2)
    if ord not in ("nuc", 2, -2, 1, -1, np.inf, -np.inf):
        raise ValueError(f"matrices have the norms 'fro', 'nuc', 2, 1, np.inf and their opposites, and not {ord!r}")
    x = np.moveaxis(x, axes, (-2, -1))
    per = singular_values(x) if ord in ("nuc", 2, -2) else ops.sum(ops.abs(x), -2 if abs(ord) == 1 else -1)
    result = ops.sum(per, -1) if ord == "nuc" else (ops.max if ord > 0 else ops.min)(per, -1)
    return ops.expand_dims(result, tuple(sorted(axes))) if keepdims else result

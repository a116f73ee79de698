"""BLAS's product of matrices, called by its address: in the library with which NumPy computes, and in blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Gemm = tuple[int, int, int]

UNPACKED = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""OpenBLAS's kernels, for AVX-512, that multiply small matrices without packing them first."""

MOST, FEW = 10**6, 1200
"""Of how many multiplications a small product is one, and of how many results where rows meet columns as both lie in
memory (`sgemm_small_kernel_permit` in OpenBLAS's kernel/x86_64).
"""

DATA = object.__basicsize__
"""Where in an array's object the address of its numbers stands (`PyArrayObject` in NumPy's ndarraytypes.h)."""

SHORTEST = 64
"""A block of fewer rows or columns is not worth a call of its own."""


@functools.cache
def gemm(name: str) -> Gemm:
    """Where "sgemm" or "dgemm" lies in memory, and its `MOST` and `FEW`, 0 where it has no such limits.

    Of NumPy's own library, which is often the newest, or else of SciPy's. The address is 0 where there is neither, as
    in a browser.
    """
    try:
        import ctypes

        from threadpoolctl import ThreadpoolController
    except ImportError:
        return 0, 0, 0
    libraries = [each for each in ThreadpoolController().lib_controllers if each.user_api == "blas"]
    for library in sorted(libraries, key=lambda each: "numpy" not in each.filepath):
        for symbol in (f"scipy_{name}_64_", f"{name}_64_", f"scipy_{name}_", f"{name}_"):
            function = getattr(library.dynlib, symbol, None)
            if function is not None:
                is_unpacked = name == "sgemm" and getattr(library, "architecture", "") in UNPACKED
                limits = (MOST, FEW) if is_unpacked else (0, 0)
                return ctypes.cast(function, ctypes.c_void_p).value or 0, *limits
    return _of_scipy(name), 0, 0


def _of_scipy(name: str) -> int:
    """What SciPy gives to Cython."""
    import ctypes

    try:
        from scipy.linalg import cython_blas
    except ImportError:
        return 0
    capsule = cython_blas.__pyx_capi__[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


def division(rows: int, columns: int, inner: int, most: int, few: int, is_turned: bool) -> tuple[int, int]:
    """The axis along which a product is done in blocks, 0 for rows, 1 for columns, 2 for what is summed over, and their
    length: so long that no block is packed, and all of it where blocks would be too short.

    is_turned: whether rows lie in memory as columns do, each in one piece.
    """
    narrow, whole, axis = min(rows, columns), max(rows, columns), 0 if rows > columns else 1
    results = most // inner
    if is_turned:
        results = min(results, few) if inner >= SHORTEST else 0
        if narrow > 16:
            return axis, 8 if axis == 1 and results >= 8 * narrow else whole
    else:
        summed = most // (rows * columns) // 16 * 16
        if 2 * SHORTEST <= summed < inner and whole < inner:
            return 2, summed
    length = results // narrow // 16 * 16
    return axis, length if length >= SHORTEST else whole


def ordered(rows: int, columns: int, inner: int, a: Any, b: Any, c: Any) -> tuple[Any, ...]:
    """How BLAS, which knows columns, is asked: whether b comes first, the orders of both, m, n, and three distances.

    a, b, c: how many numbers lie between two rows and between two columns of each. Of a result that lies in rows it
    computes the transpose, cᵀ = bᵀ aᵀ.
    """
    is_in_rows = c[1] == 1
    (x_0, x_1), (y_0, y_1) = ((b[1], b[0]), (a[1], a[0])) if is_in_rows else ((a[0], a[1]), (b[0], b[1]))
    m, n = (columns, rows) if is_in_rows else (rows, columns)
    return (
        is_in_rows, 78 if x_0 == 1 else 84, 78 if y_0 == 1 else 84, m, n,
        max(x_1, m) if x_0 == 1 else max(x_0, inner), max(y_1, inner) if y_0 == 1 else max(y_0, n),
        max(c[0] if is_in_rows else c[1], m),
    )  # fmt: skip


class Product:
    """alpha a @ b + beta c, again and again: what stays the same is prepared.

    given: which of the operands lie elsewhere each time: "a", "b", both or none; they are passed in this order.
    """

    def __init__(self, gemm: Gemm, a: Any, b: Any, c: Any, given: str = "") -> None:
        import ctypes

        address, most, few = gemm
        size, number = c.itemsize, {4: ctypes.c_float, 8: ctypes.c_double}[c.itemsize]
        self.arrays = a, b, c
        self.alpha, self.first, self.one = number(), number(), number(1)
        self.field: Callable[[int], Any] = ctypes.c_void_p.from_address
        self.function = ctypes.CFUNCTYPE(None)(address)
        self.places: list[list[tuple[Any, int]]] = [[] for _ in given]
        steps = {name: [n // size for n in x.strides] for name, x in (("a", a), ("b", b), ("c", c))}
        (rows, columns), inner = c.shape, a.shape[1]
        sizes = rows, columns, inner
        most = most if rows * columns * inner > most else 0  # a call from Python takes as long as a small block
        axis, length = division(rows, columns, inner, most, few, steps["a"][1] == 1 and steps["b"][1] != 1)
        axes = {"a": (0, 2), "b": (2, 1), "c": (0, 1)}
        self.calls = []
        for start in range(0, sizes[axis], length):
            part = [min(length, n - start) if i == axis else n for i, n in enumerate(sizes)]
            places = {}
            for name, x in zip("abc", self.arrays, strict=True):
                by = sum(start * steps[name][i] * size for i in (0, 1) if axes[name][i] == axis)
                places[name] = ctypes.c_void_p(x.__array_interface__["data"][0] + by)
                if name in given:
                    self.places[given.index(name)].append((places[name], by))
            swaps, order_x, order_y, m, n, step_x, step_y, step_c = ordered(*part, *steps.values())
            whole = [ctypes.c_int64(i) for i in (order_x, order_y, m, n, part[2], step_x, step_y, step_c)]
            pointers = [ctypes.byref(i) for i in whole]
            x, y = (places["b"], places["a"]) if swaps else (places["a"], places["b"])
            beta = self.first if start == 0 or axis != 2 else self.one
            self.calls.append((*pointers[:5], ctypes.byref(self.alpha), x, pointers[5], y, pointers[6],
                               ctypes.byref(beta), places["c"], pointers[7]))  # fmt: skip

    def __call__(self, alpha: float, beta: float, *given: Any) -> None:
        """Compute it. given: the operands that lie elsewhere each time."""
        self.alpha.value, self.first.value = alpha, beta
        if given:
            self._find(given)
        for call in self.calls:
            self.function(*call)

    def _find(self, given: tuple[Any, ...]) -> None:
        for x, places in zip(given, self.places, strict=True):
            start = self.field(id(x) + DATA).value  # a fifth of the time that x.ctypes.data takes
            for place, by in places:
                place.value = start + by


def product(gemm: Gemm, alpha: float, a: Any, b: Any, beta: float, c: Any) -> None:
    """c = alpha a @ b + beta c, once."""
    Product(gemm, a, b, c)(alpha, beta)

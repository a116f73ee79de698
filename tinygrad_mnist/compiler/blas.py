"""BLAS's product of matrices: of the library with which NumPy computes, and SciPy's, which Python calls."""

from __future__ import annotations

import functools
from typing import Any


def scipy_blas() -> Any:
    """SciPy's BLAS; None where there is no SciPy, as in a browser."""
    try:
        from scipy.linalg import blas
    except ImportError:
        return None
    return blas


UNPACKED = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""OpenBLAS's kernels, for AVX-512, that multiply small matrices without packing them first."""

MOST, FEW = 10**6, 1200
"""Of how many multiplications a small product is one, and of how many results where rows meet columns as both lie in
memory (`sgemm_small_kernel_permit` in OpenBLAS's kernel/x86_64).
"""


@functools.cache
def gemm(name: str) -> tuple[int, int, int]:
    """Where "sgemm" or "dgemm" lies in memory, and its `MOST` and `FEW`, 0 where it has no such limits.

    Of NumPy's own library, which is often the newest, or else of SciPy's.
    """
    import ctypes

    from threadpoolctl import ThreadpoolController

    libraries = [each for each in ThreadpoolController().lib_controllers if each.user_api == "blas"]
    for library in sorted(libraries, key=lambda each: "numpy" not in each.filepath):
        for symbol in (f"scipy_{name}_64_", f"{name}_64_", f"scipy_{name}_", f"{name}_"):
            function = getattr(library.dynlib, symbol, None)
            if function is not None:
                is_unpacked = name == "sgemm" and getattr(library, "architecture", "") in UNPACKED
                limits = (MOST, FEW) if is_unpacked else (0, 0)
                return ctypes.cast(function, ctypes.c_void_p).value or 0, *limits
    from numba.extending import get_cython_function_address

    return int(get_cython_function_address("scipy.linalg.cython_blas", name)), 0, 0

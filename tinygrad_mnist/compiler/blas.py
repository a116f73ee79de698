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


@functools.cache
def address(name: str) -> int:
    """Where "sgemm" or "dgemm" lies in memory: in NumPy's own library, often the newest, or else in SciPy's."""
    import ctypes

    from threadpoolctl import ThreadpoolController

    libraries = [each for each in ThreadpoolController().lib_controllers if each.user_api == "blas"]
    for library in sorted(libraries, key=lambda each: "numpy" not in each.filepath):
        for symbol in (f"scipy_{name}_64_", f"{name}_64_", f"scipy_{name}_", f"{name}_"):
            function = getattr(library.dynlib, symbol, None)
            if function is not None:
                return ctypes.cast(function, ctypes.c_void_p).value or 0
    from numba.extending import get_cython_function_address

    return int(get_cython_function_address("scipy.linalg.cython_blas", name))

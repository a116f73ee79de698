"""numba, which compiles loops: whether it is there, and whether it is loaded."""

from __future__ import annotations

import importlib.util
import os
import sys


def has_numba() -> bool:
    """Whether numba compiles: it is installed, and its own NUMBA_DISABLE_JIT=1 does not let all run as Python."""
    return importlib.util.find_spec("numba") is not None and os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"


def is_loaded() -> bool:
    """Whether numba compiles and is loaded already, as by a compiled step: loading it takes half a second."""
    return "numba" in sys.modules and has_numba()

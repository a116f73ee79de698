"""Parts: stretches of a step, kernels and products of matrices, that numba compiles as one function each."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import inspect
import operator
import sys
import textwrap
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.compiler.blas import product
from tinygrad_mnist.files import write_text
from tinygrad_mnist.jit import has_numba

HEADER = '''"""A part of a compiled step."""

import numpy as np
from numba import njit

from tinygrad_mnist.compiler.kernels.native import exp, maximum, minimum, plus, product
'''

KERNEL = '@njit(error_model="numpy", fastmath={"contract", "nsz"})\n'
PART = "@njit(cache=True, nogil=True)\n"


class Part:
    """A stretch of a step as it is written line by line.

    names: those of arrays and numbers, in order of their use. constants: numbers that are given too, by their names.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, None] = {}
        self.kernels: dict[str, str] = {}
        self.constants: dict[float, str] = {}
        self.decides = False

    def add(self, line: str, names: Collection[str]) -> None:
        """Write a line in which these names stand."""
        self.lines.append(line)
        self.names.update(dict.fromkeys(names))

    def kernel(self, source: str) -> str:
        """The name of a kernel, one of which serves all that are written alike."""
        return self.kernels.setdefault(source, f"kernel{len(self.kernels) + 1}")

    def constant(self, number: float) -> str:
        """The name of a number; no value's ends so."""
        return self.constants.setdefault(number, f"c{len(self.constants)}_")

    def decide(self, name: str, taken: bool) -> None:
        """Leave the step where a decision by this number would be taken otherwise."""
        self.add(f"if {'not ' if taken else ''}{name}[()]: return False", [name])
        self.decides = True

    def call(self, text: str) -> str:
        """A call of a function by its text, or the lines that leave the step where it says so."""
        call = _folded(f"{text}({', '.join([*self.names, *map(repr, self.constants)])})")
        return f"if not {call}: return None" if self.decides else call

    def source(self) -> str:
        """The kernels, and the function that runs the lines."""
        head = _folded(f"def part({', '.join([*self.names, *self.constants.values()])}):")
        body = [f"    {line}" for line in [*self.lines, *(["return True"] if self.decides else [])]]
        kernels = [
            KERNEL + source.replace("def kernel(", f"def {name}(") + "\n" for source, name in self.kernels.items()
        ]
        return "\n".join(["", *kernels, PART + head, *body, ""])


def _folded(text: str) -> str:
    return "\n        ".join(textwrap.wrap(text, 110, break_long_words=False, break_on_hyphens=False))


def folder() -> Path:
    """Where parts and their machine code are kept for the next run."""
    from platformdirs import user_cache_path

    return user_cache_path("tinygrad_mnist") / "parts"


@functools.lru_cache(maxsize=512)
def compiled(source: str) -> Callable[..., Any]:
    """The function of a part's source; file and machine code stay in the user's cache for the next run."""
    if not has_numba():
        names = {**INTERPRETED}
        exec(source, names)
        interpreted: Callable[..., Any] = names["part"]
        return interpreted
    from tinygrad_mnist.compiler import blas
    from tinygrad_mnist.compiler.kernels import native

    text = f"{HEADER}\n{source}"
    name = f"part_{hashlib.sha256(''.join([text, *map(inspect.getsource, (native, blas))]).encode()).hexdigest()[:16]}"
    path = folder() / f"{name}.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where numba looks it up
    spec.loader.exec_module(module)
    part: Callable[..., Any] = module.part
    return part


INTERPRETED: dict[str, Any] = {
    "np": np, "njit": lambda *_, **__: lambda function: function, "exp": np.exp, "maximum": np.maximum,
    "minimum": np.minimum, "plus": operator.add, "product": product,
}  # fmt: skip
"""What the header gives to a part that is compiled, as Python."""

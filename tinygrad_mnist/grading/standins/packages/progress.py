"""Progress bars that are gone through, and what makes a program faster or measures it: nothing of it is needed."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.absorbing import Absorbing, Entered
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data


class Progress(Entered):
    """A progress bar: a loop over it is one over what it was given."""

    def __init__(self, iterable: Any = (), *arguments: Any, **options: Any) -> None:
        self.iterable = iterable
        self.n, self.total = 0, options.get("total")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)

    @staticmethod
    def iter(iterable: Any) -> Iterator[Any]:
        """What a bar of another package is given to go through."""
        return iter(iterable)

    @staticmethod
    def write(*arguments: Any, **options: Any) -> None:
        """Nothing is printed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absorbing()


def _range(*arguments: Any, **options: Any) -> Progress:
    return Progress(range(*arguments))


def decorated(*arguments: Any, **options: Any) -> Any:
    """A decorator, with or without arguments, that changes nothing."""
    plain = len(arguments) == 1 and not options and callable(arguments[0])
    return arguments[0] if plain else lambda function: function


def nothing(*arguments: Any, **options: Any) -> None:
    """Nothing is written."""


def _unpickled(name: Any, *arguments: Any, **options: Any) -> Any:
    with open(name, "rb") as file:
        return pickle.load(file)


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """Progress bars, compilers, profilers; joblib, which reads and writes too."""
    bars = {"tqdm": Progress, "trange": _range, "tqdm_notebook": Progress, "tnrange": _range}
    compilers = ("njit", "jit", "vectorize", "guvectorize", "generated_jit", "stencil")
    fast = {**dict.fromkeys(compilers, decorated), "prange": range}
    later = {
        "Parallel": lambda *a, **o: lambda calls: [f(*args, **options) for f, args, options in calls],
        "delayed": lambda f: lambda *args, **options: (f, args, options), "dump": nothing, "load": _unpickled,
        "cpu_count": lambda: 1,
    }  # fmt: skip
    return {
        **dict.fromkeys(("tqdm", "tqdm.auto", "tqdm.notebook", "tqdm.std", "tqdm.autonotebook"), bars),
        "rich.progress": {"track": Progress}, "alive_progress": {"alive_it": Progress},
        "progressbar": {"progressbar": Progress},
        "progress.bar": dict.fromkeys(("Bar", "IncrementalBar", "ChargingBar", "ShadyBar", "PixelBar"), Progress),
        "termcolor": {"colored": lambda text, *a, **o: text}, "tabulate": {"tabulate": lambda *a, **o: ""},
        "numba": fast, "line_profiler": {"profile": decorated}, "memory_profiler": {"profile": decorated},
        "joblib": later, "dill": vars(pickle), "cPickle": vars(pickle),
        "cupy": {"asnumpy": np.asarray, "asarray": np.asarray},
        "autograd": {}, "jax": {"jit": decorated},
    }  # fmt: skip

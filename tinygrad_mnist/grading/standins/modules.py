"""Packages that need not be there: each a module of a few true functions, and of nothing for all else."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins import science
from tinygrad_mnist.grading.standins.absorbing import Absorbing, named, used
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.standins.packages import (
    commands,
    configuration,
    datasets,
    hugging_face,
    learning,
    loaders,
    pictures,
    progress,
    tensorflow,
    torch,
)
from tinygrad_mnist.grading.standins.packages.tables import reading

REPLACED = {
    # pictures and screens
    "matplotlib", "pylab", "mpl_toolkits", "seaborn", "plotly", "bokeh", "altair", "IPython", "ipywidgets", "cv2",
    "PIL",
    "imageio", "skimage", "pygame", "tkinter", "turtle", "streamlit", "gradio", "plotext", "visdom", "graphviz",
    "networkx", "celluloid", "manim", "pyautogui", "kivy", "PyQt5", "arcade", "drawnow", "livelossplot", "scikitplot",
    # progress and words
    "tqdm", "rich", "termcolor", "colorama", "prettytable", "tabulate", "alive_progress", "progressbar", "yaspin",
    "progress",
    "loguru", "coloredlogs", "tensorboardX", "tensorboard", "wandb", "mlflow", "neptune", "comet_ml", "fire", "click",
    "typer",
    # data
    "requests", "wget", "gdown", "kagglehub", "kaggle", "google", "datasets", "tensorflow_datasets", "mlxtend", "mnist",
    "idx2numpy", "h5py", "pandas", "polars", "nnfs", "mnist_loader", "mnist_reader", "python_mnist", "emnist",
    "extra_keras_datasets",
    "scipy.io", "scipy.misc", "deeplake", "joblib", "dill", "cPickle", "opendatasets", "lr_utils",
    "dataset", "openml",
    # other frameworks
    "sklearn", "tensorflow", "keras", "torch", "torchvision", "torchsummary", "np_utils", "jax", "jaxlib", "flax",
    "optax",
    "autograd", "theano", "mxnet", "chainer", "lightning", "pytorch_lightning", "micrograd", "xgboost", "lightgbm",
    # faster, and measured
    "numba", "cupy", "psutil", "line_profiler", "memory_profiler", "pyinstrument", "GPUtil", "numexpr",
}  # fmt: skip
"""What is never imported, whether it is here or not, unless it lies beside the program."""

AS_NUMPY = {"cupy", "autograd.numpy", "jax.numpy"}
"""Modules that are NumPy by another name."""

PACKAGES = (
    pictures, progress, commands, reading, configuration, learning, datasets, science, loaders, tensorflow, torch,
    hugging_face,
)  # fmt: skip
"""What says which functions the modules have."""

FOUND: dict[str, dict[str, Any]] = {}
"""What the modules have that does something, by the module's name."""


class StandIn(types.ModuleType):
    """A module of a package that is not there: its functions that do something, and absorbing objects for all else."""

    __version__ = "2.0.0"

    def __getattr__(self, name: str) -> Any:
        found = FOUND.get(self.__name__, {})
        if name == "__all__":
            return [n for n in found if not n.startswith("_")]
        if name.startswith("__"):
            raise AttributeError(name)
        whole = f"{self.__name__}.{name}"
        if whole in sys.modules:
            return sys.modules[whole]
        if name in found:
            used.add(whole)
            return found[name]
        if any(_among(known, {whole}) for known in FOUND):
            return importlib.import_module(whole)
        if self.__name__ in AS_NUMPY:
            return getattr(np, name)
        used.add(whole)
        return _class(self.__name__, name) if name[:1].isupper() and not name.isupper() else named(whole)


def _class(module: str, name: str) -> type:
    """A class that a program may inherit from, or make objects of."""
    return type(name, (Absorbing,), {"__module__": f"{module}.{name}"})


class Finder:
    """Finds the modules of these names, and everything below them, but none that lies beside the program."""

    def __init__(self, names: set[str], files: Files) -> None:
        self.names, self.files = names, files

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if not _among(name, self.names) or self._beside(name.partition(".")[0]):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]  # it loads

    def _beside(self, top: str) -> bool:
        folder = str(self.files.folder / top)
        in_it = self.files.real_listdir(folder) if self.files.real_isdir(folder) else []
        return self.files.real_isfile(f"{folder}.py") or any(name.endswith(".py") for name in in_it)

    def create_module(self, spec: Any) -> types.ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        used.add(module.__name__)


class Overriding:
    """Finds the modules of these names that are here, and puts some functions in place of theirs."""

    loader: Any

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        if name not in self.names:
            return None
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None:
            self.loader, spec.loader = spec.loader, self  # type: ignore[assignment]  # it loads
        return spec

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        self.loader.exec_module(module)
        vars(module).update(FOUND[module.__name__])


def _among(name: str, packages: set[str]) -> bool:
    """Whether it is one of these packages, or in one."""
    while name and name not in packages:
        name = name.rpartition(".")[0]
    return bool(name)


def install(data: Data, files: Files, absent: Iterable[str] = ()) -> None:
    """Put the stand-ins before, and those of SciPy and PyYAML behind, the modules that are here.

    absent: others, which are nothing.
    """
    FOUND.clear()
    for package in PACKAGES:
        FOUND.update(package.modules(data, files))
    used.clear()
    sys.meta_path[:0] = [Finder(REPLACED.union(absent), files), Overriding({"scipy.optimize"})]
    sys.meta_path.append(Finder({"scipy", "yaml"}, files))
    for name in [name for name in sys.modules if _among(name, REPLACED)]:
        del sys.modules[name]

"""Data sets that scikit-learn has: MNIST as it gives it, and sets in the shape of its small ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tinygrad_mnist.grading.standins.digits import small
from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data, seeded
from tinygrad_mnist.grading.standins.packages.learning import Bunch
from tinygrad_mnist.grading.standins.packages.tables.frames import Frame, Series, concat


def fetch_openml(data: Data, *arguments: Any, as_frame: Any = "auto", return_X_y: bool = False, **options: Any) -> Any:
    """Pixels from 0 to 255, labels as text; tables, unless told otherwise."""
    X, y = data.both()
    labels = y.astype(str).astype(object)
    names = [f"pixel{i}" for i in range(1, X.shape[1] + 1)]
    if not as_frame:
        pixels = X.astype(float)
        return (pixels, labels) if return_X_y else Bunch(data=pixels, target=labels, feature_names=names, DESCR="")
    table, column = Frame(X.astype(np.int64), columns=names), Series(labels, name="class")
    if return_X_y:
        return table, column
    frame = concat([table, column], axis=1)
    return Bunch(data=table, target=column, frame=frame, feature_names=names, DESCR="")


def fetch_mldata(data: Data, *arguments: Any, **options: Any) -> Bunch:
    """Scikit-learn's old way: uint8 pixels, float labels."""
    X, y = data.both()
    return Bunch(data=X, target=y.astype(float), DESCR="", COL_NAMES=["label", "data"])


def load_digits(data: Data, *arguments: Any, return_X_y: bool = False, **options: Any) -> Any:
    """8 × 8 pixels from 0 to 16 as floats, labels int64."""
    X, y = data.both()
    images, labels = small(X.reshape(-1, 28, 28)), y.astype(np.int64)
    flat = images.reshape(len(images), 64)
    if return_X_y:
        return flat, labels
    return Bunch(data=flat, target=labels, images=images, target_names=np.arange(10), DESCR="")


def make_moons(n_samples: Any = 100, *arguments: Any, noise: float | None = None, **options: Any) -> Any:
    """Two half circles that reach into each other."""
    rng, n = seeded(options.get("random_state")), int(np.sum(n_samples))
    y = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, n)
    X = np.column_stack(
        [np.where(y, 1 - np.cos(angle), np.cos(angle)), np.where(y, 0.5 - np.sin(angle), np.sin(angle))]
    )
    return X + rng.normal(0, noise or 0, X.shape), y


def make_circles(
    n_samples: Any = 100, *arguments: Any, noise: float | None = None, factor: float = 0.8, **options: Any
) -> Any:
    """A circle in another."""
    rng, n = seeded(options.get("random_state")), int(np.sum(n_samples))
    y = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) * np.where(y, factor, 1)[:, None]
    return X + rng.normal(0, noise or 0, X.shape), y


def make_blobs(
    n_samples: Any = 100,
    n_features: int = 2,
    *arguments: Any,
    centers: Any = None,
    cluster_std: Any = 1.0,
    **options: Any,
) -> Any:
    """Heaps of points."""
    rng, n = seeded(options.get("random_state")), int(np.sum(n_samples))
    middle = np.asarray(centers) if np.ndim(centers) else rng.uniform(-10, 10, (int(centers or 3), n_features))
    y = np.arange(n) % len(middle)
    return middle[y] + rng.normal(0, 1, (n, middle.shape[1])) * np.broadcast_to(cluster_std, len(middle))[y][:, None], y


def make_classification(n_samples: int = 100, n_features: int = 20, *arguments: Any, **options: Any) -> Any:
    return make_blobs(n_samples, n_features, centers=options.get("n_classes", 2), **options)


def make_regression(n_samples: int = 100, n_features: int = 100, *arguments: Any, **options: Any) -> Any:
    rng = seeded(options.get("random_state"))
    X = rng.normal(size=(n_samples, n_features))
    return X, X @ rng.uniform(0, 100, n_features)


def _flowers(count: int, features: int, classes: int) -> Any:
    """A set in the shape of a known one: positive measures, which differ from class to class."""

    def load(*arguments: Any, return_X_y: bool = False, **options: Any) -> Any:
        X, y = make_blobs(count, features, centers=classes)
        X = np.round(np.abs(X), 1)
        order = np.argsort(y, kind="stable")
        X, y = X[order], y[order]
        names = [f"feature {i}" for i in range(features)]
        targets = np.array([f"class {i}" for i in range(classes)])
        return (X, y) if return_X_y else Bunch(data=X, target=y, feature_names=names, target_names=targets, DESCR="")

    return load


def _measured(count: int, features: int) -> Any:
    def load(*arguments: Any, return_X_y: bool = False, **options: Any) -> Any:
        X, y = make_regression(count, features)
        names = [f"feature {i}" for i in range(features)]
        return (X, y) if return_X_y else Bunch(data=X, target=y, feature_names=names, DESCR="")

    return load


SMALL_SETS = {
    "make_moons": make_moons, "make_circles": make_circles, "make_blobs": make_blobs,
    "make_classification": make_classification, "make_gaussian_quantiles": make_classification,
    "make_regression": make_regression, "load_iris": _flowers(150, 4, 3), "load_wine": _flowers(178, 13, 3),
    "load_breast_cancer": _flowers(569, 30, 2), "load_diabetes": _measured(442, 10), "load_boston": _measured(506, 13),
    "fetch_california_housing": _measured(500, 8),
}  # fmt: skip


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """`sklearn.datasets`."""
    own = {function.__name__: partial(function, data) for function in (fetch_openml, fetch_mldata, load_digits)}
    return {"sklearn.datasets": {**own, **SMALL_SETS}}

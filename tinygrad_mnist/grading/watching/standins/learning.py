"""What programs take from scikit-learn and Keras beside data: splits, scaling, one-hot labels, counts of right answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def train_test_split(*arrays: Any, test_size: Any = None, train_size: Any = None, **options: Any) -> list[Any]:
    count = len(arrays[0])
    share = test_size if test_size is not None else (1 - train_size if isinstance(train_size, float) else 0.25)
    held = share if isinstance(share, int) and share > 1 else round(count * share)
    held = min(held, count // 2)
    order = np.random.default_rng(0).permutation(count) if options.get("shuffle", True) else np.arange(count)
    rest, test = (
        (order[held:], order[:held]) if options.get("shuffle", True) else (order[: count - held], order[count - held :])
    )
    return [_taken(a, chosen) for a in arrays for chosen in (rest, test)]


def _taken(array: Any, chosen: NDArray[Any]) -> Any:
    if hasattr(array, "iloc") and hasattr(array, "columns"):
        return array.iloc[chosen]
    return array[chosen] if hasattr(array, "values") else np.asarray(array)[chosen]


def shuffle(*arrays: Any, **options: Any) -> Any:
    order = np.random.default_rng(0).permutation(len(arrays[0]))
    found = [_taken(a, order) for a in arrays]
    return found if len(found) > 1 else found[0]


def to_categorical(y: Any, num_classes: int | None = None, **options: Any) -> NDArray[Any]:
    labels = np.asarray(y, int).ravel()
    return np.eye(num_classes or int(labels.max()) + 1)[labels]


def accuracy_score(a: Any, b: Any, **options: Any) -> float:
    return float((np.asarray(a) == np.asarray(b)).mean())


def normalize(X: Any, *arguments: Any, **options: Any) -> NDArray[Any]:
    X = np.asarray(X, float)
    return np.asarray(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12))


class _Fitted:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.options = options

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.fit(X).transform(X)


class StandardScaler(_Fitted):
    def fit(self, X: Any, y: Any = None) -> Any:
        X = np.asarray(X, float)
        deviation = X.std(axis=0)
        self.mean_, self.scale_ = X.mean(axis=0), np.where(deviation == 0, 1, deviation)
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, float) - self.mean_) / self.scale_


class MinMaxScaler(_Fitted):
    def fit(self, X: Any, y: Any = None) -> Any:
        X = np.asarray(X, float)
        self.low, spread = X.min(axis=0), np.ptp(X, axis=0)
        self.spread = np.where(spread == 0, 1, spread)
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, float) - self.low) / self.spread


class Sparse:
    """A matrix that is asked for `toarray()`."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values = values

    def toarray(self) -> NDArray[Any]:
        return self.values

    todense = toarray

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)


class OneHotEncoder(_Fitted):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.classes = np.unique(np.asarray(X))
        return self

    def transform(self, X: Any) -> Any:
        hot = (np.asarray(X).reshape(-1, 1) == self.classes).astype(float)
        dense = self.options.get("sparse") is False or self.options.get("sparse_output") is False
        return hot if dense else Sparse(hot)


class LabelBinarizer(_Fitted):
    def fit(self, X: Any, y: Any = None) -> Any:
        self.classes_ = np.unique(np.asarray(X))
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X).reshape(-1, 1) == self.classes_).astype(int)


class LabelEncoder(LabelBinarizer):
    def transform(self, X: Any) -> Any:
        return np.searchsorted(self.classes_, np.asarray(X))


class Bunch(dict[str, Any]):
    """A dict whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]

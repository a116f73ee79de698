"""What programs take from scikit-learn and Keras beside data: splits, scales, one-hot labels, right answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.loading import Data, seeded


class Bunch(dict[str, Any]):
    """A dict whose items are attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        return self[name]


# splits


def train_test_split(
    *arrays: Any, test_size: Any = None, train_size: Any = None, shuffle: bool = True, **options: Any
) -> list[Any]:
    """For each array its part to train with and its part to test with, in scikit-learn's order."""
    count = len(arrays[0])
    held = _held_back(count, test_size, train_size)
    order = seeded(options.get("random_state")).permutation(count) if shuffle else np.arange(count)
    rest, test = order[: count - held], order[count - held :]
    return [taken(array, chosen) for array in arrays for chosen in (rest, test)]


def _held_back(count: int, test_size: Any, train_size: Any) -> int:
    """How many to test with. Sizes that are meant for the whole of MNIST take half."""
    if test_size is None:
        whole = 1 if isinstance(train_size, float) else count
        test_size = 0.25 if train_size is None else whole - train_size
    held = test_size if isinstance(test_size, (int, np.integer)) else int(np.ceil(count * test_size))
    return int(held) if 0 < held < count else count // 2


def taken(array: Any, chosen: NDArray[Any]) -> Any:
    """Rows of an array, a table or a list, as what they were."""
    if hasattr(array, "iloc"):
        return array.iloc[chosen]
    return [array[i] for i in chosen] if isinstance(array, list) else np.asarray(array)[chosen]


def shuffle(*arrays: Any, n_samples: int | None = None, random_state: Any = None, **options: Any) -> Any:
    order = seeded(random_state).permutation(len(arrays[0]))[:n_samples]
    found = [taken(a, order) for a in arrays]
    return found if len(found) > 1 else found[0]


class KFold:
    """`for train, test in KFold(5).split(X)`."""

    def __init__(self, n_splits: int = 5, **options: Any) -> None:
        self.n_splits = n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        every = np.arange(len(X))
        return ((np.setdiff1d(every, part), part) for part in np.array_split(every, self.n_splits))

    def get_n_splits(self, *arguments: Any) -> int:
        return self.n_splits


# labels and scales


def to_categorical(y: Any, num_classes: int | None = None, *arguments: Any, **options: Any) -> NDArray[Any]:
    """One-hot rows in float64, as Keras gives them."""
    labels: NDArray[Any] = np.asarray(y, int)
    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels
    classes = num_classes or options.get("nb_classes") or int(labels.max()) + 1
    hot: NDArray[Any] = np.eye(classes)[labels]
    return hot


def label_binarize(y: Any, classes: Any = None, **options: Any) -> NDArray[Any]:
    columns = np.unique(np.asarray(y)) if classes is None else np.asarray(classes)
    hot: NDArray[Any] = np.asarray(y).reshape(-1, 1) == columns
    return hot.astype(int)


def normalize(X: Any, norm: Any = "l2", axis: int = 1, order: int | None = None, **options: Any) -> NDArray[Any]:
    """Rows of length 1."""
    X = np.asarray(X, float)
    lengths = {"l1": 1, "l2": 2, "max": np.inf}.get(norm, 2) if isinstance(norm, str) else 2
    size = np.linalg.norm(X, ord=order or lengths, axis=axis, keepdims=True)
    return np.asarray(X / np.where(size == 0, 1, size))


class _Fitted:
    """What is fitted to data, and then changes data."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return np.asarray(X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.fit(X).transform(X)


class StandardScaler(_Fitted):
    """Each column with mean 0 and deviation 1; one that never changes is only moved."""

    def fit(self, X: Any, y: Any = None) -> Any:
        X = np.asarray(X, float)
        deviation = X.std(axis=0)
        self.mean_, self.scale_ = X.mean(axis=0), np.where(deviation == 0, 1, deviation)
        self.var_ = deviation**2
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, float) - self.mean_) / self.scale_

    def inverse_transform(self, X: Any) -> Any:
        return np.asarray(X) * self.scale_ + self.mean_


class MinMaxScaler(_Fitted):
    """Each column from 0 to 1, or in the range of `feature_range`."""

    def fit(self, X: Any, y: Any = None) -> Any:
        X = np.asarray(X, float)
        self.data_min_, spread = X.min(axis=0), np.ptp(X, axis=0)
        self.data_range_ = np.where(spread == 0, 1, spread)
        return self

    def transform(self, X: Any) -> Any:
        low, high = self.options.get("feature_range", self.arguments[0] if self.arguments else (0, 1))
        return (np.asarray(X, float) - self.data_min_) / self.data_range_ * (high - low) + low


class Normalizer(_Fitted):
    def transform(self, X: Any) -> Any:
        return normalize(X)


class PCA(_Fitted):
    """The directions in which the data differ most."""

    def fit(self, X: Any, y: Any = None) -> Any:
        X = np.asarray(X, float)
        self.mean_ = X.mean(axis=0)
        _, sizes, directions = np.linalg.svd(X - self.mean_, full_matrices=False)
        wanted = self.options.get("n_components", self.arguments[0] if self.arguments else None)
        share = np.cumsum(sizes**2) / np.sum(sizes**2)
        count = int(np.searchsorted(share, wanted)) + 1 if isinstance(wanted, float) and wanted < 1 else wanted
        self.components_ = directions[:count]
        self.explained_variance_ratio_ = (sizes**2 / np.sum(sizes**2))[:count]
        self.n_components_ = len(self.components_)
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, float) - self.mean_) @ self.components_.T

    def inverse_transform(self, X: Any) -> Any:
        return X @ self.components_ + self.mean_


class Sparse:
    """A matrix that is asked for `toarray()`."""

    def __init__(self, values: NDArray[Any]) -> None:
        self.values, self.shape = values, values.shape

    def toarray(self) -> NDArray[Any]:
        return self.values

    todense = toarray

    A = property(toarray)

    @property
    def T(self) -> Sparse:
        return Sparse(self.values.T)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return np.array(self.values, dtype)


class OneHotEncoder(_Fitted):
    """One column for each value: sparse, unless told otherwise."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.categories_ = [np.unique(np.asarray(X))]
        return self

    def transform(self, X: Any) -> Any:
        hot = (np.asarray(X).reshape(-1, 1) == self.categories_[0]).astype(self.options.get("dtype", float))
        dense = self.options.get("sparse") is False or self.options.get("sparse_output") is False
        return hot if dense else Sparse(hot)

    def inverse_transform(self, hot: Any) -> Any:
        return self.categories_[0][np.argmax(np.asarray(hot), axis=1)].reshape(-1, 1)


class LabelBinarizer(_Fitted):
    """One column of 0 and 1 for each value."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.classes_ = np.unique(np.asarray(X))
        return self

    def transform(self, X: Any) -> Any:
        hot = label_binarize(X, self.classes_)
        return hot[:, 1:] if len(self.classes_) == 2 else hot

    def inverse_transform(self, hot: Any) -> Any:
        return self.classes_[np.argmax(np.asarray(hot), axis=1)]


class LabelEncoder(LabelBinarizer):
    """The number of each value in their order."""

    def transform(self, X: Any) -> Any:
        return np.searchsorted(self.classes_, np.asarray(X))

    def inverse_transform(self, codes: Any) -> Any:
        return self.classes_[np.asarray(codes)]


# counts of right answers


def accuracy_score(y_true: Any, y_pred: Any, normalize: bool = True, **options: Any) -> float:
    right = np.asarray(y_true) == np.asarray(y_pred)
    right = right.all(axis=1) if right.ndim > 1 else right
    return float(right.mean() if normalize else right.sum())


def confusion_matrix(y_true: Any, y_pred: Any, labels: Any = None, **options: Any) -> NDArray[Any]:
    """How often each true class (row) was taken for each class (column)."""
    true, given = np.ravel(y_true), np.ravel(y_pred)
    classes = np.unique(np.concatenate([true, given])) if labels is None else np.asarray(labels)
    return np.array([[int(np.sum((true == a) & (given == b))) for b in classes] for a in classes])


def log_loss(y_true: Any, y_pred: Any, **options: Any) -> float:
    true, given = np.asarray(y_true), np.clip(np.asarray(y_pred, float), 1e-15, 1)
    hot = true if true.ndim == given.ndim else np.eye(given.shape[-1])[true.astype(int)]
    return float(-np.mean(np.sum(hot * np.log(given), axis=-1)))


def mean_squared_error(y_true: Any, y_pred: Any, **options: Any) -> float:
    return float(np.mean((np.asarray(y_true) - np.asarray(y_pred)) ** 2))


def classification_report(*arguments: Any, output_dict: bool = False, **options: Any) -> Any:
    return {} if output_dict else ""


def _share_right(y_true: Any, y_pred: Any, *arguments: Any, **options: Any) -> float:
    return accuracy_score(np.ravel(y_true), np.ravel(y_pred))


METRICS = {
    "accuracy_score": accuracy_score, "confusion_matrix": confusion_matrix, "log_loss": log_loss,
    "mean_squared_error": mean_squared_error, "classification_report": classification_report,
    **dict.fromkeys(("precision_score", "recall_score", "f1_score", "balanced_accuracy_score", "r2_score"),
    _share_right),
}  # fmt: skip

PREPROCESSING: dict[str, Any] = {
    "StandardScaler": StandardScaler, "MinMaxScaler": MinMaxScaler, "OneHotEncoder": OneHotEncoder,
    "LabelBinarizer": LabelBinarizer, "LabelEncoder": LabelEncoder, "Normalizer": Normalizer, "normalize": normalize,
    "label_binarize": label_binarize, "scale": lambda X, **o: StandardScaler().fit_transform(X),
    "minmax_scale": lambda X, **o: MinMaxScaler().fit_transform(X), "RobustScaler": StandardScaler,
    "MaxAbsScaler": MinMaxScaler, "Binarizer": _Fitted,
}  # fmt: skip

MODEL_SELECTION = {"train_test_split": train_test_split, "KFold": KFold, "StratifiedKFold": KFold}


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """scikit-learn but for its data sets."""
    return {
        "sklearn.model_selection": MODEL_SELECTION, "sklearn.cross_validation": MODEL_SELECTION,
        "sklearn.preprocessing": PREPROCESSING, "sklearn.utils": {"shuffle": shuffle, "resample": shuffle},
        "sklearn.metrics": METRICS, "sklearn.decomposition": {"PCA": PCA},
    }  # fmt: skip

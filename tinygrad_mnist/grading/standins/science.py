"""What programs take from SciPy, where it is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.standins.files import Files
from tinygrad_mnist.grading.standins.formats import matrices
from tinygrad_mnist.grading.standins.loading import Data
from tinygrad_mnist.grading.standins.packages.learning import Bunch
from tinygrad_mnist.grading.standins.packages.progress import nothing


def expit(z: Any) -> Any:
    """The sigmoid."""
    return 1 / (1 + np.exp(-np.asarray(z, float)))


def softmax(z: Any, axis: Any = None) -> Any:
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def logsumexp(z: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    top = np.max(z, axis=axis, keepdims=True)
    found = np.log(np.sum(np.exp(z - top), axis=axis, keepdims=True)) + top
    return found if keepdims else np.squeeze(found, axis)


SPECIAL = {"expit": expit, "softmax": softmax, "logsumexp": logsumexp,
           "log_softmax": lambda z, axis=None: z - logsumexp(z, axis, keepdims=True),
           "logit": lambda p: np.log(p / (1 - np.asarray(p))),
           "xlogy": lambda x, y: np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1, y)))}  # fmt: skip


def _unchanged(image: Any, *arguments: Any, **options: Any) -> NDArray[Any]:
    """A picture that should be turned or moved a little."""
    return np.array(image)


NDIMAGE = dict.fromkeys(
    ("rotate", "shift", "zoom", "gaussian_filter", "affine_transform", "map_coordinates"), _unchanged
)


class truncnorm:
    """A normal distribution cut off at a and b deviations."""

    def __init__(self, a: Any, b: Any, loc: Any = 0, scale: Any = 1) -> None:
        self.ends, self.loc, self.scale = (a, b), loc, scale

    def rvs(self, size: Any = None, **options: Any) -> Any:
        return np.clip(np.random.standard_normal(size), *self.ends) * self.scale + self.loc


RATE = 0.1
"""How far a step goes along the gradient."""


def _down(x: NDArray[Any], slope: Any) -> NDArray[Any]:
    return np.asarray(x - RATE * np.ravel(slope))


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    step: Callable[[NDArray[Any], Any], NDArray[Any]] = _down,
    **options: Any,
) -> Bunch:
    """A few steps down along the gradient, which is what a program is to show; step: how one is made."""
    x = np.asarray(x0, float).ravel()
    args = args if isinstance(args, tuple) else (args,)
    value: Any = None
    for _ in range(5):
        if jac is True:
            value, slope = fun(x, *args)
        else:
            value, slope = fun(x, *args), jac(x, *args) if callable(jac) else np.zeros_like(x)
        x = step(x, slope)
    return Bunch(x=x, fun=value, success=True, nit=5, message="")


def _minimum(f: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any) -> Any:
    """As `fmin_cg`: the place alone."""
    return minimize(f, x0, args, jac=fprime or True, step=options.get("step", _down)).x


def _minimum_and_more(func: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any) -> Any:
    """As `fmin_tnc` and `fmin_l_bfgs_b`: the place, and what there is to tell."""
    found = minimize(func, x0, args, jac=fprime or True, step=options.get("step", _down))
    return found.x, found.fun, {}


OPTIMIZE = {"minimize": minimize, "fmin_cg": _minimum, "fmin_bfgs": _minimum, "fmin_ncg": _minimum,
            "fmin_tnc": _minimum_and_more, "fmin_l_bfgs_b": _minimum_and_more}  # fmt: skip
"""What takes steps of its own, which are to be recorded: each as `step` makes it."""


def correlate2d(image: Any, kernel: Any, mode: str = "full", *arguments: Any, **options: Any) -> NDArray[Any]:
    """The kernel's products with each place of a picture: "valid", "same" or "full"."""
    image, kernel = np.asarray(image), np.asarray(kernel)
    if mode != "valid":
        around = [(n - 1, n - 1) if mode == "full" else ((n - 1) // 2, n // 2) for n in kernel.shape]
        image = np.pad(image, around)
    places = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    return np.asarray(np.einsum("ijkl,kl->ij", places, kernel))


def convolve2d(image: Any, kernel: Any, mode: str = "full", *arguments: Any, **options: Any) -> NDArray[Any]:
    return correlate2d(image, np.asarray(kernel)[::-1, ::-1], mode)


SIGNAL = {"correlate2d": correlate2d, "convolve2d": convolve2d, "correlate": correlate2d, "convolve": convolve2d}


def modules(data: Data, files: Files) -> dict[str, dict[str, Any]]:
    """SciPy."""
    return {
        "scipy.special": SPECIAL, "scipy.ndimage": NDIMAGE, "scipy.ndimage.interpolation": NDIMAGE,
        "scipy.stats": {"truncnorm": truncnorm}, "scipy.optimize": OPTIMIZE, "scipy.signal": SIGNAL,
        "scipy.io": {"loadmat": lambda name="", *a, **o: matrices(data, str(name)), "savemat": nothing},
    }  # fmt: skip

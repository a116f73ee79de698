"""Where frameworks differ on purpose: what is run before a program so that it follows another's convention.

Each is called in the program's process, before the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_mnist import nn


def double() -> None:
    """Layers of ours are float64 where nothing else is said."""
    for layer in (nn.Linear, nn.Conv2d, nn.BatchNorm1d):
        defaults: Any = layer.__init__
        defaults.__kwdefaults__["dtype"] = np.float64


def keras_adam(rounded: bool) -> None:
    """Our Adam as Keras writes it: p ← p - lr · √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε), with ε beside √v and not √v̂.

    rounded: whether β₁ᵗ and β₂ᵗ are powers of float32, as on TensorFlow, where a number of Python becomes that first.
    """

    class Adam(nn.Adam):
        def update(self, group: dict[str, Any], step: int, *arrays: Any) -> None:
            own = _correction(group["betas"], step)
            theirs = _correction(map(np.float32, group["betas"]), step) if rounded else own
            eps = group["eps"] / (1 - group["betas"][1] ** step) ** 0.5
            super().update({**group, "eps": eps, "lr": group["lr"] * theirs / own}, step, *arrays)

    nn.Adam = Adam  # type: ignore[misc]


def _correction(betas: Iterable[Any], step: int) -> float:
    """√(1 - β₂ᵗ) / (1 - β₁ᵗ)."""
    beta1, beta2 = map(float, betas)
    return float((1 - beta2**step) ** 0.5 / (1 - beta1**step))

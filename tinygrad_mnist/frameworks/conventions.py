"""Where frameworks differ on purpose: what is run before a program so that it follows another's convention.

Each is called in the program's process, before the program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist import nn


def double() -> None:
    """Layers of ours are float64 where nothing else is said."""
    for layer in (nn.Linear, nn.Conv2d, nn.BatchNorm1d):
        layer.__init__.__kwdefaults__["dtype"] = np.float64  # type: ignore[misc]


def keras_adam() -> None:
    """Our Adam as Keras writes it: ε is added to √v, and not to √v̂ = √(v / (1 - β₂ᵗ))."""

    class Adam(nn.Adam):
        def update(self, group: dict[str, Any], step: int, *arrays: Any) -> None:
            eps = group["eps"] / (1 - group["betas"][1] ** step) ** 0.5
            super().update({**group, "eps": eps}, step, *arrays)

    nn.Adam = Adam  # type: ignore[misc]

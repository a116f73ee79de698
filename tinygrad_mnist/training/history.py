"""What a training run remembers: a row for each epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinygrad_mnist.data.files import write_atomically


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. Loss and train_accuracy are means over its batches as they went by."""

    number: int
    loss: float
    train_accuracy: float
    validation_accuracy: float
    lr: float
    seconds: float


@dataclass
class History:
    """The epochs so far, and whether the run was interrupted."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def best(self) -> Epoch | None:
        """The epoch with the highest validation accuracy, the first of equals; None before the first."""
        return max(self.epochs, key=lambda epoch: epoch.validation_accuracy, default=None)

    def save(self, path: Path, **facts: Any) -> None:
        """Write it as JSON, together with facts about the run."""
        rows = [asdict(epoch) for epoch in self.epochs]
        text = json.dumps({**facts, "interrupted": self.interrupted, "epochs": rows}, indent=2)
        write_atomically(path, text.encode() + b"\n")

"""What a training run remembers: a row for each epoch."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tinygrad_mnist.files import write_atomically
from tinygrad_mnist.records import LIMIT, RecordError, checked, made, parsed
from tinygrad_mnist.training import views
from tinygrad_mnist.training.shares import percent
from tinygrad_mnist.training.stored import CheckpointError, read_checked


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. Loss and train_accuracy are means over its batches as they went by.

    The validation's are None in a run without. lr: the learning rate of its first step. seconds: with validation.
    """

    number: int
    loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    lr: float
    seconds: float

    def __str__(self) -> str:
        validation = "" if self.validation_accuracy is None else f", validation {percent(self.validation_accuracy)}"
        return f"epoch {self.number}, loss {self.loss:.4f}, train {percent(self.train_accuracy)}{validation}"


@dataclass(repr=False)
class History:
    """The epochs so far, and whether the run was interrupted (Ctrl-C) or stopped early (patience)."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False
    stopped_early: bool = False

    @property
    def best(self) -> Epoch | None:
        """The epoch with the highest validation accuracy, the first of equals; without validation, the last.

        None before the first.
        """
        validated = [epoch for epoch in self.epochs if epoch.validation_accuracy is not None]
        if not validated:
            return self.epochs[-1] if self.epochs else None
        return max(validated, key=lambda epoch: epoch.validation_accuracy or 0.0)

    def __repr__(self) -> str:
        best = self.best
        if best is None:
            return "History(no epoch is done yet)"
        count = f"{len(self.epochs):,} epoch{'' if len(self.epochs) == 1 else 's'}"
        ended = ", interrupted" if self.interrupted else ", stopped early" if self.stopped_early else ""
        return f"History({count}{ended}; kept: {best})"

    def _repr_html_(self) -> str:
        return views.history(self)

    def is_stale(self, patience: int | None) -> bool:
        """Whether the last `patience` epochs brought no better one."""
        return patience is not None and self.best is not None and len(self.epochs) - self.best.number >= patience

    def save(self, path: str | Path, **facts: Any) -> None:
        """Write it as JSON, together with facts about the run."""
        write_atomically(Path(path), self.to_json(**facts))

    def to_json(self, **facts: Any) -> bytes:
        """What `save` writes."""
        rows = [asdict(epoch) for epoch in self.epochs]
        ends = {"interrupted": self.interrupted, "stopped_early": self.stopped_early}
        return json.dumps({**facts, **ends, "epochs": rows}, indent=2).encode() + b"\n"

    @classmethod
    def load(cls, path: str | Path) -> History:
        """What `save` wrote, but for the facts; raises CheckpointError where the file is missing or damaged."""
        content = read_checked(path, LIMIT, "history.json")
        try:
            record = checked(parsed(content), dict[str, Any], "")
            for name in (f.name for f in fields(cls) if f.name not in record):
                raise RecordError(f"it has no {name!r}")
            return made(cls, {f.name: record.get(f.name) for f in fields(cls) if f.name in record}, "")
        except RecordError as error:
            raise CheckpointError(f"{path}: no history of a run ({error}); train anew") from None

    def save_csv(self, path: str | Path) -> None:
        """Write it as CSV: a line of names, then one for each epoch; what is None stays empty."""
        write_atomically(Path(path), self.to_csv())

    def to_csv(self) -> bytes:
        """What `save_csv` writes."""
        text = io.StringIO()
        table = csv.DictWriter(text, [f.name for f in fields(Epoch)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(epoch) for epoch in self.epochs)
        return text.getvalue().encode()

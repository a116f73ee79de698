"""Runs on disk: what is needed to go on after a crash as if nothing had been.

A checkpoint is one safetensors file, replaced in one step, so that there is always a whole one. Its tensors are
every array of the run; its metadata hold the rest as JSON, with a reference where an array was.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.data import Split
from tinygrad_mnist.files import prepare_folder, write_atomically
from tinygrad_mnist.training.history import Epoch, History
from tinygrad_mnist.training.models import RUN_KEY, CheckpointError, read_safetensors
from tinygrad_mnist.training.run import Callback, Run, Totals

Arrays = dict[str, NDArray[Any]]
_SHARE = 50
"""Between two checkpoints passes at least so many times what writing one takes: they cost 2 % at most."""


class Checkpoint(Callback):
    """Keeps a run in a file: at its start, every so many seconds or steps, and at its end.

    seconds: how often, 2 by default, and never so often that writing takes more than a fiftieth of the time.
    steps: how often, counted in steps, in place of seconds. notes: what else to keep, as JSON can hold it;
    `read_notes` gives it back.

    When it is written has no influence on the result. Raises CheckpointError where it can't be written or read.
    """

    def __init__(self, path: str | Path, *, seconds: float = 2.0, steps: int | None = None, notes: Any = None) -> None:
        self.path, self.seconds, self.steps, self.notes = Path(path), seconds, steps, notes
        self._data = ""
        self._due = 0.0
        self._since = 0
        self._last: str | None = None

    def fit_begins(self, run: Run) -> None:
        """Keep the start; raises OSError where the folder can't be made or written to."""
        prepare_folder(self.path.parent, self.path.name)
        self._data = self._data or _data_of(run)
        self.write(run)

    def step_ends(self, run: Run) -> None:
        """Keep the run where it is time."""
        self._since += 1
        if self._since >= self.steps if self.steps else time.monotonic() >= self._due:
            self.write(run)

    def fit_ends(self, run: Run) -> None:
        """Keep the end."""
        self.write(run)

    def write(self, run: Run) -> None:
        """Keep the run as it stands, in one step: a reader finds the last checkpoint or this one."""
        from safetensors.numpy import save

        start = time.monotonic()
        tensors: Arrays = {}
        state = _taken_apart({**_state(run), "data": self._data, "notes": self.notes}, "", tensors)
        try:
            write_atomically(self.path, save(tensors, {RUN_KEY: json.dumps(state)}))
        except OSError as error:
            left = f"the one of {self._last} is whole" if self._last else "there is none yet"
            raise CheckpointError(
                f"{self.path}: the checkpoint of {run} could not be written ({error.strerror}); {left}. "
                f"Make room and go on with resume"
            ) from error
        end = time.monotonic()
        self._due = end + max(self.seconds, _SHARE * (end - start))
        self._since, self._last = 0, str(run)

    def restore(self, run: Run) -> bool:
        """Put a run where the file says it stood; False where there is no file.

        Raises CheckpointError where the file is damaged, or is of another model, optimizer, data or seed.
        """
        if not self.path.exists():
            return False
        self._data = _data_of(run)
        state = _read(self.path)
        _same(self.path, {"data": self._data, **_settings(run)}, state)
        try:
            run.model.load_state_dict(state["model"])
            run.optimizer.load_state_dict(state["optimizer"])
            if run.schedule:
                run.schedule.load_state_dict(state["schedule"])
            for callback, kept in zip(run.callbacks, state["callbacks"], strict=True):
                callback.load_state_dict(kept)
            nn.set_rng_state(state["nn_generator"])
            generators = _generators(run)
            for name, kept in state["generators"].items():
                generators[name].bit_generator.state = kept
            run.epoch, run.batch = state["epoch"], state["batch"]
            run.totals = Totals(**state["totals"])
            run.history = History([Epoch(**epoch) for epoch in state["epochs"]])
            run.best = state["best"]
        except (KeyError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"{self.path}: it does not fit this run: {reason}; train anew, or as then") from None
        self._last = str(run)
        return True


def read_notes(path: str | Path) -> Any:
    """The notes in a checkpoint; None where there is no file. Raises CheckpointError where it is damaged."""
    return _read(Path(path))["notes"] if Path(path).exists() else None


def _settings(run: Run) -> dict[str, Any]:
    """What must be the same for a resumed run to be the same run."""
    return {
        "optimizer_class": type(run.optimizer).__name__,
        "schedule_class": type(run.schedule).__name__ if run.schedule else None,
        "batch_size": run.batch_size,
        "seed": run.seed,
    }


def _state(run: Run) -> dict[str, Any]:
    return {
        **_settings(run),
        "epoch": run.epoch,
        "batch": run.batch,
        "totals": asdict(run.totals),
        "epochs": [asdict(epoch) for epoch in run.history.epochs],
        "model": run.model.state_dict(),
        "best": run.best,
        "optimizer": run.optimizer.state_dict(),
        "schedule": run.schedule and run.schedule.state_dict(),
        "callbacks": [callback.state_dict() for callback in run.callbacks],
        "nn_generator": nn.get_rng_state(),
        "generators": {name: generator.bit_generator.state for name, generator in _generators(run).items()},
    }


def _generators(run: Run) -> dict[str, np.random.Generator]:
    """The random generators that parts of the model have of their own, besides nn's."""
    return {
        f"{path}.{name}": value
        for path, module in run.model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, np.random.Generator)
    }


def _data_of(run: Run) -> str:
    """A fingerprint of what the run trains and validates on."""
    return " ".join(_fingerprint(split) for split in (run.train, run.validation) if split)


def _fingerprint(split: Split) -> str:
    check = zlib.crc32(np.ascontiguousarray(split.images).data.cast("B"))
    return f"{len(split)} images {zlib.crc32(split.labels.tobytes(), check):08x}"


def _same(path: Path, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Raise CheckpointError where a setting differs."""
    for name, value in here.items():
        if there.get(name) != value:
            raise CheckpointError(
                f"{path}: it was made with {name} {there.get(name)}, and this run has {value}: "
                f"resume with the same, or train anew"
            )


def _read(path: Path) -> dict[str, Any]:
    tensors, metadata = read_safetensors(path)
    if RUN_KEY not in metadata:
        raise CheckpointError(f"{path}: no checkpoint of a run, so it can't be resumed; train anew")
    try:
        state: dict[str, Any] = _put_together(json.loads(metadata[RUN_KEY]), tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: its metadata describe no run ({error}); train anew") from None
    return state


def _taken_apart(value: Any, path: str, arrays: Arrays) -> Any:
    """The value as JSON holds it; the arrays in it are put into `arrays` under their path."""
    if isinstance(value, np.ndarray):
        arrays[path] = np.asarray(value, order="C")
        return {"array": path}
    if isinstance(value, Mapping):
        return {"items": [[k, _taken_apart(v, f"{path}/{k}".lstrip("/"), arrays)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_taken_apart(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _put_together(value: Any, arrays: Arrays) -> Any:
    """The inverse of `_taken_apart`; tuples have become lists."""
    if isinstance(value, list):
        return [_put_together(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    return {k: _put_together(v, arrays) for k, v in value["items"]}

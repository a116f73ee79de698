"""Runs on disk: what is needed to go on after a crash as if nothing had been.

A checkpoint is one safetensors file, replaced in one step, so that there is always a whole one. Its tensors are
every array of the run; its metadata hold the rest as JSON, with a reference where an array was.
"""

from __future__ import annotations

import json
import math
import os
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
from tinygrad_mnist.nn.random import generator
from tinygrad_mnist.records import RecordError, checked, like, parsed
from tinygrad_mnist.shown import reason
from tinygrad_mnist.training.history import Epoch, History
from tinygrad_mnist.training.models import RUN_KEY
from tinygrad_mnist.training.run import Callback, Run, Totals
from tinygrad_mnist.training.stored import Arrays, CheckpointError, read_safetensors

_AT_ONCE = 1000
"""How many images a fingerprint is taken of at a time."""

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
        if not os.path.lexists(self.path):
            return False
        self._data = _data_of(run)
        state = _read(self.path)
        _same(self.path, {"data": self._data, **_settings(run)}, {"threads": 1, **state})
        try:
            _restore(run, state)
        except ValueError as error:
            fault = f"it does not fit this run: {reason(error)}"
            raise CheckpointError(f"{self.path}: {fault}; train anew, or as then") from None
        self._last = str(run)
        return True


def read_notes(path: str | Path) -> Any:
    """The notes in a checkpoint; None where there is no file. Raises CheckpointError where it is damaged."""
    return _read(Path(path)).get("notes") if os.path.lexists(path) else None


_HINTS: dict[str, Any] = {
    "epoch": int,
    "batch": int,
    "totals": Totals,
    "epochs": list[Epoch],
    "model": dict[str, NDArray[Any]],
    "best": dict[str, NDArray[Any]],
    "optimizer": dict[str, Any],
    "schedule": dict[str, Any] | None,
    "callbacks": list[Any],
    "nn_generator": dict[str, Any],
    "generators": dict[str, Any],
}


def _restore(run: Run, state: dict[str, Any]) -> None:
    """Put a run where a state says it stood; raises ValueError where it is none of this run's."""
    kept: dict[str, Any] = {name: checked(state.get(name), hint, name) for name, hint in _HINTS.items()}
    _check_progress(run, kept["epoch"], kept["batch"], kept["totals"], kept["epochs"])
    run.model.load_state_dict(kept["model"])
    for name in ("model", "best"):
        like(kept[name], run.best, name)
    _load(run.optimizer, kept["optimizer"], "optimizer")
    if run.schedule:
        _load(run.schedule, kept["schedule"], "schedule")
    if len(kept["callbacks"]) != len(run.callbacks):
        raise RecordError(f"callbacks: there were {len(kept['callbacks'])}, and here are {len(run.callbacks)}")
    for i, (callback, own) in enumerate(zip(run.callbacks, kept["callbacks"], strict=True)):
        _load(callback, own, f"callbacks[{i}]")
    generators = {"nn_generator": generator(), **_generators(run)}
    for name, own in {"nn_generator": kept["nn_generator"], **kept["generators"]}.items():
        if name not in generators:
            raise RecordError(f"generators: unknown: {name}")
        _load(_Generator(generators[name]), own, name)
    run.epoch, run.batch, run.totals = kept["epoch"], kept["batch"], kept["totals"]
    run.history, run.best = History(kept["epochs"]), kept["best"]


def _check_progress(run: Run, epoch: int, batch: int, totals: Totals, epochs: list[Epoch]) -> None:
    """Raise RecordError unless epochs, batches and examples tell the same."""
    if [row.number for row in epochs] != list(range(1, len(epochs) + 1)) or epoch != len(epochs) + 1:
        raise RecordError(f"epoch: {epoch}, after a history of {len(epochs)} epochs")
    done, batches = min(batch * run.batch_size, len(run.train)), -(-len(run.train) // run.batch_size)
    if not 0 <= batch <= batches or totals.examples != done or not all(map(math.isfinite, vars(totals).values())):
        raise RecordError(f"batch: {batch} of {batches}, after {totals.examples} examples, loss {totals.loss}")


def _optimizer_pattern(optimizer: nn.Optimizer, state: Any) -> dict[str, Any]:
    """What the state of an optimizer is like: numbers for the options, arrays like the parameter that they are of."""
    own = optimizer.state_dict()
    given = checked(state, dict[str, Any], "optimizer")
    parameters = [p.numpy() for p in optimizer.parameters()]
    groups = [{name: float(v) if type(v) is int else v for name, v in group.items()} for group in own["param_groups"]]
    arrays = {}
    for number, kept in checked(given.get("state"), dict[int, dict[str, Any]], "optimizer.state").items():
        if number not in range(len(parameters)):
            raise RecordError(f"optimizer.state: there is no parameter {number}")
        arrays[number] = {name: parameters[number] if np.ndim(value) else 1 for name, value in kept.items()}
    return {"state": arrays, "param_groups": groups}


_OURS = f"{__name__.partition('.')[0]}."
"""Where the classes are whose states are like those that they start with."""


class _Generator:
    """A generator as what has a state dict."""

    def __init__(self, its: np.random.Generator) -> None:
        self.bits = its.bit_generator

    def state_dict(self) -> dict[str, Any]:
        return dict(self.bits.state)

    def load_state_dict(self, state: Any) -> None:
        self.bits.state = state


def _load(owner: Any, state: Any, place: str) -> None:
    """Give an object its state; what is ours has its state now as the pattern. Raises RecordError where it refuses."""
    if type(owner).__module__.startswith(_OURS):
        like(state, _optimizer_pattern(owner, state) if isinstance(owner, nn.Optimizer) else owner.state_dict(), place)
    try:
        owner.load_state_dict(state)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise RecordError(f"{place} is refused by {type(owner).__name__}: {error}") from None


def _settings(run: Run) -> dict[str, Any]:
    """What must be the same for a resumed run to be the same run."""
    return {
        "optimizer_class": type(run.optimizer).__name__,
        "schedule_class": type(run.schedule).__name__ if run.schedule else None,
        "batch_size": run.batch_size,
        "seed": run.seed,
        "threads": run.threads,
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
        "generators": {name: its.bit_generator.state for name, its in _generators(run).items()},
    }


def _generators(run: Run) -> dict[str, np.random.Generator]:
    """The random generators that threads and parts of the model have of their own, besides nn's."""
    return {f"thread {k}": its for k, its in enumerate(run.generators, 2)} | {
        f"{path}.{name}": value
        for path, module in run.model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, np.random.Generator)
    }


def _data_of(run: Run) -> str:
    """A fingerprint of what the run trains and validates on."""
    return " ".join(_fingerprint(split) for split in (run.train, run.validation) if split)


def _fingerprint(split: Split) -> str:
    check = 0
    for start in range(0, len(split), _AT_ONCE):
        images = np.ascontiguousarray(split.images_at(slice(start, start + _AT_ONCE)))
        check = zlib.crc32(images.data.cast("B"), check)
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
        state = _put_together(parsed(metadata[RUN_KEY]), tensors, "")
        return checked(state, dict[str, Any], "")  # type: ignore[no-any-return]
    except RecordError as error:
        raise CheckpointError(f"{path}: its metadata describe no run ({error}); train anew") from None


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


def _put_together(value: Any, arrays: Arrays, place: str) -> Any:
    """The inverse of `_taken_apart`; tuples have become lists. Raises RecordError for what is no such value."""
    if isinstance(value, list):
        return [_put_together(v, arrays, f"{place}[{i}]") for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"array"}:
        path = checked(value["array"], str, place)
        if path not in arrays:
            raise RecordError(f"{place} is the array {path}, and there is none")
        return arrays[path].copy()
    items = checked(value.get("items"), list[tuple[str | int, Any]], place)
    return {k: _put_together(v, arrays, f"{place}.{k}".lstrip(".")) for k, v in items}

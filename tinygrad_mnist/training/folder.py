"""The folder of a run: for one process at a time, and nothing of an earlier run is lost in it."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinygrad_mnist.files import prepare_folder, write_together
from tinygrad_mnist.nn import Module
from tinygrad_mnist.processes import LOCK, FolderLock, signals_held
from tinygrad_mnist.training.history import History
from tinygrad_mnist.training.models import model_file
from tinygrad_mnist.training.run import CHECKPOINT, HISTORY, MODEL, TABLE

FILES = (MODEL, TABLE, CHECKPOINT, HISTORY)
PLOTS = "plots"
"""What else `train` puts there."""


class RunFolder:
    """Where a run is kept, and what of it is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / CHECKPOINT

    @contextmanager
    def opened(self, *, resume: bool, say: Callable[[str], None]) -> Iterator[None]:
        """Make it, and keep it to this process for the block. A run that is there and is not resumed is moved aside.

        It becomes run-1, or the first such name that is free, and `say` is told so. Raises OSError where the folder
        can't be made or written to, where another run is going on in it, and where it can't be moved: it holds other
        files than a run's, for instance.
        """
        prepare_folder(self.path, *FILES)
        with FolderLock(self.path) as lock:
            if not resume and any((self.path / name).exists() for name in FILES):
                with signals_held():
                    self._move_aside(lock, say)
            yield

    def save(self, model: Module, history: History, **facts: Any) -> None:
        """Write the model, and the history with facts about the run, together."""
        contents = {MODEL: model_file(model), TABLE: history.to_csv(), HISTORY: history.to_json(**facts)}
        write_together({self.path / name: content for name, content in contents.items()})

    def _move_aside(self, lock: FolderLock, say: Callable[[str], None]) -> None:
        folder = self.path.resolve()
        others = sorted(p.name for p in folder.iterdir() if p.name not in {*FILES, PLOTS} and p.name[0] != ".")
        if others:
            raise self._stays(f"besides other files ({others[0]!r})")
        if folder == Path.cwd() or folder in Path.cwd().parents:
            raise self._stays("and is the folder you are in")
        aside = next(a for n in itertools.count(1) if not os.path.lexists(a := folder.with_name(f"{folder.name}-{n}")))
        if os.name == "nt":  # which moves no folder with a file that is open
            lock.release()
        try:
            folder.rename(aside)
        except OSError as error:
            raise self._stays(f"and can't be moved to {aside.name} ({error.strerror})") from error
        say(f"{self.path}: the run that was there is now {self._beside(aside)}")
        (aside / LOCK).unlink(missing_ok=True)
        lock.release()
        folder.mkdir(exist_ok=True)
        lock.acquire()

    def _beside(self, aside: Path) -> Path:
        """Where it is now, as the folder is called."""
        return aside if self.path.is_symlink() else self.path.parent / aside.name

    def _stays(self, why: str) -> OSError:
        advice = "go on with it by --resume, give another --out, or move it away"
        return FileExistsError(errno.EEXIST, f"holds another run, {why}: {advice}", str(self.path))

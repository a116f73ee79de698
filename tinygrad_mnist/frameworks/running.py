"""Programs of several frameworks run together: each in a process of its own, epoch by epoch in turns.

Only one of them computes at a time, so that what else the machine does in the meantime slows all of them alike.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np

from tinygrad_mnist.frameworks.lesson import SIGN, VARIABLE
from tinygrad_mnist.frameworks.tasks import Array, Task
from tinygrad_mnist.shown import LineError, one_line

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "examples" / "frameworks"

BACKENDS = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}
"""What Keras may run on, the first that is installed, and what pip calls it; KERAS_BACKEND chooses another."""

ONE_THREAD = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""The environment in which every library computes with one thread."""

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
"""What is left out of it: a kernel that is not the machine's own."""


class ProgramError(LineError):
    """A program that ended, hung, or handed back what was not asked for; the message is one line."""


@dataclass(frozen=True)
class Framework:
    """Whose programs these are: `key` ends their names. double: what makes it compute in float64, as Python."""

    key: str
    title: str
    package: str = ""
    double: str = ""

    @property
    def version(self) -> str:
        """Its title with its version, as installed."""
        if not self.package:
            return self.title
        found = f"{self.title} {metadata.version(self.package).partition('+')[0]}"
        return f"{found}, {backend()}" if self.package == "keras" else found

    def program(self, task: Task) -> Path:
        """Where its program for a task is, if there is one."""
        return PROGRAMS / f"{task.name}_{self.key}.py"


OURS = Framework(
    "tinygrad_mnist", "ours", double="from tinygrad_mnist.frameworks import conventions; conventions.double()"
)
FRAMEWORKS = (
    OURS,
    Framework("numpy", "NumPy by hand"),
    Framework("pytorch", "PyTorch", "torch", "import torch; torch.set_default_dtype(torch.float64)"),
    Framework("keras", "Keras", "keras", "import keras; keras.config.set_floatx('float64')"),
)


def backend() -> str | None:
    """What Keras runs on: what KERAS_BACKEND names, or the first that is installed."""
    named = os.environ.get("KERAS_BACKEND")
    return next((name for name in ([named] if named else BACKENDS) if _is_installed(name)), None)


def missing(framework: Framework) -> str | None:
    """What a framework lacks and how to get it, in a line; None where it can run."""
    if framework.package and not _is_installed(framework.package):
        more = f" {BACKENDS['tensorflow']}" if framework.package == "keras" else ""
        return f"{framework.package} isn't installed: pip install {framework.package}{more}; its rows are left out"
    if framework.package == "keras" and not backend():
        named = os.environ.get("KERAS_BACKEND")
        lack = f"KERAS_BACKEND is {named}, which" if named else "what keras runs on"
        package = BACKENDS.get(named or "tensorflow", named)
        return f"{lack} isn't installed: pip install {package}; its rows are left out"
    return None


def _is_installed(package: str) -> bool:
    try:
        return util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


@dataclass(frozen=True, eq=False)
class Found:
    """What a program handed back.

    losses: of every step. seconds: of the processor, for every epoch. accuracy: on the test images, from 0 to 1.
    memory: the most that its process had, in bytes. weights: at the end, as `Task.names` names them.
    """

    losses: Array
    seconds: Array
    accuracy: float
    memory: float | None
    weights: list[Array]


@dataclass(frozen=True)
class Orders:
    """What programs are asked to do: epochs over the first so many training images, in a dtype."""

    examples: int
    epochs: int
    dtype: str = "float32"


class Classroom(AbstractContextManager["Classroom"]):
    """Where programs find the images and the first weights: files in a folder that is gone at the end.

    time_limit: seconds in which a program must start, and end each epoch. progress: called with what runs, and the
    share that is done.
    """

    def __init__(
        self, images: Mapping[str, Array], time_limit: float = 600.0,
        progress: Callable[[str, float], None] = lambda what, share: None,
    ) -> None:  # fmt: skip
        self.count = len(images["y_train"])
        self.time_limit, self.progress = time_limit, progress
        self._folder = TemporaryDirectory(prefix="tinygrad-mnist-")
        self.folder = Path(self._folder.name)
        for key, array in images.items():
            np.save(self.folder / f"{key}.npy", array)

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, task: Task, programs: Mapping[str, Path], orders: Orders, seed: int = 0,
            first: Mapping[str, str] = {}) -> dict[str, Found]:  # fmt: skip
        """What each program, by its framework's key, finds; they take turns after each epoch.

        first: Python that runs before a program, by its framework's key. Raises ProgramError where one fails.
        """
        weights = task.initialise(np.random.default_rng(seed))
        for number, array in enumerate(weights):
            np.save(self.folder / f"{number}.npy", array)
        steps = task.steps(orders.examples)
        text = json.dumps({
            "folder": str(self.folder), "examples": orders.examples, "epochs": orders.epochs, "dtype": orders.dtype,
            "steps": steps, "weights": len(weights),
        })  # fmt: skip
        with ExitStack() as undo:
            running = {}
            for key, path in programs.items():
                place = Path(undo.enter_context(TemporaryDirectory(prefix="run-", dir=self.folder)))
                (place / "order.json").write_text(text, encoding="utf-8")
                running[key] = undo.enter_context(_Program(path, place, first.get(key, ""), self.time_limit))
                running[key].expect("ready")
            self._take_turns(task, running, orders.epochs)
            return {key: program.found(task, weights, orders.epochs * steps) for key, program in running.items()}

    def _take_turns(self, task: Task, running: Mapping[str, _Program], epochs: int) -> None:
        for epoch in range(epochs):
            for number, program in enumerate(running.values()):
                self.progress(program.name, (epoch + number / len(running)) / epochs)
                program.go_on()
                program.expect("epoch")
        for program in running.values():
            program.go_on()
            program.expect("done")


class _Program(AbstractContextManager["_Program"]):
    """A program in its process; its lines are read in a thread, so that waiting for one can end."""

    def __init__(self, path: Path, place: Path, first: str, time_limit: float) -> None:
        self.name, self.place, self.time_limit = path.name, place, time_limit
        self._complaints = (place / "stderr").open("w+", encoding="utf-8", errors="replace")
        call = ["-c", f"{first}\nimport runpy\nrunpy.run_path({str(path)!r}, run_name='__main__')"] if first else [path]
        self._process = subprocess.Popen(
            [sys.executable, *call], env=_environment(place / "order.json"), text=True, encoding="utf-8",
            errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
        )  # fmt: skip
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            if stream:
                with suppress(OSError):
                    stream.close()

    def go_on(self) -> None:
        """It is its turn."""
        assert self._process.stdin
        with suppress(OSError):  # one that has ended is found by expect
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def expect(self, what: str) -> None:
        """Wait until it says so; raises ProgramError where it says something else, ends or takes too long."""
        try:
            said = self._lines.get(timeout=self.time_limit)
        except queue.Empty:
            raise ProgramError(f"{self.name}: has not come on in {self.time_limit:g} s and was stopped") from None
        if said is None:
            raise ProgramError(f"{self.name}: {self._ending()}")
        if said != what:
            counts = "has another batch size or number of epochs" if said in ("epoch", "done") else f"says {said!r}"
            raise ProgramError(f"{self.name}: {counts}; all must take the same steps")

    def _ending(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        last = [line.strip() for line in self._complaints.read().splitlines() if line.strip()]
        return f"ended with code {code}: {one_line(last[-1], 200)}" if last else f"ended early, with code {code}"

    def found(self, task: Task, first: Sequence[Array], steps: int) -> Found:
        """What it has written; raises ProgramError where that is not what was asked for."""
        found = json.loads((self.place / "found.json").read_text(encoding="utf-8"))
        if len(found["losses"]) != steps:
            raise ProgramError(f"{self.name}: made {len(found['losses']):,} steps, and {steps:,} are asked for")
        weights = [np.load(path) for path in sorted(self.place.glob("*.npy"), key=lambda path: int(path.stem))]
        shapes, right = [w.shape for w in weights], [w.shape for w in first]
        if shapes != right:
            raise ProgramError(f"{self.name}: hands back weights {shapes}; {', '.join(task.names)} are {right}")
        arrays = {key: np.array(found[key], np.float64) for key in ("losses", "seconds")}
        return Found(**arrays, accuracy=found["accuracy"], memory=found["memory"], weights=weights)


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Put what a program says for who runs it into the queue, and None at its end."""
    for line in stream:
        if line.startswith(SIGN):
            lines.put(line[len(SIGN) :].strip())
    lines.put(None)


def unpinned() -> dict[str, str]:
    """This process's environment, without what would slow a program that is timed."""
    return {key: value for key, value in os.environ.items() if key not in SLOWING}


def _environment(order: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    keras = {"KERAS_BACKEND": name} if (name := backend()) else {}
    return {**unpinned(), **ONE_THREAD, **keras, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", VARIABLE: str(order)}

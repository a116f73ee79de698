"""Runs a learner's program on prepared networks, here or, from `apart.py`, in a process of its own.

With NumPy alone. It is no sandbox: the learner's file can do what its reader can.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import linecache
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import updating
from .finding import Missing, contents, forward_of, of, own_functions, programs
from .own_modules import OwnModules, package_of
from .program import Program
from .sealed import answer
from .trying import Task, attempts, outcomes, what_went_wrong

Code = Callable[..., Any]

MNIST = 60_000
"""How many digits there are to train with: here the numbers in a program are as they are."""

PRINTED = 2000
"""How many characters of what the function prints are kept."""


class Beginning(io.TextIOBase):
    """Keeps the beginning of what is written to it."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text[: PRINTED - len(self.text)]
        return len(text)


def printed(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A result with what was "printed" on the way to it."""
    beginning = Beginning()
    with redirect_stdout(beginning), redirect_stderr(Beginning()):
        result = run()
    return {**result, "printed": beginning.text}


def examine(
    found: Iterable[tuple[Program, bool]], task: Task, file: str | None, functions: Mapping[str, Code] | None = None
) -> dict[str, Any]:
    """What the first backward pass that runs gives in each way that fits, or what is wrong with its "signature".

    "candidates": in the conventions that were asked for; "others": where it stops in those, in others.
    "updates": what is wrong with those among the functions that lie beside it.
    """
    results = []
    for program, asked in found:
        results.append(_examined(program, asked, task, file, functions or {}))
        if _runs(results[-1]):
            return results[-1]
    return next((result for result in results if "signature" not in result), results[0])


def _examined(
    program: Program, asked: bool, task: Task, file: str | None, functions: Mapping[str, Code]
) -> dict[str, Any]:
    depths = program.depths(task.depth)
    reasons = [reason for depth in depths for reason in [program.why_not(depth)] if reason]
    if len(reasons) == len(depths):
        return {"signature": reasons[0], "name": program.backward_name}
    notes = [] if asked and not program.needs_forward else program.description
    result: dict[str, Any] = {"notes": notes}
    for kind, conventions in (("candidates", task.asked), ("others", task.others)):
        best = attempts(program, task, conventions)
        result[kind] = [found for attempt in best for found in outcomes(attempt, file)]
        if _runs(result):
            result["updates"] = updating.mistakes(functions, best[0])
            break
    return result


def _runs(result: dict[str, Any]) -> bool:
    """Whether in some way it gives arrays on every network."""
    found = [*result.get("candidates", ()), *result.get("others", ())]
    return any(all("arrays" in o for o in candidate["outcomes"]) for candidate in found)


def examine_target(target: Any, task: Task) -> dict[str, Any]:
    """The same for a function, a method, a class or an instance."""
    try:
        found = list(_of_target(target, task))
    except Missing as missing:
        return {"missing": missing.has, "asked": missing.asked}
    except TypeError as error:
        return {"signature": str(error), "name": ""}
    program = found[0]
    code = getattr(program.backward, "__code__", None)
    return examine([(p, True) for p in found], task, code and code.co_filename)


def _of_target(target: Any, task: Task) -> Iterable[Program]:
    owner = getattr(target, "__self__", None)
    if isinstance(target, type) or not callable(target):
        return [of(target, task.function, task.forward, task.l2)]
    if inspect.ismethod(target):
        return [of(owner, target.__name__, task.forward, task.l2)]
    forward = task.forward if callable(task.forward) else forward_of(target, task.forward)
    return [Program(target, forward, l2=task.l2)]


def load(path: Path, text: str | None = None) -> Any:
    """The learner's file as a module; files beside it can be imported. text: its code, where it is a notebook."""
    sys.path[:1] = [str(path.parent)]
    sys.meta_path.append(OwnModules(path.parent))
    name = f"graded_{path.stem}"  # so that numpy.py replaces nothing
    package = None if text is not None else package_of(path.read_text("utf-8", "replace"), path.parent)
    name = f"{package}.{name}" if package else name
    if text is not None:
        return _from_text(name, str(path), text)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _loaded(path: Path, text: str | None) -> tuple[Any, dict[str, Any], set[str]]:
    """The learner's file as a module, and NumPy's functions and the modules that were there before it.

    Where a package, a file or a name of an older NumPy that it needs is not here, something stands in for it.
    """

    def loaded() -> tuple[Any, dict[str, Any], set[str]]:
        modules, before = set(sys.modules), functions_of_numpy()
        return load(path, text), before, modules

    try:
        return loaded()
    except (ImportError, OSError, AttributeError):
        importlib.import_module("tinygrad_mnist.grading.standins").install(path.parent, MNIST)
        return loaded()


def _from_text(name: str, file: str, text: str) -> Any:
    module = ModuleType(name)
    module.__file__ = file
    sys.modules[name] = module
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file  # functions are read as text
    exec(compile(text, file, "exec"), vars(module))
    return module


def examine_file(path: Path, task: Task, text: str | None = None) -> dict[str, Any]:
    """The same for a file; or what went wrong in its "import", or what it has where a function is "missing".

    "patched": which of NumPy's functions it replaced. "imported": packages that it has brought along.
    """
    try:
        module, before, modules = _loaded(path, text)
    except BaseException as error:
        return {"import": what_went_wrong(error, str(path))}
    try:
        found = list(programs(vars(module), module.__name__, task))
    except Missing as missing:
        return {"missing": missing.has, "asked": missing.asked}
    except TypeError as error:
        return {"signature": str(error), "name": ""}
    result = examine(found, task, str(path), own_functions(vars(module), module.__name__))
    brought = sorted({name.partition(".")[0] for name in {*sys.modules} - modules} - sys.stdlib_module_names)
    has = contents(vars(module), module.__name__)
    return {**result, "has": has, "patched": replaced_in_numpy(before), "imported": brought}


def functions_of_numpy() -> dict[str, Any]:
    """What can be called in NumPy, by its name below np: to be compared with what it is after a program ran."""
    modules = {"": np, "linalg.": np.linalg, "random.": np.random}
    every = {f"{place}{n}": v for place, module in modules.items() for n, v in vars(module).items()}
    return {name: value for name, value in every.items() if callable(value) and "_" not in name[:1]}


def replaced_in_numpy(before: dict[str, Any]) -> list[str]:
    """The names of NumPy's functions that are no longer those they were."""
    after = functions_of_numpy()
    return sorted(name for name, function in before.items() if after.get(name) is not function)


def work(task: Any) -> dict[str, Any]:
    """Examine the file of a (path, notebook's text, task)."""
    path, text, plain = task
    sys.argv[:] = [path]
    return printed(lambda: examine_file(Path(path), Task.of(plain), text))


def main() -> None:
    """Do that in a process of its own, and answer."""
    answer(work, np.ndarray.tolist)

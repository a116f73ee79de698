"""Runs a learner's function on prepared inputs; as a program, in a process of its own.

`python runner.py` reads its task from stdin, with NumPy alone. It is no sandbox: the learner's file can do what its
reader can. But where the result goes and the word that seals it stand neither in argv, in the environment nor in a
file, so that writing a result of one's own takes more than a line.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import json
import os
import pickle
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

DEEPEST = 8
"""How many layers a graded network may have."""

PRINTED = 2000
"""How many characters of what the function prints are kept."""

NAMES = {
    "X": ("x", "xbatch", "xtrain", "inputs", "input", "images", "data"),
    "Y": ("y", "ybatch", "ytrain", "ytrue", "yonehot", "onehoty", "labels", "label", "targets", "target", "t"),
    "W": ("w", "weight", "weights"),
    "b": ("b", "bias", "biases"),
}
"""What learners call the arguments, in lower case and without underscores; those of W and b end in the layer."""

Inputs = Callable[[int], list[list[Any]]]
"""The arguments for each call of a function of so many layers."""


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
    with redirect_stdout(beginning), redirect_stderr(io.StringIO()):
        result = run()
    return {**result, "printed": beginning.text}


def examine(function: Callable[..., Any], asked: int | None, inputs: Inputs, file: str | None) -> dict[str, Any]:
    """What a function gives on the inputs for its number of layers, or what is wrong with its "signature"."""
    try:
        depth = depth_of(function, asked)
    except (TypeError, ValueError) as error:
        return {"signature": str(error)}
    places = places_of(function, depth)
    return {
        "depth": depth,
        "outcomes": calls(lambda *given: function(*(given[i] for i in places)), inputs(depth), file),
    }


def places_of(function: Callable[..., Any], depth: int) -> list[int]:
    """Which of X, Y, W1, b1, … each parameter is, by its name; in this order where the names don't say."""
    usual = arguments(depth)
    roles = [_role(p.name) for p in _required(function)]
    places = [usual.index(role) for role in roles if role in usual]
    return places if sorted(places) == [*range(len(usual))] and len(roles) == len(usual) else [*range(len(usual))]


def arguments(depth: int) -> list[str]:
    """What a function of so many layers takes: X, Y, W1, b1, …"""
    return ["X", "Y", *(f"{p}{l}" for l in range(1, depth + 1) for p in "Wb")]


def _required(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that a call must give by their places."""
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD and p.default is p.empty]


def _role(name: str) -> str | None:
    """What a parameter of this name is, as far as names go."""
    plain = name.casefold().replace("_", "")
    layer = plain.lstrip("abcdefghijklmnopqrstuvwxyz")
    kind = plain.removesuffix(layer)
    role = next((role for role, names in NAMES.items() if kind in names), None)
    return role and f"{role}{layer}"


def depth_of(function: Callable[..., Any], asked: int | None) -> int:
    """How many layers a function gradients(X, Y, W1, b1, …) takes, 2 if it takes any number; TypeError for none."""
    count = len(_required(function))
    any_number = any(p.kind == p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values())
    if asked is None and any_number:
        return 2
    depth = asked or (count - 2) // 2
    if depth < 1 or not (2 + 2 * depth == count or (any_number and count <= 2 + 2 * depth)):
        expected = ", ".join(arguments(max(depth, 2)))
        raise TypeError(f"takes {count} arguments; expected are X, Y and a W and a b for each layer: ({expected})")
    if depth > DEEPEST:
        raise TypeError(f"takes {depth} layers; at most {DEEPEST} are graded")
    return depth


def calls(function: Any, inputs: list[list[Any]], file: str | None) -> list[dict[str, Any]]:
    """What the function gives on each of the inputs, and whether it "varies" when called again on the first."""
    outcomes = [call(function, arguments, file) for arguments in inputs]
    first, again = outcomes[0].get("arrays"), call(function, inputs[0], file).get("arrays")
    outcomes[0]["varies"] = first is not None and not (
        again is not None
        and all(a.shape == b.shape and np.allclose(a, b, 1e-6, 1e-9, True) for a, b in zip(first, again, strict=True))
    )
    return outcomes


def call(function: Callable[..., Any], arguments: Sequence[Any], file: str | None) -> dict[str, Any]:
    """What became of one call: its "arrays", or the problem in words, and which arguments it "changed"."""
    given = [np.array(a) for a in arguments]
    before = [a.copy() for a in given]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            returned = function(*given)
    except (Exception, SystemExit) as error:
        outcome: dict[str, Any] = {"raised": what_went_wrong(error, file)}
    else:
        outcome = sorted_out(returned, (len(given) - 2) // 2)
    same = [a.shape == b.shape and np.array_equal(a, b, equal_nan=True) for a, b in zip(given, before, strict=True)]
    outcome["changed"] = [i for i, ok in enumerate(same) if not ok]
    return outcome


def sorted_out(returned: Any, depth: int) -> dict[str, Any]:
    """The "arrays" dW1, db1, … from a tuple, a list or a dict; or what is wrong with what was "returned"."""
    names = [f"d{p}{l}" for l in range(1, depth + 1) for p in "Wb"]
    try:
        return {"arrays": [_array(*item) for item in zip(names, _in_order(returned, names), strict=True)]}
    except TypeError as error:
        return {"returned": str(error)}


def _in_order(returned: Any, names: list[str]) -> list[Any]:
    if isinstance(returned, dict):
        missing = [n for n in names if n not in returned]
        if missing:
            has = ", ".join(map(str, returned)) or "nothing"
            raise TypeError(f"a dict without {', '.join(missing)} (it has {has})")
        return [returned[n] for n in names]
    if isinstance(returned, tuple | list):
        if len(returned) != len(names):
            raise TypeError(f"{len(returned)} values, where {len(names)} are expected: {', '.join(names)}")
        return list(returned)
    what = "nothing (None)" if returned is None else f"a single {type(returned).__name__}"
    raise TypeError(f"{what}, where a tuple or a dict of {', '.join(names)} is expected")


def _array(name: str, value: Any) -> Any:
    try:
        array = np.asarray(value)
    except Exception:
        array = np.asarray(None)
    if array.dtype.kind in "fiub":
        return np.array(array, np.float64)
    kind = f"an array of {array.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
    raise TypeError(f"{name} as {'None' if value is None else kind}, where an array of real numbers is expected")


def what_went_wrong(error: BaseException, file: str | None) -> dict[str, Any]:
    """An exception in words, with the last line of the learner's own file that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [(f.lineno, f.line) for f in frames if file and f.filename == file]
    line, text = own[-1] if own else (None, None)
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno, (error.text or "").strip()
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"type": type(error).__name__, "message": message, "line": line, "text": text}


def load(path: Path) -> Any:
    """The learner's file as a module; files beside it can be imported."""
    sys.path[:1] = [str(path.parent)]
    name = f"graded_{path.stem}"  # so that numpy.py replaces nothing
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def examine_file(path: Path, name: str, asked: int | None, inputs: Inputs) -> dict[str, Any]:
    """The same for a function in a file; or what went wrong in its "import", or what it has where that is "missing"."""
    try:
        module = load(path)
    except BaseException as error:
        return {"import": what_went_wrong(error, str(path))}
    function = getattr(module, name, None)
    if callable(function):
        return examine(function, asked, inputs, str(path))
    return {
        "missing": [n for n, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == module.__name__]
    }


def functions_of_numpy() -> dict[str, Any]:
    """What can be called in NumPy, by its name below np."""
    modules = {"": np, "linalg.": np.linalg, "random.": np.random}
    every = {f"{place}{n}": v for place, module in modules.items() for n, v in vars(module).items()}
    return {name: value for name, value in every.items() if callable(value) and "_" not in name[:1]}


def _main() -> None:
    task = pickle.load(sys.stdin.buffer)
    sys.argv[:] = [task["path"]]
    results_file, dump, replace, leave = Path(task["results"]), json.dumps, os.replace, os._exit
    before = functions_of_numpy()
    inputs = task["inputs"].__getitem__
    result = printed(lambda: examine_file(Path(task["path"]), task["function"], task["depth"], inputs))
    after = functions_of_numpy()
    result["patched"] = sorted(name for name, function in before.items() if after.get(name) is not function)
    temporary = results_file.with_suffix(".part")
    temporary.write_text(dump({"seal": task["seal"], **result}, default=np.ndarray.tolist), encoding="ascii")
    replace(temporary, results_file)
    leave(0)  # what the learner's file left running is not waited for


if __name__ == "__main__":
    _main()

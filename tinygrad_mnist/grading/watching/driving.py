"""A training that a program defines and does not run: called with a few digits, in each way that they may come.

`fit(X, y, lr, epochs)`, `train(x_train, y_train)`, `network.SGD(data, epochs, …)`: what it takes is told by its names.
"""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from tinygrad_mnist.grading.calling.networks import construct, constructions
from tinygrad_mnist.grading.calling.roles import plain, role_of
from tinygrad_mnist.grading.standins.digits import Digits
from tinygrad_mnist.grading.watching.recorder import Recorder
from tinygrad_mnist.grading.watching.rewriting import RECORDER
from tinygrad_mnist.grading.watching.running import Run, recorded
from tinygrad_mnist.grading.watching.tape import OWN

TRAINS = re.compile(
    r"^(fit|train|learn|sgd|optimi[sz]e|gradientdescent|minibatch|nnmodel|model$|backprop(agation)?train)"
)
"""How functions that train are called, without underscores."""

TIMES = re.compile(r"epoch|iter|steps?$|times|rounds")
"""How the number of times is called that they go through the data."""

VECTOR = re.compile(r"^(initial)?(nnparams?|thetas?|params?|parameters|weights|w)(vec(tor)?|unrolled|flat)?$")
"""How the vector of all parameters is called that a cost function takes."""

HELD_OUT = re.compile(r"val|test|dev|held")
"""How data is called that is not trained with."""

SIZES = (784, 32, 10)
EXAMPLES = 64

GIVEN: Mapping[str, Any] = {
    "times": 3, "rate": 0.1, "m": 16, "l2": 0.0, "seed": 0, "flag": False, "classes": 10, "keep": 1.0,
    "n0": SIZES[0], "n1": SIZES[1], "nL": SIZES[-1], "sizes": list(SIZES),
}  # fmt: skip
"""What a parameter is given by its role, besides data."""

Taking = Callable[..., Any]


def trainings(run: Run, digits: Digits, seconds: float) -> Iterator[Run]:
    """The runs of every training that the program of a run defines, one for each way in which its data may come.

    None where it ran one itself, and that raised.
    """
    frames = traceback.extract_tb(run.error.__traceback__) if run.error else ()
    if any(TRAINS.search(plain(frame.name)) for frame in frames):
        return
    for function, data in product(_defined(run.module), _ways(digits)):
        arguments = _arguments(function, data)
        if arguments is not None:
            yield _watched(run, partial(function, **arguments), seconds)


def _watched(run: Run, call: Callable[[], Any], seconds: float) -> Run:
    """What is recorded of a call."""

    def body(tape: Any) -> None:
        for module in list(sys.modules.values()):
            if RECORDER in getattr(module, "__dict__", {}):
                module.__dict__[RECORDER] = Recorder(tape)
        call()

    return recorded(run.module, body, seconds, run.source)


def _ways(digits: Digits) -> Iterator[Mapping[str, Any]]:
    """X and Y: rows or columns, labels as numbers or one-hot; and the examples as pairs of the same."""
    images, labels = digits
    X = images[:EXAMPLES].reshape(EXAMPLES, -1) / 255.0
    y = labels[:EXAMPLES].astype(int)
    hot = np.eye(10)[y]
    yield {"X": X, "Y": y, "pairs": list(zip(X, y.tolist(), strict=True))}
    yield {"X": X, "Y": hot, "pairs": list(zip(X, hot, strict=True))}
    yield {"X": X.T.copy(), "Y": hot.T.copy(), "pairs": list(zip(X[..., None], hot[..., None], strict=True))}
    yield {"X": X.T.copy(), "Y": y, "pairs": list(zip(X[..., None], y.tolist(), strict=True))}


def _defined(module: Any) -> Iterator[Taking]:
    """The functions and methods that train, of the program's own."""
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == OWN]
    functions = [value for value in own if inspect.isfunction(value)]
    yield from (function for function in functions if TRAINS.search(plain(function.__name__)))
    yield from (_descending(function) for function in functions if _is_cost_of_a_vector(function))
    for source in filter(inspect.isclass, own):
        names = [n for n, _ in inspect.getmembers(source, inspect.isfunction) if TRAINS.search(plain(n))]
        yield from (_of_an_instance(source, name) for name in names[:2])


def _is_cost_of_a_vector(function: Taking) -> bool:
    """Whether it takes all parameters in one vector, and the sizes of the layers whose they are."""
    names = list(inspect.signature(function).parameters)
    return bool(names and VECTOR.search(plain(names[0]))) and {"n0", "n1"} <= set(map(_role, names[1:]))


def _descending(cost: Taking) -> Taking:
    """The training with a function that gives a cost and its gradient."""
    inputs, hidden, outputs = SIZES

    def trained(**given: Any) -> None:
        theta = np.random.default_rng(0).uniform(-0.12, 0.12, hidden * (inputs + 1) + outputs * (hidden + 1))
        for _ in range(GIVEN["times"]):
            _, gradient, *_ = cost(theta, **given)
            theta = theta - GIVEN["rate"] * np.ravel(gradient)

    return _without_the_first(cost, trained)


def _of_an_instance(source: type, name: str) -> Taking:
    """A method as a function that makes its object first."""

    def trained(**given: Any) -> Any:
        error: Exception | None = None
        for way in constructions(source):
            try:
                network = construct(source, way, SIZES)
            except Exception as raised:
                error = raised
                continue
            return getattr(network, name)(**given)
        raise error or TypeError(f"{source.__name__} can't be made")

    return _without_the_first(getattr(source, name), trained)


def _without_the_first(function: Taking, trained: Taking) -> Taking:
    """A training that takes what a function takes, but for the first."""
    signature = inspect.signature(function)
    trained.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return trained


def _arguments(function: Taking, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a training is given by the names of its parameters; None where they don't say it, or not X and Y.

    Where there is X alone, it is a list of examples with their labels.
    """
    every = inspect.signature(function).parameters.values()
    parameters = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    roles = {p.name: _role(p.name) for p in parameters}
    if "X" not in roles.values():
        return None
    known = {**data, "X": data["X" if "Y" in roles.values() else "pairs"], **GIVEN}
    given = {name: known[role] for name, role in roles.items() if role in known}
    needed = {p.name for p in parameters if p.default is inspect.Parameter.empty}
    return given if needed <= set(given) else None


def _role(name: str) -> str | None:
    """As `role_of` has it, or "times", or that of a constructor's parameter; held out data is as the other."""
    short = plain(name)
    if TIMES.search(short):
        return "times"
    constructing = role_of(name, constructing=True)
    sizes = constructing in ("sizes", "n1", "nL") or (constructing == "n0" and short not in ("inputs", "features"))
    return constructing if sizes else role_of(HELD_OUT.sub("", short) or short)

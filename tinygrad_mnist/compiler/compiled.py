"""`compile`: a function that is captured as a program once for each shape of its arguments, and then replayed."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Hashable, Sequence
from types import MethodType
from typing import Any, overload

import numpy as np

from tinygrad_mnist.compiler.capturing.arguments import as_given
from tinygrad_mnist.compiler.capturing.capture import Captured, captured
from tinygrad_mnist.compiler.capturing.watching import capturing
from tinygrad_mnist.compiler.errors import CompileError
from tinygrad_mnist.compiler.passes import passes_of
from tinygrad_mnist.compiler.plan import Plan
from tinygrad_mnist.compiler.program import Value, form, leaves, nesting
from tinygrad_mnist.engine import Node
from tinygrad_mnist.jit import has_numba
from tinygrad_mnist.places import at
from tinygrad_mnist.shown import Printed, one_line

PLANS = 8
"""How many plans are kept for arguments of the same form; with more the oldest is forgotten."""

FORMS = 64
"""For arguments of how many forms plans are kept; with more the oldest are forgotten."""

_ARRAYS = {np.ndarray}

ATTEMPTS = 8
"""How many programs a step may be found to be before one of them comes again."""


@overload
def compile(function: Callable[..., Any], *, exact: bool = False, fused: bool | None = None) -> Compiled: ...


@overload
def compile(*, exact: bool = False, fused: bool | None = None) -> Callable[[Callable[..., Any]], Compiled]: ...


def compile(function: Callable[..., Any] | None = None, *, exact: bool = False, fused: bool | None = None) -> Any:
    """A function that is captured as a program at its first calls, planned, and replayed from then on.

    `@compile`, or `@compile(exact=True)`, or `compile(function)`. It is called as the function is, and does what that
    does; see docs/compile.md. Tensors that come out have no graph; a gradient by which an optimizer has moved a
    parameter in the same call is not kept, and its `.grad` is None afterwards.

    exact: only passes that change no bit of any number. fused: let kernels do what is elementwise; by default where
    numba, the extra fast, is installed. What is called raises CompileError for what can't be part of a program.
    """
    if function is None:
        return functools.partial(compile, exact=exact, fused=fused)
    if not callable(function):
        raise TypeError(f"what is compiled is a function, or a model, not {type(function).__name__}")
    return Compiled(function, exact, fused)


class Compiled:
    """A compiled function: see `compile`. plans: those so far, for all forms of arguments."""

    def __init__(self, function: Callable[..., Any], exact: bool, fused: bool | None) -> None:
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", "the step")
        self.function, self._options = function, (exact, fused)
        self._passes = passes_of(exact, has_numba() if fused is None else fused)
        self._plans: dict[Hashable, list[Plan]] = {}
        self._once: dict[Hashable, list[Plan]] = {}
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **options: Any) -> Any:
        if threading.get_ident() in capturing:  # it is a part of another step
            return self.function(*args, **options)
        with self._lock:  # one replay at a time: they share buffers
            return self._call(args, options)

    def _call(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        arguments: Sequence[Any] = args
        if not options and _ARRAYS.issuperset(map(type, args)):  # as most steps are called
            key: Hashable = tuple(map(form, args))
        else:
            given = list(leaves((args, options)))
            key = (*map(_form, given), nesting((args, options)))
            arguments = [x for x in map(as_given, given) if isinstance(x, np.ndarray | float)]
        for plan in self._plans.get(key, ()):
            found = plan(arguments)
            if found is not None:
                return found[0]
        return self._first(key, arguments, args, options)

    def _first(self, key: Hashable, arguments: Sequence[Any], args: Any, options: dict[str, Any]) -> Any:
        """Capture the step, and run what was captured; if it was the same before, it is replayed from now on."""
        try:
            found = captured(self.function, args, options)
        except CompileError:
            raise
        except Exception as error:  # the function's own: it says so on plain arrays too
            result = self.function(*args, **options)
            words = f"{self.__name__} is not compiled: {type(error).__name__}: {error}"
            warnings.warn(words, RuntimeWarning, stacklevel=4)
            return result
        once = self._once.setdefault(key, [])
        if _forget_oldest(self._once, PLANS) and not self._plans:
            words = "is captured anew at every call: of its arguments one is another int or object each time"
            warnings.warn(f"{self.__name__} {words}; give an array for what changes", RuntimeWarning, stacklevel=4)
        plan = next((other for other in once if other.captured.is_same(found)), None)
        if plan is not None:
            once.remove(plan)
            plan.captured.facts = found.facts
            self._plans[key] = [plan, *self._plans.get(key, ())][:PLANS]
            _forget_oldest(self._plans, FORMS)
        else:
            if len(once) == ATTEMPTS:
                self._give_up(once, found)
            plan = Plan(found, self._passes)
            once.append(plan)
        result = plan(arguments)
        if result is None:
            raise CompileError(
                "a compiled step must leave its arrays as they lay, and decide again as it did: this one gives an "
                "array another order in memory than it found (np.ascontiguousarray gives each the same), or decides "
                "by numbers that rounding alone tells apart"
            )
        return result[0]

    def _give_up(self, once: list[Plan], found: Captured) -> None:
        """Forget a program of which one like it came each time, for other tensors; or raise CompileError."""
        if not any(plan.captured.program.is_same(found.program) for plan in once):
            raise CompileError(_differing(found, once[-1].captured))
        words = "is captured anew at every call: it finds other tensors each time; give them as arguments"
        warnings.warn(f"{self.__name__} {words}", RuntimeWarning, stacklevel=5)
        once.pop(0).forget()

    def __getattr__(self, name: str) -> Any:
        """What a function, or a model, has: `compile(model).eval()`."""
        if name.startswith("__") or name == "function":
            raise AttributeError(name)
        return getattr(self.function, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """What a function, or a model, is given: `compile(model).training = False`."""
        is_made = "_lock" in vars(self)
        if is_made:
            setattr(self.function, name, value)
        else:
            super().__setattr__(name, value)

    def __reduce__(self) -> Any:
        """How it is copied and pickled: as its function is, with plans of its own to come."""
        return type(self), (self.function, *self._options)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else MethodType(self, owner)

    def __repr__(self) -> str:
        count = len(self.plans)
        return f"<{self.__name__}, compiled: {count} {'plan' if count == 1 else 'plans'}, and plan() shows the last>"

    def plan(self) -> str:
        """The plan of the last program in words: instructions with shapes, what each pass changed, buffers."""
        return Printed(self._last())

    def source(self) -> str:
        """The source that runs: NumPy's calls, and the parts that numba compiles."""
        source = self._last().source
        return Printed("\n\n".join([*source.parts, str(source)]))

    def memory(self) -> tuple[int, int]:
        """How many bytes the buffers of the last plan take, and how many its values would without sharing them."""
        return self._last().bytes()

    def _last(self) -> Plan:
        found = [*(plan for plans in self._once.values() for plan in plans), *self.plans]
        if not found:
            raise CompileError(f"{self.__name__} has no plan yet: call it first, as a plan is made for its arguments")
        return found[-1]

    @property
    def plans(self) -> list[Plan]:
        """The plans so far, for all forms of arguments."""
        return [plan for plans in self._plans.values() for plan in plans]


def _forget_oldest(plans: dict[Hashable, list[Plan]], most: int) -> bool:
    """Whether there were plans for more forms of arguments than that: the oldest give their buffers back."""
    if len(plans) <= most:
        return False
    for plan in plans.pop(next(iter(plans))):
        plan.forget()
    return True


def _form(x: Any) -> Hashable:
    """What of an argument a program is captured for: all but the numbers in arrays and floats."""
    if isinstance(x, np.ndarray | np.generic):
        return form(x)
    if isinstance(x, Node):
        return type(x), _form(x._array), x.requires_grad
    if isinstance(x, int | complex | str | bytes | type(None)):
        return type(x), x
    return float if isinstance(x, float) else _Same(x)


class _Same:
    """An object, such as a model, that is the same as itself alone, and stays as long as it is in a key."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __hash__(self) -> int:
        return id(self.x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.x is self.x


def _differing(one: Captured, other: Captured) -> str:
    """Where two captures of a step part, in words."""
    where, what = "", ""
    if parting := one.program.first_difference(other.program):
        mine, its = ((x.function, *leaves((x.args, x.options))) for x in parting)
        values = ((a, b) for a, b in zip(mine, its, strict=False) if not isinstance(a, Value) and repr(a) != repr(b))
        now, before = map(_short, next(values, ("an array", "another one")))
        where, what = at(parting[0].place), f", where {now} was {before} in another call"
    return (
        f"a compiled step must compute the same in every call, and this one does not{where}{what}: pass what differs, "
        f"a number or an array, as an argument"
    )


def _short(x: Any) -> str:
    """A constant of a program, or what it calls, in a few words."""
    return one_line(getattr(x, "__name__", None) or (x if isinstance(x, str) else repr(x)), 40)

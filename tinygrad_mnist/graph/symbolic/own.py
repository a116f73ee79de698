"""Operations of one's own as NumPy source: the function that declares one, without its decorator, and what it needs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from tokenize import TokenError
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_mnist.engine import Op
from tinygrad_mnist.engine.errors import GraphError
from tinygrad_mnist.graph.symbolic.notation import function_name
from tinygrad_mnist.graph.symbolic.pieces import source


def own_source(op: Op) -> str:
    """The source of a function that computes an operation from arrays and its parameters, by name.

    Raises GraphError where there is none that can be written down, or where it needs what can't be.
    """
    name = function_name(op.name)
    if found := _of_numpy(op.forward):
        return f"{name} = {found}\n"
    try:
        return f"{ast.unparse(_definition(op.forward, name))}\n"
    except (OSError, TypeError, _Unwritable) as error:
        advice = "write its forward as a function in a file, of NumPy and plain numbers"
        raise GraphError(f"{op.name} has no NumPy source ({' '.join(str(error).split())}): {advice}") from None


class _Unwritable(Exception):
    """What a function needs and source can't hold."""


def _of_numpy(value: Any) -> str:
    """The name of a function of NumPy's; "" for what is none."""
    name = getattr(value, "__name__", "")
    return f"np.{name}" if name and getattr(np, name, None) is value else ""


def _definition(function: Callable[..., Any], name: str) -> ast.FunctionDef:
    """A function as it is written, under a name, without annotations and defaults; what it needs stands first."""
    if not isinstance(function, FunctionType):
        raise _Unwritable(f"{type(function).__name__} is no function of Python")
    found = _written(function)
    arguments = found.args
    arguments.args, arguments.posonlyargs = [*arguments.posonlyargs, *arguments.args], []
    arguments.defaults, arguments.kw_defaults = [], [None] * len(arguments.kwonlyargs)
    for argument in filter(None, (*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)):
        argument.annotation = None
    body: list[ast.stmt] = [ast.Return(found.body)] if isinstance(found, ast.Lambda) else found.body
    docstring = body[:1] if ast.get_docstring(ast.Module(body, [])) else []
    needs = [line for need, value in _needs(function) for line in _line(need, value)]
    whole = ast.FunctionDef(name, arguments, [*docstring, *needs, *body[len(docstring) :]], [])
    return ast.fix_missing_locations(whole)


def _written(function: FunctionType) -> ast.FunctionDef | ast.Lambda:
    """The definition of this function, among all in the lines where it stands."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (SyntaxError, TokenError):  # the file has changed since, or the lines hold a part of an expression
        raise _Unwritable("its lines are not to be found") from None
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda) and _is(node, function)]
    if len(found) != 1:
        raise _Unwritable("its lines are not to be found")
    return found[0]


def _is(node: ast.FunctionDef | ast.Lambda, function: FunctionType) -> bool:
    """Whether a definition is a function's: by its name, and where it has none by what its code is made of."""
    if isinstance(node, ast.FunctionDef):
        return node.name == function.__name__
    code = function.__code__
    (made,) = (c for c in compile(ast.Expression(node), "", "eval").co_consts if isinstance(c, CodeType))
    one, other = ((c.co_name, c.co_varnames, {*c.co_names, *c.co_freevars}, c.co_consts) for c in (made, code))
    return one == other


def _needs(function: FunctionType) -> list[tuple[str, Any]]:
    """The names from outside that a function uses, but for np and Python's own, with what they stand for."""
    used = inspect.getclosurevars(function)
    return [(name, value) for name, value in {**used.globals, **used.nonlocals}.items() if (name, value) != ("np", np)]


def _line(name: str, value: Any) -> list[ast.stmt]:
    """A line that gives a name its value."""
    if isinstance(value, ModuleType):
        return ast.parse(f"import {value.__name__}" + (f" as {name}" if name != value.__name__ else "")).body
    if found := _of_numpy(value):
        return ast.parse(f"{name} = {found}").body
    if value is None or isinstance(value, bool | int | float | complex | str | np.ndarray | np.generic | np.dtype):
        return ast.parse(f"{name} = {source(value)}").body
    if isinstance(value, FunctionType) and not value.__module__.startswith("tinygrad_mnist"):
        return [_definition(value, name)]
    raise _Unwritable(f"it needs {name}, {type(value).__name__}")

"""Names of what a learner's function takes, keeps and returns, read from its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from tokenize import TokenError
from types import CodeType
from typing import Any

from .roles import role_of

Code = Callable[..., Any]


def returned_names(function: Code) -> list[tuple[str | None, ...]]:
    """The names in each return statement, the last one first: ("dW1", "db1") of `return dW1, db1`; None for others."""
    tree = _definition(function)
    values = [node.value for node in _own(tree) if isinstance(node, ast.Return) and node.value] if tree else []
    return [tuple(map(_name, _elements(value))) for value in sorted(values, key=lambda value: -value.lineno)]


def strings(function: Code) -> set[str]:
    """Every word that a function has in quotes: keys of a dict among them."""
    code = getattr(function, "__code__", None)
    return set(_strings(code)) if code else set()


def deepest(function: Code) -> int:
    """The highest layer in the names of weights that a function has; 0 for none."""
    code = getattr(function, "__code__", None)
    names = {*strings(function), *(code.co_varnames + code.co_names if code else ())}
    layers = [role[1:] for name in names for role in [role_of(name)] if role and role[0] == "W"]
    return max((int(l) for l in layers if l.isdigit() and int(l) < 9), default=0)


def signature_of(name: str, function: Code) -> str:
    """As it stands in the source, without the defaults: f(X, Y, lr)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return name
    stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
    return f"{name}({', '.join(stars.get(p.kind.name, '') + p.name for p in parameters if p.name != 'self')})"


def _definition(function: Code) -> ast.AST | None:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        return next((n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)), None)
    except (OSError, TypeError, SyntaxError, ValueError, TokenError):  # its file may have changed since
        return None


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions inside."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            yield node
            yield from _own(node)


def _elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]


def _name(node: ast.expr) -> str | None:
    """The variable, attribute or item that an expression is about: dW1 of `dW1`, `self.dW1`, `-dW1 / m`, `g["dW1"]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr if node.attr not in ("T", "mT") else _name(node.value)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    return None


def _strings(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _strings(constant)
        elif isinstance(constant, tuple):
            yield from (c for c in constant if isinstance(c, str))

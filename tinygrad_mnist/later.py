"""Names of a package that are imported when they are first asked for, so that a program imports what it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def later(package: str, modules: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and the `__dir__` of a package.

    modules: each module, by its path in the package, with the names in it; ".files" is one beside the package. The
    same names are imported for type checkers alone, as tests/test_structure.py sees to.
    """
    home = {name: module for module, names in modules.items() for name in (*names, module)}

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f".{home[name]}", package)
        return module if name == home[name] else getattr(module, name)

    return find, lambda: sorted({*vars(import_module(package)), *home})

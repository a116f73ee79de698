"""A learner's own modules: beside the program, where it adds to sys.path, or in a package that it lies in itself."""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ABOVE = 3
"""So many folders above a program may hold the packages that it is imported through: `from src.layers import Dense`."""

MakeLoader = Callable[[str, str], importlib.machinery.SourceFileLoader]
"""What loads a module, from its name and its file."""


class OwnModules:
    """Finds them, as they would be found if the program were started where it lies, or in a folder above."""

    def __init__(self, folder: Path, loader: MakeLoader = importlib.machinery.SourceFileLoader) -> None:
        self.folder, self.loader = folder.resolve(), loader
        self.before = set(sys.path)
        self.packages: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        top = name.partition(".")[0]
        if path is None:
            found = self._in(name, self._beside()) or self._where_nothing_else_is(name)
        else:
            found = self._in(name, map(Path, path)) if top in self.packages else None
        if found is not None:
            self.packages.add(top)
        return found

    def _beside(self) -> list[Path]:
        """Where a module is looked for first: beside the program, and where that says."""
        return [self.folder, *(self.folder / entry for entry in sys.path if entry not in self.before)]

    def _where_nothing_else_is(self, name: str) -> Any:
        """What no other finder knows may lie above, where `python -m` starts, or be a folder of modules alone."""
        others = (finder for finder in sys.meta_path if not isinstance(finder, OwnModules))  # which would ask this one
        specs = (finder.find_spec(name, None) for finder in others if hasattr(finder, "find_spec"))
        if any(spec is not None and spec.loader is not None for spec in specs):
            return None
        above = list(self.folder.parents)[:ABOVE]
        found = self._in(name, above)
        holding = [str(place) for place in (*self._beside(), *above) if _holds_modules(place / name)]
        return found or (importlib.machinery.PathFinder.find_spec(name, holding) if holding else None)

    def _in(self, name: str, places: Iterable[Path]) -> Any:
        last = name.rpartition(".")[2]
        files = (file for place in places for file in (place / last / "__init__.py", place / f"{last}.py"))
        return next((spec for file in files if (spec := self._spec(name, file))), None)

    def _spec(self, name: str, file: Path) -> Any:
        found = _called(file)
        if found is None:
            return None
        inside = [str(found.parent)] if found.stem == "__init__" else None
        loader = self.loader(name, str(found))
        return importlib.util.spec_from_file_location(name, found, loader=loader, submodule_search_locations=inside)


def _called(file: Path) -> Path | None:
    """A file of this name, or one whose name differs in capitals alone, as it may on the learner's system."""
    if file.is_file():
        return file
    with contextlib.suppress(OSError):  # a stand-in may say that the folder is there
        alike = (f for f in file.parent.glob("*.py") if f.name.casefold() == file.name.casefold())
        return next((f for f in alike if str(f) != sys.argv[0]), None)
    return None


def _holds_modules(folder: Path) -> bool:
    """Whether there are some in a folder, or in one below it."""
    with contextlib.suppress(OSError):
        return any(any(folder.glob(pattern)) for pattern in ("*.py", "*/*.py"))
    return False


def package_of(text: str, folder: Path) -> str | None:
    """The package of a program that imports from it by dots: as many of the folders that it lies in."""
    dots = max(map(len, re.findall(r"^\s*from\s+(\.+)", text, re.MULTILINE)), default=0)
    return ".".join(folder.resolve().parts[-dots:]) if dots else None

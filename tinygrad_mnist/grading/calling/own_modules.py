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
"""So many folders above a program may be the packages that it is imported through: `from src.layers import Dense`."""

MakeLoader = Callable[[str, str], importlib.machinery.SourceFileLoader]
"""What loads a module, from its name and its file."""


class OwnModules:
    """Finds them, as they would be found if the program were started where it lies, or in a folder above."""

    def __init__(self, folder: Path, loader: MakeLoader = importlib.machinery.SourceFileLoader) -> None:
        self.folder, self.loader = folder.resolve(), loader
        self.before = set(sys.path)
        self.packages: set[str] = set()

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        top, last = name.partition(".")[0], name.rpartition(".")[2]
        if path is not None and top not in self.packages:
            return None
        places = self._places(name) if path is None else [*map(Path, path)]
        files = (file for place in places for file in (place / last / "__init__.py", place / f"{last}.py"))
        found = next((spec for file in files if (spec := self._spec(name, file))), None)
        if found is None and path is None:
            found = self._without_file(name, places) or self._above(name)
        if found is not None:
            self.packages.add(top)
        return found

    def _places(self, name: str) -> list[Path]:
        """Where a module is looked for: beside, where the program says, and above where its own package lies."""
        added = (self.folder / entry for entry in sys.path if entry not in self.before)
        above = [self.folder, *self.folder.parents][:ABOVE]
        return [self.folder, *added, *(folder.parent for folder in above if folder.name == name)]

    def _above(self, name: str) -> Any:
        """What is installed nowhere may lie in a folder above: the program is started there, as `python -m`."""
        if name in sys.stdlib_module_names or importlib.machinery.PathFinder.find_spec(name) is not None:
            return None
        above = list(self.folder.parents)[: ABOVE - 1]
        files = (file for place in above for file in (place / name / "__init__.py", place / f"{name}.py"))
        found = next((spec for file in files if (spec := self._spec(name, file))), None)
        return found or self._without_file(name, above)

    def _spec(self, name: str, file: Path) -> Any:
        found = _called(file)
        if found is None:
            return None
        inside = [str(found.parent)] if found.stem == "__init__" else None
        loader = self.loader(name, str(found))
        return importlib.util.spec_from_file_location(name, found, loader=loader, submodule_search_locations=inside)

    @staticmethod
    def _without_file(name: str, places: Iterable[Path]) -> Any:
        """A package that is a folder of modules alone; what is installed by its name goes first."""
        holding = [str(place) for place in places if _holds_modules(place / name)]
        if not holding:
            return None
        installed = importlib.machinery.PathFinder.find_spec(name)
        is_one = installed is not None and installed.origin is not None
        return None if is_one else importlib.machinery.PathFinder.find_spec(name, holding)


def _called(file: Path) -> Path | None:
    """A file of this name, or one whose name differs in capitals alone, as it may on the learner's system."""
    if file.is_file():
        return file
    with contextlib.suppress(OSError):  # a stand-in may say that the folder is there
        return next((f for f in file.parent.glob("*.py") if f.name.casefold() == file.name.casefold()), None)
    return None


def _holds_modules(folder: Path) -> bool:
    """Whether there are some in a folder, or in one below it."""
    with contextlib.suppress(OSError):
        return any(any(folder.glob(pattern)) for pattern in ("*.py", "*/*.py"))
    return False


def package_of(text: str, folder: Path) -> str | None:
    """The package of a program that imports from it by a dot: the folder it lies in."""
    return folder.resolve().name if re.search(r"^\s*from\s+\.", text, re.MULTILINE) else None

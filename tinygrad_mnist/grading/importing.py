"""What may help with a file that has no verdict: another one imports it and trains, say, or it has no arrays."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tinygrad_mnist.files import read_bounded

LARGEST = 4 << 20
"""Bytes of a file that is looked into, at most."""

MOST = 200
"""So many files are looked into."""

TRAINING = re.compile(r"main|train|run|demo|mnist|fit", re.IGNORECASE)
"""What files that train are called."""


DRAWING = {"matplotlib", "tqdm"}
"""Packages that no weights come from."""

LISTS = (
    "it does not import NumPy: weights in lists of plain numbers are not followed, nor what is trained with them. In "
    "arrays (np.array) they are"
)


def hint(path: Path) -> Iterator[str]:
    """What to grade in a file's place, where another one beside it or a folder above imports it."""
    found = sorted(_importers(path), key=lambda file: (not TRAINING.search(file.stem), len(file.parts), file.name))
    for file in found[:1]:
        name = os.path.relpath(file, path.parent)
        yield f"{name} imports it: where that trains the network, grade it instead"


def without_arrays(path: Path) -> Iterator[str]:
    """What is said of a program that has lists, and no package whose arrays could be followed."""
    text = _text(path)
    imported = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", text, re.MULTILINE))
    if "[" in text and imported <= sys.stdlib_module_names | DRAWING:
        yield LISTS


def _importers(path: Path) -> Iterator[Path]:
    name = re.escape(path.stem)
    ways = rf"from\s+(?:[\w.]*\.)?{name}\s+import\b", rf"(?:from\s.*\s)?import\s.*\b{name}\b"
    imported = re.compile(rf"^[\s\"]*(?:{'|'.join(ways)})", re.MULTILINE)
    files = (file for folder in path.parents[:2] for pattern in ("*.py", "*.ipynb") for file in folder.glob(pattern))
    for _, file in zip(range(MOST), files, strict=False):
        if file != path and not file.stem.startswith(("test", "__")) and imported.search(_text(file)):
            yield file


def _text(file: Path) -> str:
    try:
        return read_bounded(file, LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""

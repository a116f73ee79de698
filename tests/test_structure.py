"""The house keeps its shape: imports go downward, importing needs NumPy alone, the engine stays small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_mnist"
ALLOWED = {
    "engine": {"errors"},
    "manual": set(),
    "data": set(),
    "nn": {"engine"},
    "graph": {"engine", "errors", "data"},
    "checks": {"engine", "errors", "nn", "manual", "data"},
    "training": {"engine", "nn", "data"},
    "cli": {"__version__", "engine", "nn", "manual", "data", "graph", "checks", "training", "plots"},
}
"""What each folder may import, besides itself."""

ENGINE_LINES = 544
"""What the engine may not outgrow; the aim is about 500."""

ENGINE_ORDER = ["node", "ops", "autodiff", "tensor", "__init__"]
"""Each module of the engine imports only those before it."""


def imports(path):
    """The modules of this package that a file imports when it runs, as dotted paths below the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    unseen = {n for block in for_types for n in ast.walk(block)}
    for node in set(ast.walk(tree)) - unseen:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tinygrad_mnist"):
            below = node.module.removeprefix("tinygrad_mnist").lstrip(".")
            yield from [f"{below}.{alias.name}".lstrip(".") for alias in node.names]


def test_every_folder_has_its_place():
    assert {p.parent.name for p in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize("folder", ALLOWED)
def test_folders_import_downward(folder):
    for path in (PACKAGE / folder).rglob("*.py"):
        upward = {name for name in imports(path) if name.split(".")[0] not in ALLOWED[folder] | {folder}}
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


@pytest.mark.parametrize("module", ENGINE_ORDER)
def test_the_engine_reads_in_order(module):
    earlier = set(ENGINE_ORDER[: ENGINE_ORDER.index(module)])
    used = set()
    for name in imports(PACKAGE / "engine" / f"{module}.py"):
        folder, part, *_ = name.split(".")
        used.update({part} if folder == "engine" else set())
    assert used <= earlier


def test_importing_the_package_imports_numpy_alone():
    program = (
        "import numpy.random, sys; before = set(sys.modules); import tinygrad_mnist; "
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(result.stdout.split()) - set(sys.stdlib_module_names) == {"numpy", "tinygrad_mnist"}


def test_the_engine_fits_in_the_head():
    result = subprocess.run(
        [sys.executable, ROOT / "docs" / "engine_size.py"], capture_output=True, text=True, check=True
    )
    lines = int(result.stdout.split()[-2])
    assert lines <= ENGINE_LINES
    assert f"| {lines} lines |" in (ROOT / "README.md").read_text(encoding="utf-8")

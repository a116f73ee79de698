"""The house keeps its shape: imports go downward, importing needs NumPy alone, the engine stays small."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.each import each
from tinygrad_mnist.jit import has_numba

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_mnist"
LAYERS = {
    "scopes": set(),
    "places": set(),
    "devices": {"shown"},
    "engine": {"scopes", "places", "devices"},
    "array_functions": {"devices", "engine"},
    "manual": set(),
    "arguments": set(),
    "jit": set(),
    "later": set(),
    "starting": set(),
    "processes": set(),
    "shown": set(),
    "screens": {"shown"},
    "files": {"processes", "shown"},
    "records": {"shown"},
    "data": {"later", "arguments", "files", "jit", "processes", "screens", "shown"},
    "gradcheck": {"engine", "screens"},
    "nn": {"engine", "arguments", "devices", "jit", "screens", "shown"},
    "graph": {"later", "engine", "files", "screens", "shown"},
    "comparing": {"engine", "nn", "manual", "data", "graph", "files", "screens", "shown"},
    "grading": {"later", "cluster", "engine", "manual", "graph", "files", "processes", "screens", "shown"},
    "compiler": {"devices", "engine", "nn", "places", "files", "jit", "shown"},
    "training": {
        "later",
        "arguments",
        "compiler",
        "devices",
        "engine",
        "nn",
        "data",
        "graph",
        "files",
        "processes",
        "records",
        "screens",
        "shown",
    },
    "plots": {"engine", "nn", "data", "graph", "training", "files", "screens"},
    "cluster": {"shown"},
    "sweeps": {"arguments", "cluster", "data", "files", "nn", "processes", "records", "screens", "shown", "training"},
    "tutorials": {"Tensor", "engine", "nn", "manual", "data", "training"},
    "frameworks": {"files", "nn", "data", "training", "tutorials", "plots", "grading", "shown"},
    "playground": {
        "later",
        "__version__",
        "arguments",
        "data",
        "engine",
        "files",
        "grading",
        "graph",
        "manual",
        "nn",
        "processes",
        "records",
        "shown",
        "training",
    },
    "cli": {
        "compiler",
        "__version__",
        "arguments",
        "devices",
        "engine",
        "nn",
        "manual",
        "data",
        "graph",
        "cluster",
        "comparing",
        "grading",
        "training",
        "plots",
        "sweeps",
        "tutorials",
        "frameworks",
        "playground",
        "files",
        "jit",
        "processes",
        "starting",
        "records",
        "screens",
        "shown",
    },
}
"""What each part of the package may import, besides itself."""

ENGINE_LINES = 720
"""What the engine may not outgrow; the aim is under 620."""

ENGINE_ORDER = ["errors", "node", "primitive", "ops", "autodiff", "tensor", "__init__", "transforms"]
"""Each module of the engine imports only those before it."""


@cache
def imports(path):
    """The modules of this package that a file imports when it runs, as dotted paths below the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    found, unseen = [], {n for block in for_types for n in ast.walk(block)}
    for node in set(ast.walk(tree)) - unseen:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tinygrad_mnist"):
            below = node.module.removeprefix("tinygrad_mnist").lstrip(".")
            found += [f"{below}.{alias.name}".lstrip(".") for alias in node.names]
    return found


def part(path):
    """The folder or module directly below the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_part_has_its_place():
    assert {part(p) for p in PACKAGE.rglob("*.py")} - {"__init__", "__main__"} == set(LAYERS)


@each("name", LAYERS)
def test_parts_import_downward(name):
    for path in (p for p in PACKAGE.rglob("*.py") if part(p) == name):
        upward = {used for used in imports(path) if used.split(".")[0] not in LAYERS[name] | {name}}
        assert not upward, f"{path.relative_to(ROOT)} imports {upward}"


def dotted(path):
    """A file's module, as a dotted path below the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {dotted(path): path for path in PACKAGE.rglob("*.py")}


def module_of(name):
    """The module that an imported name is, or is taken from."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def test_no_modules_import_each_other_in_a_circle():
    uses = {module: {module_of(name) for name in imports(path)} - {module} for module, path in MODULES.items()}
    in_order = list(TopologicalSorter(uses).static_order())  # raises CycleError, which names the circle
    assert set(in_order) == set(MODULES)


@each("package", [p.parent for p in PACKAGE.rglob("__init__.py")])
def test_no_function_hides_a_module_of_its_name(package):
    whole = ".".join(package.relative_to(ROOT).parts)
    for info in pkgutil.iter_modules([str(package)]):
        if info.name != "__main__" and not (info.name in ("loops", "native") and not has_numba()):
            module = importlib.import_module(f"{whole}.{info.name}")
            assert getattr(sys.modules[whole], info.name) is module


@each("module", ENGINE_ORDER)
def test_the_engine_reads_in_order(module):
    earlier = set(ENGINE_ORDER[: ENGINE_ORDER.index(module)])
    used = set()
    for name in imports(PACKAGE / "engine" / f"{module}.py"):
        folder, _, part = name.partition(".")
        used.update({part.split(".")[0]} if folder == "engine" else set())
    assert used <= earlier


TABLES = {"engine/ops.py", "graph/onnx/words.py", "grading/textbook/catalogue.py"}
"""Files that are a table, and as long as that is."""


def test_no_class_and_no_file_outgrows_a_reader():
    long = []
    for path in PACKAGE.rglob("*.py"):
        text, name = path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix()
        classes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ClassDef)]
        long += [f"{name}: {n.name}" for n in classes if n.end_lineno - n.lineno >= 150]
        long += [name] if len(text.splitlines()) > 400 and name not in TABLES else []
    assert not long, "no class over 150 lines, no file over 400 but tables"


def test_importing_the_package_imports_numpy_alone():
    program = (
        "import numpy.random, sys; before = set(sys.modules); import tinygrad_mnist; "
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(result.stdout.split()) - set(sys.stdlib_module_names) == {"numpy", "tinygrad_mnist"}


@each("path", [p for p in PACKAGE.rglob("__init__.py") if "= later(" in p.read_text(encoding="utf-8")])
def test_what_is_imported_later_is_what_type_checkers_see(path):
    package = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    seen = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names} - {"TYPE_CHECKING"}
    (call,) = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    homes = ast.literal_eval(call.args[1])
    assert {name for module, names in homes.items() for name in names or [module]} == seen - {"later"}
    assert all(hasattr(package, name) for name in seen)


def test_the_engine_fits_in_the_head():
    result = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "engine_size.py"], capture_output=True, text=True, check=True
    )
    lines = int(result.stdout.split()[-2])
    assert lines <= ENGINE_LINES, f"the engine has {lines} lines: if they are worth it, raise ENGINE_LINES"
    assert f"| {lines} lines |" in (ROOT / "README.md").read_text(encoding="utf-8")

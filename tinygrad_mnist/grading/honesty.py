"""Whether a program computed its gradients itself: its text read without running it, and NumPy looked at afterwards."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from tinygrad_mnist.grading.report import Problem
from tinygrad_mnist.grading.watching.source import Source, SourceError, read

FRAMEWORKS = {
    "aesara", "autograd", "casadi", "chainer", "jax", "jittor", "keras", "micrograd", "mindspore", "mxnet", "oneflow",
    "paddle", "pytensor", "tensorflow", "theano", "tinygrad", "torch",
}  # fmt: skip
"""What differentiates; arithmetic done with them by hand is no cheat."""

DATA = {"datasets", "utils", "data"}
"""Parts of those packages that only bring data: `keras.datasets`, `torch.utils.data`."""

DIFFERENTIATES = {
    "GradientTape", "autograd", "backward", "elementwise_grad", "grad", "gradients", "hessian", "holomorphic_grad",
    "jacfwd", "jacobian", "jacrev", "jvp", "linearize", "make_jvp", "make_vjp", "value_and_grad", "vjp",
}  # fmt: skip
"""What in them does."""

RECORDED = {"grad", "requires_grad", "requires_grad_"}
"""Attributes of their tensors that only one who differentiates reads."""

MOST_BESIDE = 100
"""Files beside a program that are looked at."""

OWN = "tinygrad_mnist"
"""This package, of which only the data may be used."""

TELLING = {
    **dict.fromkeys(
        ["sys._getframe", "sys._current_frames", "sys._current_exceptions", "sys.settrace", "sys.setprofile",
         "sys.monitoring", "inspect.currentframe", "inspect.stack", "inspect.trace", "inspect.getouterframes",
         "inspect.getinnerframes", "gc.get_objects", "gc.get_referrers", "gc.get_referents", "traceback.walk_stack",
         "threading.settrace"],
        "looks into the program that runs it",
    ),
    **dict.fromkeys(["os._exit", "os.abort"], "ends its process before the grader has its result"),
    **dict.fromkeys(["os.kill", "os.killpg", "signal.pthread_kill"], "ends other processes"),
    "ctypes": "reaches into memory",
}  # fmt: skip
"""What no backprop needs, and what it does."""

FRAMES = {"f_back", "f_builtins", "f_globals", "f_locals", "cr_frame", "gi_frame", "tb_frame", "__subclasses__"}
"""Attributes by which one program looks into another."""

GRADERS_FILES = re.compile(r"/autograder/|/proc/|tinygrad-mnist-grade")
VERDICT = re.compile(r"\ball (\d+|…) gradients are right\b")

PATCHED = {"numpy", "builtins", "json", "pickle", OWN}
"""Modules whose functions stay what they are."""

HARMLESS = {"int", "float", "bool", "object", "str", "complex", "long", "unicode", "print", "input"}
"""Names that old programs give back to NumPy, and what people put in print's place."""

LIKELY = re.compile(r"back|grad|train|fit|step|update|descent|deriv|delta", re.I)
CHECKS = re.compile(r"check|test|compar|verif|numer|assert|reference|expected", re.I)
"""Names of functions that compute gradients, and of those that compare them with a framework's, as one may."""

Block = ast.AST
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def suspicions(program: str | Source, functions: Collection[str] | None = None) -> list[Problem]:
    """What in a program's text looks as if its gradients were not its own; a problem of kind "cheating" for each sort.

    functions: the names of those that are graded ("gradients", "Net.backward"): gradients from an autograd framework
        count in them and in what they call, and nowhere else, so that one may check one's own against them. None: in
        every function that by its name computes gradients or trains, and in loops outside of functions.

    A text that is no Python gives nothing: that is another problem.
    """
    source = Source("", program) if isinstance(program, str) else program
    parsed = _Program(tree_of(source.text))
    seen: dict[str, Problem] = {}
    for node, what in (*_anywhere(parsed), *_differentiated(parsed, functions)):
        seen.setdefault(what, _problem(source, node, what))
    return list(seen.values())


def suspicions_of_file(path: Path, functions: Collection[str] | None = None) -> list[Problem]:
    """The same of a file or notebook; nothing of one that can't be read."""
    try:
        return suspicions(read(path), functions)
    except SourceError:
        return []


def imports_of_file(path: Path) -> tuple[str, ...]:
    """A note for each package with gradients of its own that a file, or one beside it that it imports, imports."""
    seen: dict[str, str] = {}
    for source, tree in _with_those_beside(path):
        for node in ast.walk(tree):
            for package in _with_gradients(node):
                line = getattr(node, "lineno", 0)
                where = source.place(line) if source.name == path.name else f"{source.name}:{line}"
                seen.setdefault(package, f"{where}: {_brings(package)}")
    return tuple(seen.values())


def imported(packages: Collection[str]) -> tuple[str, ...]:
    """The same note for those among the packages that a program has brought along in whatever way."""
    return tuple(_brings(name) for name in sorted({*packages} & {*FRAMEWORKS, OWN}))


def _brings(package: str) -> str:
    return f"it imports {package}, which has gradients ready: look whether the ones judged here are its own"


def _with_gradients(node: ast.AST) -> Iterator[str]:
    """The packages in an import that differentiate, or have the formulas."""
    names: list[str] = []
    if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
        names = [*imported_names(node)]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).rpartition(".")[2]
        names = [str(node.args[0].value)] if called in ("__import__", "import_module") else []
    for name in names:
        root, *rest = name.split(".")
        if (root in FRAMEWORKS and not DATA & {*rest}) or (root == OWN and rest[:1] != ["data"]):
            yield root


def _with_those_beside(path: Path) -> Iterator[tuple[Source, ast.Module]]:
    """A program, and the files in its folder that it imports."""
    waiting, seen = [path], {path}
    while waiting and len(seen) < MOST_BESIDE:
        file = waiting.pop(0)
        try:
            source = read(file)
        except SourceError:
            continue
        tree = tree_of(source.text)
        yield source, tree
        for name in {dotted.split(".")[0] for dotted in imported_names(tree)}:
            found = [f for f in (path.parent / f"{name}.py", *sorted((path.parent / name).glob("*.py"))) if f.is_file()]
            waiting += [f for f in found if f not in seen]
            seen.update(found)


def tree_of(text: str) -> ast.Module:
    """A program as Python reads it; an empty one where it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def imported_names(tree: ast.AST) -> Iterator[str]:
    """What the imports in it name, in full: "numpy.linalg" of `from numpy import linalg`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" if node.module else alias.name for alias in node.names)


def changed_numpy(names: Collection[str]) -> list[Problem]:
    """The problem where functions of NumPy were no longer those it began with, after the program had run."""
    changed = sorted(name for name in names if name not in HARMLESS)
    shown = ", ".join(f"np.{name}" for name in changed[:3])
    message = f"it puts functions of its own in the place of NumPy's: {shown}. Give them other names"
    return [Problem("cheating", message)] if changed else []


def _problem(source: Source, node: ast.AST, what: str) -> Problem:
    line = getattr(node, "lineno", 0)
    place = f"{source.place(line)}, {source.line(line)[:80]!r}"
    return Problem("cheating", f"{place}: it {what}. A backprop needs X, Y and the parameters alone")


class _Program:
    """What the names of a program stand for."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.names: dict[str, str] = dict(_imports(tree))
        self.functions: dict[str, list[Block]] = {}
        for node in ast.walk(tree):
            if isinstance(node, Function):
                self.functions.setdefault(node.name, []).append(node)
        self.assigned: dict[str, list[ast.expr]] = {}
        for name, value in _assignments(tree):
            self.assigned.setdefault(name, []).append(value)
            dotted = self.dotted(value)
            if dotted and name not in self.names:
                self.names[name] = dotted
        self.imported = {dotted.split(".")[0] for dotted in self.names.values()}
        self.stored = {*_stored(tree)}

    def dotted(self, node: ast.AST) -> str | None:
        """The module, or what in it, that an expression is: "numpy.linalg.norm"."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return base and f"{base}.{node.attr}"
        if isinstance(node, ast.Call):
            first, second = [*node.args, None, None][:2]
            called = node.func.id if isinstance(node.func, ast.Name) else self.dotted(node.func)
            if called in ("__import__", "importlib.import_module") and isinstance(first, ast.Constant):
                return str(first.value)
            if called == "getattr" and first and isinstance(second, ast.Constant):
                base = self.dotted(first)
                return base and f"{base}.{second.value!s}"
        return None

    def reached(self, names: Collection[str]) -> list[Block]:
        """The functions of these names, and all of the program that they call or read."""
        found: dict[str, list[Block]] = {}
        waiting = [name.rpartition(".")[2] for name in names]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found[name] = self.functions.get(name) or [*self.assigned.get(name, ())]
            for node in (n for block in found[name] for n in ast.walk(block)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    waiting.append(node.id)
                elif isinstance(node, ast.Attribute) and node.attr in self.functions:
                    waiting.append(node.attr)
        return [block for blocks in found.values() for block in blocks]

    def likely(self) -> list[Block]:
        """Where gradients are computed, as far as names say, and the loops outside of functions."""
        names = [n for n in self.functions if LIKELY.search(n) and not CHECKS.search(n)]
        loops = [n for n in self.tree.body if isinstance(n, ast.For | ast.While)]
        return [*self.reached(names), *loops]


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What is named outside of functions."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _stored(tree: ast.Module) -> Iterator[str]:
    """The attributes to which the program itself gives a value, other than None: they are its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign) and not _is_none(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.attr for target in targets for each in ast.walk(target) if isinstance(each, ast.Attribute))


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _anywhere(program: _Program) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(program.tree):
        dotted = program.dotted(node)
        if dotted:
            yield from ((node, what) for name, what in TELLING.items() if f"{dotted}.".startswith(f"{name}."))
        if isinstance(node, ast.Import | ast.ImportFrom) and any("ctypes" in n for _, n in _imports(node)):
            yield node, TELLING["ctypes"]
        if isinstance(node, ast.Attribute) and node.attr in FRAMES:
            yield node, TELLING["sys._getframe"]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and GRADERS_FILES.search(node.value):
            yield node, "looks for the grader's own files"
        if isinstance(node, ast.Call) and any(VERDICT.search(_said(a)) for a in node.args):
            yield node, "prints a verdict of its own"
        if any(dotted and dotted.split(".")[0] in PATCHED for dotted in _patched(node, program)):
            yield node, "puts something of its own in the place of another module's function"


def _said(node: ast.expr) -> str:
    """The text of a string, with … for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "…"


def _patched(node: ast.AST, program: _Program) -> Iterator[str | None]:
    """The modules, or what in them, that something is put into or taken out of."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
        owner, name = [*node.args, None, None][:2]
        if owner and not (isinstance(name, ast.Constant) and name.value in HARMLESS):
            yield program.dotted(owner)
    for target in targets:
        if isinstance(target, ast.Attribute) and target.attr not in HARMLESS:
            yield program.dotted(target.value)
        elif isinstance(target, ast.Subscript):
            inside = program.dotted(target.value) or ""
            yield inside if inside.endswith(".__dict__") else None


def _differentiated(program: _Program, functions: Collection[str] | None) -> Iterator[tuple[ast.AST, str]]:
    """Where gradients come from something that differentiates by itself."""
    blocks = program.likely() if functions is None else program.reached(functions)
    frameworks = sorted(program.imported & FRAMEWORKS)
    for node in (n for block in blocks for n in ast.walk(block)):
        root, *rest = (program.dotted(node) or "").split(".")
        if root == OWN and rest and rest[0] != "data":
            yield node, f"takes gradients from {OWN}"
        elif root in FRAMEWORKS and DIFFERENTIATES & set(rest):
            yield node, f"takes gradients from {root}"
        elif frameworks and _records(node, program):
            yield node, f"takes gradients from {frameworks[0]}"


def _records(node: ast.AST, program: _Program) -> bool:
    """Whether it is `loss.backward()`, or reads what only tensors that differentiate have."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
        return not node.args and "backward" not in program.functions
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        is_own = isinstance(node.value, ast.Name) and node.value.id == "self"
        return node.attr in RECORDED and node.attr not in program.stored and not is_own
    return isinstance(node, ast.keyword) and node.arg in RECORDED

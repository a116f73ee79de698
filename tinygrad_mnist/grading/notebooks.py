"""`%%grade` on a cell of a notebook: it is graded together with the earlier cells that it builds on, and then run."""

from __future__ import annotations

import ast
import builtins
import dis
import json
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinygrad_mnist.grading.grader import grade
from tinygrad_mnist.grading.report import Report
from tinygrad_mnist.grading.watching.source import python_of_cell


def load(shell: Any) -> None:
    """Give an IPython shell the magic `%%grade`."""

    def graded(line: str, cell: str) -> None:
        settings = eval(f"dict({line})", {}, shell.user_ns)  # as the learner would write it in Python
        report = grade_cell(shell.history_manager.input_hist_raw, **settings)
        shell.display_pub.publish({"text/plain": str(report), "text/html": report._repr_html_()})
        shell.run_cell(cell)

    shell.register_magic_function(graded, magic_kind="cell", magic_name="grade")


def grade_cell(history: Sequence[str], **settings: Any) -> Report:
    """The report on the latest cell, with those of the cells before it that define what it needs.

    history: the code of all cells that were run, by their numbers, which begin with 1; places in the report have these
    numbers. settings: as `grade` takes them, which raises GradeError for what is none.
    """
    number = len(history) - 1
    chosen = {number: history[number], **needed_cells(history[number], history[:number])}
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-cell-") as folder:
        path = Path(folder) / f"cell_{number}.ipynb"
        path.write_text(_notebook(chosen, number), encoding="utf-8")
        return replace(grade(path, **settings), subject=f"cell {number}")


def _notebook(codes: Mapping[int, str], last: int) -> str:
    """A notebook with empty cells in the place of those that are not needed, so that the numbers stay."""
    cells = [{"cell_type": "code", "source": codes.get(number, "")} for number in range(1, last + 1)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def needed_cells(code: str, earlier: Sequence[str]) -> dict[int, str]:
    """The earlier cells, by their numbers, that define or change what a cell needs, and what these need.

    Earlier versions of a cell are left out: what is graded is the notebook as it stands, not all that was tried in it.
    """
    cell = _Cell.read(code)
    needs, kept = set(cell.needs), [cell]
    left = {number: _Cell.read(text) for number, text in enumerate(earlier)}
    while True:
        before = len(left)
        for number, found in sorted(left.items(), reverse=True):
            if needs & (found.binds | found.changes) and not any(map(found.is_version_of, kept)):
                needs = needs - found.binds | found.needs
                kept.append(left.pop(number))
        if len(left) == before:  # a function may need what was defined below it
            return {number: text for number, text in enumerate(earlier) if number not in left}


@dataclass(frozen=True)
class _Cell:
    """What a cell binds, changes inside of, and needs from before it: names of its outermost level."""

    binds: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()

    @classmethod
    def read(cls, code: str) -> _Cell:
        """Of the code, without magics; nothing of what is no Python."""
        try:
            tree = ast.parse(python_of_cell(code))
            binds, needs = _bound_and_needed(compile(tree, "<cell>", "exec", dont_inherit=True))
        except (SyntaxError, ValueError):
            return cls()
        return cls(frozenset(binds), frozenset(_changed(tree)), frozenset(needs - set(dir(builtins))))

    def is_version_of(self, other: _Cell) -> bool:
        """Whether half of the names that either binds are bound by both, and it makes none that the other needs."""
        both, makes = self.binds & other.binds, self.binds - self.needs
        return bool(both) and 2 * len(both) >= len(self.binds | other.binds) and not makes & other.needs


def _bound_and_needed(module: types.CodeType) -> tuple[set[str], set[str]]:
    """The names that a program binds, and those that it reads before it has bound them; in functions: without."""
    binds: set[str] = set()
    needs: set[str] = set()
    for step in dis.get_instructions(module):
        if step.opname == "STORE_NAME":
            binds.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in binds:
            needs.add(step.argval)
    return binds, needs | (set(_read_inside(module)) - binds)


def _read_inside(code: types.CodeType) -> Iterator[str]:
    """The global names that the functions and classes in a piece of code read."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            steps = list(dis.get_instructions(inner))
            own = {step.argval for step in steps if step.opname == "STORE_NAME"}
            yield from (s.argval for s in steps if s.opname in ("LOAD_NAME", "LOAD_GLOBAL") and s.argval not in own)
            yield from _read_inside(inner)


def _changed(tree: ast.Module) -> Iterator[str]:
    """Names of what is changed inside: `parameters["W1"] = …`, and `network.add(…)` as a statement."""
    for node in ast.walk(tree):
        inside: ast.expr | None = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            inside = node.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            inside = node.value.func.value if isinstance(node.value.func, ast.Attribute) else None
        while isinstance(inside, ast.Subscript | ast.Attribute):
            inside = inside.value
        if isinstance(inside, ast.Name):
            yield inside.id

"""A program rewritten so that every operation on arrays goes through a recorder, and does what it did before.

`a + b` becomes `__watch__.operate(line, "+", a, b)`, `f(x)` becomes `__watch__.call(line, f, x)`, and after `z = …`
stands a line that tells the recorder the name. What a name means, what is evaluated when and what is raised stay
the same; only counts of examples shrink, and the data with them, and a number that a parameter begins with is an object
of its own.
"""

from __future__ import annotations

import ast
import bisect
import copy
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from tinygrad_mnist.grading.watching.names import NAMED_PARAMETER

RECORDER = "__watch__"
SCOPE = "__scope__"
"""The names under which a rewritten program finds its recorder, and the running function its number."""

BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**",
    ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "~"}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip

SMALL = 1000
"""Numbers below this are left as they are."""

SHRUNK, FEWEST = 100, 20
"""By what large round numbers are divided, 60,000 examples are 600 where digits are stand-ins, and the fewest left."""

CALLED_LENGTH = re.compile(r"len(gth)?($|_)|position|context", re.IGNORECASE)
"""What the length of a sequence is called."""

DECLARING: tuple[type[ast.Global | ast.Nonlocal], ...] = ast.Global, ast.Nonlocal
"""Statements that say whose a name is."""

AS_THEY_ARE = {"super", "locals", "globals", "vars", "dir", "eval", "exec", "print", "isinstance", "__import__"}
"""Functions that look at who calls them, or that give no arrays."""


def round_numbers(text: str) -> set[int]:
    """The large round numbers in a program: counts of examples, most of them."""
    numbers = (int(number) for number in re.findall(r"\b[1-9]\d{3,}\b", text.replace("_", "")))
    return {*filter(_is_round, numbers)}


def _is_round(number: Any) -> TypeGuard[int]:
    return type(number) is int and number >= SMALL and number % 100 == 0


def shrunk(number: int, others: Collection[int]) -> int:
    """A large round number as it is for stand-ins; twice another one stays that, as in a penalty over 2 m."""
    if number % 2 == 0 and number // 2 in others:
        return 2 * shrunk(number // 2, others)
    return max(FEWEST, number // SHRUNK)


def rewrite(text: str, filename: str, before: int = 0, largest: int = 0) -> Any:
    """The program compiled, with calls of the recorder in it, which count its lines from there.

    largest: how large a batch may be; 0 where it may be of any size. Raises SyntaxError as compile does.
    """
    return compile(_rewritten(text, filename, before, largest), filename, "exec")


def rewrite_cells(text: str, filename: str, starts: Sequence[int], largest: int = 0) -> list[Any]:
    """The same cell by cell, of a notebook's text; starts: the line at which each of them begins, from 1."""
    cells: list[list[ast.stmt]] = [[] for _ in starts]
    for statement in _rewritten(text, filename, largest=largest).body:
        cells[bisect.bisect_right(starts, statement.lineno) - 1].append(statement)
    return [compile(ast.Module(cell, []), filename, "exec") for cell in cells]


def _rewritten(text: str, filename: str, before: int = 0, largest: int = 0) -> ast.Module:
    tree = ast.increment_lineno(ast.parse(text, filename), before)
    counts = round_numbers(text)
    named = list(_named_numbers(tree))
    lengths = {constant for name, constant, _ in named if CALLED_LENGTH.search(name)}
    batches = [(constant, number) for name, constant, number in named if _is_a_batch(name, number)]
    batch = max((number for _, number in batches), default=0)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and _is_round(node.value) and node not in lengths:
            fewest = batch if node.value < SHRUNK * FEWEST else 0  # larger ones may be MNIST's, whose sets shrink too
            node.value = max(shrunk(node.value, counts), fewest)
    for constant, number in batches if largest else ():
        constant.value = min(number, largest)
    rewritten: ast.Module = ast.fix_missing_locations(_Rewriter(set(_moved(tree))).visit(tree))
    return ast.increment_lineno(rewritten, -before)


def _is_a_batch(name: str, number: int) -> bool:
    return "batch" in name.lower() and 1 < number < SMALL


def largest_batch(text: str) -> int:
    """The largest number that a program calls a batch; 0 without one, or where it divides by it or counts to it too."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0
    batches = [number for name, _, number in _named_numbers(tree) if _is_a_batch(name, number)]
    counting = (part for node in ast.walk(tree) for part in _counting(node) if isinstance(part, ast.Constant))
    return 0 if any(part.value in batches for part in counting) else max(batches, default=0)


def _counting(node: ast.AST) -> list[ast.expr]:
    """What it divides by, or what a function is given in its place."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.FloorDiv)):
        return [node.right]
    return node.args if isinstance(node, ast.Call) else []


def _named_numbers(tree: ast.AST) -> Iterator[tuple[str, ast.Constant, int]]:
    """The whole numbers that a program gives to names: of variables, of attributes and of arguments."""
    for node in ast.walk(tree):
        given: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.arguments):
            names = [argument.arg for argument in (*node.posonlyargs, *node.args)]
            given = list(zip(names[len(names) - len(node.defaults) :], node.defaults, strict=True))
            given += zip((argument.arg for argument in node.kwonlyargs), node.kw_defaults, strict=True)
        elif isinstance(node, ast.Call):
            given = [(keyword.arg or "", keyword.value) for keyword in node.keywords]
        elif isinstance(node, ast.Assign):
            given = [(_last_name(target), node.value) for target in node.targets]
        for name, value in given:
            if isinstance(value, ast.Constant) and type(value.value) is int:
                yield name, value, value.value


@dataclass(frozen=True)
class _Function:
    """The names that a function gives something: its own, the module's, and those of functions around it."""

    own: set[str]
    globals: set[str]
    nonlocals: set[str]


def _function(node: Any, parameters: Iterable[str]) -> _Function:
    inside = list(_within(node.body))
    given = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    globals_, nonlocals = ({n for s in inside if isinstance(s, kind) for n in s.names} for kind in DECLARING)
    return _Function({*parameters, *given} - globals_ - nonlocals, globals_, nonlocals)


def _within(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """These parts of a program and what they hold, but for the bodies of functions."""
    for node in nodes:
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _within(ast.iter_child_nodes(node))


def _moved(tree: ast.AST) -> Iterator[str]:
    """The names, and those of attributes, of what something is subtracted from, or added to if a parameter has it."""
    target: ast.expr
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and not isinstance(node.value, ast.Constant):
            target, op = node.target, node.op
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            target, op = node.targets[0], node.value.op
            if ast.unparse(node.value.left) != ast.unparse(target):
                continue
        else:
            continue
        name = _last_name(target)
        if isinstance(op, ast.Sub) or (isinstance(op, ast.Add) and NAMED_PARAMETER.fullmatch(name)):
            yield name


def _last_name(target: ast.expr) -> str:
    """That of a variable or of an attribute; "" where it is neither."""
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


class _Rewriter(ast.NodeTransformer):
    """functions: the names of those that are being rewritten, each within the one before. moved: those of `_moved`."""

    def __init__(self, moved: Collection[str]) -> None:
        self.functions: list[_Function] = []
        self.moved = moved

    # expressions

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        constant = isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant)
        self.generic_visit(node)
        return node if constant else _call(node, "operate", ast.Constant(BINARY[type(node.op)]), node.left, node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if type(node.op) not in UNARY or isinstance(node.operand, ast.Constant):
            return node
        return _call(node, "operate", ast.Constant(UNARY[type(node.op)]), node.operand)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) != 1 or type(node.ops[0]) not in COMPARISONS:
            return node
        return _call(node, "operate", ast.Constant(COMPARISONS[type(node.ops[0])]), node.left, node.comparators[0])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in AS_THEY_ARE:
            return node
        call = _call(node, "call", node.func, *node.args)
        call.keywords = node.keywords
        return call

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        return _call(node, "item", node.value, _index(node.slice))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        if node.attr not in ("T", "mT") or not isinstance(node.ctx, ast.Load):
            return node
        return _call(node, "attribute", node.value, ast.Constant(node.attr))

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.iter = _call(node.iter, "iterate", node.iter)
        return node

    def visit_MatchValue(self, node: Any) -> Any:
        return node  # a pattern is no expression

    # statements

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.value, ast.Constant) and len(node.targets) > 1:
            singly = (ast.copy_location(ast.Assign([t], copy.copy(node.value)), node) for t in node.targets)
            return [statement for assign in singly for statement in self.visit_Assign(assign)]
        node.value = self._set_apart(node.targets[0], node.value)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            return [_store(node, node.targets[0], node.value)]
        bound = list(self._bound(node, *node.targets))
        items = [part for target in node.targets for part in _parts(target) if isinstance(part, ast.Subscript)]
        kept = {id(item): f"__part{i}__" for i, item in enumerate(items)}
        stores = [_store(node, item, _load(kept[id(item)])) for item in items]
        node.targets = [_with_names(target, kept) for target in node.targets]
        return [node, *stores, *bound]

    def _set_apart(self, target: ast.expr, value: ast.expr) -> ast.expr:
        """A value, in which the numbers that parameters begin with are objects of their own."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            value.elts = [self._set_apart(t, v) for t, v in zip(target.elts, value.elts, strict=True)]
        number = value.value if isinstance(value, ast.Constant) else None
        is_apart = type(number) is float or (type(number) is int and _last_name(target) in self.moved)
        return _call(value, "own", value) if is_apart and _last_name(target) else value

    def visit_AnnAssign(self, node: ast.AnnAssign) -> list[ast.stmt]:
        if node.value is None:
            return [node]
        node.value = self.visit(node.value)
        return [node, *self._bound(node, node.target)]

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        self.generic_visit(node)
        symbol = ast.Constant(BINARY[type(node.op)])
        target = node.target
        if isinstance(target, ast.Subscript):
            call = _call(node, "update_item", symbol, target.value, _index(target.slice), node.value)
            return [ast.copy_location(ast.Expr(call), node)]
        updated = _call(node, "update", symbol, _loaded(target), node.value)
        assign = ast.copy_location(ast.Assign([target], updated), node)
        return [assign, *self._bound(node, target)]

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        self.generic_visit(node)
        node.iter = _call(node.iter, "loop", node.iter)
        names = self._bound(node, node.target)
        node.body = [_statement(node, "tick"), *names, *node.body]
        return [node]

    def visit_While(self, node: ast.While) -> ast.While:
        self.generic_visit(node)
        node.body.insert(0, _statement(node, "tick"))
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        a = node.args
        names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
        self.functions.append(_function(node, names))
        self.generic_visit(node)
        scope = self._scope()
        self.functions.pop()
        given = ast.Dict([ast.Constant(n) for n in names], [_load(n) for n in names])
        call = _call(node, "enter", ast.Constant(node.name), given)
        enter = ast.copy_location(ast.Assign([ast.Name(scope, ast.Store())], call), node)
        node.body.insert(0 if ast.get_docstring(node, clean=False) is None else 1, enter)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _scope(self, name: str = "") -> str:
        """The variable with the number of the scope that a name is of: that of a function's call, or the module's."""
        depth = len(self.functions)
        if depth and name in self.functions[-1].globals:
            depth = 0
        elif depth and name in self.functions[-1].nonlocals:
            around = (d for d in range(depth - 1, 0, -1) if name in self.functions[d - 1].own)
            depth = next(around, depth)
        return f"{SCOPE}{depth}" if depth else SCOPE

    def _bound(self, at: ast.stmt, *targets: ast.expr) -> Iterator[ast.stmt]:
        """What tells the recorder the names in targets: the owner (a scope, or an object), the text and the value."""
        for part in (part for target in targets for part in _parts(target)):
            text = ast.Constant(ast.unparse(part))
            if isinstance(part, ast.Name):
                yield _statement(at, "bound", _load(self._scope(part.id)), text, _load(part.id))
            elif isinstance(part, ast.Attribute) and _plain(part):
                yield _statement(at, "bound", _loaded(part.value), text, _loaded(part))


def _plain(value: ast.expr) -> bool:
    """Whether it can be evaluated once more without anything happening: a name, attributes and items of one."""
    if isinstance(value, ast.Attribute):
        return _plain(value.value)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Attribute) and _is_recorder(value.func.value) and all(map(_plain, value.args))
    return isinstance(value, (ast.Name, ast.Constant))


def _is_recorder(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id == RECORDER


def _parts(target: ast.expr) -> list[ast.expr]:
    """A target's names, attributes and items."""
    if isinstance(target, (ast.Tuple, ast.List)):
        return [part for element in target.elts for part in _parts(element)]
    return _parts(target.value) if isinstance(target, ast.Starred) else [target]


def _with_names(target: ast.expr, kept: dict[int, str]) -> ast.expr:
    """A target with names in place of its items."""
    if isinstance(target, (ast.Tuple, ast.List)):
        target.elts = [_with_names(element, kept) for element in target.elts]
    return ast.Name(kept[id(target)], ast.Store()) if id(target) in kept else target


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _loaded(target: ast.expr) -> ast.expr:
    """What is assigned to, as an expression at the same place."""
    expression = ast.parse(ast.unparse(target), mode="eval").body
    for node in ast.walk(expression):
        ast.copy_location(node, target)
    return expression


def _index(node: ast.expr) -> ast.expr:
    """What stands in brackets, as an expression: `a:b` becomes `slice(a, b)`."""
    if isinstance(node, ast.Slice):
        ends = [end or ast.Constant(None) for end in (node.lower, node.upper, node.step)]  # each with lines of its own
        return ast.Call(ast.Attribute(_load(RECORDER), "slice", ast.Load()), ends, [])
    if isinstance(node, ast.Tuple):
        return ast.Tuple([_index(element) for element in node.elts], ast.Load())
    return node


def _call(at: Any, hook: str, *arguments: ast.expr) -> ast.Call:
    function = ast.copy_location(ast.Attribute(_load(RECORDER), hook, ast.Load()), at)
    function.end_lineno, function.end_col_offset = at.lineno, at.col_offset  # where a traceback places the call
    return ast.copy_location(ast.Call(function, [ast.Constant(at.lineno), *arguments], []), at)


def _statement(at: Any, hook: str, *arguments: ast.expr) -> ast.Expr:
    return ast.copy_location(ast.Expr(_call(at, hook, *arguments)), at)


def _store(at: ast.stmt, target: ast.Subscript, value: ast.expr) -> ast.stmt:
    return _statement(at, "store", target.value, _index(target.slice), value)

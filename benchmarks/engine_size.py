"""Counts the engine's lines of code, its messages included, without blanks, comments and docstrings.

transforms.py is left out: it is written with the engine, on top of it.
"""

import ast
import io
import tokenize
from pathlib import Path

ENGINE = Path(__file__).parents[1] / "tinygrad_mnist" / "engine"
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(source: str) -> int:
    """The lines that hold a token of code."""
    statements = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Expr)]
    texts = [v for v in statements if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    docstrings = {line for v in texts for line in range(v.lineno, v.end_lineno + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {n for t in tokens if t.type not in LAYOUT for n in range(t.start[0], t.end[0] + 1)}
    return len(code - docstrings)


counts = {
    path.name: lines_of_code(path.read_text(encoding="utf-8"))
    for path in sorted(ENGINE.glob("*.py"))
    if path.stem != "transforms"
}
for name, count in counts.items():
    print(f"{name:15} {count:4}")
print(f"{'together':15} {sum(counts.values()):4} lines")

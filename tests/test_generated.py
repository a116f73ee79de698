"""Files that a program writes are, whole, what it writes today; docs/ops.md is checked beside the formulas."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"[−-]?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]\d+)")
"""Those that are measured; whole ones are counts and sizes."""


def run(*arguments):
    """What a program prints."""
    result = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_page_of_results_is_what_the_kept_runs_make():
    kept = (DOCS / "results.md").read_text(encoding="utf-8")
    assert run("benchmarks/results.py") == kept, "write it again: python benchmarks/results.py > docs/results.md"


def said(picture):
    """What a picture shows, without places: they depend on Graphviz' version."""
    groups = [g for g in ElementTree.parse(picture).iter(f"{SVG}g") if g.get("class") in ("node", "edge", "cluster")]
    return sorted((g.get("class"), g.findtext(f"{SVG}title"), *map(words, g.iter(f"{SVG}text"))) for g in groups)


def words(element):
    return "".join(element.itertext()).strip()


def test_the_picture_of_the_graph_is_what_the_command_draws(tmp_path):
    pytest.importorskip("pygraphviz", reason="there is nothing to draw with")
    command = ["graph", "--layers", "784,16,10", "--backward", "-o"]
    run("-m", "tinygrad_mnist", *command, str(tmp_path / "graph.svg"))
    again = f"write it again: tinygrad-mnist {' '.join(command)} docs/graph.svg"
    assert said(tmp_path / "graph.svg") == said(DOCS / "graph.svg"), again


class Account:
    """The data of a page that steps, compared with another's: words to the letter, numbers up to rounding."""

    def __init__(self, text):
        self.data = json.loads(text)
        self.buffers = [np.frombuffer(base64.b64decode(b["bytes"]), f"<{b['type']}") for b in self.data.pop("buffers")]

    def array(self, view):
        buffer = self.buffers[view["buffer"]]
        strides = [step * buffer.itemsize for step in view["strides"]]
        return np.lib.stride_tricks.as_strided(buffer[view["offset"] :], view["shape"], strides)


def check_same(mine, his, a, b, where="account"):
    """Raises AssertionError, naming the place, where two values of two accounts differ by more than rounding."""
    assert type(a) is type(b), where
    if isinstance(a, dict) and a.keys() == {"buffer", "offset", "shape", "strides"}:
        np.testing.assert_allclose(mine.array(a), his.array(b), rtol=1e-4, atol=1e-6, err_msg=where)
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            check_same(mine, his, a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for i, pair in enumerate(zip(a, b, strict=True)):
            check_same(mine, his, *pair, f"{where}[{i}]")
    elif isinstance(a, str):
        assert NUMBER.sub("#", a) == NUMBER.sub("#", b), where
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=1e-2, atol=1e-6, err_msg=where)
    else:
        assert a == (pytest.approx(b, rel=1e-4) if isinstance(b, float) else b), where


def numbers(text):
    return [float(number.replace("−", "-")) for number in NUMBER.findall(text)]


def test_the_page_that_steps_is_what_the_command_writes(tmp_path):
    command = ["graph", "--layers", "784,16,10", "--html"]
    run("-m", "tinygrad_mnist", *command, str(tmp_path / "page.html"))
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "page.html", DOCS / "backprop.html")]
    marks = '<script type="application/json" id="account">', "</script>"
    (before, written, after), (kept_before, kept, kept_after) = (split(page, *marks) for page in pages)
    again = f"write it again: tinygrad-mnist {' '.join(command)} docs/backprop.html"
    assert (before, after) == (kept_before, kept_after), again
    mine, his = Account(written), Account(kept)
    check_same(mine, his, mine.data, his.data, again)


def split(text, start, end):
    before, rest = text.split(start)
    return before, *rest.split(end, 1)

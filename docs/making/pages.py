"""Markdown as it is read on a code host, as pages of the site: its Python runs, its links lead to pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

SNIPPET = re.compile(r"^```python\n(.*?)^```\n?(?:\n```text\n.*?^```\n)?", re.M | re.S)
"""A block of Python, and what it printed, where that stands below it for those who read it where nothing runs."""
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def as_notebook(text: str) -> Any:
    """A document as a notebook: its blocks of Python are cells, one after the other in one namespace.

    A block of text right below one is dropped: it is the output that the cell has itself.
    """
    from nbformat import v4 as notebook

    pieces = SNIPPET.split(text)  # words, code, words, …
    make = (notebook.new_markdown_cell, notebook.new_code_cell)
    cells = [make[i % 2](piece.strip("\n"), id=f"cell-{i}") for i, piece in enumerate(pieces) if piece.strip()]
    return notebook.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def lead_to_pages(text: str, page: Path, docs: Path) -> str:
    """Its links to examples and to files beside docs/, which are pages here, as links to these.

    page: the document's path. What is no page and no folder is left as it is: Sphinx copies the file.
    """

    def led(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        path = (page.parent / target).resolve()
        if not path.is_relative_to(docs.parent):
            return match[0]
        inside = path.relative_to(docs.parent).as_posix()
        if page.parent == docs.parent and path.is_relative_to(docs):
            return f"](/{path.relative_to(docs).as_posix()}{anchor})"
        if inside.startswith("examples/") and path.suffix == ".ipynb":
            return f"](path:{target})"
        if found := re.fullmatch(r"examples/(\w+)\.py", inside):
            return f"](/gallery/{found[1]}.rst{anchor})"
        return f"]({PAGES[inside]}{anchor})" if inside in PAGES else match[0]

    return re.sub(r"\]\(([^)#:\s]+)(#[^)\s]+)?\)", led, text)


PAGES = {
    "examples": "/gallery/index.rst",
    "examples/frameworks": "/frameworks.md",
    "CONTRIBUTING.md": "/contributing.md",
    "CHANGELOG.md": "/changelog.md",
    "README.md": "/index.md",
}
"""Where on the site that is which lies beside docs/."""


BESIDE = {"contributing": "CONTRIBUTING.md", "changelog": "CHANGELOG.md"}
"""Pages that are files beside docs/."""


def on_source_read(app: Any, name: str, content: list[str]) -> None:
    """Sphinx's event: before a document is read."""
    page, docs = Path(app.env.doc2path(name)), Path(app.srcdir)
    if name in BESIDE:
        page = docs.parent / BESIDE[name]
        content[0] = page.read_text(encoding="utf-8")
    if page.suffix in (".md", ".ipynb"):
        content[0] = lead_to_pages(content[0], page, docs)

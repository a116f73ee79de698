"""The reference: every public name of each part, with its signature and its docstring."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

PARTS = {
    "tinygrad_mnist": "The front door",
    "tinygrad_mnist.engine": "The engine",
    "tinygrad_mnist.nn": "Layers, losses, optimizers",
    "tinygrad_mnist.data": "Data",
    "tinygrad_mnist.training": "Training",
    "tinygrad_mnist.graph": "Readings of a graph",
    "tinygrad_mnist.manual": "The hand derivation",
    "tinygrad_mnist.comparing": "Comparisons",
    "tinygrad_mnist.grading": "Grading",
    "tinygrad_mnist.plots": "Pictures",
    "tinygrad_mnist.sweeps": "Sweeps",
}


def write(folder: Path) -> None:
    """A page for each part, and the list of them; what has not changed is not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{name.rpartition('.')[2]}.md": _page(name, title) for name, title in PARTS.items()}
    listed = "\n".join(page.removesuffix(".md") for page in pages)
    pages["index.md"] = (
        f"# Reference\n\nEvery public name, by parts.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(name: str, title: str) -> str:
    module = importlib.import_module(name)
    entries = [_entry(name, member, getattr(module, member)) for member in sorted(_public(module), key=str.lower)]
    return f"# {title}\n\n`{name}`\n\n{_prose(inspect.getdoc(module) or '')}\n\n" + "\n".join(entries)


def _public(module: Any) -> list[str]:
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    return [name for name in names if _is_ours(getattr(module, name))]


def _is_ours(value: Any) -> bool:
    home = getattr(value, "__module__", None) or ""
    return not inspect.ismodule(value) and (not callable(value) or home.startswith("tinygrad_mnist"))


def _entry(part: str, name: str, value: Any) -> str:
    if not callable(value):
        return f"## {name}\n\nA value: `{type(value).__name__}`.\n"
    signature = f"```text\n{_signature(f'{part}.{name}', value)}\n```"
    members = vars(value).items() if inspect.isclass(value) else ()
    methods = [_method(member, function) for member, function in members if not member.startswith("_")]
    return "\n\n".join([f"## {name}", signature, _prose(inspect.getdoc(value) or ""), *filter(None, methods)]) + "\n"


def _method(name: str, function: Any) -> str:
    """A method or a property with its words, as an entry of a list of definitions; "" without words."""
    is_property = isinstance(function, property)
    text = inspect.getdoc(function) if is_property or inspect.isfunction(function) else None
    if not text:
        return ""
    words = _prose(text).replace("\n", "\n  ")
    return f"`{name if is_property else _signature(name, function)}`\n: {words}"


def _signature(name: str, value: Any) -> str:
    try:
        return name + re.sub(r"<(\w+)[^>]*>", r"\1", str(inspect.signature(value))).replace("tinygrad_mnist.", "")
    except (TypeError, ValueError):
        return name


def _prose(docstring: str) -> str:
    """A docstring as Markdown: names in backticks stay code, and nothing else is markup."""
    pieces = re.split(r"(`[^`]*`)", docstring)
    return "".join(piece if i % 2 else re.sub(r"([\\*_<>|\[\]#$])", r"\\\1", piece) for i, piece in enumerate(pieces))

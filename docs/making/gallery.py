"""The examples as sphinx-gallery takes them: plain scripts get a title, and each of them a picture."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import Any

HEADER = """Gallery
=======

Short programs, each read from top to bottom, run as this site was built. Below each are its script and a notebook to
download.
"""

ARGUMENTS = {"finite_differences": ["finite_differences.svg"], "visualize_graph": ["."]}
"""What an example is called with to leave its pictures."""

PICTURES = (".png", ".svg")


def prepare(examples: Path, folder: Path) -> None:
    """Copies of the examples in a folder, where they also leave their pictures; what has not changed is not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = {"GALLERY_HEADER.rst": HEADER}
    copies |= {path.name: with_title(path.read_text(encoding="utf-8")) for path in sorted(examples.glob("*.py"))}
    for stale in {path.name for path in folder.glob("*.py")} - set(copies):
        (folder / stale).unlink()
    for name, text in copies.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def with_title(source: str) -> str:
    """A script whose docstring begins with a title, underlined: the words before its first colon or stop."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    first, *others = docstring.split("\n\n")
    title, rest = split_title(" ".join(first.split()))
    described = "\n\n".join([f"{title}\n{'=' * (len(title) + 2)}", rest, *map(_as_rst, others)])
    end = ast.parse(source).body[0].end_lineno or 1
    return f'r"""\n{described}\n"""\n' + "".join(source.splitlines(keepends=True)[end:])


def split_title(sentence: str) -> tuple[str, str]:
    """What a first sentence is about, and what it says of that."""
    found = re.match(r"(.{8,}?)(?:: |; |\. |, (?=as )|\.$)(.*)", sentence)
    title, rest = (found[1], found[2]) if found else (sentence, "")
    return title, rest[:1].upper() + rest[1:] if re.match("a |[a-z]{2}", rest) else rest


def _as_rst(paragraph: str) -> str:
    """Formulas in columns keep their columns."""
    if not re.search(r"\S {3,}\S", paragraph):
        return paragraph
    return "\n".join([".. code-block:: text\n", *(f"    {line}" for line in paragraph.splitlines())])


class Arguments:
    """What sphinx-gallery asks how to call an example."""

    def __repr__(self) -> str:
        return "Arguments"

    def __call__(self, conf: Any, variables: dict[str, Any]) -> list[str]:
        return ARGUMENTS.get(Path(variables["src_file"]).stem, [])


def pictures(block: Any, variables: dict[str, Any], conf: Any) -> str:
    """What an example has drawn: the pictures that it left; without any, the graph that it recorded last."""
    from sphinx_gallery.scrapers import figure_rst

    folder, names, shown = Path(variables["src_file"]).parent, variables["example_globals"], []
    places = {folder, *(value for value in names.values() if isinstance(value, Path))}
    left = sorted({found for place in places for found in _drawn(place)}, key=lambda p: p.stat().st_mtime_ns)
    if not left and (graph := _graph(names)):
        left = [folder / "graph.svg"]
        graph.render(outfile=left[0], cleanup=True)
    for path, numbered in zip(left, variables["image_path_iterator"], strict=False):
        target = Path(numbered).with_suffix(path.suffix)
        shutil.move(path, target)
        shown.append(str(target))
    return str(figure_rst(shown, conf["src_dir"], ", ".join(path.stem.replace("_", " ") for path in left)))


def _drawn(place: Path) -> list[Path]:
    """The pictures in a folder, or the picture that a path leads to."""
    paths = place.iterdir() if place.is_dir() else [place]
    return [path for path in paths if path.suffix in PICTURES and path.exists()]


def _graph(names: dict[str, Any]) -> Any:
    from tinygrad_mnist import Tensor, graph

    recorded = [value for value in names.values() if isinstance(value, Tensor) and value.requires_grad and value.op]
    return graph.draw(recorded[-1]) if recorded else None


def draw_words(folder: Path) -> None:
    """Thumbnails of the examples that only print: what they print."""
    for page in folder.glob("*.rst"):
        text = page.read_text(encoding="utf-8")
        printed = re.search(r"\.\. code-block:: none\n\n((?:    .*\n|\s*\n)+)", text)
        thumbnail = folder / "images" / "thumb" / f"sphx_glr_{page.stem}_thumb.png"
        if "image-sg" not in text and printed and thumbnail.exists():
            _draw(printed[1], thumbnail)


def _draw(text: str, path: Path) -> None:
    from matplotlib.figure import Figure

    lines = [line[4:][:52] for line in text.strip("\n").splitlines()][:15]
    figure = Figure((4, 2.8), dpi=100)
    figure.text(0.04, 0.95, "\n".join(lines), family="monospace", size=8.5, va="top", parse_math=False)
    figure.savefig(path)

"""Pictures from DOT text: by the program `dot`, else by the Graphviz that pygraphviz brings along."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import graphviz

from tinygrad_mnist.graph.pictures.boxes import RenderingError
from tinygrad_mnist.shown import one_line

MISSING = (
    "there is no Graphviz to draw with: install the program dot (apt install graphviz, brew install graphviz), or "
    "pip install 'tinygrad-mnist[viz]', which brings its own. DOT and Mermaid text need neither"
)


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # graphviz has no types
    """A `graphviz.Digraph` that is drawn without the program `dot` too, where pygraphviz is installed."""

    def pipe(self, format: str | None = None, *, encoding: str | None = None, **options: Any) -> Any:
        """The picture as bytes, or as text in an encoding. Raises RenderingError where there is no Graphviz."""
        if shutil.which("dot"):
            engine = options.pop("engine", None) or self.engine
            with _failures():  # bytes as a whole: a dot that ends before it has read them all is no broken pipe
                content = graphviz.pipe(
                    engine, format or self.format, self.source.encode(), **{"quiet": True, **options}
                )
            if not content:
                raise RenderingError("dot wrote nothing: try `dot -V`, and install Graphviz anew where it fails")
        else:
            content = _by_pygraphviz(self.source, format or self.format)
        return content.decode(encoding) if encoding else content

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: Any = None,
        **options: Any,
    ) -> Any:
        """Write the picture and its DOT text (left out by cleanup) as `graphviz.Digraph.render` does; its path."""
        if shutil.which("dot"):
            given = {"directory": directory, "view": view, "cleanup": cleanup, "format": format, "outfile": outfile}
            with _failures():
                return super().render(filename, **given, **{"quiet": True, **options})
        if outfile is not None:
            format, filename = format or Path(outfile).suffix.lstrip("."), filename or Path(outfile).with_suffix(".gv")
        content = self.pipe(format)
        source = Path(self.save(filename, directory=directory))
        path = Path(directory or self.directory, outfile) if outfile else Path(f"{source}.{format or self.format}")
        path.write_bytes(content)
        if cleanup:
            source.unlink()
        if view:
            graphviz.view(path)
        return str(path)

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> dict[str, Any]:
        """The picture in a notebook; where it can't be drawn, what to do about it.

        A notebook that is not trusted shows no SVG, as it may hold scripts; PNG it does.
        """
        try:
            svg, png = (self.pipe(format) for format in ("svg", "png"))
        except RenderingError as error:
            return {"text/plain": str(error)}
        fitting = svg.decode().replace("<svg ", '<svg style="max-width:100%;height:auto" ', 1)
        return {
            "image/svg+xml": _SIZE.sub(_within_a_page, fitting, count=1),
            "image/png": png,
            "text/plain": repr(self),
        }

    def __repr__(self) -> str:
        count = sum(1 for line in self.body if " -> " not in line and "[" in line)
        return f"<a picture of {count:,} boxes: .render(outfile='graph.svg') draws it, .source is its DOT text>"


WIDEST = 720.0
"""Points: what is wider is shown smaller, in pages as well that make an image of it, which has the size it says."""

_SIZE = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def _within_a_page(size: re.Match[str]) -> str:
    width, height = map(float, size.groups())
    share = min(1.0, WIDEST / width)
    return f'width="{share * width:.0f}pt" height="{share * height:.0f}pt"'


@contextmanager
def _failures() -> Iterator[None]:
    """What `dot` says when it fails, as an error of ours."""
    try:
        yield
    except graphviz.CalledProcessError as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else str(error.stderr or "")
        ended = f"by signal {-error.returncode}" if error.returncode < 0 else f"with exit code {error.returncode}"
        reason = one_line(" ".join(said.split()), 200) or f"it ended {ended} and said nothing"
        raise RenderingError(f"dot could not draw the graph, a newer one may: {reason}") from None


def _by_pygraphviz(source: str, format: str) -> bytes:
    graphviz.parameters.verify_format(format)
    try:
        import pygraphviz
    except ImportError:
        raise RenderingError(MISSING) from None
    picture: bytes = pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    return picture

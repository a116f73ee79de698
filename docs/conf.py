"""The site, for Sphinx: `nox -s docs`, or `python -m sphinx -W --keep-going -b html docs build/site`."""

import os
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
KEPT = ROOT / "build" / "kept"
sys.path.insert(0, str(ROOT))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from pygments.lexers.special import TextLexer  # noqa: E402
from sphinx.highlighting import lexers  # noqa: E402

import tinygrad_mnist  # noqa: E402
from docs.making import gallery, kept, markup, pages, reference  # noqa: E402

project = "tinygrad_mnist"
release = tinygrad_mnist.__version__
copyright = "the founders of tinygrad_mnist"
language = "en"

extensions = ["myst_nb", "sphinx_gallery.gen_gallery", "docs.making.formulas"]
exclude_patterns = ["making", "results", "gallery/*.ipynb", "gallery/*.py", "gallery/sg_execution_times.rst"]
default_role = "code"
suppress_warnings = ["config.cache"]

# documents, whose snippets run
nb_custom_formats = {".md": "docs.making.pages.as_notebook"}
nb_execution_mode = "cache"
nb_execution_cache_path = str(KEPT / "notebooks")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/markdown", 5)]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# the gallery
EXAMPLES = KEPT / "examples"
sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "gallery",
    "filename_pattern": "",
    "image_scrapers": ("docs.making.gallery.pictures",),
    "reset_argv": gallery.Arguments(),
    "reset_modules": (),
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "write_computation_times": False,
}

# the pages
html_theme = "furo"
html_use_index = False  # the reference is by parts, and declares no entries
html_title = "tinygrad_mnist"
html_static_path = ["making/static"]
html_css_files = ["site.css"]
html_extra_path = ["backprop.html"]
html_copy_source = False
html_show_sourcelink = False


def setup(app: Any) -> None:
    """What Sphinx calls first."""
    lexers["mermaid"] = TextLexer()  # it has none of its own
    package = kept.forget_if_changed(ROOT / "tinygrad_mnist", KEPT / "package", [KEPT / "notebooks", DOCS / "gallery"])
    app.add_config_value("package", package, "env")  # of another one, Sphinx reads every page again
    gallery.prepare(ROOT / "examples", EXAMPLES)
    reference.write(DOCS / "reference")
    app.connect("builder-inited", lambda app: gallery.draw_words(DOCS / "gallery"), priority=900)
    app.connect("source-read", pages.on_source_read)
    app.connect("html-page-context", markup.on_page, priority=900)  # after the theme's own

"""What makes the site of the documents; the site itself is built by `nox -s docs`."""

import ast
from pathlib import Path

import pytest

from docs.making import gallery, kept, links, markup, pages, reference
from tests.each import each

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@each("path", sorted((ROOT / "examples").glob("*.py")))
def test_an_example_is_the_same_program_under_a_title(path):
    source = path.read_text(encoding="utf-8")
    titled = gallery.with_title(source)
    title, line = ast.get_docstring(ast.parse(titled)).splitlines()[:2]
    assert 8 <= len(title) < len(line) == line.count("=")
    assert ast.dump(ast.Module(ast.parse(titled).body[1:], [])) == ast.dump(ast.Module(ast.parse(source).body[1:], []))


def test_a_sentence_that_goes_on_below_a_title_begins_large_and_a_formula_as_it_is():
    assert gallery.split_title("By hand and by autograd: a network")[1] == "A network"
    assert gallery.split_title("By hand and by autograd: δ(l) of a network")[1] == "δ(l) of a network"
    assert gallery.split_title("A first expression: y = a b")[1] == "y = a b"


@pytest.mark.parametrize(
    ("page", "given", "led"),
    [
        (DOCS / "graphs.md", "[a](engine.md#words)", None),
        (DOCS / "graphs.md", "[a](../examples/hello_tensor.py)", "[a](/gallery/hello_tensor.rst)"),
        (DOCS / "graphs.md", "[a](../examples/mine.ipynb)", "[a](path:../examples/mine.ipynb)"),
        (DOCS / "graphs.md", "![a](graph.svg) [b](https://example.org/x.md)", None),
        (ROOT / "CONTRIBUTING.md", "[a](docs/bugs.md), [b](README.md)", "[a](/bugs.md), [b](/index.md)"),
    ],
)
def test_links_lead_to_pages(page, given, led):
    assert pages.lead_to_pages(given, page, DOCS) == (led or given)


def test_what_a_snippet_printed_is_not_shown_twice():
    given = "a\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\nb\n\n```python\n2\n```\n\nc\n\n```text\n3\n```\n"
    words, code = pages.SNIPPET.split(given)[::2], pages.SNIPPET.split(given)[1::2]
    assert code == ["print(1)\n", "2\n"]
    assert words == ["a\n\n", "\nb\n\n", "\nc\n\n```text\n3\n```\n"]


def test_every_document_is_on_the_sites_contents():
    contents = (DOCS / "index.md").read_text(encoding="utf-8").split()
    listed = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert listed <= {*contents}


def test_every_public_name_is_in_the_reference(tmp_path):
    reference.write(tmp_path)
    front = (tmp_path / "tinygrad_mnist.md").read_text(encoding="utf-8")
    for name in ("Tensor", "cross_entropy", "grade", "compile", "vjp"):
        assert f"\n## {name}\n" in front
    assert "backward" in front
    assert {f"{part.rpartition('.')[2]}.md" for part in reference.PARTS} < {path.name for path in tmp_path.iterdir()}


def test_what_is_kept_is_forgotten_when_the_package_changes(tmp_path):
    package, result = tmp_path / "package", tmp_path / "results" / "one"

    def build(source):
        package.mkdir(exist_ok=True)
        (package / "a.py").write_text(source)
        digest = kept.forget_if_changed(package, tmp_path / "stamp", [result.parent])
        is_kept = result.exists()
        result.parent.mkdir(exist_ok=True)
        result.touch()
        return digest, is_kept

    first, _ = build("1")
    assert build("1") == (first, True)
    other, is_kept = build("2")
    assert other != first
    assert not is_kept


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there">b</a> <a href="#here">a</a> <img src="c.png">'
    )
    (tmp_path / "b.html").write_text('<a href="a.html#here">a</a> <a href="https://example.org">c</a>')
    assert links.dead_links(tmp_path) == ["a.html: b.html#there", "a.html: c.png"]


def test_a_number_keeps_its_sign():
    assert markup.mended("<td>85.4 %</td>") == "<td>85.4&nbsp;%</td>"


def test_a_page_is_mended_for_keys_and_screen_readers():
    link = '<a class="reference internal" href="a.html"><span class="doc">Why</span></a>'
    given = f'<p class="caption" role="heading">Chapters</p><pre>x</pre><div class="table-wrapper docutils">{link}'
    mended = markup.mended(given)
    assert 'role="heading" aria-level="2"' in mended
    assert '<pre tabindex="0">x</pre><div class="table-wrapper docutils" tabindex="0">' in mended
    assert 'href="a.html" aria-label="Why">' in mended
    assert markup.mended(mended) == mended


def test_the_pictures_of_an_example_are_found_where_it_says(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "a.txt").touch()
    assert gallery._drawn(tmp_path) == gallery._drawn(tmp_path / "a.png") == [tmp_path / "a.png"]
    assert gallery._drawn(tmp_path / "none.png") == []

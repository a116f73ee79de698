"""The README and the docs say only what is true: their snippets run, their links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.each import each
from tests.scripts import printed_by

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
DOCUMENTS += [path for pages in ("*.md", "chapters/*.md") for path in sorted((ROOT / "docs").glob(pages))]
PROGRAMS = [ROOT / "docs" / "ops_table.py", *sorted((ROOT / "benchmarks").glob("*.py"))]

NEEDED = {"onnx.md": ["onnx", "onnxruntime"]}
"""The packages that a document's snippets need besides."""

OPTIONS = {
    "grade_learners.py": ["--sample", "2"],
    "grade_class.py": ["--help"],
    "playground.py": ["--help"],
    "gpu.py": ["--seconds", "0.01", "--rounds", "1"],
    "compiled.py": ["--rounds", "1", "--steps", "1"],
    "growth.py": ["--largest", "200"],
    "photographs.py": ["--each", "1", "--kinds", "lined,shadow,two,framed"],
    "augment_time.py": ["--rounds", "1"],
    "time_to_accuracy.py": ["digits", "--goal", "80", "--seeds", "1"],
}
"""What makes a command of minutes short; classes and the playground have tests of their own."""


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if blocks(p, "python")], ids=lambda p: p.name)
@pytest.mark.usefixtures("new_op")  # a snippet may declare an operation
def test_snippets_run(path, tmp_path, monkeypatch):
    for package in NEEDED.get(path.name, ()):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks(path, "python"):
        exec(compile(block, str(path), "exec"), namespace)


@each("path", DOCUMENTS)
def test_links_lead_to_files(path):
    targets = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    missing = [t for t in targets if not t.startswith("http") and not (path.parent / t).exists()]
    assert not missing


def test_the_readme_has_exactly_two_set_up_commands():
    first, second = blocks(ROOT / "README.md", "sh")
    assert first.strip().endswith("&& .venv/bin/tinygrad-mnist train")
    assert ".[test]" in second
    assert second.strip() in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("script", PROGRAMS, ids=lambda p: p.name)
def test_the_commands_behind_the_figures_run(script):
    printed_by(script, *OPTIONS.get(script.name, ()), cwd=ROOT)
    assert f"python {script.relative_to(ROOT).as_posix()}" in (ROOT / "README.md").read_text(encoding="utf-8")


@each("path", DOCUMENTS)
def test_no_placeholder_is_left_and_named_programs_exist(path):
    text = path.read_text(encoding="utf-8")
    assert not re.findall(r"\| [A-Z_]+ \|", text)
    assert all(
        (ROOT / program).exists() for program in re.findall(r"`python ((?:docs|examples|benchmarks)/\S+\.py)`", text)
    )


def test_the_gallery_of_bugs_has_a_row_for_every_mistake():
    from tinygrad_mnist import manual
    from tinygrad_mnist.grading import MISTAKES, probes_for

    rows = [line.split(" | ") for line in (ROOT / "docs" / "bugs.md").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row) == 4][1:]
    listed = {row[3].removesuffix(" |"): row[1] for row in rows}
    assert listed.pop("right") == "none"
    net = probes_for(2, manual.relu, 1e-4).nets[0]  # others need a third layer, another activation or another loss
    assert listed == {m.name: m.title for m in MISTAKES if any(m.fits(net, l) for l in (1, 2))}


def test_the_verdict_in_the_docs_is_what_the_grader_says():
    from tinygrad_mnist.grading import grade

    page = ROOT / "docs" / "grading.md"
    namespace = {}
    exec(blocks(page, "python")[0], namespace)
    shown = page.read_text(encoding="utf-8").split("The verdict on this one:\n\n")[1].split("\nThe same from Python")[0]
    report = str(grade(namespace["gradients"])).splitlines()
    assert [line.removeprefix("    ") for line in shown.splitlines()][1:] == report[1:]


def test_the_notebooks_verdict_in_the_docs_is_what_the_example_prints(tmp_path):
    page = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    shown = page.split("which mistake it is:\n\n")[1].split("\n[examples/")[0]
    said = printed_by(ROOT / "examples" / "grade_a_notebook.py", cwd=tmp_path)
    assert [line.removeprefix("    ") for line in shown.splitlines()] == said.split("\nmended")[0].splitlines()

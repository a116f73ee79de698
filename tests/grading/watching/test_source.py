"""A program's text is read from files as people have them, and what is none is said in plain words."""

import json

import pytest

from tinygrad_mnist.grading.watching.source import LARGEST, SourceError, read


def cell(source, kind="code"):
    return {"cell_type": kind, "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def notebook(folder, *cells, **more):
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, **more}), encoding="utf-8")
    return path


def test_code_cells_in_their_order_with_their_places(tmp_path):
    path = notebook(
        tmp_path, cell("# Title", "markdown"), cell(["import numpy as np\n", "x = 1"]), cell(""), cell("raw", "raw"),
        cell("y = x\r\nz = y + 1\ny"),
    )  # fmt: skip
    source = read(path)
    scope = {}
    exec(source.text, scope)
    assert scope["z"] == 2
    line = source.text.split("\n").index("z = y + 1") + 1
    assert source.place(line) == "cell 5, line 2"
    assert source.line(line) == "z = y + 1"
    assert source.place(1) == "cell 2, line 1"


def test_notebooks_of_the_third_format(tmp_path):
    old = {"cell_type": "code", "input": ["x = 5\n", "x"], "language": "python"}
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"worksheets": [{"cells": [old]}], "nbformat": 3, "metadata": {}}), encoding="utf-8")
    assert read(path).text == "x = 5\nx"


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("%matplotlib inline", "pass"), ("!pip install numpy", "pass"), ("    !ls -la 'it", "    pass"),
        ("files = !ls", "files = []"),
        ("out = %sql SELECT 1", "out = []"), ("?np.dot", "pass"), ("np.dot?", "pass"), ("np.dot??", "pass"),
        ("%time w = 3", "w = 3"), ("  %timeit -n 10 w = 4", "  w = 4"), ("%timeit", "pass"), ("pip install numpy",
        "pass"),
        ("cd /content/drive", "pass"), ("x = 5 % 3", "x = 5 % 3"), ("cd = 4", "cd = 4"), ("a = b != c", "a = b != c"),
        ("s = 'why?'", "s = 'why?'"),
    ],
)  # fmt: skip
def test_what_only_a_notebook_runs_is_replaced(tmp_path, line, python):
    assert read(notebook(tmp_path, cell(line))).text == python


@pytest.mark.parametrize(
    "code",
    [
        'text = """\n%matplotlib\n!ls\nhelp?\n"""\nx = 1',
        "text = '''it's\n!x'''\nx = (7\n% 4)",
        "x = 7 \\\n% 4",
        "d = {'a': 1,  # it's (\n'b': 2}\nx = '#' # \"\"\"\ny = 2",
        "s = 'a\\'b' + \"c\\\"d\"\nx = [\n!0\n]" .replace("!0", "0"),
    ],
)  # fmt: skip
def test_strings_and_expressions_that_go_on_are_left_alone(tmp_path, code):
    assert read(notebook(tmp_path, cell(code))).text == code


def test_magic_in_blocks_and_commands_over_several_lines(tmp_path):
    code = "for i in range(2):\n    %time x = i\n    !echo \\\n  more\n!pip install a \\\n  b\n"
    code += "if x:\n    %load_ext y\nz = x"
    scope = {}
    exec(read(notebook(tmp_path, cell(code))).text, scope)
    assert scope["z"] == 1


@pytest.mark.parametrize(("magic", "kept"), [
    ("%%time", True), ("%%capture out", True), ("%%timeit -n1", True), ("%%bash", False), ("%%html", False),
    ("%%writefile net.py", False), ("%%javascript", False), ("%%R", False), ("%%HTML", False), ("%%script bash", False),
])  # fmt: skip
def test_cells_of_other_languages_are_left_out(tmp_path, magic, kept):
    source = read(notebook(tmp_path, cell(f"{magic}\nx = 1"), cell("y = 2")))
    assert ("x = 1" in source.text) == kept
    assert source.place(source.text.split("\n").index("y = 2") + 1) == "cell 2, line 1"


def test_python_files_with_their_encodings(tmp_path):
    path = tmp_path / "program.py"
    path.write_bytes(b"# -*- coding: latin-1 -*-\r\nname = 'caf\xe9'\r\nif name:\r\n\tx = 1\r\n")
    scope = {}
    exec(read(path).text, scope)
    assert (scope["name"], scope["x"]) == ("café", 1)
    path.write_bytes(b"\xef\xbb\xbfx = 2\n")
    assert read(path).text == "x = 2\n"
    assert read(path).place(1) == "line 1"


def test_an_exported_notebook_is_a_program(tmp_path):
    path = tmp_path / "exported.py"
    text = (
        "#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\nget_ipython().run_line_magic('matplotlib', 'inline')\n"
    )
    text += "x = 1\n\n# In[ ]:\n\nx\n"
    path.write_text(text, encoding="utf-8")
    assert read(path).text == text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.py", b"", "is empty"), ("a.py", b" \n", "is empty"), ("a.py", b"x = '\xff'", "save it as UTF-8"),
        ("a.py", b"# coding: nothing\nx = 1", "save it as UTF-8"), ("a.py", b"x = 1\x00", "null character"),
        ("a.ipynb", b"x = 1", "is no notebook"), ("a.ipynb", b"[1]", "is no notebook"), ("a.ipynb", b"{}",
        "is no notebook"),
        ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": "\\ud800"}]}', "half a letter"),
        ("a.ipynb", b'{"cells": "\xff"}', "not UTF-8"), ("a.ipynb", b'{"cells": []}', "has no code cells"),
        ("a.ipynb", b'{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "a notebook of R"),
        ("a.py", b"import numpy\nprint 'loss', 3\n", "Python 2 (line 2: print 'loss', 3)"),
    ],
)  # fmt: skip
def test_what_is_no_program_is_said_in_words(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as raised:
        read(path)
    assert name in str(raised.value)
    assert said in str(raised.value)


def test_what_is_too_large_or_endless_is_said_in_words(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(b"[" * 100_000)
    with pytest.raises(SourceError, match="is no notebook"):
        read(tmp_path / "a.ipynb")
    with (tmp_path / "large.py").open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(SourceError, match=r"large.py can't be read: is larger than 64 MiB"):
        read(tmp_path / "large.py")


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(SourceError, match="there is no file"):
        read(tmp_path / "nothing.py")

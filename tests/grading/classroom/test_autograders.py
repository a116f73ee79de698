"""What a teacher copies into an autograder."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[3] / "examples" / "nbgrader_gradients.ipynb"


def cells():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(sources):
    namespace = {}
    for source in sources:
        exec(source, namespace)


def test_the_notebook_for_nbgrader_passes_with_its_solution_and_fails_without():
    answer, test = ("".join(cell["source"]) for cell in cells())
    run([answer, test])
    wrong = answer.replace(" * (z1 > 0)", "")
    with pytest.raises(AssertionError, match="activation's derivative missing"):
        run([wrong, test])
    released = re.sub(r"### BEGIN SOLUTION.*### END SOLUTION", "raise NotImplementedError", answer, flags=re.S)
    with pytest.raises(AssertionError, match="NotImplementedError"):
        run([released, test])


def test_nbgrader_knows_which_cell_is_filled_in_and_which_grades():
    answer, test = (cell["metadata"]["nbgrader"] for cell in cells())
    assert (answer["solution"], answer["grade"], answer["locked"]) == (True, False, False)
    assert (test["solution"], test["grade"], test["locked"], test["points"]) == (False, True, True, 4)

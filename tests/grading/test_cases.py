"""Programs of the kinds that are seen in public, graded as they stand: each gets the answer that it should."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.each import each
from tinygrad_mnist.grading import grade

CASES = Path(__file__).parent / "cases"

FUNCTION = (CASES / "data_last.py").read_text("utf-8").partition("import numpy as np\n")[2].strip()


@dataclass(frozen=True)
class Answer:
    """findings: names and places. problems: kinds, each with words of its message. notes, remarks: words of them."""

    findings: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    settings: str = ""
    verdict: str = ""


RIGHT = "all 4 gradients are right"
ANSWERS = {
    "bias_from_weight_gradient": Answer(
        ((("bias-from-weights",), ("∂L/∂b in every layer",)),), verdict="2 of 4 gradients are wrong"
    ),
    "cached_forward_signature": Answer(
        notes=("was taken for the backward pass", "output of forward_prop"), settings="columns", verdict=RIGHT
    ),
    "class_with_methods": Answer(
        notes=("Network.backward(X, Y) was taken for the backward pass", "Network.forward(X) is called before it"),
        settings="rows, X @ W + b",
        verdict=RIGHT,
    ),
    "data_last": Answer(verdict=RIGHT),
    "error_carried_without_slope": Answer(
        ((("carried-without-slope",), ("δ(1)",)),), verdict="2 of 6 gradients are wrong"
    ),
    "l2_of_the_course": Answer(settings="λ = 0.7 in (λ/2m) Σ W²", verdict=RIGHT),
    "m_of_the_whole_set": Answer(((("error-constant",), ("every gradient",)),), verdict="4 of 4 gradients are wrong"),
    "naive_softmax_in_rows": Answer(
        ((("softmax-axis",), ("ŷ",)),), (("nan", "large logits"),), verdict="4 of 4 gradients are wrong"
    ),
    "no_bias_gradient": Answer((((), ("∂L/∂b(2)",)), ((), ("∂L/∂b(1)",))), verdict="2 of 4 gradients are wrong"),
    "one_hot_by_max": Answer(
        remarks=("without an example of the last class",), settings="integer labels", verdict=RIGHT
    ),
    "relu_of_the_error": Answer(((("carried-activated",), ("δ(1)",)),), verdict="2 of 4 gradients are wrong"),
    "row_biases_one_by_n": Answer(settings="rows, X @ W + b, biases (1, out)", verdict=RIGHT),
    "sigmoid_and_squared_error": Answer(settings="sigmoid outputs, squared error", verdict=RIGHT),
    "sigmoid_outputs_log_loss": Answer(settings="sigmoid outputs, log loss", verdict=RIGHT),
    "tanh_with_a_mistake": Answer(
        ((("weight-mean-twice", "bias-mean-twice"), ("∂L/∂W(1)", "∂L/∂b(1)")),),
        settings="tanh",
        verdict="2 of 4 gradients are wrong",
    ),
    "ten_classes": Answer(settings="integer labels", verdict=RIGHT),
    "trains_when_imported": Answer(settings="784-10-10", verdict=RIGHT),
    "scaled_beside_an_exception": Answer(
        ((("weight-scaled",), ("∂L/∂W(2)",)),),
        remarks=("without an example of the last class",),
        verdict="1 of 4 gradients is wrong",
    ),
    "updated_per_example": Answer(((("carried-updated-each",), ("δ(1)",)),), verdict="2 of 4 gradients are wrong"),
    "weights_then_biases": Answer(notes=("it returns dW1, dW2, db1, db2",), verdict=RIGHT),
    "weights_then_biases_with_mistake": Answer(
        ((("bias-all-axes",), ("∂L/∂b in every layer",)),),
        notes=("it returns dW1, dW2, db1, db2",),
        verdict="2 of 4 gradients are wrong",
    ),
    "shifted_by_the_largest_of_all": Answer(
        ((("softmax-array-max",), ("ŷ",)),),
        (("nan", "logits far apart"),),
        verdict="4 of 4 gradients are NaN or infinite on some networks, else right",
    ),
}


@cache
def graded(name):
    return grade(CASES / f"{name}.py")


def test_every_case_has_its_answer():
    assert {path.stem for path in CASES.glob("*.py")} == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_program_gets_its_answer_as_it_stands(name):
    report, answer = graded(name), ANSWERS[name]
    assert report.passed is (answer.verdict == RIGHT), str(report)
    assert tuple((f.names, f.where) for f in report.findings) == answer.findings
    assert [problem.kind for problem in report.problems] == [kind for kind, _ in answer.problems]
    for problem, (_, words) in zip(report.problems, answer.problems):
        assert words in problem.message
    for words in answer.notes:
        assert any(words in note for note in report.notes), report.notes
    for words in answer.remarks:
        assert any(words in remark.what for remark in report.remarks), report.remarks
    assert answer.settings in report.settings
    assert answer.verdict in report.verdict


def test_what_is_asked_for_and_is_so_needs_no_note():
    report = grade(CASES / "l2_of_the_course.py", l2=0.7)
    assert report.passed
    assert "λ = 0.7" in report.settings


def test_zeros_for_biases_are_not_called_a_sum():
    findings = graded("no_bias_gradient").findings
    assert all("it is zero everywhere: is the bias left out?" in finding.what for finding in findings)


@each(
    ("name", "words"),
    [
        ("m_of_the_whole_set", "divided not by m, but by a constant (60000)"),
        ("scaled_beside_an_exception", "a constant times what it should be (3)"),
        ("updated_per_example", "(a learning rate of 0.1)"),
        ("bias_from_weight_gradient", "summed over its inputs"),
    ],
)
def test_the_number_and_the_words_of_a_mistake_are_said(name, words):
    (finding,) = graded(name).findings
    assert words in finding.what


def test_a_right_program_has_no_difference_but_rounding():
    assert all(p.difference < 1e-9 for p in graded("weights_then_biases").parameters)


def test_a_notebook_of_functions_is_called():
    report = grade(CASES / "notebook.ipynb")
    assert not any(p.right for p in report.parameters)
    assert [p.kind for p in report.problems] == []
    assert report.verdict == "4 of 4 gradients are wrong"


def as_notebook(path, *cells):
    written = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": cell} for cell in cells
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


def test_a_function_in_a_notebook_is_graded(tmp_path):
    assert grade(as_notebook(tmp_path / "right.ipynb", "%matplotlib inline\nimport numpy as np", FUNCTION)).passed


def test_what_raises_in_a_notebook_is_said_with_its_cell(tmp_path):
    broken = FUNCTION.replace("error2 = probabilities - Y", "error2 = probabilities - nowhere")
    report = grade(as_notebook(tmp_path / "stops.ipynb", "import numpy as np", broken))
    assert "cell 2, line 7, 'error2 = probabilities - nowhere': NameError" in report.problems[0].message

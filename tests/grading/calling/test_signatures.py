"""Files with every usual signature are graded without an option."""

import runpy

import numpy as np
import pytest

from tests.grading.calling.signatures import HEAD, SIGNATURES
from tests.grading.programs import graded
from tinygrad_mnist.grading import grade


@pytest.mark.parametrize("name", SIGNATURES)
def test_right_code_passes_with_any_signature(tmp_path, name):
    program, _ = SIGNATURES[name]
    report = graded(tmp_path, program)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", list(SIGNATURES)[::2])  # the others' right code is graded above
def test_a_mistake_is_named_with_any_signature(tmp_path, name):
    program, (old, new, mistake) = SIGNATURES[name]
    assert old in program
    report = graded(tmp_path, program.replace(old, new))
    assert [finding.names for finding in report.findings] == [(mistake,)], str(report)
    assert not report.passed


@pytest.fixture
def loaded(tmp_path):
    """A program as a namespace, from a file, so that it has its source."""

    def load(name):
        path = tmp_path / "loaded.py"
        path.write_text(SIGNATURES[name][0], encoding="utf-8")
        return runpy.run_path(str(path))

    return load


def test_functions_classes_objects_and_methods_are_graded_from_python(loaded):
    functions, methods = loaded("cached"), loaded("self.params")
    network = methods["TwoLayerNet"](3, 4, 5)
    before = {name: array.copy() for name, array in network.params.items()}
    for report in (
        grade(functions["backward_prop"], forward=functions["forward_prop"]),
        grade(functions["backward_prop"]),
        grade(methods["TwoLayerNet"]),
        grade(network),
        grade(network.gradient),
    ):
        assert report.passed, str(report)
    assert all(np.array_equal(network.params[name], array) for name, array in before.items())


def test_a_function_is_graded_though_its_file_has_changed(tmp_path, loaded):
    backward = loaded("cached")["backward_prop"]
    (tmp_path / "loaded.py").write_text("(\n" * 200, encoding="utf-8")
    assert grade(backward).passed


def test_one_example_at_a_time_is_named_where_it_stops_on_most_networks(tmp_path):
    program = SIGNATURES["a vector"][0].replace("W2.T @ d", "W2 @ d")
    (finding,) = graded(tmp_path, program).findings
    assert finding.names == ("carried-untransposed",)


def test_a_batch_whose_bias_gradients_are_not_summed_is_not_taken_for_one_example(tmp_path):
    program = SIGNATURES["cached"][0]
    for layer in "12":
        program = program.replace(f"np.sum(dZ{layer}, axis=1, keepdims=True)", f"dZ{layer}")
    (finding,) = graded(tmp_path, program).findings
    assert finding.names == ("bias-not-summed",)


def test_what_was_taken_for_what_is_said(tmp_path):
    report = graded(tmp_path, SIGNATURES["cached"][0])
    assert report.notes == (
        "backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y) was taken for the backward pass",
        "Z1, A1, Z2, A2: output of forward_prop(W1, b1, W2, b2, X)",
    )
    assert grade(tmp_path / "mine.py", function="backward_prop", forward="forward_prop", columns=True).passed


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"function": "nothing"}, "missing", "no function nothing in mine.py; it has softmax(z, axis)"),
        ({"forward": "nothing"}, "missing", "no function nothing"),
        ({"of_class": "Nothing"}, "missing", "no class Nothing"),
        ({"function": "softmax"}, "signature", "its names don't say what axis is"),
    ],
)
def test_what_cannot_be_told_is_asked_about(tmp_path, options, kind, words):
    path = tmp_path / "mine.py"
    path.write_text(SIGNATURES["cached"][0], encoding="utf-8")
    (problem,) = grade(path, **options).problems
    assert problem.kind == kind
    assert words in problem.message
    assert "backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y)" in problem.message
    assert "tinygrad-mnist grade mine.py --backward NAME" in problem.message


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("class Net:\n    def backward(self, X, Y):\n        return X\n", "Net() has no weights and biases"),
        ("def backward_step(dZ2, A1):\n    return dZ2\n", "one step of a backward pass"),
    ],
)
def test_a_part_of_a_backward_pass_is_not_graded(tmp_path, program, words):
    (problem,) = graded(tmp_path, program).problems
    assert problem.kind == "signature"
    assert words in problem.message


def test_the_default_of_lambda_is_told_to_the_judge(tmp_path):
    assert "λ = 0.1" in graded(tmp_path, SIGNATURES["a penalty by default"][0]).settings


def test_a_process_of_its_own_imports_numpy_alone(tmp_path):
    program = HEAD + "import sys\nassert 'tinygrad_mnist' not in sys.modules\n" + SIGNATURES["cached"][0]
    assert graded(tmp_path, program).passed


def test_arrays_in_the_hands_of_a_learner_are_copies(tmp_path):
    program = SIGNATURES["cached"][0].replace("    dZ2 = A2 - Y\n", "    A2 -= Y\n    dZ2 = A2\n")
    (problem,) = graded(tmp_path, program).problems
    assert problem.kind == "changed"
    assert "in place: A2" in problem.message

"""What is said about an answer: what is wrong with it, and never what would be right."""

import re

import numpy as np
import pytest

from tests.graph.exercises.cases import branches, embedding, residual, rows
from tinygrad_mnist import Tensor, graph
from tinygrad_mnist.graph.exercises.judging import Key, judge


@pytest.fixture
def exercise():
    return graph.exercise(rows())


@pytest.fixture
def right(exercise):
    return {step.name: exercise.solution(step.name).value for step in exercise.steps}


def says(verdict, kind, words):
    assert verdict.kind == kind, verdict
    assert not verdict
    assert words in verdict.text


def test_right_answers_of_every_kind(exercise, right):
    assert exercise.check("dz2", right["dz2"]).kind == "exact"
    assert exercise.check("dz2", right["dz2"] * (1 + 1e-13)).kind == "rounding"
    assert exercise.check("dz2", right["dz2"].astype(np.float32))
    assert exercise.check("dz2", Tensor(right["dz2"]))
    assert exercise.check("dz2", right["dz2"].tolist())
    assert exercise.check(db1=right["db1"], db2=right["db2"])[1].text == "right, to the last digit"
    assert graph.exercise(branches()).check("da", graph.exercise(branches()).solution("da").value.item())
    assert exercise.right == {"dz2", "db1", "db2"}


def test_a_wrong_answer_takes_the_right_one_back(exercise, right):
    exercise.check("dz2", right["dz2"])
    exercise.check("dz2", right["dz2"] * 2)
    assert exercise.right == set()


def test_float32_is_as_near_as_it_can_be_and_float64_nearer(exercise, right):
    off = right["dW1"] + 1e-6 * np.abs(right["dW1"]).max()
    assert exercise.check("dW1", off.astype(np.float32))
    assert not exercise.check("dW1", off)


def test_nothing_yet(exercise):
    assert exercise.check("dz2", ...).kind == "missing"
    assert str(exercise.check("dz2", None)) == "· dz2: not yet"


def test_shapes(exercise, right):
    says(exercise.check("dW2", right["dW2"].T), "transposed", "transposed: these are (5, 4), and W2 is (4, 5)")
    says(exercise.check("dW2", right["dW2"].T + 1), "fits-transposed", "Its transpose would fit")
    says(exercise.check("db2", right["dz2"]), "unsummed", "repeated along axis 0 of (8, 4)")
    says(exercise.check("db2", right["dz2"] + 1), "fits-summed", "Its sum over axis 0 would fit")
    says(exercise.check("db2", right["db2"][None]), "arranged", "the right numbers in the shape (1, 4)")
    says(exercise.check("db2", np.ones(3)), "shape", "this is (3,), and b2 is (4,)")
    same = Key("dx", "x", {"loss": np.full((2, 3), 0.5)}, 0.5)
    says(judge(same, 0.5), "arranged", "in the shape ()")


def test_factors_and_signs(exercise, right):
    says(exercise.check("dz2", right["dz2"] * 8), "large", "8 times too large, everywhere")
    says(exercise.check("dz2", right["dz2"] / 8), "small", "8 times too small, everywhere")
    says(exercise.check("dz2", -right["dz2"]), "sign", "the sign is turned")
    says(exercise.check("dz2", right["dz2"] * -8), "sign-large", "8 times too large")
    says(exercise.check("dz2", np.zeros((8, 4))), "zero", "zero everywhere")


def test_numbers_that_are_none(exercise, right):
    broken = right["dz2"].copy()
    broken[1, 2], broken[0, 0] = np.nan, np.inf
    says(exercise.check("dz2", broken), "nan", "2 of 32 elements")
    says(exercise.check("dz2", "dz2"), "kind", "no array of numbers: str")
    says(exercise.check("dz2", [[1, 2], [3]]), "kind", "list")
    key = Key("dx", "x", {"loss": np.array([1.0, np.nan])}, 1.0)
    assert judge(key, [1.0, np.nan])
    says(judge(key, [2.0, np.nan]), "some", "1 of 2 elements differ")


def test_right_but_for_some(exercise, right):
    row, column, one = (right["dz2"].copy() for _ in range(3))
    row[3], column[:, 2], one[4, 1], one[5, 2] = 1, 1, 1, 1
    says(exercise.check("dz2", row), "row", "row 3")
    says(exercise.check("dz2", column), "column", "column 2")
    says(exercise.check("dz2", one), "some", "2 of 32 elements differ, the first at [4, 1]")
    says(exercise.check("dz2", np.cos(right["dz2"])), "differs", "every element differs")


def test_a_path_that_is_missing_or_counted_twice():
    exercise = graph.exercise(residual())
    (ways,) = [key for key in exercise.keys.values() if key.of == "h"]
    assert len(ways.shares) == 2
    first, second = ways.shares
    says(exercise.check("dh", ways.shares[second]), "path", f"along {first} is missing; h is used in 2 places")
    says(exercise.check("dh", ways.value + ways.shares[second]), "twice", f"along {second} is counted twice")
    three = Key("dx", "x", {name: np.arange(4.0) ** power for name, power in (("p", 1), ("q", 2), ("r", 3))}, 27.0)
    says(judge(three, three.shares["q"]), "alone", "along q alone; x is used in 3 places")
    says(judge(three, three.value - three.shares["r"]), "path", "along r is missing")


def test_a_square_matrix_transposed():
    key = Key("dW", "W", {"z": np.arange(9.0).reshape(3, 3)}, 8.0)
    says(judge(key, key.value.T), "transposed", "the right numbers, transposed")


def test_no_verdict_tells_the_answer(exercise, right):
    wrong = [np.ones_like, np.zeros_like, lambda g: g * 3, lambda g: g.T, lambda g: g[:1], lambda g: g + 1, np.exp]
    for name, value in right.items():
        for change in wrong:
            text = exercise.check(name, change(value)).text
            numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
            assert not any(np.isclose(number, value).any() for number in numbers if number)


def test_names(exercise):
    with pytest.raises(ValueError, match="no gradient of this exercise is called 'dz22': dz2"):
        exercise.check("dz22", 1)
    with pytest.raises(ValueError, match="is called 'elephant': dlog_y_hat, dz2, dW2"):
        exercise.hint("elephant")


def test_it_shows_itself_in_a_terminal_and_in_a_notebook(exercise, right):
    exercise.check(dz2=right["dz2"], da1=np.ones(3))
    text = str(exercise)
    assert "1 of 8 right" in text
    assert "  ✓ dz2         (8, 4)" in text
    assert "  · da1         (8, 5)" in text
    assert "  z1 = X @ W1.T + b1  # (8, 5)" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert ": a gradient has the shape" in exercise.check("da1", np.ones(3))._repr_html_()
    assert ">dz2</span>" in exercise._repr_html_()
    assert "hint 1 of 4" in exercise.hint("dz2")._repr_html_()
    assert repr(exercise.solution("dz2")) == "dz2 = (y_hat - y) / m  # (8, 4)"
    long = exercise.check(dW2=np.ones(3), db2=right["dz2"])
    assert all(len(line) <= 80 for line in str(long).splitlines())


def test_it_is_the_same_when_it_is_kept_and_loaded_again(tmp_path):
    made = graph.exercise(embedding(), title="Picked rows")
    for loaded in (graph.Exercise.load(made.save(tmp_path / "e.npz")), graph.Exercise.load(made.to_bytes())):
        assert str(loaded) == str(made)
        assert loaded.steps == made.steps
        for step in made.steps:
            assert loaded.check(step.name, made.solution(step.name).value).kind == "exact"
        assert loaded.values.keys() == made.values.keys()
    with pytest.raises(FileNotFoundError):
        graph.Exercise.load(tmp_path / "none.npz")

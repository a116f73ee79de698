"""Metrics against their definitions, counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tinygrad_mnist import data, nn, training

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(PAIRS)
def test_the_confusion_matrix_counts_pairs_and_the_rest_follows(pairs):
    labels, predicted = np.array(pairs).T
    confusion = training.confusion_matrix(labels, predicted, 4)
    assert all(confusion[i, j] == pairs.count((i, j)) for i in range(4) for j in range(4))
    scores = training.Scores(np.eye(4, dtype=np.float32)[predicted], labels)
    assert (scores.confusion == confusion).all()
    assert scores.accuracy == np.mean([i == j for i, j in pairs])
    for c in range(4):
        read, is_class = [i == c for i, j in pairs if j == c], [j == c for i, j in pairs if i == c]
        np.testing.assert_equal(scores.precision[c], np.mean(read) if read else np.nan)
        np.testing.assert_equal(scores.recall[c], np.mean(is_class) if is_class else np.nan)


def test_scores_of_a_model_agree_with_it_and_print_as_a_table():
    digits = data.load("digits").test
    model = nn.MLP((784, 10))
    scores = training.score(model, digits, batch_size=100)
    logits = model(digits.inputs())
    np.testing.assert_allclose(scores.logits, logits.numpy(), atol=1e-5)
    assert scores.loss == pytest.approx(nn.cross_entropy(logits, digits.labels).item(), rel=1e-5)
    assert scores.accuracy == training.evaluate(model, digits)
    assert scores.confusion.sum() == len(digits)
    lines = str(scores).splitlines()
    assert len(lines) == 11
    assert len({len(line) for line in lines}) == 1
    assert model.training


def test_a_class_never_read_has_no_precision():
    scores = training.Scores(np.array([[1.0, 0.0, 0.0]]), np.array([1]))
    assert np.isnan(scores.precision).tolist() == [False, True, True]
    assert str(scores).splitlines()[2].split() == ["1", "–", "0.00", "%", "1"]


@each(
    ("labels", "predicted", "words"),
    [([1, 2], [1], "do not fit"), ([10], [1], "a label lies outside 0 to 9"), ([1], [-1], "a prediction lies")],
)
def test_labels_that_make_no_matrix_are_named(labels, predicted, words):
    with pytest.raises(ValueError, match=words):
        training.confusion_matrix(labels, predicted)


@each(
    ("share", "digits", "text"),
    [
        (0, 2, "0.00 %"), (1, 2, "100.00 %"), (0.97534, 2, "97.53 %"), (0.97534, 1, "97.5 %"), (0.5, 0, "50 %"),
        (1e-9, 2, "<0.01 %"), (1 - 1e-9, 2, ">99.99 %"), (4e-4, 1, "<0.1 %"), (0.99951, 1, ">99.9 %"),
        (0.0006, 1, "0.1 %"), (0.9994, 1, "99.9 %"), (float("nan"), 2, "–"),
    ],
)  # fmt: skip
def test_what_is_not_quite_all_or_nothing_never_looks_like_it(share, digits, text):
    assert training.percent(share, digits) == text

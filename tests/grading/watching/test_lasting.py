"""What takes too long is said to: a loop is called endless only where nothing tells that it is not."""

from tinygrad_mnist import grade
from tinygrad_mnist.grading.watching.rewriting import largest_batch

NUMBER_BY_NUMBER = """
import numpy as np

class Net:
    def __init__(self, inputs=784, hidden=512, outputs=10):
        self.W = np.random.randn(hidden, inputs) * 0.1
        self.V = np.random.randn(outputs, hidden) * 0.1

    def fit(self, X, Y, epochs=10, lr=0.1):
        for epoch in range(epochs):
            for x, y in zip(X, Y):
                h = [np.tanh(sum(self.W[i, j] * x[j] for j in range(len(x)))) for i in range(len(self.W))]
                o = [sum(self.V[k, i] * h[i] for i in range(len(h))) for k in range(len(self.V))]
                for k in range(len(o)):
                    for i in range(len(h)):
                        self.V[k, i] -= lr * (o[k] - y[k]) * h[i]
"""

BY_A_MARGIN = """
import numpy as np

rng = np.random.default_rng(0)
X, w = rng.normal(size=(20, 5)), np.zeros(5)
y = np.where(X[:, 0] > 0, 1, -1)
while True:
    for i in range(20):
        if y[i] * (w @ X[i]) < 1:
            w += 0.001 * y[i] * X[i]
"""

IN_LARGE_BATCHES = """
import numpy as np

rng = np.random.default_rng(0)
X, labels = rng.random((300, 400)), np.arange(300) % 3
W, b = rng.normal(size=(400, 3)) * 0.01, np.zeros(3)
batch_size = 128
for epoch in range(50):
    for start in range(0, 300, batch_size):
        dW, db, error = np.zeros((400, 3)), np.zeros(3), 0
        for x, label in zip(X[start : start + batch_size], labels[start : start + batch_size]):
            e = np.exp(x @ W + b)
            d = e / e.sum() - np.eye(3)[label]
            dW += np.array([d * number for number in x])
            db += d
        W = W - 0.1 * dW / batch_size
        b = b - 0.1 * db / batch_size
"""


def graded(folder, text, **options):
    path = folder / "lasting.py"
    path.write_text(text, encoding="utf-8")
    return grade(path, **options)


def test_a_training_that_was_called_and_not_seen_to_make_a_step_is_not_missing(tmp_path):
    (problem,) = graded(tmp_path, NUMBER_BY_NUMBER).problems
    assert problem.kind == "time"
    assert "its training was called with 64 digits" in problem.message
    assert "Fewer units or layers" in problem.message


def test_a_program_that_trains_without_end_has_no_endless_loop(tmp_path):
    (problem,) = graded(tmp_path, BY_A_MARGIN, time_limit=3).problems
    assert problem.kind == "training"
    assert problem.message.startswith("it trains, and no loss was found")


def test_of_what_updates_nothing_it_is_left_open_whether_it_ends(tmp_path):
    (problem,) = graded(tmp_path, "while True: pass", time_limit=1, function="gradients").problems
    assert problem.kind == "time"
    assert problem.message == "it was stopped after 1 seconds: it takes longer than that, or a loop in it never ends"


def test_a_judge_that_takes_too_long_says_what_takes_less(tmp_path):
    """An operation that lasts is not interrupted, and no loop at all."""
    text = "import numpy as np\nw = sum(1 for i in range(10 ** 11))\n"
    (problem,) = graded(tmp_path, text, time_limit=1).problems
    assert problem.kind == "time"
    assert "Fewer examples, units or layers" in problem.message


def test_where_batches_are_too_large_to_be_followed_they_are_made_smaller(tmp_path):
    report = graded(tmp_path, IN_LARGE_BATCHES)
    assert report.passed, str(report)
    assert "with 4 examples" in report.settings
    assert "its batches have 4 examples here, and not 128: with those no step was seen in time" in report.notes


def test_a_batch_whose_size_is_counted_with_elsewhere_stays_as_it_is():
    assert largest_batch(IN_LARGE_BATCHES) == 128
    assert largest_batch(IN_LARGE_BATCHES.replace("db / batch_size", "db / 128")) == 0
    assert largest_batch(IN_LARGE_BATCHES.replace("batch_size", "count")) == 0
    assert largest_batch("batch = (") == 0

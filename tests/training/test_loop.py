"""Training on real digits: it learns, repeats bit for bit, keeps the best, and stops cleanly."""

import numpy as np
import pytest

from tinygrad_mnist import data, nn, training


@pytest.fixture(scope="module")
def splits():
    return data.train_validation_split(data.load("digits").train[:400], 80, seed=0)


def run(splits, epochs=3, lr=0.05, seed=0, progress=None):
    model = nn.MLP((784, 16, 10), seed=seed)
    optimizer = nn.SGD(model.parameters(), lr, momentum=0.9)
    history = training.fit(model, *splits, optimizer, epochs=epochs, batch_size=32, seed=seed, progress=progress)
    return model, history


def weights(model):
    return np.concatenate([p.numpy().ravel() for p in model.parameters()])


def test_it_learns_real_digits(splits):
    model, history = run(splits, epochs=8)
    assert history.epochs[-1].loss < history.epochs[0].loss / 4
    assert training.evaluate(model, splits[1]) > 0.85


def test_one_seed_gives_one_result_bit_for_bit(splits):
    first, second, other = run(splits)[0], run(splits)[0], run(splits, seed=1)[0]
    assert weights(first).tobytes() == weights(second).tobytes()
    assert weights(first).tobytes() != weights(other).tobytes()


def test_the_best_validated_epoch_is_kept(splits):
    model, history = run(splits, epochs=6)
    assert training.evaluate(model, splits[1]) == history.best.validation_accuracy
    assert history.best.validation_accuracy == max(e.validation_accuracy for e in history.epochs)


class Interrupt(training.Progress):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch, self.number = epoch, 0

    def epoch_begins(self, number, epochs, examples):
        self.number = number

    def batch_ends(self, examples, loss, accuracy):
        if self.number == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_so_far(splits):
    model, history = run(splits, epochs=5, progress=Interrupt(epoch=3))
    assert history.interrupted
    assert [e.number for e in history.epochs] == [1, 2]
    assert weights(model).tobytes() == weights(run(splits, epochs=2)[0]).tobytes()


def test_ctrl_c_in_the_first_epoch_leaves_the_start(splits):
    model, history = run(splits, progress=Interrupt(epoch=1))
    assert history.interrupted
    assert history.best is None
    assert weights(model).tobytes() == weights(nn.MLP((784, 16, 10), seed=0)).tobytes()


def test_divergence_is_named_and_nothing_broken_is_left(splits):
    model = nn.MLP((784, 16, 10))
    optimizer = nn.SGD(model.parameters(), lr=1e30)
    with pytest.raises(training.TrainingError, match=r"loss became (nan|inf) at epoch 1, batch \d+: lower the"):
        training.fit(model, *splits, optimizer, epochs=1, batch_size=32)
    assert np.isfinite(weights(model)).all()


def test_progress_counts_every_example(splits):
    class Count(training.Progress):
        seen, announced = 0, 0

        def epoch_begins(self, number, epochs, examples):
            self.announced += examples

        def batch_ends(self, examples, loss, accuracy):
            self.seen += examples

    count = Count()
    run(splits, epochs=2, progress=count)
    assert count.seen == count.announced == 2 * len(splits[0])


def test_divergence_in_the_very_last_step_is_named_too(splits):
    model = nn.MLP((784, 16, 10))
    optimizer = nn.SGD(model.parameters(), lr=1e38)
    with pytest.raises(training.TrainingError, match="it has diverged; lower the learning rate"):
        training.fit(model, *splits, optimizer, epochs=1, batch_size=10_000)

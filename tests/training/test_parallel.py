"""A batch that threads share is the batch: the same gradients, whatever the loss, and the same run each time."""

import queue
import threading
from functools import partial

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tests.each import each
from tests.training.victim import Crash
from tinygrad_mnist import Tensor, data, nn, training
from tinygrad_mnist.compiler.capturing.capture import captured
from tinygrad_mnist.nn.random import drawing_from, generator
from tinygrad_mnist.training.parallel import can_share, generators_of

LAYERS = ("1x28x28", "4c5", "mp4", 16, 10)


@pytest.fixture(scope="module")
def splits():
    return data.train_validation_split(data.load("digits").train[:297], 80, seed=0)


def run(splits, threads, model=None, epochs=2, lr=0.05, **options):
    """A run of 217 examples in batches of 32: the last has 25, and threads can't all have as many."""
    model = model or nn.network(LAYERS, seed=0, **options.pop("network", {}))
    optimizer = nn.SGD(model.parameters(), lr, momentum=0.9, weight_decay=0.1)
    history = training.fit(model, splits, optimizer, epochs=epochs, batch_size=32, threads=threads, **options)
    return model, history


def same(first, second):
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(one[k].tobytes() == other[k].tobytes() for k in one)


def assert_near(first, second):
    for name, array in first.state_dict().items():
        np.testing.assert_allclose(second.state_dict()[name], array, rtol=0, atol=2e-5 * abs(array).max())


@each("compile", [False, True])
@each("threads", [2, 3])
@each("clip_norm", [None, 0.5])
def test_threads_that_share_a_batch_take_the_step_of_one(splits, threads, compile, clip_norm):
    alone, history = run(splits, 1, clip_norm=clip_norm)
    shared, its = run(splits, threads, clip_norm=clip_norm, compile=compile)
    assert_near(alone, shared)
    for one, other in zip(history.epochs, its.epochs, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=1e-5)
        assert other.train_accuracy == pytest.approx(one.train_accuracy, abs=1e-9)


@each("compile", [False, True])
def test_with_dropout_and_batch_norm_a_run_repeats_bit_for_bit(splits, compile):
    options = {"network": {"dropout": 0.4, "batch_norm": True}, "compile": compile}
    first, second = (run(splits, 2, **options)[0] for _ in range(2))
    assert same(first, second)
    assert not same(first, run(splits, 1, **options)[0])


def test_each_thread_draws_numbers_of_its_own():
    streams = [generator.random(8).tolist() for generator in generators_of(seed=0, threads=4, batch_size=64)]
    streams += [np.random.default_rng(words).random(8).tolist() for words in ([0], [0, 1], [0, 0, 1], [0, 1, 1])]
    assert len({*map(tuple, streams)}) == 7
    assert len(generators_of(seed=0, threads=64, batch_size=8)) == 3


def test_a_shared_run_resumes_bit_for_bit_and_with_as_many_threads_only(splits, tmp_path):
    options = {"network": {"dropout": 0.4, "batch_norm": True}}
    path = training.Checkpoint(tmp_path / "run", steps=1)
    whole, _ = run(splits, 2, callbacks=[Crash(0, 0)], **options)
    with pytest.raises(RuntimeError, match="crash"):
        run(splits, 2, callbacks=[Crash(2, 3)], checkpoint=path, **options)
    with pytest.raises(training.CheckpointError, match="made with threads 2, and this run has 1"):
        run(splits, 1, callbacks=[Crash(0, 0)], checkpoint=path, resume=True, **options)
    resumed, _ = run(splits, 2, callbacks=[Crash(0, 0)], checkpoint=path, resume=True, **options)
    assert same(whole, resumed)


@each("clip_norm", [None, 0.3])
@each("compile", [False, True])
@each("last", [1, 2, 3])
def test_a_last_batch_that_is_too_small_to_share_is_a_step_like_any_other(splits, last, compile, clip_norm):
    few = splits[0][: 64 + last]
    alone = run((few, splits[1]), 1, clip_norm=clip_norm)[0]
    assert_near(alone, run((few, splits[1]), 3, clip_norm=clip_norm, compile=compile)[0])


class Kept(nn.Module):
    """A model of one's own, which keeps what it computes."""

    def __init__(self):
        self.body = nn.Sequential(nn.Conv2d(1, 2, 5), nn.Flatten(), nn.Linear(1152, 10))

    def forward(self, x):
        self.out = self.body(x)
        return self.out


def test_only_layers_of_ours_with_the_mean_cross_entropy_share_examples():
    model, own = nn.network(LAYERS, seed=0), Kept()
    optimizer, other = nn.SGD(model.parameters(), 0.1), Tensor([1.0], requires_grad=True)
    weighted = partial(nn.cross_entropy, weight=np.ones(10))
    assert can_share(model, optimizer, nn.cross_entropy)
    assert can_share(model, optimizer, partial(nn.cross_entropy, label_smoothing=0.1))
    assert not can_share(own, nn.SGD(own.parameters(), 0.1), nn.cross_entropy)
    assert not can_share(nn.Sequential(model, own), optimizer, nn.cross_entropy)
    assert not can_share(nn.MLP((784, 10)), nn.SGD([other], 0.1), nn.cross_entropy)
    assert not can_share(model, nn.SGD([*model.parameters(), other], 0.1), nn.cross_entropy)
    for loss in (weighted, nn.CrossEntropyLoss(), partial(nn.cross_entropy, ignore_index=0), lambda z, y: z.sum()):
        assert not can_share(model, optimizer, loss)


@each("loss", [partial(nn.cross_entropy, weight=np.arange(1.0, 11)), partial(nn.cross_entropy, reduction="sum")])
def test_with_other_losses_threads_share_the_products(splits, loss):
    alone, _ = run(splits, 1, loss=loss, lr=0.0005)
    shared, _ = run(splits, 2, loss=loss, lr=0.0005)
    assert_near(alone, shared)


def test_what_a_callback_changes_in_the_model_reaches_every_thread(splits):
    class Changing(training.Callback):
        def epoch_begins(self, run):
            if run.epoch == 2:
                run.model[2].p = 0.0
                head = nn.Linear(144, 10)
                head.load_state_dict({"weight": np.ones((10, 144)) / 50, "bias": np.zeros(10)})
                setattr(run.model, "4", head)
                run.optimizer.add_param_group({"params": [*head.parameters()]})

    def trained(threads):
        nn.manual_seed(0)
        parts = nn.Conv2d(1, 4, 5), nn.MaxPool2d(4), nn.Dropout(1e-9), nn.Flatten(), nn.Linear(144, 10)
        return run(splits, threads, model=nn.Sequential(*parts), callbacks=[Changing()])[0]

    assert_near(trained(1), trained(2))


def test_frozen_parameters_stay_and_gradients_can_be_looked_at(splits):
    model = nn.network(LAYERS, seed=0)
    first = next(model.parameters())
    first.requires_grad = False
    before, lengths = first.numpy().copy(), []

    class Looking(training.Callback):
        def step_ends(self, run):
            lengths.append([None if p.grad is None else float((p.grad.numpy() ** 2).sum()) for p in model.parameters()])

    training.fit(
        model, splits, nn.SGD([*model.parameters()], 0.05), epochs=1, batch_size=32, threads=2, callbacks=[Looking()]
    )
    np.testing.assert_array_equal(first.numpy(), before)
    assert all(length[0] is None and all(each > 0 for each in length[1:]) for length in lengths)


def test_running_statistics_are_those_of_the_first_share(splits):
    train = splits[0][:32]
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 5), nn.Flatten(), nn.Linear(1152, 10))
    first = []

    class Noting(training.Callback):
        def epoch_begins(self, run):
            first.extend(next(run.remaining_batches()))

    training.fit(
        model, train, nn.SGD(model.parameters(), 0.0), epochs=1, batch_size=32, threads=2, callbacks=[Noting()]
    )
    share = first[0][:16]
    np.testing.assert_allclose(next(model.buffers()).numpy(), 0.1 * share.mean(axis=(0, 2, 3)), rtol=1e-5)


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(splits):
    class Breaking(training.Callback):
        def step_ends(self, run):
            if run.batch == 6:
                next(run.model.parameters()).data *= np.nan

    before = threading.active_count()
    with pytest.raises(training.Diverged, match="the loss became nan at epoch 1, batch 7"):
        run(splits, 2, callbacks=[Breaking()])
    assert threading.active_count() == before


def test_a_layer_that_a_callback_appends_is_in_every_thread(splits):
    class Appending(training.Callback):
        def epoch_begins(self, run):
            if run.epoch == 2:
                last = nn.Linear(10, 10)
                last.load_state_dict({"weight": np.eye(10) * 2, "bias": np.zeros(10)})
                setattr(run.model, str(len(run.model)), last)
                run.optimizer.add_param_group({"params": [*last.parameters()]})

    assert_near(run(splits, 1, callbacks=[Appending()])[0], run(splits, 2, callbacks=[Appending()])[0])


@each("threads", [1, 2, 3])
def test_scores_do_not_depend_on_threads(splits, threads):
    model = nn.network(LAYERS, seed=0)
    alone, shared = training.score(model, splits[1]), training.score(model, splits[1], 7, threads=threads)
    np.testing.assert_allclose(shared.logits, alone.logits, rtol=1e-4, atol=1e-6)
    assert model.training


@each("layers, threads", [((784, 16, 10), 2), (LAYERS, 1)])
def test_of_fully_connected_layers_the_products_are_shared_out(splits, layers, threads):
    found = set()

    class Looking(training.Callback):
        def epoch_begins(self, run):
            found.update(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")

    run(splits, 2, model=nn.network(layers, seed=0), epochs=1, callbacks=[Looking()])
    assert found == {threads}


def test_a_thread_draws_from_its_own_generator_also_while_another_is_captured():
    drawn = queue.SimpleQueue()

    def beside():
        with drawing_from(np.random.default_rng(5)):
            drawn.put(generator().random())
        drawn.put(generator().random())

    def step():
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()

    nn.manual_seed(3)
    captured(step, (), {})
    assert [drawn.get(), drawn.get()] == [np.random.default_rng(5).random(), np.random.default_rng(3).random()]

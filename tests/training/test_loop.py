"""Training on real digits: it learns, repeats bit for bit, keeps the best, and stops cleanly."""

import csv
import gc
import json
import re
import threading
import tracemalloc

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import data, nn, training


@pytest.fixture(scope="module")
def splits():
    return data.train_validation_split(data.load("digits").train[:400], 80, seed=0)


def run(splits, epochs=3, lr=0.05, seed=0, callback=None, **options):
    model = nn.MLP((784, 16, 10), seed=seed)
    optimizer = nn.SGD(model.parameters(), lr, momentum=0.9)
    options = {"batch_size": 32, "seed": seed, "callbacks": [callback] if callback else [], **options}
    history = training.fit(model, splits, optimizer, epochs=epochs, **options)
    return model, history


def weights(model):
    return np.concatenate([p.numpy().ravel() for p in model.parameters()])


def same(first, second):
    return weights(first).tobytes() == weights(second).tobytes()


def test_it_learns_real_digits(splits):
    model, history = run(splits, epochs=8)
    assert history.epochs[-1].loss < history.epochs[0].loss / 4
    assert training.evaluate(model, splits[1]) > 0.85
    assert not model.training


def test_one_seed_gives_one_result_bit_for_bit(splits):
    first, second, other = run(splits)[0], run(splits)[0], run(splits, seed=1)[0]
    assert same(first, second)
    assert not same(first, other)


def test_the_best_validated_epoch_is_kept(splits):
    model, history = run(splits, epochs=6)
    assert training.evaluate(model, splits[1]) == history.best.validation_accuracy
    assert training.score(model, splits[1]).loss == pytest.approx(history.best.validation_loss)
    assert history.best.validation_accuracy == max(e.validation_accuracy for e in history.epochs)


def test_without_validation_the_last_epoch_is_kept(splits):
    kept = []

    class Keep(training.Callback):
        def step_ends(self, run):
            kept[:] = [run.model.state_dict()]

    model, history = run(splits[0], callback=Keep())
    assert history.best is history.epochs[-1]
    assert history.best.validation_accuracy is history.best.validation_loss is None
    assert all((kept[0][name] == array).all() for name, array in model.state_dict().items())


class Interrupt(training.Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def step_ends(self, run):
        if run.epoch == self.epoch:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_so_far(splits):
    model, history = run(splits, epochs=5, callback=Interrupt(epoch=3))
    assert history.interrupted
    assert [e.number for e in history.epochs] == [1, 2]
    assert same(model, run(splits, epochs=2)[0])


def test_ctrl_c_in_the_first_epoch_leaves_the_start(splits):
    model, history = run(splits, callback=Interrupt(epoch=1))
    assert history.interrupted
    assert history.best is None
    assert same(model, nn.MLP((784, 16, 10), seed=0))


def test_early_stopping_waits_for_patience_epochs_after_the_best(splits):
    model, history = run(splits, epochs=60, patience=3)
    assert history.stopped_early
    assert len(history.epochs) == history.best.number + 3 < 60
    assert training.evaluate(model, splits[1]) == history.best.validation_accuracy
    patient, whole = run(splits, epochs=4, patience=50)[1], run(splits, epochs=4)[1]
    assert not patient.stopped_early
    assert [e.loss for e in patient.epochs] == [e.loss for e in whole.epochs]


def test_callbacks_are_told_in_order_where_the_run_stands(splits):
    events = []

    class Listen(training.Callback):
        def __getattribute__(self, name):
            if name in vars(training.Callback) and name not in ("state_dict", "load_state_dict"):
                return lambda run, *facts: events.append((name, run.epoch, run.batch))
            return super().__getattribute__(name)

    run((splits[0][:40], splits[1]), epochs=2, callback=Listen())
    per_epoch = ["epoch_begins", "step_ends", "step_ends", "validation_begins", "validation_ends", "epoch_ends"]
    assert [name for name, *_ in events] == ["fit_begins", *per_epoch, *per_epoch, "fit_ends"]
    assert [place for name, *place in events if name == "step_ends"] == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert [place for name, *place in events if name == "epoch_ends"] == [[2, 0], [3, 0]]


def test_every_example_is_counted_also_in_a_batch_larger_than_the_data(splits):
    class Count(training.Callback):
        examples = 0

        def validation_begins(self, run):
            self.examples += run.totals.examples

    count = Count()
    run(splits, epochs=2, callback=count)
    run(splits, epochs=1, callback=count, batch_size=10_000)
    assert count.examples == 3 * len(splits[0])


def test_a_single_example_is_learned(splits):
    one = splits[0][:1]
    model, history = run((one, one), epochs=30)
    assert training.evaluate(model, one) == 1
    assert history.epochs[-1].loss < 0.05


@pytest.mark.parametrize(
    ("count", "batch_size", "advice"),
    [(1, 64, "give more"), (65, 64, "take another batch_size"), (64, 1, "take another batch_size")],
)
def test_batch_normalisation_of_a_single_example_is_named_at_once(splits, count, batch_size, advice):
    model = nn.Sequential(nn.Linear(784, 10), nn.BatchNorm1d(10))
    with pytest.raises(ValueError, match=f"one of {count} examples would be alone .* {advice}"):
        training.fit(model, splits[0][:count], nn.SGD(model.parameters()), epochs=1, batch_size=batch_size)
    assert model[1].num_batches_tracked.item() == 0


def test_the_schedule_steps_with_the_optimizer(splits):
    class Halving:
        def __init__(self, optimizer):
            self.optimizer, self.steps = optimizer, 0

        def step(self):
            self.steps += 1
            self.optimizer.param_groups[0]["lr"] /= 2

    model = nn.MLP((784, 10))
    optimizer = nn.SGD(model.parameters(), 1.0)
    schedule = Halving(optimizer)
    history = training.fit(model, splits[0][:64], optimizer, epochs=2, batch_size=32, schedule=schedule)
    assert schedule.steps == 4
    assert [epoch.lr for epoch in history.epochs] == [1, 0.25]


def test_augmentation_sees_images_and_random_numbers_of_its_own(splits):
    seen = []

    def shifted(images, rng):
        seen.append((images.shape, images.dtype, rng.integers(1 << 60)))
        return np.roll(images, rng.integers(-2, 3), axis=2)

    first, second, plain = (run(splits, augment=a)[0] for a in (shifted, shifted, None))
    assert same(first, second)
    assert not same(first, plain)
    assert {entry[:2] for entry in seen} == {((32, 28, 28), np.dtype(np.float32))}
    assert len({number for *_, number in seen}) == len(seen) / 2 == 30


def bent(images, rng):
    return images * rng.uniform(0.5, 1, (len(images), 1, 1)).astype(np.float32)


def run_with_a_layer_that_pays(splits, **options):
    model = nn.MLP((784, 64, 10), seed=0)
    optimizer = nn.SGD(model.parameters(), 0.05, momentum=0.9)
    return model, training.fit(model, splits, optimizer, **{"epochs": 2, "batch_size": 16, **options})


def test_batches_that_another_thread_bends_are_the_same_bit_for_bit(splits):
    before, threads = threading.active_count(), set()

    def noticed(images, rng):
        threads.add(threading.get_ident())
        return bent(images, rng)

    (one, _), (two, _) = (run_with_a_layer_that_pays(splits, augment=noticed, threads=n) for n in (1, 2))
    assert same(one, two)
    assert len(threads) >= 2
    assert threading.active_count() == before, "a thread is left behind"


@pytest.mark.parametrize("threads", [1, 2])
def test_what_augment_raises_ends_the_run(splits, threads):
    before, calls = threading.active_count(), []

    def failing(images, rng):
        calls.append(len(images))
        if len(calls) == 5:
            raise ZeroDivisionError("of the augment itself")
        return images

    with pytest.raises(ZeroDivisionError, match="itself"):
        run_with_a_layer_that_pays(splits, augment=failing, threads=threads)
    assert threading.active_count() == before


def test_a_run_whose_batches_are_bent_ahead_is_resumed_bit_for_bit(splits, tmp_path):
    class Stop(training.Callback):
        stops = True

        def step_ends(self, run):
            if self.stops and run.batch == 11:
                self.stops = False
                raise KeyboardInterrupt

    stop = Stop()
    options = {"augment": bent, "threads": 2}
    whole, _ = run_with_a_layer_that_pays(splits, **options)
    path = tmp_path / "run.safetensors"
    kept = training.Checkpoint(path, steps=1)
    _, history = run_with_a_layer_that_pays(splits, checkpoint=kept, callbacks=[stop], **options)
    assert history.interrupted
    resumed, _ = run_with_a_layer_that_pays(splits, checkpoint=path, callbacks=[stop], resume=True, **options)
    assert same(whole, resumed)


def test_the_loss_is_a_function_of_logits_and_labels(splits):
    _, squared = run(splits, loss=lambda logits, y: ((logits - nn.one_hot(y, 10)) ** 2).mean())
    assert squared.epochs[-1].loss < squared.epochs[0].loss < 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epochs": 0}, "epochs=0 must be an integer from 1 on"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"patience": 0}, "patience=0"),
        ({"clip_norm": -1}, "clip_norm=-1 must be a positive number"),
        ({"resume": True}, "resume needs a checkpoint"),
    ],
)
def test_numbers_out_of_range_are_named(splits, options, words):
    with pytest.raises(ValueError, match=words):
        run(splits, **options)


# history


def test_the_history_is_written_as_json_and_csv(splits, tmp_path):
    _, history = run(splits)
    history.save(tmp_path / "history.json", seed=0)
    history.save_csv(tmp_path / "history.csv")
    kept = json.loads((tmp_path / "history.json").read_text())
    assert (kept["seed"], kept["interrupted"], kept["stopped_early"]) == (0, False, False)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [{name: float(v) for name, v in row.items()} for row in rows] == kept["epochs"]
    assert [row["loss"] for row in kept["epochs"]] == [epoch.loss for epoch in history.epochs]


def test_a_history_without_validation_has_empty_cells(splits, tmp_path):
    _, history = run(splits[0], epochs=1)
    history.save_csv(tmp_path / "history.csv")
    (row,) = csv.DictReader((tmp_path / "history.csv").read_text().splitlines())
    assert row["validation_accuracy"] == row["validation_loss"] == ""


@each(
    ("change", "kind", "words"),
    [
        (
            {"optimizer": "sgd"},
            TypeError,
            "fit takes an optimizer, such as nn.SGD(model.parameters(), lr=0.1), not 'sgd'",
        ),
        ({"optimizer": nn.SGD}, TypeError, "fit takes an optimizer"),
        ({"optimizer": nn.SGD(nn.MLP((784, 10)).parameters())}, ValueError, "no parameter of this model"),
        ({"data": data.load("digits")}, TypeError, "takes a data.Split, such as data.load().train, not Dataset"),
        ({"epochs": 2.5}, ValueError, "epochs=2.5 must be an integer from 1 on"),
        ({"batch_size": "64"}, ValueError, "batch_size='64' must be an integer from 1 on"),
        ({"augment": lambda images, rng: images[:, :5]}, ValueError, "augment made shape"),
    ],
)
def test_what_can_not_be_trained_is_said_before_it_begins(change, kind, words):
    model = nn.MLP((784, 10))
    given = {"data": data.load("digits").train[:10], "optimizer": nn.SGD(model.parameters()), **change}
    with pytest.raises(kind, match=re.escape(words)):
        training.fit(model, given.pop("data"), given.pop("optimizer"), **given)


def test_ctrl_c_in_a_validation_of_averaged_weights_leaves_the_best_ones():
    digits = data.load("digits").train
    model = nn.MLP((784, 6, 10))
    average = nn.ExponentialMovingAverage(model, 0.9)
    kept = []

    class Interrupting(training.Callback):
        def validation_begins(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

        def epoch_ends(self, run, epoch):
            kept.append(run.best)

    history = training.fit(
        model, (digits[:96], digits[96:128]), nn.Adam(model.parameters()), epochs=3,
        callbacks=[training.Averaging(average), Interrupting()],
    )  # fmt: skip
    assert history.interrupted
    assert len(history.epochs) == 1
    gc.collect()  # what held the last weights back has no say any more
    (best,) = kept
    assert all((model.state_dict()[name] == best[name]).all() for name in best)


def test_images_stay_bytes_until_their_batch():
    rng = np.random.default_rng(0)
    split = data.Split(rng.integers(0, 256, (12_000, 28, 28), np.uint8), rng.integers(0, 10, 12_000))
    model = nn.Linear(784, 10)
    tracemalloc.start()
    parts = data.train_validation_split(split, 0.1, seed=0)
    training.fit(model, parts, nn.SGD(model.parameters(), 0.1), epochs=1, batch_size=50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < split.images.nbytes / 5


def test_what_is_no_split_is_refused_before_the_first_step():
    split = data.load("digits").train[:20]
    model = nn.Linear(784, 10)
    before = model.state_dict()
    with pytest.raises(TypeError, match=r"this takes a data\.Split"):
        training.fit(model, (split, split.images), nn.SGD(model.parameters(), 0.1), epochs=1)
    np.testing.assert_array_equal(model.state_dict()["weight"], before["weight"])


def test_there_is_a_thread_at_least(splits):
    with pytest.raises(ValueError, match="threads"):
        run(splits, epochs=1, threads=0)

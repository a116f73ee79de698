"""Who does which trial: processes that die without a word, that were only asleep, and workers that die of a slot."""

import pytest

from tests.sweeps.sweeping import needs_the_extra
from tinygrad_mnist.sweeps import ledger as ledgers
from tinygrad_mnist.sweeps import storage
from tinygrad_mnist.sweeps.errors import SweepError
from tinygrad_mnist.sweeps.ledger import Ledger

needs_the_extra()

FAR = "another-machine|1|0.0|{}"


@pytest.fixture
def kept(tmp_path):
    with storage.opened(str(tmp_path / "study.journal")) as kept:
        yield kept


def ledger(kept, owner, slots=2):
    import optuna

    lr = {"lr": optuna.distributions.FloatDistribution(0, 1)}
    study = optuna.create_study(storage=kept, study_name="one", load_if_exists=True)
    return Ledger(study, kept, slots, lr, lambda study, trial, slot: {"lr": slot / 10}, FAR.format(owner))


def failed(ledger):
    return {t.number: t.user_attrs["reason"] for t in ledger.study.trials if t.state.name == "FAIL"}


def test_the_trials_of_a_process_that_is_silent_are_run_again_with_their_parameters(kept, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    silent, living = ledger(kept, "silent"), ledger(kept, "living")
    silent.keep_alive()
    (slot, lost), (other, _) = silent.claim(), living.claim()
    assert (slot, other) == (0, 1)
    assert living.claim() is None
    for _ in range(5):
        now += ledgers.SILENCE / 4
        silent.keep_alive()
        living.keep_alive()
        assert not failed(living)
    for _ in range(5):
        now += ledgers.SILENCE / 4
        living.keep_alive()
    assert failed(living) == {lost.number: "its process died"}
    slot, again = living.claim()
    assert (slot, again.params) == (0, lost.params)
    silent.fail(lost._trial_id, "late")  # it was only asleep
    assert failed(living) == {lost.number: "its process died"}
    assert not living.is_over()


@pytest.mark.parametrize("notes", [{"slot": "0"}, {"slot": -1}, {"slot": 0, "loss": []}, {"slot": 0, "reason": 7}])
def test_a_trial_with_notes_of_another_program_is_named(kept, notes):
    import optuna

    found = ledger(kept, "one")
    kept.create_new_trial(found.study._study_id, optuna.create_trial(value=0.5, user_attrs=notes))
    with pytest.raises(SweepError, match=r"another program wrote the study \(trial 0's "):
        found.finished()


def test_of_two_trials_for_a_slot_the_first_counts(kept, monkeypatch):
    one, two = ledger(kept, "one"), ledger(kept, "two")
    seen = two._free_slot()  # before one has claimed it
    one.claim()
    monkeypatch.setattr(two, "_free_slot", iter([seen, None]).__next__)
    assert two.claim() is None
    assert failed(two) == {1: "doubled"}
    slot, trial = ledger(kept, "three").claim()
    assert (slot, trial.params) == (1, {"lr": 0.1})


def test_a_slot_of_which_workers_die_again_and_again_is_given_up(kept):
    mine = ledger(kept, "one", slots=1)
    for _ in range(ledgers.DEATHS):
        _, trial = mine.claim()
        assert trial.params == {"lr": 0.0}
        mine.fail(trial._trial_id, ledgers.WORKER_DIED)
    assert mine.claim() is None
    assert mine.given_up() == [0]
    assert mine.is_over()


def test_a_trial_that_was_lost_while_its_parameters_were_drawn_is_drawn_anew(kept):
    mine = ledger(kept, "one", slots=1)
    kept.create_new_trial(mine.study._study_id, mine._template(0, []))
    mine.fail(0, ledgers.PROCESS_DIED)
    _, again = mine.claim()
    assert again.params == {"lr": 0.0}

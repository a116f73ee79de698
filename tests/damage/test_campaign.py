"""Damaged files of every kind through the command line: TINYGRAD_MNIST_DAMAGED=6700 for so many."""

import os

import pytest

COUNT = int(os.environ.get("TINYGRAD_MNIST_DAMAGED", "0"))


@pytest.mark.skipif(not COUNT, reason="takes minutes: TINYGRAD_MNIST_DAMAGED=6700 for so many damaged files")
def test_damaged_files_end_in_a_result_or_in_one_line():
    from tests.damage.campaign import campaign, cases

    seed = int(os.environ.get("TINYGRAD_MNIST_SEED", "14"))
    faulty = [outcome for outcome in campaign(cases(COUNT, seed)) if outcome.faults]
    assert not faulty, "\n".join(f"{outcome.case}: {'; '.join(outcome.faults)}" for outcome in faulty)

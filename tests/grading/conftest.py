"""How the tests of grading start the processes in which programs run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.grading.forks import Forks
from tinygrad_mnist.grading.calling import sealed

STARTED = sealed._started


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    found = Forks()
    yield found
    found.end()


@pytest.fixture(scope="module", autouse=True)
def _programs_are_run_in_forked_processes(request: pytest.FixtureRequest, forks: Forks) -> Iterator[None]:
    """Where a module doesn't say, by `STARTS_PROCESSES = True`, that it tests those that are started."""
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(os, "fork") and not getattr(request.module, "STARTS_PROCESSES", False):
            patch.setattr(sealed, "_started", forks.started)
        yield


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test processes are started, as for a user."""
    monkeypatch.setattr(sealed, "_started", STARTED)

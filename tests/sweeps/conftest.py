"""What the tests of sweeps share, for as long as they run: some digits, a sweep of this machine, a cluster."""

import pytest

from tests.cli.running import command
from tests.copies import copies
from tests.sweeps.sweeping import RANDOM, arguments, dask_commands, few_digits


@pytest.fixture(scope="session", autouse=True)
def workers_are_copies():
    """Those that Dask starts, too."""
    copies()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    few_digits(folder)
    return folder


@pytest.fixture(scope="session")
def scheduler(folder):
    with dask_commands(folder) as address:
        yield address


@pytest.fixture(scope="session")
def here(folder):
    """A sweep on one worker of this machine."""
    result = command(folder, *arguments(folder, "here", *RANDOM, "--workers", "1"))
    assert result.returncode == 0, result.stderr
    return result.stdout

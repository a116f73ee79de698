"""A PostgreSQL server of a test's own: in a temporary folder, reached through a socket in it and by nothing else."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "sweeper"


@contextmanager
def postgresql(folder):
    """The URL of its data base; skips where the server's programs or the driver are not installed."""
    programs = found()
    if not programs:
        pytest.skip("PostgreSQL's initdb is not installed: apt-get install postgresql, or pip install pgserver")
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed: pip install 'psycopg[binary]'")
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as home:  # sockets have short paths
        run = Runner(programs, Path(home))
        run("initdb", "--username", USER, "--auth", "trust", "--no-sync", "--no-locale", "--encoding", "UTF8")
        options = f"-F -k {home} -c listen_addresses="
        run("pg_ctl", "--wait", "--log", f"{home}/log", "--options", options, "start")
        try:
            yield f"postgresql+psycopg://{USER}@/postgres?host={home}"
        finally:
            run("pg_ctl", "--wait", "--mode", "immediate", "stop")


def found():
    """The folder with the server's programs: on the PATH, where Debian puts them, or of PyPI's pgserver."""
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    try:
        import pgserver

        beside.append(Path(pgserver.__file__).parent / "pginstall" / "bin")
    except ImportError:
        pass
    on_path = shutil.which("initdb")
    folders = [Path(os.path.realpath(on_path)).parent] if on_path else []
    return next((f for f in [*folders, *beside] if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


class Runner:
    """Runs the server's programs on a folder; not as root, as which they refuse to work."""

    def __init__(self, programs, home):
        self.programs, self.home = programs, home
        self.user = "nobody" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(home, self.user)

    def __call__(self, program, *arguments):
        subprocess.run(
            [self.programs / program, "--pgdata", self.home / "data", *arguments], check=True, cwd=self.home,
            user=self.user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip

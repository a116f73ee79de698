"""A cluster of Dask: this machine's cores, or one whose scheduler is named. It needs the extra `sweep`."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

from tinygrad_mnist.shown import LineError

if TYPE_CHECKING:
    from distributed import Client, Event

CONNECTING = 10.0
"""Seconds that a scheduler is given to answer."""

BEGUN, STOPPED = "begun", "stopped"
"""What comes to a job."""

_DASK = {
    "distributed.worker.daemon": True,  # local workers end with this process
    "distributed.worker.multiprocessing-method": "forkserver" if hasattr(os, "fork") else "spawn",  # one import for all
    "distributed.admin.system-monitor.gil.enabled": False,  # for which it would miss a package
}


class ClusterError(LineError):
    """A cluster that can't be used, in a line: a package or a scheduler is missing, or no worker is left."""


class WorkerDied(Exception):  # it is what happened
    """The worker that had begun a job is gone."""


def require(what: str, *packages: str) -> None:
    """Raise ClusterError where one of these packages, all of the extra `sweep`, is missing."""
    for name in packages:
        try:
            import_module(name)
        except ImportError:
            missing = f"{what} needs {name}, which is not installed"
            raise ClusterError(f"{missing}: pip install 'tinygrad-mnist[sweep]'") from None


@contextmanager
def quiet(*packages: str) -> Iterator[None]:
    """Keep to themselves what these packages log in many lines where this one says it in one."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in packages]
    before = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in before:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


@contextmanager
def connected(scheduler: str | None = None, workers: int | None = None) -> Iterator[Client]:
    """A client of a scheduler's cluster; or of one on this machine, of so many workers, by default one for each core.

    Raises ClusterError where Dask is not installed, or the scheduler does not answer.
    """
    require("--scheduler" if scheduler else "a cluster", "distributed")
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    with quiet("distributed", "tornado"), dask.config.set(_DASK), ExitStack() as stack:
        address: str | LocalCluster = scheduler or stack.enter_context(
            LocalCluster(
                n_workers=workers or CPU_COUNT, threads_per_worker=1, silence_logs=logging.CRITICAL, memory_limit=0,
                dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0",
            )
        )  # fmt: skip
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of versions that differ: jobs say what fails
                client = Client(address, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError, TimeoutError):
            raise ClusterError(
                f"no scheduler answers at {scheduler}: start one by `dask scheduler`, or leave --scheduler out"
            ) from None
        yield stack.enter_context(client)


def threads(client: Client) -> int:
    """Of all workers: each does one job at a time. Raises ClusterError where the scheduler is gone."""
    with suppress(OSError):
        if client.status == "running":
            return sum(client.nthreads().values())
    raise scheduler_gone()


def scheduler_gone() -> ClusterError:
    """What to raise where it does not answer any more."""
    return ClusterError("the scheduler is gone: start it again, then go on (a sweep by --resume)")


def begin(job: str) -> None:
    """On a worker, first of all: raise WorkerDied where another one has begun this job.

    Dask gives the job of a worker that died to the next one, until several died of it; here each job is begun once.
    """
    begun = _event(job, BEGUN)
    if begun.is_set():
        raise WorkerDied
    begun.set()


def stop(client: Client, job: str) -> None:
    """Ask the worker that does a job to end it soon. Raises ClusterError where the scheduler is gone."""
    try:
        _event(job, STOPPED, client).set()
    except OSError:
        raise scheduler_gone() from None


def is_stopped(job: str) -> bool:
    """On a worker: whether it is asked to end the job."""
    return bool(_event(job, STOPPED).is_set())


def forget(client: Client, job: str) -> None:
    """Let the scheduler forget a job that is done."""
    with suppress(OSError):
        for what in (BEGUN, STOPPED):
            _event(job, what, client).clear()


def _event(job: str, what: str, client: Client | None = None) -> Event:
    """Whether something has come to a job, as all know of it; on a worker, of its own client."""
    from distributed import Event

    return Event(f"{job} {what}", client=client)

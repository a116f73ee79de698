"""Processes copied from one that has imported what they need, which costs a tenth of starting them."""

import multiprocessing
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

PRELOADED = [
    "tests.training.victim",
    "tinygrad_mnist.cli",
    "optuna",
    "optuna.importance",
    "optuna.storages",
    "distributed",
    "plotly.offline",
    "sqlalchemy.dialects.postgresql.psycopg",
    "alembic",
]


@cache
def copies() -> ForkServerContext:
    """The context in which a process is such a copy. The first to start it decides what it imports: Dask would, too."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()
    return context

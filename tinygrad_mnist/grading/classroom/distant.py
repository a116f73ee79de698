"""Programs graded on other machines: each is sent to a worker of a Dask cluster, which runs it as `isolation` does.

So it is as far from the cluster's worker as it is from the coordinator here: a copy in a folder of its own, a process
and a session of its own, bounds of time and memory.
"""

from __future__ import annotations

import tempfile
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import cluster
from tinygrad_mnist.grading.classroom.isolation import Worker, WorkerEndedError
from tinygrad_mnist.grading.classroom.submissions import Submission

if TYPE_CHECKING:
    from distributed import Client, Future

LOOKING = 5.0
"""Seconds between two looks at whether there are workers."""

_here = threading.local()
"""Of each thread of a cluster's worker: the process that grades for it."""


class DistantWorker:
    """Sends programs to a cluster, one at a time; used as an `isolation.Worker` is."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._future: Future | None = None
        self._closed = False

    def grade(self, submission: Submission, settings: dict[str, Any], memory: int, patience: float) -> dict[str, Any]:
        """The answer about the program.

        Raises WorkerEndedError where the cluster's worker ended, too, or WorkerHungError after so many seconds;
        ClusterError where the scheduler is gone or no worker is left.
        """
        name = f"grade-{uuid.uuid4().hex}"
        contents = {path: (submission.root / path).read_bytes() for path in submission.files}
        task = (grade_here, name, submission, contents, settings, memory, patience)
        self._future = self._client.submit(*task, key=name, pure=False)
        try:
            return self._result(self._future)
        finally:
            cluster.forget(self._client, name)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._closed = True
        if self._future:
            self._future.cancel()

    def _result(self, future: Future) -> dict[str, Any]:
        from distributed import CancelledError, KilledWorker

        while not self._closed:
            try:
                answer: dict[str, Any] = future.result(timeout=LOOKING)
                return answer
            except CancelledError:
                if not self._closed:
                    raise cluster.scheduler_gone() from None
            except TimeoutError:
                if not cluster.threads(self._client):
                    raise cluster.ClusterError(
                        "no worker is left: start one by `dask worker`, then the same command goes on"
                    ) from None
            except (KilledWorker, cluster.WorkerDied):
                raise WorkerEndedError from None
        raise WorkerEndedError


def grade_here(
    job: str,
    submission: Submission,
    contents: dict[Path, bytes],
    settings: dict[str, Any],
    memory: int,
    patience: float,
) -> dict[str, Any]:
    """On the cluster's worker: the answer of a process of its own. Raises WorkerDied where another one has begun it."""
    cluster.begin(job)
    if not hasattr(_here, "worker"):
        _here.worker = Worker()
    with tempfile.TemporaryDirectory(prefix="tinygrad-mnist-class-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        for path, content in contents.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        answer: dict[str, Any] = _here.worker.grade(replace(submission, root=root), settings, memory, patience)
        return answer

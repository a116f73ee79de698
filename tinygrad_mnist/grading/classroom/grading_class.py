"""A class graded: in parallel, and whatever one program does, the others are graded too."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tinygrad_mnist.grading import honesty
from tinygrad_mnist.grading.calling.sealed import LATE
from tinygrad_mnist.grading.classroom.class_report import Graded
from tinygrad_mnist.grading.classroom.isolation import Grader, Worker, WorkerEndedError, WorkerHungError
from tinygrad_mnist.grading.classroom.storage import Kept, Storage
from tinygrad_mnist.grading.classroom.submissions import Submission
from tinygrad_mnist.grading.grader import TIME_LIMIT
from tinygrad_mnist.grading.report import Problem, Report
from tinygrad_mnist.grading.settings import GradeError
from tinygrad_mnist.processes import cores

PATIENCE = 5
"""How many time limits the grading of one program may take: it may be run more than once, and is then judged."""

ENOUGH = 2
"""How often a program may end the grader before it is not run again."""

ENDED = (
    "the process that graded it was ended while it ran, twice. Does it end other processes, or take all memory? Look "
    "at it before you run it"
)


@dataclass(frozen=True)
class Limits:
    """memory: bytes of address space for each program. jobs: how many are graded at once."""

    memory: int = 4 * 2**30
    jobs: int = field(default_factory=cores)


def grade_class(
    submissions: Sequence[Submission],
    version: str,
    *,
    keep: Path | None = None,
    again: bool = False,
    limits: Limits | None = None,
    new_worker: Callable[[], Grader] = Worker,
    **settings: Any,
) -> Generator[Graded, None, None]:
    """Each submission with its report, in the order in which they are done; those that were kept first.

    keep: the folder in whose `results` each is kept as soon as it is done. What lies there of the same content,
    settings and version of this package is not graded again, unless `again` is asked.
    new_worker: makes what each of the `jobs` is graded by: a process here, or `distant.DistantWorker` of a cluster.
    settings: as `grade` takes them.

    What ended its grader, or by its text may end processes, is run last and alone, and after the second time not again.

    Raises GradeError for settings that do not exist, OSError where results can't be kept.
    """
    limits = limits or Limits()
    class_ = _Class(Storage(keep, settings, version, submissions), settings, limits.memory, new_worker)
    waiting = []
    for submission in submissions:
        kept = Kept() if again else class_.storage.read(submission)
        if kept.report:
            yield Graded(submission, kept.report, kept.seconds, kept.is_judged)
        elif submission.main is None:
            yield class_.done(submission, _stopped(submission, "file", submission.trouble, is_judged=False))
        else:
            waiting.append((kept.attempts, submission.may_kill, submission))
    together = [s for attempts, kills, s in waiting if not attempts and not kills]
    alone = sorted((w for w in waiting if w[2] not in together), key=lambda w: w[:2])
    try:
        ended = yield from class_.grade_together(together, limits.jobs)
        for attempts, _, submission in [*((1, False, s) for s in ended), *alone]:
            yield class_.grade_alone(submission, attempts)
    finally:
        class_.end()


def _stopped(submission: Submission, kind: str, message: str, seconds: float = 0.0, is_judged: bool = True) -> Kept:
    """A report that says no more than why there is no other, and what the program's text tells."""
    suspected = honesty.suspicions_of_file(submission.root / submission.main) if submission.main else []
    problems = (*suspected, Problem(kind, message))
    report = Report(submission.file or submission.name, "not run to its end", problems=problems)
    return Kept(report, seconds, is_judged=is_judged)


class _Class:
    """The workers, and what is known of each submission."""

    def __init__(
        self, storage: Storage, settings: dict[str, Any], memory: int, new_worker: Callable[[], Grader]
    ) -> None:
        self.storage, self._settings, self._memory, self._new_worker = storage, settings, memory, new_worker
        self._patience = PATIENCE * float(settings.get("time_limit", TIME_LIMIT)) + 10
        self._workers: list[Grader] = []
        self._free: SimpleQueue[Grader] = SimpleQueue()
        self._running: dict[Submission, int] = {}

    def grade_together(self, submissions: Sequence[Submission], jobs: int) -> Generator[Graded, None, list[Submission]]:
        """Those that are done as they are done; returns those that ended their grader."""
        ended: list[Submission] = []
        self._start(min(jobs, len(submissions)))
        pool = ThreadPoolExecutor(max(len(self._workers), 1))
        futures: dict[Future[Kept | None], Submission] = {pool.submit(self._grade, s, 0): s for s in submissions}
        try:
            for future in as_completed(futures):
                kept, submission = future.result(), futures[future]
                if kept is None:
                    ended.append(submission)
                else:
                    yield self.done(submission, kept)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return ended

    def grade_alone(self, submission: Submission, attempts: int) -> Graded:
        """One that may have ended the grader before, so often."""
        while attempts < ENOUGH:
            self._start(1)
            kept = self._grade(submission, attempts)
            if kept:
                return self.done(submission, kept)
            attempts += 1
        return self.done(submission, _stopped(submission, "crash", ENDED))

    def _start(self, workers: int) -> None:
        for _ in range(workers - len(self._workers)):
            self._workers.append(self._new_worker())
            self._free.put(self._workers[-1])

    def _grade(self, submission: Submission, attempts: int) -> Kept | None:
        """What came of it; None where its grader was ended. It counts as an attempt until there is a result."""
        worker = self._free.get()
        begun = time.perf_counter()
        self.storage.write(submission, Kept(attempts=attempts + 1))
        self._running[submission] = attempts
        try:
            answer = worker.grade(submission, self._settings, self._memory, self._patience)
        except WorkerHungError:
            message = f"it was stopped after {self._patience:g} seconds: {LATE}"
            return _stopped(submission, "time", message, self._patience)
        except WorkerEndedError:
            return None
        finally:
            self._free.put(worker)
        return _kept(submission, answer, time.perf_counter() - begun)

    def done(self, submission: Submission, kept: Kept) -> Graded:
        """Keep it, and hand it on."""
        assert kept.report
        self.storage.write(submission, kept)
        self._running.pop(submission, None)
        return Graded(submission, kept.report, kept.seconds, kept.is_judged)

    def end(self) -> None:
        """End all workers; what they were at is as if it had never been begun."""
        for worker in self._workers:
            worker.close()
        for submission, attempts in list(self._running.items()):
            self.storage.write(submission, Kept(attempts=attempts))


def _kept(submission: Submission, answer: dict[str, Any], seconds: float) -> Kept:
    if "refused" in answer:
        raise GradeError(answer["refused"])
    if "failed" in answer:
        message = f"the grader itself stopped at it ({answer['failed']}); please report that"
        return _stopped(submission, "crash", message, seconds, is_judged=False)
    report = Report.from_dict(answer["report"])
    return Kept(report, round(seconds, 2), is_judged=all(p.kind != "file" for p in report.problems))

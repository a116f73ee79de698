"""What was graded already, kept on disk one by one, so that the same command goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_mnist import files
from tinygrad_mnist.grading.classroom.submissions import Submission
from tinygrad_mnist.grading.report import Report

RESULTS = "results"
"""The folder beside the pages."""

LARGEST = 64 << 20
"""Bytes of a result, at most."""


def kept_pages(folder: Path) -> set[str]:
    """Whose results are kept in a folder of pages: the names of their pages."""
    return {path.stem for path in (folder / RESULTS).glob("*.json")}


@dataclass(frozen=True)
class Kept:
    """What is known of a submission: its report and the seconds it took, or how often the grader was ended by it."""

    report: Report | None = None
    seconds: float = 0.0
    attempts: int = 0
    is_judged: bool = True


class Storage:
    """Results in FOLDER/results; without a folder nothing is kept."""

    def __init__(
        self, folder: Path | None, settings: dict[str, Any], version: str, submissions: Sequence[Submission]
    ) -> None:
        self._folder = folder and folder / RESULTS
        self._settings = f"{version} {json.dumps(settings, sort_keys=True)}"
        if self._folder:
            files.prepare_folder(self._folder, *(self._path(s).name for s in submissions))

    def read(self, submission: Submission) -> Kept:
        """What is kept of this very content under these settings."""
        try:
            kept = json.loads(files.read_bounded(self._path(submission), LARGEST)) if self._folder else {}
            if kept.get("key") != self._key(submission):
                return Kept()
            report = kept["report"]
            return Kept(report and Report.from_dict(report), kept["seconds"], kept["attempts"], kept["is_judged"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Kept()

    def write(self, submission: Submission, kept: Kept) -> None:
        """Keep it, whole or not at all."""
        if self._folder:
            content = {
                "key": self._key(submission), "learner": submission.name, "file": submission.file,
                "is_judged": kept.is_judged, "seconds": kept.seconds, "attempts": kept.attempts,
                "report": kept.report and kept.report.to_dict(),
            }  # fmt: skip
            files.write_atomically(self._path(submission), json.dumps(content, indent=1).encode("ascii"))

    def _path(self, submission: Submission) -> Path:
        assert self._folder
        return self._folder / f"{submission.page}.json"

    def _key(self, submission: Submission) -> str:
        return hashlib.sha256(f"{self._settings} {submission.digest()}".encode()).hexdigest()

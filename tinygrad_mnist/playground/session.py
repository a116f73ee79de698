"""A visitor's session: the network that stands there, its data and its training, asked by messages.

It needs NumPy alone: it runs in a browser.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.playground import protocol
from tinygrad_mnist.playground.choices import offered
from tinygrad_mnist.playground.datasets import Datasets
from tinygrad_mnist.playground.errors import PlaygroundError
from tinygrad_mnist.playground.experiment import Experiment, Reply
from tinygrad_mnist.playground.protocol import Identity
from tinygrad_mnist.records import checked, parsed
from tinygrad_mnist.shown import LONGEST_MESSAGE, one_line

if TYPE_CHECKING:
    from tinygrad_mnist.grading.calling.sealed import Programs

OF_EXPERIMENT: dict[str, Callable[[Experiment, Any], Reply]] = {
    "advance": Experiment.advance, "weights": Experiment.weights, "parameters": Experiment.parameters,
    "read": Experiment.read, "explore": Experiment.explore, "mistakes": Experiment.mistakes,
    "worst": Experiment.worst, "code": Experiment.code,
}  # fmt: skip
"""What is asked of a network that was set up, by the kinds of messages."""


class Session:
    """Answers the messages of one page, one at a time; see `protocol`."""

    def __init__(self) -> None:
        self._datasets = Datasets()
        self._experiment: Experiment | None = None
        self._programs: Programs | None = None
        self._closed = False

    def close(self) -> None:
        """End what is still running for it, from another thread; from then on it grades nothing."""
        self._closed = True
        if self._programs:
            self._programs.end()

    def answer(self, text: str) -> str:
        """The reply to a request, both as JSON. It never raises: whatever is wrong is a reply of the kind "error"."""
        identity: Identity = None
        try:
            message = checked(parsed(text), dict[str, Any], "the message")
            identity, kind = protocol.header(message)
            reply = self._handlers()[kind](protocol.request(kind, message))
            return protocol.text_of(identity, kind, reply)
        except (Exception, SystemExit) as error:  # whatever a visitor asks for, the page goes on
            return protocol.text_of(identity, "error", {"message": _in_a_line(error)})

    def _handlers(self) -> dict[str, Callable[[Any], Reply]]:
        return {
            "hello": lambda _: offered(), "set_up": self._set_up, "grade": self._grade, "data": self._datasets.drop,
            "own": self._datasets.draw,
            **{kind: partial(self._ask_experiment, method) for kind, method in OF_EXPERIMENT.items()},
        }  # fmt: skip

    def _set_up(self, asked: protocol.SetUp) -> Reply:
        self._experiment = Experiment(asked, self._datasets.get(asked.data))
        return self._experiment.set_up

    def _ask_experiment(self, method: Callable[[Experiment, Any], Reply], asked: Any) -> Reply:
        if self._experiment is None:
            raise PlaygroundError("there is no network yet: send set_up first")
        return method(self._experiment, asked)

    def _grade(self, asked: protocol.Grade) -> Reply:
        from tinygrad_mnist.grading.calling.sealed import Programs
        from tinygrad_mnist.playground import judging

        self._programs = self._programs or Programs()
        if self._closed:
            raise PlaygroundError("the page is closed")
        return judging.graded(asked.source, asked.name, self._programs)


def _in_a_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: take smaller layers or batches"
    if isinstance(error, RecursionError):
        return "this is nested too deeply"
    if isinstance(error, ImportError):
        return f"this needs {error.name}, which is not here"
    return one_line(str(error) or type(error).__name__, LONGEST_MESSAGE)

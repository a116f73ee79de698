"""A session asked as the page asks it."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from tinygrad_mnist.playground import Session
from tinygrad_mnist.playground.protocol import Encoded, encoded


class Page:
    """A page: sends requests as JSON, and takes the replies apart."""

    def __init__(self) -> None:
        self.session = Session()

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The reply; an AssertionError where it is an error."""
        reply = self.answer(kind=kind, **fields)
        assert reply["kind"] == kind, reply["message"]
        return reply

    def refused(self, kind: str, **fields: Any) -> str:
        """The message of the error that it has to be."""
        reply = self.answer(kind=kind, **fields)
        assert reply["kind"] == "error"
        return str(reply["message"])

    def answer(self, **message: Any) -> dict[str, Any]:
        """The reply to a message that may be wrong."""
        return dict(json.loads(self.session.answer(json.dumps({"id": 7, **message}))))

    def drop(self, name: str, content: bytes, more: bool = False) -> dict[str, Any]:
        """Drop a file on it, or a piece of one."""
        return self.ask("data", name=name, bytes=base64.b64encode(content).decode(), more=more)

    def refused_drop(self, name: str, content: bytes) -> str:
        """The message where a file is none that is taken."""
        return self.refused("data", name=name, bytes=base64.b64encode(content).decode())

    def weights(self) -> dict[str, Any]:
        """Every parameter by its name."""
        return {p["name"]: array(p["values"]) for p in self.ask("parameters")["parameters"]}


def array(value: dict[str, Any]) -> Any:
    """The array in a reply."""
    return Encoded(tuple(value["shape"]), value["dtype"], value["data"]).array()


def one() -> dict[str, Any]:
    """A 1, drawn large."""
    ink = np.zeros((280, 280), np.uint8)
    ink[40:240, 130:155] = 255
    return encoded(ink)

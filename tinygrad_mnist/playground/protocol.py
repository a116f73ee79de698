"""The messages between the page and Python: one JSON object each way, and no other.

A request is {"id": 7, "kind": "read", …}; its reply has the same id and kind, or the kind "error" and a "message" of
one line. Python pushes nothing: the page asks for a bounded amount of work again and again, so that pausing is not
asking. An array is {"shape": [28, 28], "dtype": "uint8", "data": base64 of its little-endian bytes}.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import records
from tinygrad_mnist.arguments import Checked, Range, setting
from tinygrad_mnist.records import RecordError

LARGEST_MESSAGE = records.LIMIT
"""Of bytes of a request: a file that is larger comes in several."""

DTYPES = {"uint8": "|u1", "float32": "<f4"}

SIDES = 1024
"""The longest side of a drawing, in pixels."""

OWN = 2000
"""The most digits that a visitor draws and labels."""

SHOWN = 100
"""The most images of weights, and of mistakes, in a reply."""

RATES = Range("a positive number up to 1,000", most=1000, excluded=(0,))
BATCHES = Range("a whole number from 1 to 1,024", least=1, most=1024, whole=True)
SEEDS = Range("a whole number from 0 to 4,294,967,295", most=2**32 - 1, whole=True)
SHARES = Range("a number from 0 to 0.9", most=0.9)
MOMENTA = Range("a number from 0 to 0.999", most=0.999)
PULLS = Range("a number from 0 to 10", most=10)
STEPS = Range("a whole number from 1 to 1,000", least=1, most=1000, whole=True)
TIMES = Range("a number of milliseconds from 1 to 5,000", least=1, most=5000)
LENGTHS = Range("a text of 1 to 200 characters", least=1, most=200, whole=True)
LABELS = Range("a whole number from 0 to 9", most=9, whole=True)
COUNTS = Range(f"a whole number from 1 to {SHOWN}", least=1, most=SHOWN, whole=True)


@dataclass(frozen=True)
class Encoded:
    """An array in a message."""

    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    data: str

    def array(self) -> NDArray[Any]:
        """What it stands for; raises RecordError where shape and bytes do not fit."""
        content = decoded(self.data, "data")
        dtype = np.dtype(DTYPES[self.dtype])
        if min(self.shape, default=0) < 0 or math.prod(self.shape) * dtype.itemsize != len(content):
            raise RecordError(f"an array of shape {list(self.shape)[:8]} is not made of {len(content):,} bytes")
        return np.frombuffer(content, dtype).reshape(self.shape)


def decoded(text: str, place: str) -> bytes:
    """The bytes that base64 stands for; raises RecordError where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise RecordError(f"{place} is no base64") from None


def encoded(array: NDArray[Any]) -> dict[str, Any]:
    """An array as a message holds it: uint8 as it is, any other numbers as float32."""
    dtype = "uint8" if array.dtype == np.uint8 else "float32"
    content = np.ascontiguousarray(array, DTYPES[dtype]).tobytes()
    return {"shape": list(array.shape), "dtype": dtype, "data": base64.b64encode(content).decode()}


@dataclass(frozen=True)
class Hello:
    """What there is to choose from -> version, numpy, datasets, activations, …, networks, limits."""


@dataclass(frozen=True)
class SetUp(Checked):
    """A new network, ready and untrained -> layers, parameters, examples, validation, classes.

    data: "digits", the embedded ones; "file", what was dropped; "own", what was drawn. mistake: a key of `mistakes`.
    """

    network: str = "784,30,10"
    activation: str = "relu"
    optimizer: str = "sgd"
    rate: float = setting(0.1, allowed=RATES)
    momentum: float = setting(0.0, allowed=MOMENTA)
    batch_size: int = setting(32, allowed=BATCHES)
    augmentation: str = "none"
    init: str = "he"
    data: Literal["digits", "file", "own"] = "digits"
    seed: int = setting(0, allowed=SEEDS)
    mistake: str | None = None
    l2: float = setting(0.0, allowed=PULLS)
    dropout: float = setting(0.0, allowed=SHARES)

    def __post_init__(self) -> None:
        if len(self.network) not in LENGTHS:
            raise RecordError(f"network must be {LENGTHS.words}, not {len(self.network):,}")
        super().__post_init__()


@dataclass(frozen=True)
class Advance(Checked):
    """Train so many steps, or for so many milliseconds -> step, epoch, examples, losses, rates, epochs,
    finished_epoch, signals, and where a mistake is made beside and named.

    An epoch's validation counts as work, too: it may take several of these. Of two limits the first ends it.
    """

    steps: int | None = setting(None, allowed=STEPS)
    milliseconds: float | None = setting(None, allowed=TIMES)


@dataclass(frozen=True)
class Weights:
    """The weights that are images -> layers, each a name and images (n, h, w)."""


@dataclass(frozen=True)
class Parameters:
    """Every weight -> parameters, each a name and values."""


@dataclass(frozen=True)
class Read:
    """A digit through every layer -> seen, layers, probabilities, answer, second, sure, saliency, nearest, doubts.

    image: uint8 (h, w), bright ink on 0. framed: it is 28 × 28 and as MNIST's are; else it is cropped, scaled, centred.
    """

    image: Encoded
    framed: bool = False


@dataclass(frozen=True)
class Explore:
    """The page that steps, for the network as it stands and one digit -> html. label: the right answer."""

    image: Encoded
    label: int
    framed: bool = False


@dataclass(frozen=True)
class Mistakes:
    """The mistakes that this network's backprop can have -> mistakes, each key, title, where, explanation."""


@dataclass(frozen=True)
class Worst(Checked):
    """The digits of the validation that are read worst -> digits, each image, label, answer, probability."""

    count: int = setting(12, allowed=COUNTS)


@dataclass(frozen=True)
class Grade:
    """A learner's backprop -> passed, text, html. name: that of its file, which ends in .py or .ipynb."""

    source: str
    name: str = "backprop.py"


@dataclass(frozen=True)
class Data:
    """A file of a data set -> name, examples, classes, notes; missing: in words, where other files are needed.

    more: whether more of this file follows, in further messages of this name.
    """

    name: str
    bytes: str
    more: bool = False


@dataclass(frozen=True)
class Own:
    """All digits that the visitor has drawn and labelled so far -> examples. images: uint8 (n, 28, 28), framed."""

    images: Encoded
    labels: tuple[int, ...]

    def __post_init__(self) -> None:
        for label in self.labels:
            LABELS.check(label=label)


@dataclass(frozen=True)
class Code:
    """Python that does the same -> expression, recipe, command."""


KINDS: dict[str, type[Any]] = {
    "hello": Hello, "set_up": SetUp, "advance": Advance, "weights": Weights, "parameters": Parameters, "read": Read,
    "explore": Explore, "mistakes": Mistakes, "worst": Worst, "grade": Grade, "data": Data, "own": Own, "code": Code,
}  # fmt: skip

Identity = int | str | None
LONGEST_ID = 64


def header(message: Mapping[str, Any]) -> tuple[Identity, str]:
    """The id and the kind of a request; raises RecordError where there are none such."""
    identity = records.checked(message.get("id"), int | str | None, "id")
    if len(str(identity)) > LONGEST_ID:
        raise RecordError(f"id is longer than {LONGEST_ID} characters")
    kind = records.checked(message.get("kind"), str, "kind")
    if kind not in KINDS:
        raise RecordError(f"kind is {kind[:40]!r} and none of {', '.join(KINDS)}")
    return identity, kind


def request(kind: str, message: Mapping[str, Any]) -> Any:
    """The request in a message, of its kind's class; raises RecordError, which names the field that is wrong."""
    fields = {name: value for name, value in message.items() if name not in ("id", "kind")}
    return records.made(KINDS[kind], fields, "")


def text_of(identity: Identity, kind: str, reply: Mapping[str, Any]) -> str:
    """A reply as text, arrays encoded; a number that is not finite, which JSON has not, as null."""
    return json.dumps({"id": identity, "kind": kind, **_plain(reply)}, allow_nan=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return encoded(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value

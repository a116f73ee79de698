"""Values from outside: what fits its type comes through, what does not is named with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.records import DEEPEST, LIMIT, RecordError, checked, like, made, parsed


@dataclass(frozen=True)
class Inner:
    number: int
    share: float | None = None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("number must be positive")


@dataclass(frozen=True)
class Outer:
    inner: Inner | None
    pairs: tuple[int | str, ...]
    named: dict[str, list[bool]]


def test_a_mapping_becomes_what_the_class_says() -> None:
    given = parsed('{"inner": {"number": 2}, "pairs": [1, "a"], "named": {"x": [true]}}')
    assert made(Outer, given, "") == Outer(Inner(2), (1, "a"), {"x": [True]})
    assert made(Outer, {**given, "inner": None}, "").inner is None


@each(
    ("change", "words"),
    [
        ({"inner": 3}, "inner is 3 and no mapping"),
        ({"inner": {}}, "inner has no 'number'"),
        ({"inner": {"number": 2.5}}, r"inner\.number is 2\.5 and no whole number"),
        ({"inner": {"number": True}}, r"inner\.number is True and no whole number"),
        ({"inner": {"number": 1, "share": "x"}}, r"inner\.share is 'x' and no number"),
        ({"inner": {"number": 1, "other": 0}}, "inner has 'other', which nothing here has"),
        ({"inner": {"number": -1}}, "inner is refused: number must be positive"),
        ({"pairs": {}}, "pairs is a mapping of 0 and no list"),
        ({"pairs": [1, None]}, r"pairs\[1\] is None and none of text, whole number"),
        ({"named": {"x": [1]}}, r"named\.x\[0\] is 1 and no true or false"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordError, match=words):
        made(Outer, {"inner": None, "pairs": [], "named": {}} | change, "")


@each(
    ("text", "words"),
    [
        ("[" * 100_000, "more than 200 deep"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "more than 200 deep"),
        ("1" * 401, "a number of 401 digits"),
        ("[1e999]", "larger than any number of floating point"),
        ("{", "no JSON"),
        (b"\xff", "no JSON"),
        (b" " * (LIMIT + 1), "JSON of more than 16 MiB"),
    ],
)
def test_json_is_read_within_bounds(text: str | bytes, words: str) -> None:
    with pytest.raises(RecordError, match=words):
        parsed(text)


def test_the_deepest_and_the_longest_come_through() -> None:
    assert parsed("[" * DEEPEST + "]" * DEEPEST)
    assert parsed("1" * 40) == int("1" * 40)


@each(
    ("value", "words"),
    [
        ({"a": 0.5, "b": np.zeros(3, np.float32)}, "it has no c"),
        ({"a": 0.5, "b": np.zeros(3, np.float32), "c": None, "d": 1}, "it has 'd', which nothing here has"),
        ({"a": float("nan"), "b": np.zeros(3, np.float32), "c": None}, "a is nan and no finite number"),
        ({"a": 1, "b": np.zeros(2, np.float32), "c": None}, r"b is an array of \(2,\) float32, and \(3,\) float32"),
        ({"a": 1, "b": np.zeros(3), "c": None}, r"b is an array of \(3,\) float64"),
        ({"a": 1, "b": np.full(3, np.inf, np.float32), "c": None}, "b has numbers that are not finite"),
        ({"a": 1, "b": np.zeros(3, np.float32), "c": "x"}, "c is 'x', not None"),
    ],
)
def test_a_value_is_like_its_pattern(value: Any, words: str) -> None:
    pattern = {"a": 1.0, "b": np.ones(3, np.float32), "c": None}
    like({"a": 7, "b": np.zeros(3, np.float32), "c": None}, pattern, "")
    with pytest.raises(RecordError, match=words):
        like(value, pattern, "")


def test_other_hints_are_refused_and_not_guessed() -> None:
    with pytest.raises(RecordError):
        checked(1, complex, "x")

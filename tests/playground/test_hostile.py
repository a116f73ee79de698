"""Messages that no page of ours sends: each is answered with one line, and the session goes on."""

import json
import random
import tracemalloc

import numpy as np
import pytest

from tests.each import each
from tests.playground.asking import Page, one
from tinygrad_mnist.playground import protocol
from tinygrad_mnist.playground.protocol import KINDS, encoded

LONG = "9" * (2 << 20)
MIXED = {"shape": [2, 2], "dtype": "uint8", "data": "AAAAAA=="}


@pytest.fixture(scope="module")
def page():
    page = Page()
    page.ask("set_up", network="784,10")
    return page


def line(text):
    """The message of an error: one line, not long."""
    reply = json.loads(text)
    assert reply["kind"] == "error", reply
    assert len(text) < 1500
    assert reply["message"].isprintable()
    assert reply["message"].strip()
    return reply["message"]


@each(
    "text, words",
    [
        ("", "no JSON"),
        ("[" * 100_000, "deep"),
        ('{"kind": "' + "x" * (10 << 20) + '"}', "none of hello, set_up"),
        ("[1]", "the message is a list of 1 and no mapping"),
        ("{}", "kind is None and no text"),
        ('{"kind": "constructor"}', "none of hello, set_up"),
        ('{"kind": "' + LONG + '"}', "none of hello, set_up"),
        ('{"kind": "hello", "id": ' + LONG + "}", "2,097,152 digits"),
        ('{"kind": "hello", "id": "' + LONG + '"}', "id is longer than 64"),
        ('{"kind": "hello", "id": [1]}', "id is a list of 1"),
        ('{"kind": "hello", "ID": 1}', "it has 'ID', which nothing here has"),
        ('{"kind": "hello", "' + LONG + '": 1}', "which nothing here has"),
        ('{"kind": "hello", "x": "' + "\\u202e\\u0000\\ud800" * 99 + '"}', "which nothing here has"),
        ('"' + "x" * (17 << 20) + '"', "more than 16 MiB"),
        ('{"kind": "advance", "steps": 1e999}', "larger than any number"),
    ],
)
def test_what_is_no_message_is_refused(page, text, words):
    tracemalloc.start()
    assert words in line(page.session.answer(text))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 150 << 20
    assert page.ask("hello")["id"] == 7


@each(
    "kind, fields, words",
    [
        ("set_up", {"network": 3}, "network is 3 and no text"),
        ("set_up", {"network": "784," + "9" * 5000}, "1 to 200 characters, not 5,004"),
        ("set_up", {"network": "784," + "1," * 90 + "10"}, "more than 32 layers"),
        ("set_up", {"network": "784,9999,9999,10"}, "the playground takes 2,000,000"),
        ("set_up", {"network": "1x28x28,1c27,9999c1,10", "batch_size": 1024}, "make it smaller"),
        ("set_up", {"network": "783,10"}, "must begin with 784"),
        ("set_up", {"network": "784,30"}, "end with 10"),
        ("set_up", {"rate": float("nan")}, "rate=nan must be a positive number"),
        ("set_up", {"rate": float("-inf")}, "rate=-inf must be"),
        ("set_up", {"rate": True}, "rate is True and no number"),
        ("set_up", {"rate": 10**39}, "must be a positive number up to 1,000"),
        ("set_up", {"batch_size": 2.5}, "batch_size is 2.5 and no whole number"),
        ("set_up", {"seed": -1}, "seed=-1 must be"),
        ("set_up", {"dropout": 1}, "dropout=1 must be"),
        ("set_up", {"data": "/etc/passwd"}, "none of digits, file, own"),
        ("set_up", {"augmentation": "__class__"}, "none of none, light"),
        ("set_up", {"activation": "eval"}, "it is one of relu"),
        ("set_up", {"optimizer": ""}, "it is one of sgd"),
        ("set_up", {"mistake": LONG}, "mistakes gives those"),
        ("advance", {"steps": 0}, "steps=0 must be"),
        ("advance", {"steps": 10**30}, "must be a whole number from 1 to 1,000"),
        ("advance", {"milliseconds": 1e9}, "must be a number of milliseconds"),
        ("read", {}, "it has no 'image'"),
        ("read", {"image": "x"}, "image is 'x' and no mapping"),
        ("read", {"image": MIXED | {"dtype": "object"}}, "none of uint8, float32"),
        ("read", {"image": MIXED | {"data": "🙂"}}, "no base64"),
        ("read", {"image": MIXED | {"data": LONG}}, "no"),
        ("read", {"image": MIXED | {"shape": [2**40, 2**40]}}, "not made of 4 bytes"),
        ("read", {"image": MIXED | {"shape": [-2, -2]}}, "not made of 4 bytes"),
        ("read", {"image": MIXED | {"shape": [[2]]}}, "no whole number"),
        ("read", {"image": MIXED | {"shape": [4]}}, "expected uint8"),
        ("read", {"image": MIXED}, "no digit to be seen"),
        ("read", {"image": MIXED, "framed": True}, "28 × 28"),
        ("read", {"image": encoded(np.zeros((2, 2000), np.uint8))}, "up to 1024"),
        ("read", {"image": encoded(np.full((2, 2), np.nan))}, "expected uint8"),
        ("explore", {"image": one(), "label": -1}, "the classes are 0 to 9"),
        ("worst", {"count": 101}, "count=101 must be"),
        ("grade", {"source": "x", "name": "../../x.sh"}, "give a program, .py"),
        ("grade", {"source": LONG}, "2,000,000 are the most"),
        ("data", {"name": "x" * 9999, "bytes": "AAAA"}, "no data set, by its name"),
        ("own", {"images": MIXED, "labels": [1, 2]}, "expected (n, 28, 28)"),
        ("own", {"images": encoded(np.zeros((1, 28, 28), np.uint8)), "labels": [10]}, "label=10 must be"),
        ("own", {"images": encoded(np.zeros((1, 28, 28), np.uint8)), "labels": [10**30]}, "a whole number from 0 to 9"),
    ],
)
def test_a_field_that_is_wrong_is_named(page, kind, fields, words):
    assert words in line(page.session.answer(json.dumps({"kind": kind, **fields})))


def test_random_fields_never_raise(page):
    rng = random.Random(0)
    values = [None, True, -1, 0, 7, 1e300, float("nan"), "", "digits", "784,10", [], [[]], {}, MIXED, one(), "own"]
    names = sorted({name for made in KINDS.values() for name in vars(made).get("__dataclass_fields__", {})})
    for _ in range(200):
        kind = rng.choice([*KINDS.keys() - {"grade", "explore"}])
        fields = {name: rng.choice(values) for name in rng.sample(names, rng.randrange(3))}
        if kind == "set_up" or rng.random() < 0.7:
            fields = {name: value for name, value in fields.items() if name in KINDS[kind].__dataclass_fields__}
        text = page.session.answer(json.dumps({"kind": kind, "id": 7, **fields}))
        reply = json.loads(text)
        assert reply["kind"] in (kind, "error")
        assert reply["id"] == 7
        assert reply["kind"] == kind or line(text)


def test_numbers_that_json_has_not_become_null():
    text = protocol.text_of(1, "x", {"a": float("inf"), "b": [np.float32("nan")], "c": np.int64(3)})
    assert json.loads(text) == {"id": 1, "kind": "x", "a": None, "b": [None], "c": 3}

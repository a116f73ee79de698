"""Data that visitors drop and draw."""

import gzip
import io

import numpy as np

from tests.data.test_layouts import idx
from tinygrad_mnist import data
from tinygrad_mnist.playground import dropped
from tinygrad_mnist.playground.protocol import encoded


def test_files_are_dropped_in_any_order_and_in_pieces(page, monkeypatch):
    digits = data.load_digits()
    files = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx(digits.train.images), 1),
        "train-labels-idx1-ubyte": idx(digits.train.labels.astype(np.uint8)),
        "t10k-images-idx3-ubyte": idx(digits.test.images),
        "t10k-labels-idx1-ubyte": idx(digits.test.labels.astype(np.uint8)),
    }
    assert "dropped" in page.refused("set_up", data="file")
    replies = []
    for name, content in files.items():
        half = len(content) // 2
        so_far = page.drop(name, content[:half], more=True)["examples"]
        assert so_far == (replies[-1]["examples"] if replies else 0)
        replies.append(page.drop(name, content[half:]))
    assert [bool(reply["missing"]) for reply in replies] == [True, False, True, False]
    assert [reply["examples"] for reply in replies] == [0, 1286, 1286, 1500]
    assert replies[-1]["classes"] == 10
    assert page.ask("set_up", data="file")["examples"] == 1350
    page.ask("advance", steps=3)
    assert page.ask("code")["command"].startswith("tinygrad-mnist train --data FOLDER")
    archive = io.BytesIO()
    np.savez(archive, x_train=digits.train.images, y_train=digits.train.labels)
    assert page.drop("mnist.npz", archive.getvalue())["examples"] == 1286
    for name, content in {
        "a.txt": b"hello",
        "b-idx3-ubyte": b"\0\0\x08\x03",
        "c.npz": archive.getvalue()[:900],
    }.items():
        assert "\n" not in page.refused_drop(name, content)
    assert page.ask("set_up", data="file")["examples"] == 1157  # what was there is still there
    monkeypatch.setattr(dropped, "LIMIT", 1000)
    assert "the most that is taken" in page.refused_drop("d", bytes(1001))


def test_own_digits_are_learned(page):
    assert "draw some" in page.refused("set_up", data="own")
    few = data.load_digits().train[:30]
    assert page.ask("own", images=encoded(few.images), labels=few.labels.tolist())["examples"] == 30
    made = page.ask("set_up", data="own")
    assert (made["examples"], made["validation"]) == (27, 3)
    page.ask("own", images=encoded(few.images[:4]), labels=few.labels[:4].tolist())
    assert "too few" in page.refused("set_up", data="own")
    assert "every image needs one" in page.refused("own", images=encoded(few.images), labels=[1])

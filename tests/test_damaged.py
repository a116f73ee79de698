"""Two thousand damaged files, made from a seed: each is read, or refused in one line; none hangs or fills memory."""

from __future__ import annotations

import copy
import functools
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.cli.resuming import resumed
from tinygrad_mnist.training import CheckpointError, Recipe

SEED = 14
COUNTS = {"model": 700, "checkpoint": 500, "history": 800}
KEYS = {"model": "tinygrad_mnist", "checkpoint": "tinygrad_mnist_run"}
RECIPE = Recipe(layers=(784, 6, 10), epochs=2, batch_size=20, augment=None)

WRONG: list[Any] = [
    None, True, False, -1, 0, 1, 3, 10**9, 10**18, 10**39, 10**400, -(10**18), 0.5, -0.5, 1e308, 1e-308,
    float("nan"), float("inf"),
    "", "x", "784", "\x1b[2J\n", "\ud800", "é" * 300, [], [[]], {}, {"a": 1}, [1, 2], [784, -1, 10],
    ["1x28x28", 10**6, 10], {"array": "none"}, {"items": [[1]]}, {"items": [[[], 1]]},
    {"model": "Sequential", "layers": []},
]  # fmt: skip


@functools.cache
def small() -> data.Split:
    return data.load("digits").train[:50]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Good files of each kind, from which the damaged ones are made."""
    folder = tmp_path_factory.mktemp("originals")
    models = [
        nn.MLP((784, 6, 10)),
        nn.network("1x28x28,2c3,mp2,10", batch_norm=True, dropout=0.2),
        nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 2, 3, padding="same"), nn.ELU(0.5), nn.AvgPool2d(2),
            nn.ConvTranspose2d(2, 2, 2), nn.GroupNorm(1, 2), nn.AdaptiveAvgPool2d((2, None)), nn.Flatten(),
            nn.Sequential(nn.Linear(2 * 2 * 28, 5), nn.LayerNorm(5), nn.Softmax(), nn.Linear(5, 10)),
        ),
    ]  # fmt: skip
    files: dict[str, list[bytes]] = {"model": []}
    for i, model in enumerate(models):
        training.save_model(model, folder / f"{i}.safetensors")
        files["model"].append((folder / f"{i}.safetensors").read_bytes())
    history = fit(folder / "checkpoint", resume=False)
    files["checkpoint"] = [(folder / "checkpoint").read_bytes()]
    history.save(folder / "history", **RECIPE.as_dict())
    files["history"] = [(folder / "history").read_bytes()]
    return files


class Unwritten(training.Checkpoint):
    """A checkpoint that is only read."""

    def write(self, run: training.Run) -> None:
        pass


def fit(path: Path, resume: bool) -> training.History:
    notes = {"recipe": RECIPE.as_dict(), "seed": 0, "source": "digits"}
    checkpoint = (Unwritten if resume else training.Checkpoint)(path, steps=10**6, notes=notes)
    return RECIPE.fit(RECIPE.make_model(0), (small(), small()), checkpoint=checkpoint, resume=resume)


def parts(content: bytes, key: str) -> tuple[dict[str, NDArray[Any]], Any]:
    """The arrays of a safetensors file, and what its metadata say."""
    from safetensors.numpy import load

    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    return load(content), json.loads(header["__metadata__"][key])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within a value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def damage(rng: np.random.Generator, kind: str, originals: list[bytes]) -> bytes:
    content = originals[rng.integers(len(originals))]
    way = rng.integers(8)
    if way == 0:
        return content[: rng.integers(len(content))]
    if way == 1:
        return flipped(rng, content, len(content))
    if way == 2:
        return flipped(rng, content, min(len(content), 2000))
    if way == 3:
        start, end = sorted(rng.integers(len(content), size=2))
        return content[:start] + rng.bytes(int(rng.integers(40))) + content[end:]
    if kind == "history":
        return altered(rng, json.loads(content)).encode("utf-8", "surrogatepass")
    tensors, described = parts(content, KEYS[kind])
    if way == 4:
        name = list(tensors)[rng.integers(len(tensors))]
        tensors[name] = other_array(rng, tensors[name])
        return save(tensors, {KEYS[kind]: json.dumps(described)})
    if way == 5:
        return headed(rng, content)
    return save(tensors, {KEYS[kind]: altered(rng, described)})


def flipped(rng: np.random.Generator, content: bytes, below: int) -> bytes:
    array = np.frombuffer(content, np.uint8).copy()
    for place in rng.integers(below, size=rng.integers(1, 4)):
        array[place] ^= 1 << rng.integers(8)
    return array.tobytes()


def altered(rng: np.random.Generator, value: Any) -> str:
    """The value as JSON, one place of it replaced, or everything in lists within lists."""
    if rng.integers(20) == 0:
        deep = int(rng.choice([150, 400, 100_000]))
        return "[" * deep + json.dumps(value) + "]" * deep
    ways = list(places(value))
    new = WRONG[rng.integers(len(WRONG))]
    if rng.integers(8) == 0:
        new = value
    return json.dumps(replaced(value, ways[rng.integers(len(ways))], new))


def other_array(rng: np.random.Generator, array: NDArray[Any]) -> NDArray[Any]:
    others: list[NDArray[Any]] = [
        np.zeros((0,), np.float32), array.astype(np.float64), array.astype(np.int8), np.zeros((3, 3), np.float32),
        np.full_like(array, 100), array[None], array.astype(np.float16), np.zeros(array.shape, np.bool_),
    ]  # fmt: skip
    if array.dtype.kind == "f" and array.size:
        bad = array.copy()
        bad.flat[rng.integers(bad.size)] = rng.choice([np.nan, np.inf])
        others.append(bad)
    return others[rng.integers(len(others))]


def headed(rng: np.random.Generator, content: bytes) -> bytes:
    """Another header before the same numbers: a tensor's type, shape or place, or its length, is another."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    ways = [way for way in places(header) if way and way[0] != "__metadata__"]
    new = [*WRONG, "F8_E4M3", "BF16", "I64", [2**62, 4], [0, 2**62, 2**62]]
    text = json.dumps(replaced(header, ways[rng.integers(len(ways))], new[rng.integers(len(new))])).encode()
    said = len(text) if rng.integers(5) else int(rng.choice([0, 1, 10**9, 2**63 - 1]))
    return struct.pack("<Q", said) + text + content[8 + length :]


def read_model(path: Path) -> None:
    training.load_model(path)
    training.load_weights(nn.MLP((784, 6, 10)), path)


def read_checkpoint(path: Path) -> None:
    resumed(training.read_notes(path), path, {}, {})
    fit(path, resume=True)


READERS: dict[str, Callable[[Path], object]] = {
    "model": read_model, "checkpoint": read_checkpoint, "history": training.History.load,
}  # fmt: skip


@pytest.mark.parametrize("kind", COUNTS)
def test_a_damaged_file_is_read_or_refused_in_one_line(
    kind: str, originals: dict[str, list[bytes]], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    rng = np.random.default_rng(SEED)
    refused = 0
    for number in range(COUNTS[kind]):
        path = tmp_path / f"{number}\n"
        path.write_bytes(damage(rng, kind, originals[kind]))
        try:
            READERS[kind](path)
        except CheckpointError as error:
            refused += 1
            message = str(error)
            assert message.isprintable(), number
            assert f"{number}\\n: " in message
            assert len(message) <= 1000
        path.unlink()
    assert refused > COUNTS[kind] / 2
    assert not recwarn.list

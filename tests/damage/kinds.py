"""Files of every kind that the command line reads, good ones and damaged ones, and the commands that read them."""

from __future__ import annotations

import gzip
import io
import json
import re
import shutil
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests import test_damaged as records
from tests.cli.running import command, process
from tests.damage.ways import Rng, anyhow, in_json, in_lines, in_png, pick
from tests.data import test_damaged as tables
from tests.data.test_layouts import csv, four_files, idx, npz, zipped
from tinygrad_mnist import data, nn, training

CASES = Path(__file__).parents[1] / "grading" / "cases"
DIGITS = data.load("digits")
TRAIN, TEST = DIGITS.train[:60], DIGITS.test[:20]
ARRAYS = TRAIN.images, TRAIN.labels, TEST.images, TEST.labels
SMALL = "--layers 784,6,10 --epochs 2 --batch-size 20 --augment none"


@dataclass(frozen=True)
class Kind:
    """Damaged files of one kind: the names they may have, how they are made, and what reads them.

    In a command {file} is the file, {folder} what it lies in, {out} one to write into, {good} a folder of good files,
    among them {model} and {mnist}.
    """

    names: Sequence[str]
    make: Callable[[Rng, Path], bytes]
    commands: Sequence[str]
    weight: int = 1
    around: Callable[[Path], dict[str, bytes]] = lambda good: {}


def words_of(line: str, good: Path, **places: Path) -> list[str]:
    """The arguments in a command."""
    places |= {"good": good, "model": good / MODEL, "mnist": good / "mnist.npz"}
    return [re.sub(r"\{(\w+)\}", lambda found: str(places[found[1]]), word) for word in line.split()]


def good_files(folder: Path) -> None:
    """Everything undamaged, made once."""
    folder.mkdir(parents=True)
    model = nn.MLP((784, 6, 10))
    training.save_model(model, folder / "model.safetensors")
    training.save_onnx(model, folder / "model.onnx")
    convolutional = nn.network("1x28x28,2c3,mp2,10", batch_norm=True, dropout=0.2)
    training.save_model(convolutional, folder / "convolutional.safetensors")
    training.save_onnx(convolutional, folder / "convolutional.onnx")
    training.save_onnx(model, folder / "backward.onnx", backward=True)
    (folder / "mnist.npz").write_bytes(npz(**dict(zip(("x_train", "y_train", "x_test", "y_test"), ARRAYS))))
    for line in (
        f"train --data {{mnist}} {SMALL} --out {{good}}/run",
        f"{SWEEPING} --out {{good}}/sweep",
        f"{SWEEPING} --out {{good}}/swept --storage sqlite:///{{good}}/study.db",
    ):
        result = process(folder, *words_of(line, good=folder))  # a cluster in this process would be forked with it
        assert result.returncode == 0, result.stderr
    (folder / "class").mkdir()
    shutil.copy(CASES / "weights_then_biases.py", folder / "class")
    graded = command(folder, "grade", folder / "class", "--html", folder / "graded")
    assert graded.returncode == 0, graded.stderr
    for name, content in pictures().items():
        (folder / name).write_bytes(content)


MODES = {
    "PNG": "1 L LA P RGB RGBA I;16", "JPEG": "L RGB CMYK", "WEBP": "RGB RGBA", "AVIF": "RGB", "GIF": "L P",
    "BMP": "1 L P RGB", "TIFF": "1 L LA RGB RGBA CMYK F I;16", "PPM": "1 L RGB",
}  # fmt: skip
COMPRESSIONS = ("raw", "tiff_lzw", "packbits")


@cache
def pictures() -> dict[str, bytes]:
    """A digit in every format, and in the modes that some of them have."""
    digit = Image.fromarray(255 - DIGITS.test.images[0]).resize((60, 60))
    exif = digit.getexif()
    exif[0x0112], exif[0x010E] = 6, "a digit"
    made: dict[str, bytes] = {}
    for form in filter(features_of(Image.SAVE), MODES):
        for mode in MODES[form].split():
            picture = digit.convert("I").convert(mode) if mode == "I;16" else digit.convert(mode)
            known: dict[str, dict[str, Any]] = {"TIFF": {"compression": COMPRESSIONS[len(made) % 3]}}
            options = (known | {"JPEG": {"exif": exif, "progressive": mode == "RGB"}}).get(form, {})
            file = io.BytesIO()
            picture.save(file, form, **options)
            made[f"{mode.replace(';', '')}.{form.lower()}"] = file.getvalue()
    return made


def features_of(known: dict[str, Any]) -> Callable[[str], bool]:
    Image.init()
    return lambda form: form in known


def from_good(*names: str, inside: Callable[[Rng, bytes], bytes] | None = None) -> Callable[[Rng, Path], bytes]:
    """One of the good files, damaged anyhow or within its structure; now and then another of them."""

    def make(rng: Rng, good: Path) -> bytes:
        content = (good / pick(rng, names)).read_bytes()
        if inside and rng.random() < 0.6:
            return inside(rng, content)
        others = [path.read_bytes() for path in sorted(good.iterdir()) if path.is_file()]
        return anyhow(rng, content, others)

    return make


def of_safetensors(kind: str) -> Callable[[Rng, bytes], bytes]:
    return lambda rng, content: records.damage(rng, kind, [content])


def in_onnx(rng: Rng, content: bytes) -> bytes:
    """A model in which a tensor, a text or a node is another one."""
    import onnx

    model = onnx.load_model_from_string(content)
    graph = model.graph
    tensor = pick(rng, list(graph.initializer))
    way = int(rng.integers(12))
    if way == 0:
        tensor.dims[:] = [int(n) for n in rng.choice([-1, 0, 1, 6, 2**31, 2**62], int(rng.integers(0, 4)))]
    elif way == 1:
        tensor.data_type = int(rng.integers(0, 30))
    elif way == 2:
        tensor.raw_data = anyhow(rng, tensor.raw_data)
    elif way == 3:
        graph.initializer.append(tensor)
    elif way == 4:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=pick(rng, ["/etc/passwd", "../x", "x"]))
    elif way == 5:
        tensor.doc_string = pick(rng, ["", "W1", "b1", "\n", "\x1b[2J", "x" * 100_000])
    elif way == 6:
        tensor.ClearField("raw_data")
        getattr(tensor, pick(rng, ["float_data", "double_data"])).extend([1.0] * int(rng.integers(0, 9000)))
    elif way == 7:
        values = np.frombuffer(tensor.raw_data, np.float32).copy() if len(tensor.raw_data) % 4 == 0 else np.zeros(1)
        values[: int(rng.integers(1, 5))] = pick(rng, [np.nan, np.inf, 1e38])
        tensor.raw_data = values.astype(np.float32).tobytes()
    elif way == 8:
        del graph.node[int(rng.integers(len(graph.node))) :]
    else:
        entry = pick(rng, list(model.metadata_props))
        if way == 9:
            entry.key = pick(rng, ["", "x", "tinygrad_mnist", "tinygrad_mnist_buffers"])
        else:
            entry.value = records.altered(rng, json.loads(entry.value)).replace("\ud800", "?")
    return model.SerializeToString()


# data sets


def of_table(kind: str) -> Callable[[Rng, Path], bytes]:
    return lambda rng, good: tables.KINDS[kind][1](rng)


def changed(*contents: bytes, pack: Callable[[bytes], bytes] = lambda b: b) -> Callable[[Rng, Path], bytes]:
    """Damaged, then packed; or packed, then damaged."""

    def make(rng: Rng, good: Path) -> bytes:
        content = pick(rng, contents)
        return pack(anyhow(rng, content)) if rng.random() < 0.5 else anyhow(rng, pack(content))

    return make


def in_zip(rng: Rng, files: dict[str, bytes]) -> bytes:
    """An archive whose members lie: twice, elsewhere, under other names, sealed, or much larger than they say."""
    file = io.BytesIO()
    odd = ["../../x", "/etc/x", "a\nb", "\x1b[2Jx", "é" * 200, "x" * 60_000, "C:\\x", "mnist.csv", "x.npy"]
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", int(rng.choice([0, 8, 12, 14]))) as archive:
        warnings.simplefilter("ignore")  # of names that stand there twice
        for name, content in files.items():
            if rng.integers(6) == 0:
                name = pick(rng, odd)
            if rng.integers(6) == 0:
                content = anyhow(rng, content)
            if rng.integers(40) == 0:
                content = bytes(50 << 20)
            for _ in range(1 + int(rng.integers(8) == 0)):
                archive.writestr(name, content)
        if rng.integers(30) == 0:
            for i in range(20_000):
                archive.writestr(f"{i}.txt", b"")
    whole = bytearray(file.getvalue())
    if rng.integers(3) == 0:  # the list at the end, whose words are believed first
        at = whole.rfind(b"PK\1\2")
        field = pick(rng, [(8, "<H"), (10, "<H"), (16, "<I"), (20, "<I"), (24, "<I"), (28, "<H"), (42, "<I")])
        struct.pack_into(field[1], whole, at + field[0], int(rng.choice([0, 1, 9, 99, 65535])))
    return bytes(whole)


def in_tar(rng: Rng, files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=pick(rng, ["w", "w:gz", "w:bz2", "w:xz"])) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(pick(rng, [name, name, name, "../x", "a\nb", "/etc/x"]))
            info.size = len(content)
            way = rng.integers(12)
            if way < 5:
                info.type = bytes([int(rng.choice(list(b"123456Sx")))])
                info.linkname = pick(rng, [name, "/etc/passwd", "../.."])
            archive.addfile(info, io.BytesIO(content))
    return anyhow(rng, file.getvalue()) if rng.integers(3) else file.getvalue()


def arff(rng: Rng, good: Path) -> bytes:
    names = "".join(f"@ATTRIBUTE pixel{i} real\n" for i in range(784))
    rows = b"".join(csv(TRAIN[:5], label=-1).splitlines(keepends=True))
    content = f"% MNIST\n@RELATION mnist\n{names}@ATTRIBUTE class {{0,1,2,3,4,5,6,7,8,9}}\n@DATA\n".encode() + rows
    return pick(rng, [in_lines, anyhow])(rng, content)


def mat(rng: Rng, good: Path) -> bytes:
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, {"X": TRAIN.images.reshape(60, -1), "y": TRAIN.labels})
    return anyhow(rng, file.getvalue())


STARTS = [
    b"PAR1", b"ARROW1\0\0", b"\x89HDF\r\n\x1a\n", b"\x80\x04\x95", b"%PDF-1.4", b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"SQLite format 3\0", b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b"\0\0\0\x18ftypheic",
]  # fmt: skip


def foreign(rng: Rng, good: Path) -> bytes:
    start = pick(rng, STARTS)
    return anyhow(rng, start + rng.bytes(3000) + start[:4])


def folders(rng: Rng, good: Path) -> bytes:
    """A zip of a picture for each class and example, some damaged: it is unpacked into the folder by the campaign."""
    files = {}
    for i, (image, label) in enumerate(zip(TRAIN.images[:24], TRAIN.labels[:24])):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        files[f"{pick(rng, ['train/', 'train/', 'test/'])}{label}/{i}.png"] = file.getvalue()
    name = pick(rng, list(files))
    files[name] = pick(rng, [in_png, anyhow])(rng, files[name])
    if rng.integers(4) == 0:
        files[name.replace(".png", ".jpg")] = pictures()["RGB.jpeg"]
    return in_zip(rng, files) if rng.integers(3) == 0 else zipped(files)


def many(rng: Rng, good: Path) -> bytes:
    return in_zip(rng, four_files(ARRAYS))


def many_tarred(rng: Rng, good: Path) -> bytes:
    return in_tar(rng, four_files(ARRAYS))


def nested(rng: Rng, good: Path) -> bytes:
    content = zipped(four_files(ARRAYS))
    for _ in range(int(rng.integers(1, 5))):
        content = zipped({pick(rng, ["a.zip", "mnist.npz", "train-images-idx3-ubyte", "x.csv"]): content})
    return content


def bomb(rng: Rng, good: Path) -> bytes:
    """A few kilobytes that unpack to more than is read."""
    piece = gzip.compress(bytes(100 << 20), 9, mtime=0) * 8
    head = pick(rng, [b"", gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 2**20, 28, 28)), gzip.compress(b"label,a\n")])
    return head + piece


# pictures


def picture(rng: Rng, good: Path) -> bytes:
    name = pick(rng, sorted(pictures()))
    content = pictures()[name]
    return in_png(rng, content) if name.endswith("png") and rng.random() < 0.6 else anyhow(rng, content)


# programs


def program(rng: Rng, good: Path) -> bytes:
    names = ["weights_then_biases", "class_with_methods", "sigmoid_outputs_log_loss", "trains_when_imported"]
    content = (CASES / f"{pick(rng, names)}.py").read_bytes()
    return pick(rng, [in_lines, in_lines, anyhow])(rng, content)


def notebook(rng: Rng, good: Path) -> bytes:
    return pick(rng, [in_json, in_json, anyhow])(rng, (CASES / "notebook.ipynb").read_bytes())


def submissions(rng: Rng, good: Path) -> bytes:
    return in_zip(rng, {"ann/net.py": program(rng, good), "ben/net.ipynb": notebook(rng, good), "c/readme.txt": b"x"})


# commands

READING = [
    "evaluate {file} --data {mnist}", "evaluate {file} --data {mnist} --classes", "predict {file} {good}/RGB.png",
    "graph {file} --data {mnist} -o {out}/x.txt --format dot", "graph {file} --data {mnist} --format plan",
    "graph {file} --data {mnist} --format numpy -o {out}/x.py", "graph {file} --data {mnist} --html {out}/x.html",
    "graph {file} --data {mnist} --format mermaid --backward", "export {file} --onnx {out}/x.onnx",
    "export {file} --onnx {out}/x.onnx --backward", "exercise {file} --data {mnist} --notebook {out}/x.ipynb",
]  # fmt: skip
USING = [
    "evaluate {model} --data {file}", "evaluate {model} --data {file}",
    f"train --data {{file}} {SMALL} --out {{out}}/run", "compare --data {file} --layers 784,4,10 --batch-size 5",
    "graph --layers 784,10 --data {file} --format mermaid",
]  # fmt: skip
SEEING = [
    "predict {model} {file}", "predict {model} {file} --json -", "predict {model} {folder} {good}/RGB.png",
    "predict {model} {file} --show {out}/seen.png --csv {out}/x.csv",
]  # fmt: skip
PLOTTING = ["plot {folder} --data {mnist} --out {out}/plots"]
GRADING = [f"{command} {{file}} --time-limit 4" for command in ("grade", "compare")]
GRADING += ["grade {file} --time-limit 4 --json -", "grade {file} --time-limit 4 --html {out}/r.html"]
CLASSES = ["grade {file} --time-limit 4 --jobs 1"]
CLASSES += ["grade {file} --time-limit 4 --jobs 1 --html {out}/pages --csv {out}/x.csv"]
SWEEPING = f"sweep --data {{mnist}} {SMALL} --space lr=1e-3..1e-2:log --trials 2 --seeds 1 --workers 1"

IMAGES_OF, LABELS_OF = (four_files(ARRAYS)[name] for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"))


def beside(**files: bytes) -> Callable[[Path], dict[str, bytes]]:
    return lambda good: {name.replace("_", "-"): content for name, content in files.items()}


def of_run(*names: str) -> Callable[[Path], dict[str, bytes]]:
    return lambda good: {name: (good / "run" / name).read_bytes() for name in names}


LABELS, IMAGES = beside(train_labels_idx1_ubyte=LABELS_OF), beside(train_images_idx3_ubyte=IMAGES_OF)
MODEL, HISTORY, RECIPE, RESULT = "model.safetensors", "history.json", "recipe.json", "weights_then_biases.json"
SAFETENSORS, ONNX = (MODEL, "convolutional.safetensors"), ("model.onnx", "convolutional.onnx", "backward.onnx")
PICTURES = ["x.png", "x.jpg", "x.webp", "x.tif", "a\nb.gif", "\udcff.bmp", "x.heic", "-x.avif"]
GZIPPED = changed(idx(tables.IMAGES), pack=lambda content: gzip.compress(content, 1, mtime=0))

KINDS: dict[str, Kind] = {
    "model": Kind(
        [MODEL, "a\nb.safetensors", "\x1b[2J.safetensors"],
        from_good(*SAFETENSORS, inside=of_safetensors("model")), READING, 10,
    ),
    "onnx": Kind(["model.onnx", "\udcff.onnx"], from_good(*ONNX, inside=in_onnx), READING, 8),
    "model of a run": Kind([MODEL], from_good(MODEL, inside=of_safetensors("model")), PLOTTING, 1, of_run(HISTORY)),
    "checkpoint": Kind(
        ["checkpoint.safetensors"], from_good("run/checkpoint.safetensors", inside=of_safetensors("checkpoint")),
        ["train --resume --out {folder} --data {mnist}"], 7,
    ),
    "history": Kind([HISTORY], from_good(f"run/{HISTORY}", inside=in_json), PLOTTING, 3, of_run(MODEL)),
    "recipe": Kind(
        [RECIPE, "a\nb.json"], from_good(f"sweep/{RECIPE}", inside=in_json),
        ["train --recipe {file} --data {mnist} --epochs 1 --out {out}/run"], 4,
    ),
    "idx": Kind(["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"], of_table("idx"), USING, 2, LABELS),
    "idx header": Kind(["train-images-idx3-ubyte"], of_table("idx header"), USING, 2, LABELS),
    "idx labels": Kind(["train-labels-idx1-ubyte"], of_table("idx labels"), USING, 2, IMAGES),
    "idx.gz": Kind(["train-images-idx3-ubyte.gz"], GZIPPED, USING, 3, LABELS),
    "npz": Kind(["mnist.npz", "x.npz", "x"], from_good("mnist.npz"), USING, 4),
    "npz header": Kind(["mnist.npz"], of_table("npz header"), USING, 4),
    "csv": Kind(["train.csv", "x.tsv", "mnist.csv.gz"], changed(tables.csv(), csv(TRAIN, label=-1)), USING, 4),
    "csv number": Kind(["train.csv"], of_table("csv number"), USING, 2),
    "csv lines": Kind(["train.csv"], lambda rng, good: in_lines(rng, tables.csv()), USING, 3),
    "arff": Kind(["mnist.arff", "mnist.csv"], arff, USING, 3),
    "mat": Kind(["mnist.mat", "mnist.npz", "x"], mat, USING, 1),
    "foreign": Kind(["x.parquet", "x.arrow", "x.h5", "x.pkl", "x.csv", "x.npz", "x.heic"], foreign, USING, 2),
    "zip": Kind(["mnist.zip", "x"], many, USING, 4),
    "tar": Kind(["mnist.tar", "mnist.tar.gz"], many_tarred, USING, 3),
    "nested": Kind(["mnist.zip", "x.npz"], nested, USING, 1),
    "bomb": Kind(["x.gz", "train.csv.gz", "train-images-idx3-ubyte.gz"], bomb, USING[:1], 0),
    "folders": Kind(["unpack.zip"], folders, [line.replace("{file}", "{folder}") for line in USING], 3),
    "cached": Kind(
        ["../cache/tinygrad_mnist/train-images-idx3-ubyte.gz"], GZIPPED,
        ["evaluate {model} --data mnist", "evaluate {model} --data auto"], 1,
    ),
    "pyodide": Kind(["pyodide.mjs"], foreign, ["playground --html {out}/x.html --pyodide {folder}"], 0),
    "picture": Kind(PICTURES, picture, SEEING, 14),
    "foreign picture": Kind(["x.heic", "x.png", "x.pdf", "x.svg"], foreign, SEEING, 1),
    "program": Kind(["net.py", "a\nb.py", "\x1b[2J.py"], program, GRADING, 3),
    "notebook": Kind(["net.ipynb"], notebook, GRADING, 3),
    "class": Kind(["class.zip", "x"], submissions, CLASSES, 2),
    "kept result": Kind(
        [f"results/{RESULT}"], from_good(f"graded/results/{RESULT}", inside=in_json),
        ["grade {good}/class --html {folder} --time-limit 4"], 1,
    ),
    "journal": Kind(
        ["study.journal"], from_good("sweep/study.journal", inside=in_lines),
        [f"{SWEEPING} --resume --out {{folder}}"], 1,
    ),
    "data base": Kind(
        ["study.db"], from_good("study.db"), [f"{SWEEPING} --resume --out {{out}} --storage sqlite:///{{file}}"], 1
    ),
}  # fmt: skip

"""Photographs of digits, drawn with what goes wrong in them: how many are read right, doubted, refused or wrong.

    python benchmarks/photographs.py MODEL [--data FOLDER] [--each 20] [--seed 0] [--kinds KIND,KIND] [--keep FOLDER]

Without a model, one is trained on the data for five epochs. The pictures are drawn from the data's test images; of the
kind framed they are these images as they are.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tinygrad_mnist import data, nn, training

HEIGHT, WIDTH = 800, 600


class Sheet:
    """A drawing of digits, as shares of ink on 800 × 600 pixels, and the chance that decides what it looks like."""

    def __init__(self, images, rng):
        self.rng = rng
        self.images = images
        self.rows, self.columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)

    def ink(self, side=None, at=None, image=0):
        """A digit so many pixels large, in a place by chance or with its corner there."""
        side = side or int(self.rng.integers(300, 540))
        top, left = at or (self.rng.integers(60, HEIGHT - side - 40), self.rng.integers(25, WIDTH - side - 15))
        big = Image.fromarray(self.images[image]).resize((side, side), Image.Resampling.BICUBIC)
        blurred = np.asarray(big.filter(ImageFilter.GaussianBlur(side / 60)), np.float32)
        ink = np.zeros((HEIGHT, WIDTH), np.float32)
        ink[top : top + side, left : left + side] = np.clip(blurred / 50 - 1.8, 0, 1)
        return ink

    def lines(self, sideways=False):
        """Ruled lines of some distance, thickness and slope, as shares of their own darkness."""
        distance, thickness = self.rng.integers(35, 90), self.rng.integers(1, 4)
        slope = self.rng.uniform(-0.06, 0.06)
        along, across = (self.rows, self.columns) if sideways else (self.columns, self.rows)
        return ((across + slope * along + self.rng.integers(0, 90)) % distance < thickness).astype(np.float32)

    def changed(self, change):
        """Ink that a function from picture to picture has changed."""
        drawn = Image.fromarray((self.ink(int(self.rng.integers(340, 480))) * 255).astype(np.uint8))
        return np.asarray(change(drawn), np.float32) / 255

    def filtered(self, made, sizes):
        size = int(self.rng.choice(sizes))
        return self.changed(lambda ink: ink.filter(made(size)))

    def photograph(self, paper, ink, darkness=None, noise=5.0):
        darkness = self.rng.uniform(20, 70) if darkness is None else darkness
        shades = paper * (1 - ink) + darkness * ink + self.rng.normal(0, noise, (HEIGHT, WIDTH))
        return Image.fromarray(shades.clip(0, 255).astype(np.uint8))

    def plain(self):
        return self.photograph(self.rng.uniform(200, 250), self.ink())

    def tableedge(self):
        top, bottom, left, right = self.rng.integers(0, 45, 4)
        tilt = self.rng.uniform(-0.05, 0.05)
        on = self.rows + tilt * self.columns > top + 15
        on &= (self.rows + tilt * self.columns < HEIGHT - bottom) & (self.columns - tilt * self.rows > left)
        on &= self.columns - tilt * self.rows < WIDTH - right
        return self.photograph(
            np.where(on, 240, self.rng.uniform(20, 110)), self.ink(int(self.rng.integers(260, 440)), (170, 90))
        )

    def lined(self):
        return self.photograph(240 - self.rng.uniform(50, 130) * self.lines(), self.ink())

    def grid(self):
        lines = np.maximum(self.lines(), self.lines(sideways=True))
        return self.photograph(235 - self.rng.uniform(40, 100) * lines, self.ink())

    def blanklined(self):
        return self.photograph(240 - self.rng.uniform(50, 130) * self.lines(), np.float32(0))

    def margin(self):
        """Blue lines, a red margin, coloured ink on cream paper."""
        paper = np.array([250, 244, 225]) - self.lines()[..., None] * [120, 60, 10]
        at = self.rng.integers(40, 110)
        paper[:, at : at + 3] = [220, 90, 90]
        colour = [[20, 30, 140], [150, 20, 30], [10, 90, 40], [30, 30, 30]][self.rng.integers(4)]
        ink = self.ink()[..., None]
        shades = paper * (1 - ink) + np.array(colour) * ink + self.rng.normal(0, 4, (HEIGHT, WIDTH, 1))
        return Image.fromarray(shades.clip(0, 255).astype(np.uint8))

    def shadow(self):
        angle, steepness = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(8, 40)
        across = (np.cos(angle) * (self.columns - WIDTH / 2) + np.sin(angle) * (self.rows - HEIGHT / 2)) / HEIGHT
        shade = self.rng.uniform(80, 140) / (1 + np.exp(-steepness * (across - self.rng.uniform(-0.2, 0.2))))
        return self.photograph(230 - shade, self.ink())

    def lamp(self):
        y, x = self.rng.uniform(0, HEIGHT), self.rng.uniform(0, WIDTH)
        far = ((self.rows - y) ** 2 + (self.columns - x) ** 2) / HEIGHT**2
        return self.photograph(90 + 150 * np.exp(-far / self.rng.uniform(0.06, 0.3)), self.ink())

    def pencil(self):
        rough = self.rng.normal(0, 1, (HEIGHT // 40, WIDTH // 40)).astype(np.float32)
        uneven = np.asarray(Image.fromarray(rough).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        paper = 215 + 9 * uneven
        return self.photograph(paper, self.ink() * self.rng.uniform(0.5, 0.9), darkness=120, noise=8)

    def dots(self):
        """A clean drawing with stray pixels and blots beside it."""
        ink = self.ink(360, (200, 120))
        for size in (1, 3, 8):
            y, x = self.rng.integers(10, 150), self.rng.integers(10, 580)
            ink[y : y + size, x : x + size] = 1
        return Image.fromarray((250 - 220 * ink).astype(np.uint8))

    def blackboard(self):
        return Image.eval(self.lamp(), lambda value: 255 - value)

    def small(self):
        """A digit on a sheet of 3,000 × 4,000, turned by the camera, as its EXIF says."""
        ink = self.ink(int(self.rng.integers(60, 110)))
        photo = self.photograph(230.0, ink).resize((3000, 4000), Image.Resampling.BILINEAR)
        turned = photo.transpose(Image.Transpose.ROTATE_90)
        turned.getexif()[0x0112] = 6
        return turned

    def transparent(self):
        ink = self.ink()
        pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        pixels[..., 3] = 255 * ink
        pixels[..., :3] = self.rng.choice([0, 255])
        return Image.fromarray(pixels)

    def turned(self):
        """By 10 to 20 degrees."""
        angle = self.rng.choice([-1, 1]) * self.rng.uniform(10, 20)
        return self.photograph(240.0, self.changed(lambda ink: ink.rotate(angle, Image.Resampling.BICUBIC)))

    def thick(self):
        return self.photograph(240.0, self.filtered(ImageFilter.MaxFilter, [9, 15, 21]))

    def thin(self):
        return self.photograph(240.0, self.filtered(ImageFilter.MinFilter, [5, 9, 11]))

    def framed(self):
        return Image.fromarray(self.images[0])

    def two(self):
        side = int(self.rng.integers(240, 300))
        apart = [(int(self.rng.integers(100, 450)), left) for left in (10, 300)]
        return self.photograph(240.0, np.maximum(self.ink(side, apart[0]), self.ink(side, apart[1], 1)))


KINDS = [
    name
    for name, value in vars(Sheet).items()
    if callable(value) and name not in ("__init__", "ink", "lines", "changed", "filtered", "photograph")
]


def draw(kind, images, labels, seed):
    """A picture of a kind, and the digits in it from left to right."""
    rng = np.random.default_rng(seed)
    chosen = [int(rng.choice(np.flatnonzero(labels == (seed + i) % 10))) for i in range(2)]
    picture = getattr(Sheet(images[chosen], rng), kind)()
    return picture, [int(label) for label in labels[chosen][: {"two": 2, "blanklined": 0}.get(kind, 1)]]


def save(picture, folder, name):
    is_exact = picture.mode == "RGBA" or picture.width < 100
    path = folder / f"{name}.{'png' if is_exact else 'jpg'}"
    picture.save(path, quality=70, **({"exif": picture.getexif()} if len(picture.getexif()) else {}))
    return path


def judge(network, path, digits):
    """Whether a picture is read right, doubted or refused, or wrong; and whether something is said beside that."""
    answers = list(training.read_pictures(network, [path]))
    if answers[0].status == "refused":
        return "refused" if digits else "right"
    if any(answer.status == "in doubt" for answer in answers):
        return "doubted"
    remark = " with a remark" if any(answer.remarks for answer in answers) else ""
    if [answer.digit for answer in answers] == digits:
        return f"right{remark}"
    expected = digits if len(digits) == len(answers) else [None] * len(answers)
    is_sure = any(a.probability > 0.9 and a.digit != digit for a, digit in zip(answers, expected, strict=True))
    return f"wrong{remark or (', sure' if is_sure else '')}"


def trained(dataset):
    """A small network, after five epochs on the data."""
    network = nn.MLP((784, 64, 10), "relu", seed=0)
    training.fit(network, dataset.train, nn.Adam(network.parameters()), epochs=5)
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", type=Path)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first picture; the others follow")
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of these, with commas between them")
    parser.add_argument("--keep", type=Path, help="keep the pictures in this folder")
    arguments = parser.parse_args()
    dataset = data.load(arguments.data)
    network = training.load_model(arguments.model) if arguments.model else trained(dataset)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in arguments.kinds.split(","):
            verdicts = Counter()
            for seed in range(arguments.seed, arguments.seed + arguments.each):
                picture, digits = draw(kind, dataset.test.images, dataset.test.labels, seed)
                verdicts[judge(network, save(picture, folder, f"{kind}-{seed}"), digits)] += 1
            print(
                f"{kind:12}", "  ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items())), flush=True
            )


if __name__ == "__main__":
    main()

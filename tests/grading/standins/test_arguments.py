"""Arguments that nobody gives have sensible values, and the command that trains is the one that is given."""

import argparse

from tests.each import each
from tinygrad_mnist import grade
from tinygrad_mnist.grading.standins.arguments import plausible

TRAINING = """
import numpy as np
import pandas as pd

def descend(data, epochs, lr):
    table = pd.read_csv(data).values
    X, Y = table[:, 1:] / 255.0, np.eye(10)[table[:, 0].astype(int)]
    W = np.random.randn(784, 10) * 0.01
    for epoch in range(epochs):
        e = np.exp(X @ W)
        dW = X.T @ (e / e.sum(axis=1, keepdims=True) - Y) / len(X)
        W -= lr * dW
"""

COMMANDS = [
    """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("layers", nargs="+", type=int)
parser.add_argument("--epochs", required=True)
parser.add_argument("--lr", type=float, required=True)
given = parser.parse_args()
assert given.layers[0] > 0
descend(given.data, int(given.epochs), given.lr)
""",
    """
import argparse
parser = argparse.ArgumentParser()
several = parser.add_subparsers(dest="command")
several.add_parser("test").add_argument("weights")
several.add_parser("train").add_argument("--csv", required=True)
given = parser.parse_args()
if given.command == "train":
    descend(given.csv, 5, 0.1)
""",
    """
import fire
def main(data, epochs, lr):
    descend(data, epochs, lr)
fire.Fire(main)
""",
    """
from fire import Fire
class Trainer:
    def __init__(self, learning_rate: float):
        self.rate = learning_rate
    def evaluate(self, weights):
        raise ValueError
    def train(self, path, n_epochs):
        descend(path, n_epochs, self.rate)
Fire(Trainer)
""",
    """
import click
@click.command()
@click.argument("filename", type=click.Path(exists=True))
@click.option("--epochs", "-e", type=int, required=True)
@click.option("--rate", "lr", default=0.1, show_default=True)
@click.option("--quiet", is_flag=True)
@click.option("--save/--no-save", default=False)
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), required=True)
def main(filename, epochs, lr, quiet, save, optimizer):
    assert not (quiet or save) and optimizer == "sgd"
    descend(filename, epochs, lr)
main()
""",
    """
import click
@click.group()
@click.pass_context
def cli(context):
    context.ensure_object(dict)
@cli.command()
@click.argument("weights")
def evaluate(weights):
    raise ValueError
@cli.command("train")
@click.option("--data-path", required=True)
@click.option("--lr", prompt="How fast?", type=float)
def train(data_path, lr):
    descend(data_path, 5, lr)
cli()
""",
    """
import typer
application = typer.Typer()
@application.command()
def evaluate(weights: str):
    raise ValueError
@application.command()
def train(csv: str = typer.Argument(...), epochs: int = typer.Option(5), lr: float = 0.1):
    descend(csv, epochs, lr)
application()
""",
]


@each("command", COMMANDS)
def test_a_program_with_arguments_that_nobody_gives_is_judged(tmp_path, command):
    path = tmp_path / "command.py"
    path.write_text(TRAINING + command, encoding="utf-8")
    report = grade(path)
    assert report.passed, str(report)
    path.write_text(TRAINING.replace("X.T @ (e /", "X.T @ (2 * e /") + command, encoding="utf-8")
    assert [p.right for p in grade(path).parameters] == [False]


@each(
    ("name", "kind", "value"),
    [
        ("epochs", int, 10), ("epochs", str, "10"), ("num_epochs", None, 10), ("lr", None, 0.1), ("rate", float, 0.1),
        ("batch_size", int, 32), ("seed", int, 0), ("shuffle", bool, False), ("k", int, 10), ("threshold", float, 0.1),
        ("train_csv", str, "mnist_train.csv"), ("test_file", None, "mnist_test.csv"), ("n_train", int, 10),
        ("data", argparse.FileType, "mnist_train.csv"), ("name", str, "1"),
    ],
)  # fmt: skip
def test_a_name_says_what_an_argument_may_be(name, kind, value):
    assert plausible(name, kind) == value
    assert type(plausible(name, kind)) is type(value)


def test_of_choices_the_first_is_taken():
    assert plausible("lr", float, [0.5, 1.0]) == 0.5

"""What the parser says of values, in plain words."""

import pytest

from tests.cli.running import command
from tinygrad_mnist.cli.wording import said

REFUSED = [
    (["--epochs", "0"], "--epochs: it must be at least 1"),
    (["--epochs", "1.5"], "--epochs: a whole number is needed"),
    (["--lr", "fast"], "--lr: a number is needed"),
    (["--momentum", "1"], "--momentum: it must be at most 0.999999"),
    (["--optimizer", "newton"], "--optimizer: 'newton' is none of sgd"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(arguments) for arguments, _ in REFUSED])
def test_a_value_is_refused_in_a_plain_line(arguments, message, tmp_path):
    result = command(tmp_path, "train", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {message}")
    assert "Input should" not in result.stderr
    assert "Invalid value" not in result.stderr


def test_what_is_plain_stays_as_it_is():
    assert said("Missing argument 'FILE…'.") == "Missing argument 'FILE…'."

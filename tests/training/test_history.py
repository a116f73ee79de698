"""Histories on disk."""

import pytest

from tinygrad_mnist.training import CheckpointError, Epoch, History

FACTS = '"loss": 1.0, "train_accuracy": 0.5, "validation_loss": null, "validation_accuracy": null, "lr": 0.1'
ENDS = '"interrupted": false, "stopped_early": false'


@pytest.mark.parametrize("validation", [None, 0.75])
def test_what_is_saved_is_loaded(tmp_path, validation):
    epochs = [Epoch(n, 1 / n, 0.5, validation, validation, 0.1, 2.5) for n in (1, 2, 3)]
    history = History(epochs, interrupted=True)
    history.save(tmp_path / "history.json", data="digits", seed=3)
    assert History.load(tmp_path / "history.json") == history


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no history of a run"),
        (b'{"epochs": [{"number": 1, "lo', "no history of a run"),
        (b"\xff\xfe", "no history of a run"),
        (b"[]", "no history of a run"),
        (b"7", "no history of a run"),
        (b"{}", "it has no 'epochs'"),
        (b'{"epochs": []}', "it has no 'interrupted'"),
        (b'{"epochs": [7], %b}' % ENDS.encode(), "no history of a run"),
        (b'{"epochs": [{"number": 1}], %b}' % ENDS.encode(), "has no 'loss'"),
        (
            f'{{"epochs": [{{"number": "1", "seconds": 2, {FACTS}}}], {ENDS}}}'.encode(),
            "number is '1' and no whole number",
        ),
        (f'{{"epochs": [{{"number": 1, "seconds": null, {FACTS}}}], {ENDS}}}'.encode(), "seconds is None"),
    ],
)
def test_a_damaged_file_is_said_to_be_one(tmp_path, content, words):
    path = tmp_path / "history.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        History.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_file_and_a_folder_are_said_too(tmp_path):
    with pytest.raises(CheckpointError, match="no such file; give a history"):
        History.load(tmp_path / "history.json")
    with pytest.raises(CheckpointError, match="a folder; give the history"):
        History.load(tmp_path)

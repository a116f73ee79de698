"""Training: the loop, what it remembers, and models on disk."""

from tinygrad_mnist.data.files import prepare_folder
from tinygrad_mnist.training.checkpoint import CheckpointError, load_model, save_model
from tinygrad_mnist.training.history import Epoch, History
from tinygrad_mnist.training.loop import Progress, TrainingError, evaluate, fit

__all__ = [
    "CheckpointError",
    "Epoch",
    "History",
    "Progress",
    "TrainingError",
    "evaluate",
    "fit",
    "load_model",
    "prepare_folder",
    "save_model",
]

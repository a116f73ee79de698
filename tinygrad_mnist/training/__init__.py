"""Training: the loop, what it remembers, and models and runs on disk."""

from typing import TYPE_CHECKING

from tinygrad_mnist.later import later

if TYPE_CHECKING:
    from tinygrad_mnist.files import prepare_folder
    from tinygrad_mnist.training.answers import Answer, answers_as_csv, answers_as_json, read_pictures
    from tinygrad_mnist.training.callbacks import Averaging, MaxNorm
    from tinygrad_mnist.training.checkpoint import Checkpoint, read_notes
    from tinygrad_mnist.training.divergence import Diverged, TrainingError
    from tinygrad_mnist.training.exchange import load_onnx, save_onnx
    from tinygrad_mnist.training.folder import RunFolder
    from tinygrad_mnist.training.history import Epoch, History
    from tinygrad_mnist.training.inputs import input_shape, model_inputs
    from tinygrad_mnist.training.loop import fit
    from tinygrad_mnist.training.metrics import Scores, confusion_matrix, evaluate, score
    from tinygrad_mnist.training.models import as_new, load_model, load_weights, save_model
    from tinygrad_mnist.training.presets import PRESETS
    from tinygrad_mnist.training.progress import Progress
    from tinygrad_mnist.training.recipe import ENDLESS, OPTIMIZERS, SCHEDULES, Recipe, as_text, load_recipe, save_recipe
    from tinygrad_mnist.training.run import Callback, Run
    from tinygrad_mnist.training.shares import percent
    from tinygrad_mnist.training.signals import LayerSignals, layer_signals
    from tinygrad_mnist.training.stored import CheckpointError

__getattr__, __dir__ = later(
    __name__,
    {
        ".files": ("prepare_folder",),
        "answers": ("Answer", "answers_as_csv", "answers_as_json", "read_pictures"),
        "callbacks": ("Averaging", "MaxNorm"),
        "checkpoint": ("Checkpoint", "read_notes"),
        "divergence": ("Diverged", "TrainingError"),
        "exchange": ("load_onnx", "save_onnx"),
        "folder": ("RunFolder",),
        "history": ("Epoch", "History"),
        "inputs": ("input_shape", "model_inputs"),
        "loop": ("fit",),
        "metrics": ("Scores", "confusion_matrix", "evaluate", "score"),
        "models": ("as_new", "load_model", "load_weights", "save_model"),
        "presets": ("PRESETS",),
        "progress": ("Progress",),
        "recipe": ("ENDLESS", "OPTIMIZERS", "SCHEDULES", "Recipe", "as_text", "load_recipe", "save_recipe"),
        "run": ("Callback", "Run"),
        "shares": ("percent",),
        "signals": ("LayerSignals", "layer_signals"),
        "stored": ("CheckpointError",),
    },
)

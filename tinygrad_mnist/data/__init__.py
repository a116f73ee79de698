"""The data: MNIST or anything in its format, the embedded digits, and the batches that training sees."""

from typing import TYPE_CHECKING

from tinygrad_mnist.later import later

if TYPE_CHECKING:
    from tinygrad_mnist.data import augment
    from tinygrad_mnist.data.batching import batches, set_tenth_aside, train_validation_split
    from tinygrad_mnist.data.dataset import CLASSES, SIDE, DataError, Dataset, Split
    from tinygrad_mnist.data.digits import DIGITS, load_digits
    from tinygrad_mnist.data.gallery import digits_of_folders, is_among, pictures_in
    from tinygrad_mnist.data.idx import read_idx
    from tinygrad_mnist.data.image import Digit, as_the_network_sees, read_digits, read_drawing, read_image
    from tinygrad_mnist.data.kaggle import read_csv
    from tinygrad_mnist.data.mnist import NAMES, load, load_mnist, wherever_it_runs
    from tinygrad_mnist.data.photographs.framing import moved

__getattr__, __dir__ = later(
    __name__,
    {
        "augment": (),
        "batching": ("batches", "set_tenth_aside", "train_validation_split"),
        "dataset": ("CLASSES", "SIDE", "DataError", "Dataset", "Split"),
        "digits": ("DIGITS", "load_digits"),
        "gallery": ("digits_of_folders", "is_among", "pictures_in"),
        "idx": ("read_idx",),
        "image": ("Digit", "as_the_network_sees", "read_digits", "read_drawing", "read_image"),
        "kaggle": ("read_csv",),
        "mnist": ("NAMES", "load", "load_mnist", "wherever_it_runs"),
        "photographs.framing": ("moved",),
    },
)

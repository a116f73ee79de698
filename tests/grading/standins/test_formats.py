"""Files of MNIST are known by their names, and drawn in their format."""

from tests.each import each
from tinygrad_mnist.grading.standins.formats import csv, kind
from tinygrad_mnist.grading.standins.loading import Data


def test_a_file_has_a_line_for_each_of_sixty_thousand():
    assert csv(Data(60_000), "mnist_train.csv").count(b"\n") == 60_000


@each(
    ("name", "found"),
    [
        ("data/train-images-idx3-ubyte.gz", "idx"), ("t10k-labels.idx1-ubyte", "idx"), ("mnist.npz", "npz"),
        ("train.csv", "csv"),
        ("mnist_train_100.csv", "csv"), ("data/mnist.pkl.gz", "pickle"), ("x_train.npy", "npy"),
        ("digit-recognizer.zip", "zip"),
        ("mnist_weights.npz", None), ("model.pkl", None), ("mnist_results.csv", None), ("notes.txt", None),
        ("mnist.py", None), ("DATA/train_images.csv", "csv"), ("raw/mnist_784.arff", "arff"),
        ("MNIST_Data/cleanTrain.csv", "csv"), ("MNIST_Data/results.csv", None),
        ("iris.csv", None), ("data/tinyshakespeare.txt", "text"), ("output_text.txt", None),
    ],
)  # fmt: skip
def test_files_of_mnist_are_known_by_their_names(name, found):
    assert kind(name) == found

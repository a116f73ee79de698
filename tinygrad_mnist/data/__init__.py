"""The data: MNIST or anything in its format, the embedded digits, and the batches that training sees."""

from tinygrad_mnist.data import augment
from tinygrad_mnist.data.batching import batches, set_tenth_aside, train_validation_split
from tinygrad_mnist.data.dataset import CLASSES, SIDE, DataError, Dataset, Split
from tinygrad_mnist.data.digits import load_digits
from tinygrad_mnist.data.gallery import digits_of_folders, is_among, pictures_in
from tinygrad_mnist.data.idx import read_idx
from tinygrad_mnist.data.image import Digit, as_the_network_sees, read_digits, read_drawing, read_image
from tinygrad_mnist.data.kaggle import read_csv
from tinygrad_mnist.data.mnist import NAMES, load, load_mnist, wherever_it_runs
from tinygrad_mnist.data.photographs.framing import moved

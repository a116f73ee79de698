"""How people load MNIST and its like, one small program each; a program says itself what it got.

After each program a line is run that must be true, with `X`, `y` and whatever else the program defined.
"""

WHOLE = "X.shape == (240, 784) and set(y) == set(range(10)) and len(set(y[:20])) == 10"

LOADERS = {
    "keras": (
        """
from keras.datasets import mnist
(X, y), (X_test, y_test) = mnist.load_data()
""",
        "X.shape == (240, 28, 28) and X.dtype == y.dtype == np.uint8 and X.max() > 200 and X.min() == 0 "
        "and X_test.shape == (50, 28, 28) and not np.array_equal(X[:50], X_test)",
    ),
    "tensorflow.keras": (
        """
import tensorflow as tf
from tensorflow.keras.utils import to_categorical
(X, y), (X_test, y_test) = tf.keras.datasets.mnist.load_data()
X = X.reshape(X.shape[0], 784).astype('float32') / 255.0
Y = to_categorical(y, 10)
tf.random.set_seed(1)
""",
        f"{WHOLE} and Y.shape == (240, 10) and Y.dtype == np.float64 and (Y.argmax(1) == y).all() "
        "and X.dtype == np.float32",
    ),
    "keras, as a module": (
        """
from tensorflow import keras
from keras.utils import np_utils
(X, y), _ = keras.datasets.fashion_mnist.load_data()
X = X.reshape(-1, 784)
Y = np_utils.to_categorical(y)
""",
        f"{WHOLE} and Y.shape == (240, 10)",
    ),
    "images and labels in two tables": (
        """
import csv
with open('DATA/train_images.csv') as images, open('DATA/train_labels.csv') as labels:
    X = np.array([row for row in csv.reader(images, quoting=csv.QUOTE_NONNUMERIC)])
    y = np.array([row[0] for row in csv.reader(labels, quoting=csv.QUOTE_NONNUMERIC)]).astype(int)
import pandas as pd
same = (pd.read_csv('DATA/train_images.csv', header=None).values == X).all()
""",
        f"{WHOLE} and same",
    ),
    "ARFF": (
        """
rows = [line.split(',') for line in open('data/mnist_784.arff').read().split('@DATA')[1].split()]
X, y = np.array([row[:-1] for row in rows], float)[:240], np.array([int(row[-1]) for row in rows])[:240]
""",
        WHOLE,
    ),
    "tf tensors": (
        """
import tensorflow as tf
(X, y), _ = tf.keras.datasets.mnist.load_data()
X = tf.cast(tf.reshape(X, (-1, 784)), tf.float32).numpy() / 255
Y = tf.one_hot(y, depth=10).numpy()
batches = [b for b in tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(100).batch(32)]
""",
        f"{WHOLE} and type(X) is np.ndarray and Y.shape == (240, 10) and len(batches) == 8 "
        "and batches[0][0].shape == (32, 784)",
    ),
    "tensorflow's old input_data": (
        """
from tensorflow.examples.tutorials.mnist import input_data
mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
X, y = mnist.train.images, mnist.train.labels.argmax(1)
batch_x, batch_y = mnist.train.next_batch(64)
""",
        f"{WHOLE} and X.dtype == np.float32 and X.max() <= 1 and batch_x.shape == (64, 784) "
        "and batch_y.shape == (64, 10) "
        "and mnist.train.num_examples == 240",
    ),
    "tensorflow_datasets": (
        """
import tensorflow_datasets as tfds
train, test = tfds.load('mnist', split=['train', 'test'], as_supervised=True, batch_size=-1)
X, y = tfds.as_numpy(train)
X = np.array(X).reshape(-1, 784)
for image, digit in tfds.load('mnist', split='test', as_supervised=True).take(1):
    one, label = image.numpy(), digit.numpy()
""",
        f"{WHOLE} and one.shape == (28, 28, 1) and 0 <= label < 10",
    ),
    "fetch_openml, arrays": (
        """
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split
X, y = fetch_openml('mnist_784', version=1, return_X_y=True, as_frame=False, parser='auto')
text = y[0]
y = y.astype(np.uint8)
X_train, X_test, y_train, y_test = train_test_split(X / 255., y, test_size=0.2, random_state=42, stratify=y)
""",
        "isinstance(text, str) and X.shape == (290, 784) and X.dtype == float and X_train.shape == (232, 784) "
        "and len(y_test) == 58 and X_train.max() <= 1 and set(y) == set(range(10))",
    ),
    "fetch_openml, tables": (
        """
from sklearn.datasets import fetch_openml
mnist = fetch_openml('mnist_784')
X, y = mnist.data, mnist["target"]
X = X.to_numpy() / 255
first = y[0]
Y = np.eye(10)[y.astype(int)]
y = y.astype(int).to_numpy()
""",
        "isinstance(first, str) and X.shape == (290, 784) and Y.shape == (290, 10) and (Y.argmax(1) == y).all()",
    ),
    "fetch_mldata": (
        """
from sklearn.datasets import fetch_mldata
mnist = fetch_mldata('MNIST original')
X, y = mnist.data, mnist.target.astype(int)
""",
        "X.shape == (290, 784) and X.dtype == np.uint8 and y.max() == 9",
    ),
    "load_digits": (
        """
from sklearn.datasets import load_digits
from sklearn.preprocessing import OneHotEncoder, StandardScaler, LabelBinarizer
digits = load_digits()
X, y = digits.data, digits.target
Y = OneHotEncoder(sparse_output=False).fit_transform(y.reshape(-1, 1))
sparse = OneHotEncoder().fit_transform(y.reshape(-1, 1)).toarray()
scaled = StandardScaler().fit_transform(X)
binary = LabelBinarizer().fit_transform(y)
""",
        "X.shape == (290, 64) and digits.images.shape == (290, 8, 8) and X.max() == 16 and X.min() == 0 "
        "and Y.shape == (290, 10) and np.array_equal(Y, sparse) and np.array_equal(Y, binary) "
        "and abs(scaled.mean()) < 1e-9",
    ),
    "sklearn's metrics and splits": (
        """
import sklearn.metrics
from sklearn import metrics, preprocessing
from sklearn.model_selection import KFold
from sklearn.utils import shuffle
from sklearn.decomposition import PCA
from sklearn.datasets import make_moons, load_iris, make_blobs, make_classification
X, y = make_moons(200, noise=0.1, random_state=0)
flowers = load_iris()
a, b = shuffle(X, y, random_state=0)
parts = list(KFold(n_splits=4).split(X))
right = metrics.accuracy_score([1, 2, 3, 4], [1, 2, 0, 4])
table = sklearn.metrics.confusion_matrix([0, 1, 1], [0, 1, 0])
small = PCA(n_components=2).fit_transform(flowers.data)
scaled = preprocessing.MinMaxScaler().fit_transform(X)
blobs, _ = make_blobs(n_samples=50, centers=3)
""",
        "X.shape == (200, 2) and set(y) == {0, 1} and flowers.data.shape == (150, 4) "
        "and set(flowers.target) == {0, 1, 2} "
        "and right == 0.75 and table.tolist() == [[1, 0], [1, 1]] and len(parts) == 4 and len(parts[0][0]) == 150 "
        "and small.shape == (150, 2) and scaled.min() == 0 and scaled.max() == 1 and blobs.shape == (50, 2)",
    ),
    "Kaggle's train.csv": (
        """
import pandas as pd
from matplotlib import pyplot as plt
data = pd.read_csv('/kaggle/input/digit-recognizer/train.csv')
data.head()
data = np.array(data)
m, n = data.shape
np.random.shuffle(data)
data_dev = data[0:100].T
Y_dev = data_dev[0]
X_dev = data_dev[1:n] / 255.
X, y = data[:, 1:], data[:, 0]
""",
        f"{WHOLE.replace('len(set(y[:20])) == 10', 'n == 785')} and X_dev.shape == (784, 100) and X_dev.max() <= 1",
    ),
    "train.csv and test.csv": (
        """
import pandas as pd
train, test = pd.read_csv("train.csv"), pd.read_csv("test.csv")
y = train["label"]
X = train.drop("label", axis=1)
train.info(); train.describe()
missing = train.isnull().sum().sum()
counts = train['label'].value_counts()
first = list(train.columns[:2])
dummies = pd.get_dummies(train.label)
scaled = X / 255.0
X, Y = X.values, dummies.values
y = y.to_numpy()
pd.DataFrame({"ImageId": range(1, 51), "Label": np.zeros(50)}).to_csv("submission.csv", index=False)
""",
        f"{WHOLE} and missing == 0 and counts.sum() == 240 and first == ['label', 'pixel0'] "
        "and test.shape == (50, 784) "
        "and Y.shape == (240, 10) and scaled.shape == (240, 784) and scaled.values.max() <= 1",
    ),
    "a table in all ways": (
        """
import pandas as pd
df = pd.read_csv('data/train.csv')
a = df.iloc[:, 1:].values
b = df.loc[:, 'pixel0':].to_numpy()
c = df.drop(columns=['label']).astype('float32')
d = df.sample(frac=1, random_state=1).reset_index(drop=True)
e = df[df.columns[1:]]
f = df.loc[0:9, 'label'].values
g = df.iloc[3]
h = df.iloc[0, 0]
i = df[df['label'] == 5]
j = df.T
k = df.iloc[:100].copy()
l = df.pop('label')
X, y = df.values, l.values
q = (X > 0).mean()
X_train = df[:100]
names = df.columns.tolist()
""",
        f"{WHOLE} and np.array_equal(a, X) and np.array_equal(b, X) and c.values.dtype == np.float32 "
        "and d.shape == (240, 785) "
        "and e.shape == (240, 784) and f.shape == (10,) and g.shape == (785,) and h == y[0] and (i.label == 5).all() "
        "and j.shape == (785, 240) and k.shape == (100, 785) and X_train.shape == (100, 784) and len(names) == 784 "
        "and d.sort_values('label')['label'].tolist() == sorted(y.tolist()) and d.index[0] == 0",
    ),
    "mnist_train.csv without names": (
        """
import pandas as pd
train = pd.read_csv('mnist_train.csv', header=None)
X = train.iloc[:, 1:] / 255
y = train[0]
X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
""",
        f"{WHOLE} and X.max() <= 1 and train.shape == (240, 785)",
    ),
    "mnist_train.csv line by line": (
        """
with open("mnist_dataset/mnist_train_100.csv", 'r') as training_data_file:
    lines = training_data_file.readlines()
rows = []
for record in lines:
    all_values = record.split(',')
    rows.append(np.asarray(all_values[1:], dtype=float) / 255.0 * 0.99 + 0.01)
X = np.array(rows)
y = [int(record.split(',')[0]) for record in lines]
""",
        f"{WHOLE} and X.min() == 0.01",
    ),
    "csv and loadtxt": (
        """
import csv
with open('train.csv', newline='') as f:
    reader = csv.reader(f)
    header = next(reader)
    rows = [list(map(int, row)) for row in reader]
data = np.loadtxt('train.csv', delimiter=',', skiprows=1)
other = np.genfromtxt('mnist_train.csv', delimiter=',')
X, y = data[:, 1:], data[:, 0].astype(int)
""",
        f"{WHOLE} and np.array_equal(rows, data) and np.array_equal(other, data) and header[1] == 'pixel0'",
    ),
    "idx.gz, read with gzip": (
        """
import gzip
def images(path):
    with gzip.open(path, 'rb') as f:
        data = np.frombuffer(f.read(), np.uint8, offset=16)
    return data.reshape(-1, 784)
def labels(path):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=8)
X, y = images('data/train-images-idx3-ubyte.gz'), labels('data/train-labels-idx1-ubyte.gz')
T = images('data/t10k-images-idx3-ubyte.gz')
""",
        f"{WHOLE} and T.shape == (50, 784)",
    ),
    "idx with struct and fromfile": (
        """
import os, struct
def load_mnist(path, kind='train'):
    labels_path = os.path.join(path, '%s-labels.idx1-ubyte' % kind)
    images_path = os.path.join(path, '%s-images.idx3-ubyte' % kind)
    with open(labels_path, 'rb') as lbpath:
        magic, n = struct.unpack('>II', lbpath.read(8))
        labels = np.fromfile(lbpath, dtype=np.uint8)
    with open(images_path, 'rb') as imgpath:
        magic, num, rows, cols = struct.unpack(">IIII", imgpath.read(16))
        images = np.fromfile(imgpath, dtype=np.uint8).reshape(len(labels), 784)
    return images, labels
X, y = load_mnist('')
""",
        WHOLE,
    ),
    "idx with pathlib and array": (
        """
from array import array
from pathlib import Path
raw = Path('MNIST/raw/train-images-idx3-ubyte').read_bytes()
X = np.array(array("B", raw[16:])).reshape(-1, 784)
y = np.frombuffer(Path('MNIST/raw/train-labels-idx1-ubyte').open('rb').read()[8:], dtype=np.uint8)
""",
        WHOLE,
    ),
    "downloaded idx": (
        """
import os, gzip, urllib.request
from urllib.request import urlretrieve, urlopen
def download(name):
    path = os.path.join('downloads', name)
    if not os.path.exists('downloads'):
        os.makedirs('downloads')
    urlretrieve('http://yann.lecun.com/exdb/mnist/' + name, path)
    return path
with gzip.open(download('train-images-idx3-ubyte.gz')) as f:
    X = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 28*28)
labels = urlopen('https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz').read()
y = np.frombuffer(gzip.decompress(labels), np.uint8)[8:]
""",
        WHOLE,
    ),
    "fetched with requests": (
        """
import requests, gzip, os, hashlib
def fetch(url):
    fp = os.path.join("/tmp", hashlib.md5(url.encode('utf-8')).hexdigest())
    if os.path.isfile(fp):
        with open(fp, "rb") as f:
            dat = f.read()
    else:
        with open(fp, "wb") as f:
            dat = requests.get(url).content
            f.write(dat)
    return np.frombuffer(gzip.decompress(dat), dtype=np.uint8).copy()
X = fetch("http://yann.lecun.com/exdb/mnist/train-images-idx3-ubyte.gz")[0x10:].reshape((-1, 784))
y = fetch("http://yann.lecun.com/exdb/mnist/train-labels-idx1-ubyte.gz")[8:]
""",
        WHOLE,
    ),
    "mnist.npz": (
        """
with np.load('mnist.npz', allow_pickle=True) as f:
    X, y = f['x_train'], f['y_train']
    x_test, y_test = f['x_test'], f['y_test']
X = X.reshape(-1, 784)
""",
        WHOLE,
    ),
    "mnist.pkl.gz": (
        """
import pickle, gzip
f = gzip.open('../data/mnist.pkl.gz', 'rb')
training_data, validation_data, test_data = pickle.load(f, encoding="latin1")
f.close()
X, y = training_data
""",
        f"{WHOLE} and X.dtype == np.float32 and y.dtype == np.int64 and 0 <= X.min() and X.max() <= 1",
    ),
    "mnist.pkl by names": (
        """
import pickle
with open("mnist.pkl", 'rb') as f:
    mnist = pickle.load(f)
X, y = mnist["training_images"], mnist["training_labels"]
""",
        WHOLE,
    ),
    "a book's loader": (
        """
import mnist_loader
training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
training_data = list(training_data)
X = np.array([x.ravel() for x, _ in training_data])
y = [int(t.argmax()) for _, t in training_data]
""",
        f"{WHOLE} and training_data[0][0].shape == (784, 1) and training_data[0][1].shape == (10, 1) "
        "and type(test_data[0][1]) is int",
    ),
    "python-mnist": (
        """
from mnist import MNIST
mndata = MNIST('./data')
images, y = mndata.load_training()
test_images, test_labels = mndata.load_testing()
X = np.array(images)
""",
        f"{WHOLE} and isinstance(images, list) and isinstance(images[0], list) and len(test_images) == 50",
    ),
    "mnist": (
        """
import mnist
X = mnist.train_images()
y = mnist.train_labels()
X = X.reshape((-1, 784))
X = (X / 255) - 0.5
""",
        f"{WHOLE} and X.min() == -0.5",
    ),
    "idx2numpy": (
        """
import idx2numpy
X = idx2numpy.convert_from_file('train-images.idx3-ubyte').reshape(-1, 784)
y = idx2numpy.convert_from_file('train-labels.idx1-ubyte')
""",
        WHOLE,
    ),
    "mlxtend": (
        """
from mlxtend.data import loadlocal_mnist
X, y = loadlocal_mnist(images_path='train-images-idx3-ubyte', labels_path='train-labels-idx1-ubyte')
T, t = loadlocal_mnist(images_path='t10k-images-idx3-ubyte', labels_path='t10k-labels-idx1-ubyte')
""",
        f"{WHOLE} and T.shape == (50, 784)",
    ),
    "torchvision, whole": (
        """
import torch
from torchvision import datasets, transforms
train_set = datasets.MNIST(root='./data', train=True, download=True, transform=None)
X = train_set.data.numpy().reshape(-1, 784)
y = train_set.targets.numpy()
test = datasets.MNIST('./data', train=False).data.view(-1, 784).float() / 255
image, label = train_set[0]
pixels = np.array(image)
""",
        f"{WHOLE} and type(X) is np.ndarray and X.dtype == np.uint8 and y.dtype == np.int64 "
        "and test.shape == (50, 784) "
        "and test.numpy().dtype == np.float32 and pixels.shape == (28, 28) and label == y[0]",
    ),
    "torchvision, in batches": (
        """
import torch, torchvision
import torchvision.transforms as transforms
from torch.utils.data import DataLoader
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
train = torchvision.datasets.MNIST(root="data", train=True, transform=transform, download=True)
loader = DataLoader(train, batch_size=64, shuffle=True)
rows, labels = [], []
for images, targets in loader:
    rows.append(images.view(images.size(0), -1).numpy())
    labels.append(targets.numpy())
X, y = np.concatenate(rows), np.concatenate(labels)
images, targets = next(iter(loader))
""",
        f"{WHOLE} and X.dtype == np.float32 and X.min() == -1 and images.shape == (64, 1, 28, 28) "
        "and len(loader) == 4 "
        "and targets[0].item() == y[0]",
    ),
    "Hugging Face": (
        """
from datasets import load_dataset
ds = load_dataset("ylecun/mnist")
X = np.array([np.array(image).flatten() for image in ds["train"]["image"]])
y = np.array(ds["train"]["label"])
one = np.array(ds['test'][0]['image'])
""",
        f"{WHOLE} and one.shape == (28, 28)",
    ),
    "mnist-original.mat and ex4data1.mat": (
        """
from scipy.io import loadmat
import scipy.io as sio
mat = loadmat('mnist-original.mat')
X, y = mat['data'].T, mat['label'].ravel().astype(int)
course = sio.loadmat('ex4data1.mat')
""",
        "X.shape == (290, 784) and set(y) == set(range(10)) and course['X'].shape == (290, 400) "
        "and course['y'].shape == (290, 1) "
        "and set(course['y'].ravel()) == set(range(1, 11))",
    ),
    "h5py, as in a course": (
        """
import h5py
train_dataset = h5py.File('datasets/train_catvnoncat.h5', "r")
X = np.array(train_dataset["train_set_x"][:])
y = np.array(train_dataset["train_set_y"][:]).reshape((1, -1))
classes = np.array(train_dataset["list_classes"][:])
""",
        "X.shape[1:] == (64, 64, 3) and X.dtype == np.uint8 and y.shape == (1, len(X)) "
        "and set(y.ravel()) == {0, 1} and len(classes) == 2",
    ),
    "folders of pictures": (
        """
import os, cv2, glob
from PIL import Image
X, y = [], []
for digit in sorted(os.listdir('mnist_png/training')):
    for name in os.listdir(os.path.join('mnist_png/training', digit)):
        X.append(cv2.imread(os.path.join('mnist_png/training', digit, name), 0).flatten())
        y.append(int(digit))
X = np.array(X)
found = glob.glob('mnist_png/testing/*/*.png')
one = np.asarray(Image.open(found[0]).convert('L').resize((28, 28)))
""",
        "X.shape == (50, 784) and set(y) == set(range(10)) and len(found) == 50 and one.shape == (28, 28)",
    ),
    "kagglehub and zip": (
        """
import kagglehub, zipfile, os
import pandas as pd
path = kagglehub.dataset_download("hojjatk/mnist-dataset")
with open(os.path.join(path, 'train-images-idx3-ubyte/train-images-idx3-ubyte'), 'rb') as f:
    X = np.frombuffer(f.read()[16:], np.uint8).reshape(-1, 784)
with zipfile.ZipFile('digit-recognizer.zip') as z:
    names = z.namelist()
    table = pd.read_csv(z.open('train.csv'))
    z.extractall('.')
y = pd.read_csv('train.csv').label.values
""",
        f"{WHOLE} and 'test.csv' in names and table.shape == (240, 785)",
    ),
    "modules by their whole names": (
        """
import matplotlib
matplotlib.use('Agg')
from pylab import *
import keras, sklearn, tensorflow.keras.datasets.mnist as m
from sklearn import datasets
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
(X, y), _ = keras.datasets.mnist.load_data()
(X2, y2), _ = m.load_data()
digits = datasets.load_digits()
path = keras.utils.get_file('mnist.npz', origin='https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz')
same = np.load(path)['x_train']
(C, c), _ = keras.datasets.cifar10.load_data()
figure(); plot(linspace(0, 1, 3)); show()
X = X.reshape(-1, 784)
""",
        f"{WHOLE} and np.array_equal(X2, same) and digits.data.shape[1] == 64 and C.shape == (240, 32, 32, 3) "
        "and c.shape == (240, 1)",
    ),
    "books' and others' modules": (
        """
import sys, os
sys.path.append(os.pardir)
from dataset.mnist import load_mnist
(X, y), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=False)
import mnist
mnist.init()
x_train, t_train, *rest = mnist.load()
import mnist_reader
X2, y2 = mnist_reader.load_mnist('data/fashion', kind='train')
from lr_utils import load_dataset
pictures, labels, _, _, classes = load_dataset()
""",
        f"{WHOLE} and X.max() <= 1 and X.dtype == np.float32 and x_train.shape == X2.shape == (240, 784) "
        "and len(rest) == 2 and labels.shape == (1, len(pictures))",
    ),
    "a table changed": (
        """
import pandas as pd
df = pd.read_csv('mnist_train.csv')
df.iloc[:, 1:] = df.iloc[:, 1:] / 255.0
df.columns = ['label'] + [f'p{i}' for i in range(784)]
df = df.rename(columns={'label': 'digit'})
df['digit'] = df['digit'].astype(int)
one_hot = pd.get_dummies(df, columns=['digit'])
train = df.sample(frac=0.8, random_state=0)
rest = df.drop(train.index)
small = df.groupby('digit').head(2)
nines = df.loc[df['digit'] == 9]
by_row = [row['digit'] for _, row in df.head(3).iterrows()]
X, y = df.drop('digit', axis=1).to_numpy(dtype=np.float32), df['digit'].to_numpy()
means = df.mean(axis=0)
both = pd.concat([train, rest])
""",
        f"{WHOLE} and 0 < X.max() <= 1 and X.dtype == np.float32 and one_hot.shape == (240, 794) and len(train) == 192 "
        "and len(rest) == 48 and not set(train.index) & set(rest.index) and len(small) == 20 "
        "and (nines.digit == 9).all() "
        "and y.dtype == int and by_row == list(y[:3]) and means.shape == (785,) and both.shape == df.shape",
    ),
    "split tables keep their rows' labels": (
        """
import pandas as pd
from sklearn.model_selection import train_test_split
df = pd.read_csv('train.csv')
X_train, X_test, y_train, y_test = train_test_split(df.drop(columns='label'), df.label, test_size=0.25, random_state=3)
first = y_train.iloc[0] == df.label[y_train.index[0]]
X, y = X_train.values, y_train.values
total = sum(1 for _ in y_train)
""",
        "first and X.shape == (180, 784) and total == 180 and X_test.shape == (60, 784) "
        "and (df.values[X_test.index, 1:] == X_test.values).all()",
    ),
    "spirals": (
        """
import nnfs
from nnfs.datasets import spiral_data
nnfs.init()
X, y = spiral_data(samples=100, classes=3)
""",
        "X.shape == (300, 2) and y.dtype == np.uint8 and set(y) == {0, 1, 2}",
    ),
}
"""By name: the program, and what must be true after it."""

PROGRAMS = {
    "a bar of progress": (
        """
from progress.bar import Bar, IncrementalBar
bar = IncrementalBar('images', max=3)
seen = []
for i in Bar('Epochs', max=2).iter(range(2)):
    seen.append(i)
    bar.next()
bar.finish()
""",
        "seen == [0, 1]",
    ),
    "settings in YAML": (
        """
import yaml
open('config.yaml', 'w').write('''
# of a run
training:
  learning_rate: 1e-3   # small
  epochs: 20
  shuffle: true
  name: "a run"
layers:
- 784
- 10
sizes: [3, 4.5, last]
augment:
  - kind: shift
    by: 2
  - kind: rotate
none:
''')
with open('config.yaml') as file:
    config = yaml.safe_load(file)
rate = float(config['training']['learning_rate'])
""",
        "rate == 1e-3 and config['training']['epochs'] == 20 and config['training']['shuffle'] is True "
        "and config['training']['name'] == 'a run' and config['layers'] == [784, 10] and config['none'] is None "
        "and config['sizes'] == [3, 4.5, 'last'] "
        "and config['augment'] == [{'kind': 'shift', 'by': 2}, {'kind': 'rotate'}]",
    ),
    "waiting for what runs elsewhere": (
        """
import asyncio
from concurrent.futures import ThreadPoolExecutor, as_completed
async def both():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(2) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, pow, 2, k) for k in (3, 4)))
found = asyncio.run(both())
with ThreadPoolExecutor() as pool:
    later = [pool.submit(pow, 3, k) for k in (2, 3)]
    found += [future.result() for future in as_completed(later)]
""",
        "sorted(found) == [8, 9, 16, 27]",
    ),
    "plots": (
        """
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.animation import FuncAnimation
fig, ax = plt.subplots()
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 4))
fig2, axes = plt.subplots(2, 5)
for i, a in enumerate(axes.flat):
    a.imshow(np.zeros((28, 28)), cmap='gray')
axes[1, 2].set_title(f"{3:.2f}")
line, = plt.plot([1, 2], 'r--', label='loss')
ax.plot([1]); plt.show(); plt.savefig('loss.png')
sns.heatmap(np.eye(3), annot=True)
with plt.style.context('dark'):
    plt.pause(0.1)
first, *rest = plt.plot([1], [2])
fig.colorbar(ax.imshow(np.eye(2)), ax=ax)
plt.rcParams['figure.figsize'] = (3, 3)
""",
        "not __import__('os').path.exists('loss.png') and len(rest) == 0",
    ),
    "progress": (
        """
from tqdm import tqdm, trange
import tqdm.notebook as notebook
total = sum(i for i in tqdm(range(5), desc='epoch'))
bar = notebook.tqdm(range(3))
for i in bar:
    bar.set_description(f"{i}")
    bar.set_postfix(loss=1.0)
with trange(4) as t:
    total += sum(t)
""",
        "total == 16",
    ),
    "numba and cupy": (
        """
from numba import njit, jit, prange
import numba as nb
try:
    import cupy as cp
except ImportError:
    cp = np
@njit
def double(x): return 2 * x
@jit(nopython=True, parallel=True)
def triple(x): return 3 * x
@nb.njit(fastmath=True)
def half(x): return x / 2
a = cp.asnumpy(cp.dot(cp.ones((2, 3)), cp.ones((3, 2))))
""",
        "double(2) == 4 and triple(2) == 6 and half(2) == 1 and a.tolist() == [[3, 3], [3, 3]]",
    ),
    "other frameworks": (
        """
import torch
import torch.nn as nn
import torch.nn.functional as F
import jax, jax.numpy as jnp
from jax import grad
from keras.models import Sequential
from keras.layers import Dense
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(784, 10)
    def forward(self, x):
        return F.relu(self.fc1(x))
net = Net()
out = net(torch.randn(2, 784))
loss = F.cross_entropy(out, torch.tensor([1, 2]))
loss.backward()
with torch.no_grad():
    torch.optim.SGD(net.parameters(), lr=0.1).step()
model = Sequential()
model.add(Dense(10, activation='softmax'))
history = model.fit(np.zeros((2, 2)), np.zeros(2), epochs=1, verbose=0)
a, b = model.evaluate(np.zeros(2), np.zeros(2))
slope = grad(lambda x: x)(jnp.ones(3))
""",
        "{'torch.nn.Linear', 'torch.optim.SGD', 'torch.nn.functional.cross_entropy', 'jax.grad'} <= used "
        "and 'keras.layers.Dense' in used "
        "and 'jax.vmap' not in used and slope is not None",
    ),
    "writing": (
        """
import json, pickle, os, shutil
from pathlib import Path
np.save('weights.npy', np.arange(3)); np.savez('weights.npz', a=np.ones(2)); np.savetxt('w.txt', np.eye(2))
with open('model.json', 'w') as f: json.dump({"a": 1}, f)
with open('model.json', 'a') as f: f.write('\\n')
with open('params.pkl', 'wb') as f: pickle.dump([1, 2], f)
Path('notes.txt').write_text('hello')
Path('folder').mkdir(parents=True, exist_ok=True); os.makedirs('models', exist_ok=True)
back = [np.load('weights.npy').sum(), np.load('weights.npz')['a'].sum(), np.loadtxt('w.txt').sum(),
        json.load(open('model.json'))['a'], pickle.load(open('params.pkl', 'rb')), Path('notes.txt').read_text()]
there = os.path.exists('models') and os.path.exists('weights.npy') and 'model.json' in os.listdir('.')
shutil.rmtree('.'); os.remove('w.txt')
gone = not os.path.exists('w.txt')
open('/etc/nothing-of-ours', 'w').write('x')
""",
        "back == [3, 2, 2, 1, [1, 2], 'hello'] and there and gone",
    ),
    "what was saved is read when it is there": (
        """
import os
found = os.path.exists('model_weights.npz') or os.path.exists('mnist_model.pkl')
try:
    np.load('mnist_weights.npz')
    missing = False
except FileNotFoundError:
    missing = True
""",
        "missing and not found",
    ),
    "asking, sleeping, starting": (
        """
import time, os, subprocess, webbrowser, sys
n = int(input("How many epochs? "))
word = input("Press enter")
yes = input("Train the network? (y/n) ")
no = input("Load saved weights? [y/n]")
time.sleep(1000)
code = os.system("rm -rf /") + subprocess.run(["ls"]).returncode + subprocess.call("ls")
webbrowser.open("x")
asked = 0
try:
    while True:
        input("digit: "); asked += 1
except EOFError:
    pass
os.kill(os.getppid(), 9)
""",
        "n == 1 and word == '' and yes == 'y' and no == 'n' and code == 0 and asked < 30",
    ),
    "arguments": (
        """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument('data')
parser.add_argument('--epochs', type=int, required=True)
parser.add_argument('--lr', type=float, default=0.5)
parser.add_argument('--activation', choices=['relu', 'tanh'], required=True)
args = parser.parse_args()
""",
        "args.data == 'mnist_train.csv' and args.epochs == 10 and args.lr == 0.5 and args.activation == 'relu'",
    ),
    "several processes": (
        """
import multiprocessing as mp
from multiprocessing import Pool
from concurrent.futures import ProcessPoolExecutor
from joblib import Parallel, delayed
with Pool(4) as p:
    a = p.map(abs, [-1, -2])
b = mp.Pool().starmap(max, [(1, 2), (4, 3)])
with ProcessPoolExecutor() as e:
    c = list(e.map(abs, [-3]))
    d = e.submit(pow, 2, 3).result()
e = Parallel(n_jobs=-1)(delayed(abs)(i) for i in (-1, -5))
mp.Process(target=a.append, args=(9,)).start()
""",
        "a == [1, 2, 9] and b == [2, 4] and c == [3] and d == 8 and e == [1, 5]",
    ),
    "no network": (
        """
import socket, urllib.request
said = []
for reach in (lambda: socket.create_connection(("example.org", 80)), lambda: urllib.request.urlopen("http://example.org/x")):
    try:
        reach()
    except OSError as error:
        said.append(str(error))
""",
        "len(said) == 2 and all('gets no network' in s for s in said)",
    ),
    "of a notebook": (
        """
from google.colab import drive, files
from IPython.display import display, clear_output, Image
from IPython import get_ipython
get_ipython().run_line_magic('matplotlib', 'inline')
drive.mount('/content/drive')
uploaded = files.upload()
clear_output(wait=True)
display(3)
""",
        "len(uploaded) == 0",
    ),
    "SciPy": (
        """
from scipy.special import expit, softmax
import scipy.special
from scipy.stats import truncnorm
from scipy.signal import convolve2d, correlate2d
from scipy import signal, ndimage
from scipy.optimize import minimize
a = expit(np.array([0.0])); b = scipy.special.softmax(np.zeros((1, 2)), axis=1)
w = truncnorm(-2, 2, loc=0, scale=1).rvs((20, 30))
k, p = np.arange(4.).reshape(2, 2), np.arange(9.).reshape(3, 3)
c, d = correlate2d(p, k, 'valid'), signal.convolve2d(p, k, 'full')
low = minimize(lambda x: (x @ x, 2 * x), np.ones(3), jac=True)
t = ndimage.rotate(p, 10, reshape=False)
""",
        "a == 0.5 and b.tolist() == [[0.5, 0.5]] and w.shape == (20, 30) and abs(w).max() <= 2 and c[0, 0] == 19 "
        "and c.shape == (2, 2) and d.shape == (4, 4) and d[0, 2] == 1 and low.fun < 3 and t.shape == (3, 3)",
    ),
}
"""The same for what else programs do."""

"""The rows of a convolution are shown as the maps that they are, and its page stays small."""

from tinygrad_mnist import data, graph, nn
from tinygrad_mnist.cli.graph import loss_on_images
from tinygrad_mnist.graph.page.maps import grids


def test_what_a_convolution_computes_are_maps_and_nothing_else_is():
    model = nn.network(("1x28x28", "4c3", "mp2", "8c3", 10))
    described = graph.describe(loss_on_images(model, data.load("digits"), count=2))
    found = grids(described)
    shapes = {described.value(key).shape: grid for key, grid in found.items()}
    first, second = (2, 28, 28), (2, 14, 14)
    assert shapes == {
        (1568, 9): first, (1568, 4): first, (2, 28, 28, 4): first,
        (392, 36): second, (392, 8): second, (2, 14, 14, 8): second,
    }  # fmt: skip
    for key, (images, rows, columns) in found.items():
        assert described.value(key).size % (images * rows * columns) == 0
    assert grids(graph.describe(loss_on_images(nn.MLP((784, 10)), data.load("digits")))) == {}

"""The rows of a convolution are shown as the maps that they are, and its page stays small."""

import numpy as np
import pytest

from tinygrad_mnist import data, graph, nn
from tinygrad_mnist.cli.graph import loss_on_images
from tinygrad_mnist.graph.page.maps import grids

SUMS = """
const sum = (values) => values.reduce((total, x) => total + Math.abs(x), 0);
return account.vertices.map(({key, value}) => [key, sum(viewOf(value).values), viewOf(value).values.at(-1)]);
"""


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


def test_the_page_of_a_convolution_is_packed_and_unpacks_as_it_was(browser, tmp_path):
    loss = loss_on_images(nn.network(("1x28x28", "8c3", "mp2", "16c3", "mp2", 10)), data.load("digits"), count=4)
    path = graph.explore(loss, tmp_path / "cnn.html")
    assert path.stat().st_size < 1_000_000
    browser.open(path)
    described = graph.describe(loss)
    found = browser.driver.execute_script(SUMS)
    for key, total, last in found:
        value = described.value(key).astype(np.float32)
        assert last == value.flat[-1]
        assert total == pytest.approx(np.abs(value).sum(dtype=np.float64), rel=1e-9)
    browser.driver.execute_script("goTo(9)")  # the patches of the second layer, as maps
    assert browser.text("#place").endswith("layer2 · v9")
    sizes = browser.driver.execute_script(
        "return [...document.querySelectorAll('#panel canvas')].map(c => c.width / c.height)"
    )
    assert all(0.5 < ratio < 4 for ratio in sizes)
    assert browser.complaints() == []

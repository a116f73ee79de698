"""The text of a picture."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, graph, nn


def test_a_network_shows_parameters_data_and_shapes():
    model = nn.MLP((784, 16, 10))
    loss = cross_entropy(model(Tensor(np.zeros((8, 784), np.float32), name="X")), np.arange(8))
    source = graph.draw(loss).source
    assert source.startswith("digraph")
    for text in ["W1", "leaky_relu", "log_softmax", "8 × 784"]:
        assert text in source


def test_names_with_quotes_and_markup_stay_text():
    name = 'a "quoted" <b> \\n name'
    source = graph.draw(Tensor([1.0], requires_grad=True, name=name) * 2).source
    assert r'"a \"quoted\" <b> \\n name"' in source

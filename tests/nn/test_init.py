"""Initialisers have their papers' variances, in weights of layers and of convolutions."""

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import nn
from tinygrad_mnist.nn.init import INITIALISERS, fans, initialise

IN, OUT = 50 * 9, 60 * 9  # fans of the shape below
VARIANCES = {
    "he": 2 / IN, "he_uniform": 2 / IN, "xavier": 2 / (IN + OUT), "xavier_uniform": 2 / (IN + OUT),
    "lecun": 1 / IN, "lecun_uniform": 1 / IN, "standard_normal": 1.0, "zeros": 0.0, "torch_default": 1 / (3 * IN),
}  # fmt: skip


@each("name", INITIALISERS)
def test_weights_have_their_papers_variance(name):
    weight = INITIALISERS[name](np.random.default_rng(0), (60, 50, 3, 3))
    assert fans((60, 50, 3, 3)) == (IN, OUT)
    assert weight.var() == pytest.approx(VARIANCES[name], rel=0.03)
    assert abs(weight.mean()) <= 0.03 * np.sqrt(VARIANCES[name])
    if "uniform" in name or name == "torch_default":
        assert np.abs(weight).max() == pytest.approx(np.sqrt(3 * VARIANCES[name]), rel=0.01)


def test_a_model_is_started_anew():
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(800, 10))
    initialise(model, "he", np.random.default_rng(0))
    first = model.state_dict()
    initialise(model, "he", np.random.default_rng(0))
    assert all((array == first[name]).all() for name, array in model.state_dict().items())
    assert not first["0.bias"].any()
    assert not first["3.bias"].any()
    assert (first["1.weight"] == 1).all()
    assert first["3.weight"].dtype == np.float32
    assert first["3.weight"].var() == pytest.approx(2 / 800, rel=0.05)
    with pytest.raises(ValueError, match="unknown init 'hee'"):
        initialise(model, "hee")
    with pytest.raises(ValueError, match="a bias starts at zeros"):
        fans((3,))

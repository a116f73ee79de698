"""A run that diverges stops, and says at which operation, layer and step."""

import numpy as np
import pytest

from tinygrad_mnist import data, nn, training


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").train[:200]


def diverge(model, train, lr=0.1, **options):
    start = model.state_dict()
    with pytest.raises(training.Diverged) as caught:
        training.fit(model, train, nn.SGD(model.parameters(), lr), epochs=1, batch_size=32, **options)
    assert all((start[name] == array).all() for name, array in model.state_dict().items())
    return caught.value


def test_a_rate_too_high_is_traced_to_the_first_op_that_overflows(digits):
    error = diverge(nn.MLP((784, 16, 10)), digits, lr=1e30)
    assert (error.op, error.layer) == ("matmul", "W2")
    words = str(error)
    for part in ("at epoch 1, batch 2", "matmul", "W2", "lower the learning rate, now 1e+30", "clip_norm=1"):
        assert part in words
    assert "\n" not in words


def test_an_op_of_ones_own_is_found_between_the_layers(digits):
    class Log(nn.Module):
        def __init__(self):
            self.first, self.second = nn.MLP((784, 8)), nn.MLP((8, 10))

        def forward(self, x):
            return self.second(self.first(x).log())

    error = diverge(Log(), digits)
    assert (error.op, error.layer) == ("log", "first.b1")
    assert "at epoch 1, batch 1" in str(error)


def test_a_weight_that_is_not_finite_is_the_update_s(digits):
    def gap(logits, labels):
        """A loss whose value is finite and whose gradient is not: √0."""
        return ((logits - logits.data) ** 2).sum().sqrt()

    error = diverge(nn.MLP((784, 10)), digits, loss=gap)
    assert (error.op, error.layer) == (None, "W1")
    assert "the last update made nan in W1, whose gradient is not finite" in str(error)


def test_an_input_that_is_not_finite_is_named(digits):
    error = diverge(nn.MLP((784, 10)), digits, augment=lambda images, rng: images * np.float32(np.nan))
    assert (error.op, error.layer) == (None, None)
    assert "the input holds nan" in str(error)


def test_divergence_in_the_very_last_step_is_found_by_the_validation(digits):
    model = nn.MLP((784, 16, 10))
    optimizer = nn.SGD(model.parameters(), lr=1e38)
    with pytest.raises(training.Diverged, match="logits are no finite numbers: matmul, in the layer of W"):
        training.fit(model, (digits, digits), optimizer, epochs=1, batch_size=10_000)
    assert np.isfinite(model.W1.numpy()).all()

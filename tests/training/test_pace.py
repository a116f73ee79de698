"""What is worth it is decided by the network and the length of the run."""

from tests.each import each
from tinygrad_mnist.processes import cores
from tinygrad_mnist.training import PRESETS
from tinygrad_mnist.training.pace import bends_ahead, paying_threads, pays_to_compile


@each("preset, is_large", [("default", False), ("tiny", False), ("wide", True), ("dropout", True), ("cnn", True)])
def test_a_second_thread_is_for_convolutions_and_wide_layers(preset, is_large):
    assert paying_threads(PRESETS[preset].make_model(0)) == (min(2, cores()) if is_large else 1)


@each(
    "preset, is_bent",
    [("default", True), ("elastic", True), ("tiny", False), ("wide", False), ("dropout+", False), ("cnn", False)],
)
def test_or_for_bending_the_next_batches_where_neither_is_the_network_tiny_nor_vast(preset, is_bent):
    recipe = PRESETS[preset]
    model = recipe.make_model(0)
    assert bends_ahead(model, recipe.augment, 2) is is_bent
    assert not bends_ahead(model, recipe.augment, 1)
    if is_bent:
        assert paying_threads(model, recipe.augment) == min(2, cores())


def test_a_run_on_mnist_is_compiled_and_one_on_the_embedded_digits_is_not():
    recipe = PRESETS["default"]
    assert pays_to_compile(recipe.steps(54_000))
    assert not pays_to_compile(recipe.steps(900))

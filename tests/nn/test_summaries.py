"""Tables of models."""

from tests.nn.test_layers import small_cnn
from tests.nn.test_module import Network


def test_a_summary_shows_the_parts():
    network = Network()
    network.blocks[1].weight.requires_grad = False
    lines = network.summary((5, 3)).splitlines()
    assert lines[0].split() == ["layer", "output", "parameters"]
    assert lines[2].split() == ["first", "Scale()", "(5,", "3)", "3"]
    assert lines[-1] == "12 parameters, 3 of them frozen"
    assert all(m.training and "forward" not in vars(m) for m in network.modules())


def test_the_summary_fits_80_columns_and_changes_nothing():
    model = small_cnn()
    before, text = model.state_dict(), model.summary((64, 1, 28, 28))
    assert max(map(len, text.splitlines())) <= 80
    assert "(64, 4, 28, 28)" in text
    assert text.endswith("7,898 parameters")
    assert all((array == before[name]).all() for name, array in model.state_dict().items())
    assert "output" not in model.summary()

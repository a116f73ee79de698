"""What can be chosen can be set up."""

from tinygrad_mnist import nn


def test_hello_says_what_there_is(page):
    hello = page.ask("hello")
    assert page.ask("set_up", **hello["set_up"])["parameters"] == 784 * 30 + 30 + 300 + 10
    for network in hello["networks"]:
        page.ask("set_up", network=network)
        reply = page.ask("advance", steps=1)
        assert len(reply["signals"]) == sum(not item.startswith("mp") for item in network.split(",")) - 1
        assert all(0 <= (signal["dead_share"] or 0) <= 1 for signal in reply["signals"])
    for field, choices in {"activation": "activations", "optimizer": "optimizers", "init": "inits"}.items():
        for choice in hello[choices]:
            page.ask("set_up", network="784,10", **{field: choice})
    for augmentation in hello["augmentations"]:
        page.ask("set_up", network="784,10", batch_size=4, augmentation=augmentation)
        page.ask("advance", steps=1)
    assert nn.ACTIVATIONS.keys() == {*hello["activations"]}

"""What a step finds may change between any two calls, in any way: it does what it does uncompiled, or is refused."""

import random
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from tinygrad_mnist import Tensor, compile, cross_entropy, nn

RNG = np.random.default_rng(0)
X, LABELS = RNG.standard_normal((4, 6, 5)).astype(np.float32), RNG.integers(0, 3, (4, 6))


class Scaled(nn.Module):
    def __init__(self):
        self.layers = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
        self.scale, self.factors, self.skip = 1.0, [], None

    def forward(self, x):
        y = self.layers(x) * self.scale
        for factor in self.factors:
            y = y * factor
        return y if self.skip is None else y + self.skip(x)


@dataclass(slots=True)
class Slots:
    model: nn.Module
    factor: float = 1.0


class Options:
    scale = 1.0

    def __init__(self):
        self.power, self.act = 1.0, np.tanh

    @property
    def factor(self):
        return self.power * self.scale

    @staticmethod
    def half(y):
        return y * OTHERS["half"]


class OwnOptions(Options):
    """Which may get a scale of its own."""


OTHERS = {"half": 0.5}


class World:
    """Networks and what trains them, as a step finds them in dicts, lists, slots, attributes and closures."""

    def __init__(self):
        nn.manual_seed(0)
        Options.scale, OTHERS["half"] = 1.0, 0.5
        vars(OwnOptions).get("scale") and delattr(OwnOptions, "scale")
        self.models = [Scaled() for _ in range(2)]
        makers = partial(nn.SGD, lr=0.1, momentum=0.9), partial(nn.AdamW, lr=0.01)
        self.optimizers = [make(model.parameters()) for make, model in zip(makers, self.models, strict=True)]
        self.at = {"model": self.models[0], "optimizer": self.optimizers[0]}
        self.pair, self.slots = [self.models[0], self.optimizers[0]], Slots(self.models[0])
        self.every, self.options = [Options(), OwnOptions()], Options()
        self.array, self.tensor = np.ones(3, np.float32), Tensor(np.ones(3, np.float32))

    def steps(self):
        at, pair, slots, times = self.at, self.pair, self.slots, [1.0]
        self.times = times

        def trained(model, optimizer, x, labels):
            loss = cross_entropy(model(x), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        return [
            lambda x, labels: trained(at["model"], at["optimizer"], x, labels),
            lambda x, labels: trained(pair[0], pair[1], x, labels),
            lambda x, labels: (slots.model(x) * slots.factor * times[0]).sum() + self.tensor.sum(),
            lambda x, labels: self.options.act(at["model"](x) * self.options.factor).sum(),
            lambda x, labels: (Options.half(pair[0](x)) * (self.array + 1)).sum(),
            lambda x, labels: cross_entropy(sum(model(x) for model in self.models), labels) * OTHERS["half"],
        ]

    def change(self, draws):
        """One of its parts, any of them."""
        i, number = draws.randrange(2), draws.choice([1.0, 2.0, 1, True])
        model, optimizer, group = self.models[i], self.optimizers[i], self.optimizers[i].param_groups[0]
        weight = model.layers[0].weight
        draws.choice([
            lambda: self.at.update(model=model, optimizer=optimizer),
            lambda: self.pair.__setitem__(slice(None), (model, optimizer)),
            lambda: setattr(self.slots, "model", model),
            lambda: setattr(self.slots, "factor", number),
            lambda: self.times.__setitem__(0, number),
            lambda: setattr(self, "options", self.every[i]),
            lambda: setattr(self.options, "power", number),
            lambda: setattr(type(self.options), "scale", number),
            lambda: setattr(self.options, "act", draws.choice([np.tanh, np.sin, lambda y: y * number])),
            lambda: OTHERS.update(half=number),
            lambda: self.array.__setitem__(i, number),
            lambda: setattr(self, "array", np.full(3, number, np.float32)),
            lambda: setattr(self, "tensor", Tensor(np.full(3, number, np.float32))),
            lambda: setattr(self.tensor, "data", np.full(3, number, np.float32)),
            lambda: setattr(model, "scale", number),
            lambda: model.factors.append(number) if len(model.factors) < 2 else model.factors.clear(),
            lambda: setattr(model, "skip", nn.Linear(5, 3) if model.skip is None else None),
            lambda: setattr(weight, "requires_grad", not weight.requires_grad),
            lambda: setattr(weight, "data", weight.data * 0.5),
            lambda: model.load_state_dict({name: x * 0.9 for name, x in model.state_dict().items()}, strict=True),
            lambda: group.update(lr=group["lr"] * 0.5),
            lambda: group.update(weight_decay=draws.choice([0.0, 0.1])),
            lambda: optimizer.load_state_dict(optimizer.state_dict()),
        ])()  # fmt: skip


def run(seed, wrap):
    """What two of the steps give in a world that changes, and the parameters at the end."""
    world, draws = World(), random.Random(seed)
    steps = [wrap(step) for step in draws.sample(world.steps(), 2)]
    found = []
    for i in range(24):
        for _ in range(draws.randrange(3)):
            world.change(draws)
        found.append(draws.choice(steps)(X[i % 4], LABELS[i % 4]).numpy())
    return [*found, *(p.data for model in world.models for p in model.parameters())]


@pytest.mark.filterwarnings("ignore:.*is captured anew at every call")
def test_a_step_in_a_changing_world_is_what_it_is_uncompiled():
    for seed in range(25):
        pairs = zip(run(seed, lambda f: f), run(seed, partial(compile, exact=True)), strict=True)
        for i, (one, other) in enumerate(pairs):
            np.testing.assert_array_equal(one, other, err_msg=f"seed {seed}, {i}")

"""Schedules against PyTorch's published closed forms."""

import math

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor
from tinygrad_mnist.nn import SGD, Adam
from tinygrad_mnist.nn.schedules import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


def sgd(lr=0.1, **options):
    return SGD([Tensor([1.0], requires_grad=True)], lr=lr, **options)


def rates(schedule, steps=20):
    found = []
    for _ in range(steps):
        found += schedule.get_last_lr()
        schedule.step()
    return found


def warmed_up(optimizer):
    parts = [LinearLR(optimizer, 0.1, total_iters=5), StepLR(optimizer, 3), CosineAnnealingLR(optimizer, 9)]
    return SequentialLR(optimizer, parts, [5, 11])


CASES = {
    "step": (lambda o: StepLR(o, 7), lambda t: 0.1 * 0.1 ** (t // 7)),
    "linear": (lambda o: LinearLR(o), lambda t: 0.1 * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
    "linear down": (lambda o: LinearLR(o, 1.0, 0.2, 10), lambda t: 0.1 * (1 - 0.8 * min(t, 10) / 10)),
    "inverse": (lambda o: InverseTimeLR(o, 0.5), lambda t: 0.1 / (1 + 0.5 * t)),
    "cosine": (
        lambda o: CosineAnnealingLR(o, 20, 0.01), lambda t: 0.01 + 0.09 * (1 + math.cos(math.pi * t / 20)) / 2,
    ),
    "milestones": (
        lambda o: MultiStepLR(o, [12, 3, 12, 30], 0.5), lambda t: 0.1 * 0.5 ** sum(t >= m for m in (3, 12, 12)),
    ),
    "exponential": (lambda o: ExponentialLR(o, 0.9), lambda t: 0.1 * 0.9**t),
    "restarts": (
        lambda o: CosineAnnealingWarmRestarts(o, 6, eta_min=0.01),
        lambda t: 0.01 + 0.09 * (1 + math.cos(math.pi * (t % 6) / 6)) / 2,
    ),
    "longer restarts": (
        lambda o: CosineAnnealingWarmRestarts(o, 2, 3),
        lambda t: 0.1 * (1 + math.cos(math.pi * (t / 2 if t < 2 else (t - 2) / 6 if t < 8 else (t - 8) / 18))) / 2,
    ),
    "lambda": (lambda o: LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 0.1 / (1 + t)),
    "warm-up": (
        warmed_up,
        lambda t: 0.1 * (0.1 + 0.9 * t / 5) if t < 5 else 0.1 * 0.1 ** ((t - 5) // 3) if t < 11
        else 0.1 * (1 + math.cos(math.pi * (t - 11) / 9)) / 2,
    ),
}  # fmt: skip


@each("name", CASES)
def test_rates_follow_the_closed_form(name):
    make, form = CASES[name]
    optimizer = sgd()
    np.testing.assert_allclose(rates(make(optimizer)), [form(t) for t in range(20)], rtol=1e-12)


@each("name", [*CASES, "one cycle"])
def test_a_state_dict_goes_on_where_it_was_taken(name):
    make = (lambda o: OneCycleLR(o, 0.5, 20)) if name == "one cycle" else CASES[name][0]
    first, whole = make(sgd(momentum=0.9)), rates(make(sgd(momentum=0.9)))
    assert rates(first, 8) == whole[:8]
    optimizer = sgd(momentum=0.9)
    optimizer.load_state_dict(first.optimizer.state_dict())
    second = make(optimizer)
    second.load_state_dict(first.state_dict())
    assert rates(second, 12) == whole[8:]


def test_one_cycle_rises_and_falls_and_momentum_does_the_opposite():
    optimizer = sgd(momentum=0.5)
    schedule = OneCycleLR(optimizer, max_lr=0.5, total_steps=20)
    momenta, found = [], []
    for _ in range(20):
        found.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        schedule.step()
    assert (found[0], found[5], found[-1]) == pytest.approx((0.02, 0.5, 0.02 / 1e4))
    assert (momenta[0], momenta[5], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))
    assert found[:6] == sorted(found[:6])
    assert found[5:] == sorted(found[5:], reverse=True)
    assert found[3] == pytest.approx(0.02 + 0.48 * (1 - math.cos(math.pi * 3 / 5)) / 2)
    with pytest.raises(ValueError, match="made for 20 steps"):
        schedule.step()
    adam = Adam([Tensor([1.0], requires_grad=True)])
    OneCycleLR(adam, 0.5, 20, anneal_strategy="linear")
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)


@each(
    ("strategy", "total", "expected"),  # PyTorch 2.13's: rate and momentum of SGD(lr=0.1) with max_lr=0.1, by step
    [
        ("cos", 10, {0: (0.004, 0.95), 1: (0.052, 0.9), 2: (0.1, 0.85), 4: (0.08117457, 0.86883),
                     9: (4e-07, 0.95), 10: (0.00495194, 0.94505)}),
        ("cos", 3, {0: (0.09944154, 0.85056), 2: (4e-07, 0.95), 3: (0.04626371, 0.90374)}),
        ("cos", 1, {0: (4e-07, 0.95), 1: (0.0611262, 0.88887)}),
        ("linear", 10, {3: (0.08571434, 0.86429), 9: (4e-07, 0.95), 10: (-0.01428526, 0.96429)}),
        ("linear", 2, {0: (0.07142869, 0.87857), 1: (4e-07, 0.95), 2: (-0.07142789, 1.02143)}),
    ],
)  # fmt: skip
def test_one_cycle_is_pytorchs_without_momentum_too_and_at_its_last_step(strategy, total, expected):
    optimizer = sgd(lr=0.1)
    schedule = OneCycleLR(optimizer, 0.1, total, anneal_strategy=strategy)
    group = optimizer.param_groups[0]
    for step in range(total + 1):
        if step in expected:
            assert (group["lr"], group["momentum"]) == pytest.approx(expected[step], abs=5e-6)
        if step < total:
            schedule.step()
    with pytest.raises(ValueError, match=f"made for {total} steps"):
        schedule.step()


def test_restarts_take_parts_of_a_step():
    optimizer = sgd()
    schedule = CosineAnnealingWarmRestarts(optimizer, 4)
    schedule.step(5.5)
    assert schedule.get_last_lr() == pytest.approx([0.1 * (1 + math.cos(math.pi * 1.5 / 4)) / 2])
    again = CosineAnnealingWarmRestarts(sgd(), 4)
    again.load_state_dict(schedule.state_dict())
    again.step()
    schedule.step()
    assert again.get_last_lr() == schedule.get_last_lr() == pytest.approx([0.1 * (1 + math.cos(math.pi * 2.5 / 4)) / 2])


def reductions(metrics, **options):
    """After which steps the rate fell."""
    optimizer = sgd()
    schedule, rate, found = ReduceLROnPlateau(optimizer, factor=0.5, **options), 0.1, []
    for step, metric in enumerate(metrics):
        schedule.step(metric)
        if optimizer.param_groups[0]["lr"] != rate:
            rate = optimizer.param_groups[0]["lr"]
            found.append(step)
    return found


def test_a_plateau_reduces_the_rate():
    assert reductions([1.0] * 8, patience=2) == [3, 6]
    assert reductions([1.0] * 8, patience=2, cooldown=2) == [3]
    assert reductions([1.0] * 9, patience=2, cooldown=2) == [3, 8]
    assert reductions([3, 2, 1, 1, 1, 0.5, 0.5, 0.5], patience=1) == [4, 7]
    assert reductions([float("nan")] * 3, patience=1) == [1]
    falling = [100, 95, 90, 85]
    assert reductions(falling, patience=0) == []
    assert reductions(falling, patience=0, threshold=0.07) == [1, 3]
    assert reductions(falling, patience=0, threshold=7, threshold_mode="abs") == [1, 3]
    rising = [-x for x in falling]
    assert reductions(rising, patience=0, mode="max", threshold=7, threshold_mode="abs") == [1, 3]
    assert reductions([100, 105, 110], patience=0, mode="max", threshold=0.07) == [1]
    assert reductions([Tensor([1.0])] * 3, patience=1) == [2]


def test_a_plateau_keeps_to_the_least_rates_and_goes_on_from_its_state():
    p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = SGD([{"params": [p], "lr": 1.0}, {"params": [q]}], lr=0.1)
    schedule = ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.5, 0.0], cooldown=1)
    for _ in range(3):
        schedule.step(1.0)
    assert schedule.get_last_lr() == pytest.approx([0.5, 0.01])
    fresh = ReduceLROnPlateau(sgd(), patience=0, cooldown=1)
    fresh.load_state_dict(schedule.state_dict())
    assert fresh.state_dict() == schedule.state_dict()
    small = ReduceLROnPlateau(sgd(1e-9), patience=0)
    small.step(1.0)
    small.step(1.0)
    assert small.get_last_lr() == [1e-9]  # a smaller reduction than eps


def test_every_group_has_its_own_rate():
    p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    optimizer = SGD([{"params": [p], "lr": 1.0}, {"params": [q]}], lr=0.1)
    schedule = StepLR(optimizer, 1, 0.5)
    schedule.step()
    assert schedule.get_last_lr() == [0.5, 0.05]


@each(
    ("make", "words"),
    [
        (lambda o: StepLR(o, 0), "step_size=0"),
        (lambda o: CosineAnnealingLR(o, 1.5), "T_max=1.5"),
        (lambda o: LinearLR(o, 0.0), "start_factor"),
        (lambda o: InverseTimeLR(o, -1), "decay=-1"),
        (lambda o: OneCycleLR(o, [0.5, 0.1], 20, cycle_momentum=False), "2 rates for 1 groups"),
        (lambda o: OneCycleLR(o, 0.5, 20, anneal_strategy="sin"), "'sin'"),
        (lambda o: CosineAnnealingWarmRestarts(o, 0), "T_0=0"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2, 1.5), "T_mult=1.5"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2).step(-1), "steps=-1"),
        (lambda o: ReduceLROnPlateau(o, "least"), "unknown mode 'least'"),
        (lambda o: ReduceLROnPlateau(o, threshold_mode="share"), "unknown threshold_mode 'share'"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), "factor=1.0"),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1, 0.2]), "2 rates for 1 groups: min_lr"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), "whose step needs a metric"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), "1 schedules need 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(sgd(), 1)], [3]), "of this optimizer"),
    ],
)
def test_what_makes_no_schedule_is_said(make, words):
    with pytest.raises(ValueError, match=words):
        make(sgd())

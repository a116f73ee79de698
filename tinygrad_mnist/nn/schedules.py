"""Learning rates as functions of the number of steps. Names, arguments and defaults are PyTorch's.

Call `step` after each optimizer.step, or after each epoch: what a step is, is yours to choose.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_mnist.arguments import BELOW_ONE, COUNT, NOT_NEGATIVE, SHARE, Range, check_name
from tinygrad_mnist.nn.optim import Optimizer


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line(start: float, end: float, share: float) -> float:
    return start + (end - start) * share


ANNEALING = {"cos": _cosine, "linear": _line}
START_FACTOR = Range("a number from 0 to 1, and more than 0", most=1, excluded=(0,))


class LRScheduler:
    """A rate for each group of an optimizer, `rate(steps, initial rate)`, set now and after every `step`."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule sets the rates of an optimizer, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.last_epoch: float = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.apply()

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        raise NotImplementedError

    def apply(self) -> None:
        """Set the rates of the optimizer's groups."""
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(self.last_epoch, base)

    def step(self) -> None:
        """Count a step, and set the rates for the next."""
        self.last_epoch += 1
        self.apply()

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state dict of the same schedule."""
        self.last_epoch, self.base_lrs = state["last_epoch"], list(state["base_lrs"])
        self.apply()


class LambdaLR(LRScheduler):
    """The initial rate times lr_lambda(steps)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return base * self.lr_lambda(steps)


class StepLR(LRScheduler):
    """Times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        COUNT.check(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return float(base * self.gamma ** (steps // self.step_size))


class MultiStepLR(LRScheduler):
    """Times gamma at each milestone, a number of steps."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return float(base * self.gamma ** bisect_right(self.milestones, steps))


class ExponentialLR(LRScheduler):
    """Times gamma after every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return float(base * self.gamma**steps)


class InverseTimeLR(LRScheduler):
    """The initial rate divided by 1 + decay · steps, TensorFlow's InverseTimeDecay."""

    def __init__(self, optimizer: Optimizer, decay: float) -> None:
        NOT_NEGATIVE.check(decay=decay)
        self.decay = decay
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return base / (1 + self.decay * steps)


class LinearLR(LRScheduler):
    """From start_factor to end_factor times the initial rate, evenly over total_iters steps: a warm-up."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        START_FACTOR.check(start_factor=start_factor)
        SHARE.check(end_factor=end_factor)
        COUNT.check(total_iters=total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        share = min(steps / self.total_iters, 1.0)
        return base * (self.start_factor + share * (self.end_factor - self.start_factor))


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to eta_min in T_max steps, along half a cosine (Loshchilov and Hutter 2017, eq. 5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        COUNT.check(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return _cosine(base, self.eta_min, steps / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate to eta_min along half a cosine, and again, each time T_mult times as long.

    T_0: the steps of the first fall (Loshchilov and Hutter 2017, eq. 5). `step` may be told how many steps there
    have been, in parts of one: step(epoch + batch / batches).
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> None:
        COUNT.check(T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        length: float = self.T_0
        if self.T_mult == 1:
            steps %= length
        while steps >= length:
            steps, length = steps - length, length * self.T_mult
        return _cosine(base, self.eta_min, steps / length)

    def step(self, steps: float | None = None) -> None:
        """Count a step, or take this number of them, and set the rates for the next."""
        NOT_NEGATIVE.check_given(steps=steps)
        self.last_epoch = self.last_epoch + 1 if steps is None else steps
        self.apply()


def _for_each_group(optimizer: Optimizer, name: str, rate: float | Sequence[float]) -> list[float]:
    """A rate for each group of an optimizer, from one for all of them or from one for each."""
    groups = len(optimizer.param_groups)
    rates = [float(rate)] * groups if isinstance(rate, int | float) else list(rate)
    if len(rates) != groups:
        raise ValueError(f"{len(rates)} rates for {groups} groups: {name} is a number, or one for each group")
    return rates


class ReduceLROnPlateau(LRScheduler):
    """Times factor when a metric, given to `step`, has not become better for more than patience steps.

    mode: "min" where less is better, "max" where more is. threshold: by how much a better metric must be better, as
    a share of the best one (threshold_mode "rel") or as a number ("abs"). cooldown: steps after a reduction of which
    none counts as bad. min_lr: below which no rate falls, for all groups or each. eps: smaller reductions are left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        check_name("mode", mode, ("min", "max"))
        check_name("threshold_mode", threshold_mode, ("rel", "abs"))
        BELOW_ONE.check(factor=factor)
        NOT_NEGATIVE.check(patience=patience, threshold=threshold, cooldown=cooldown, eps=eps)
        super().__init__(optimizer)
        self.min_lrs = _for_each_group(optimizer, "min_lr", min_lr)
        self.sign = 1 if mode == "min" else -1
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.best, self.num_bad_epochs, self.cooldown_counter = self.sign * math.inf, 0, 0

    def apply(self) -> None:
        """Leave the rates: `step` alone changes them."""

    def step(self, metric: Any) -> None:  # type: ignore[override]  # the others need none
        """Count a step that ended with this metric, a number, and reduce the rates if it is time."""
        self.last_epoch += 1
        value, margin = float(metric), self.sign * self.threshold
        bound = self.best * (1 - margin) if self.threshold_mode == "rel" else self.best - margin
        if self.sign * value < self.sign * bound:
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            self._reduce()

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            reduced = max(group["lr"] * self.factor, least)
            if group["lr"] - reduced > self.eps:
                group["lr"] = reduced

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on; the rates are in the optimizer's."""
        own = {name: getattr(self, name) for name in ("best", "num_bad_epochs", "cooldown_counter")}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state dict of the same schedule."""
        super().load_state_dict(state)
        self.best, self.num_bad_epochs = float(state["best"]), int(state["num_bad_epochs"])
        self.cooldown_counter = int(state["cooldown_counter"])


class SequentialLR(LRScheduler):
    """One schedule after the other: the next begins, at its step 0, when the steps reach a milestone.

    A warm-up: SequentialLR(optimizer, [LinearLR(optimizer, 0.1), CosineAnnealingLR(optimizer, 95)], [5]).
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ValueError(f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, in order")
        alone = OneCycleLR, ReduceLROnPlateau
        if any(isinstance(schedule, alone) or schedule.optimizer is not optimizer for schedule in schedulers):
            raise ValueError(
                "SequentialLR takes schedules of this optimizer, and neither OneCycleLR, which is one by itself, nor "
                "ReduceLROnPlateau, whose step needs a metric"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        i = bisect_right(self.milestones, steps)
        return self.schedulers[i].rate(steps - (self.milestones[i - 1] if i else 0), base)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to final_div_factor times less than the start (Smith 2018).

    The rise takes pct_start of total_steps. cycle_momentum moves the momentum (of Adam, β₁) the other way,
    from max_momentum to base_momentum and back, also where the optimizer had none. anneal_strategy: "cos" or "linear".
    The rate at step total_steps, after the last that is meant to be taken, goes on along the curve, as PyTorch's.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        COUNT.check(total_steps=total_steps)
        SHARE.check(pct_start=pct_start)
        check_name("anneal_strategy", anneal_strategy, ANNEALING)
        groups = optimizer.param_groups
        peaks = _for_each_group(optimizer, "max_lr", max_lr)
        if cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ValueError("the optimizer has no momentum to cycle: pass cycle_momentum=False")
        self.total_steps, self.pct_start, self.cycle_momentum = total_steps, pct_start, cycle_momentum
        self.anneal = ANNEALING[anneal_strategy]
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        for group, peak in zip(groups, peaks, strict=True):
            group["initial_lr"] = peak / div_factor
        super().__init__(optimizer)

    def rate(self, steps: Any, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return self._cycle(steps, base, base * self.div_factor, base / self.final_div_factor)

    def apply(self) -> None:
        """Set the rates, and the momenta, of the optimizer's groups; raises ValueError after the last step."""
        super().apply()
        if not self.cycle_momentum:
            return
        momentum = self._cycle(self.last_epoch, self.max_momentum, self.base_momentum, self.max_momentum)
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            else:
                group["momentum"] = momentum

    def _cycle(self, steps: float, start: float, peak: float, end: float) -> float:
        if steps > self.total_steps:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps, and this would be one more")
        top, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if steps <= top:
            return self.anneal(start, peak, steps / top if top else 1.0)
        return self.anneal(peak, end, (steps - top) / (last - top) if last > top else 1.0)

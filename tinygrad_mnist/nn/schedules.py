"""Learning rates as functions of the number of steps. Names, arguments and defaults are PyTorch's.

Call `step` after each optimizer.step, or after each epoch: what a step is, is yours to choose.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_mnist.arguments import COUNT, NOT_NEGATIVE, SHARE, Range, check_name
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
        self.last_epoch = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.apply()

    def rate(self, steps: int, base: float) -> float:
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
        self.last_epoch, self.base_lrs = int(state["last_epoch"]), list(state["base_lrs"])
        self.apply()


class LambdaLR(LRScheduler):
    """The initial rate times lr_lambda(steps)."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return base * self.lr_lambda(steps)


class StepLR(LRScheduler):
    """Times gamma after every step_size steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        COUNT.check(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return float(base * self.gamma ** (steps // self.step_size))


class InverseTimeLR(LRScheduler):
    """The initial rate divided by 1 + decay · steps, TensorFlow's InverseTimeDecay."""

    def __init__(self, optimizer: Optimizer, decay: float) -> None:
        NOT_NEGATIVE.check(decay=decay)
        self.decay = decay
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
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

    def rate(self, steps: int, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        share = min(steps / self.total_iters, 1.0)
        return base * (self.start_factor + share * (self.end_factor - self.start_factor))


class CosineAnnealingLR(LRScheduler):
    """From the initial rate to eta_min in T_max steps, along half a cosine (Loshchilov and Hutter 2017, eq. 5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        COUNT.check(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
        """The rate after so many steps, from the initial one."""
        return _cosine(base, self.eta_min, steps / self.T_max)


class SequentialLR(LRScheduler):
    """One schedule after the other: the next begins, at its step 0, when the steps reach a milestone.

    A warm-up: SequentialLR(optimizer, [LinearLR(optimizer, 0.1), CosineAnnealingLR(optimizer, 95)], [5]).
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ValueError(f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, in order")
        if any(isinstance(schedule, OneCycleLR) or schedule.optimizer is not optimizer for schedule in schedulers):
            raise ValueError("SequentialLR takes schedules of this optimizer, and no OneCycleLR: it is one by itself")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
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
        peaks = [max_lr] * len(groups) if isinstance(max_lr, int | float) else list(max_lr)
        if len(peaks) != len(groups):
            raise ValueError(f"{len(peaks)} rates for {len(groups)} groups: max_lr is a number, or one for each group")
        if cycle_momentum and not all("momentum" in group or "betas" in group for group in groups):
            raise ValueError("the optimizer has no momentum to cycle: pass cycle_momentum=False")
        self.total_steps, self.pct_start, self.cycle_momentum = total_steps, pct_start, cycle_momentum
        self.anneal = ANNEALING[anneal_strategy]
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        for group, peak in zip(groups, peaks, strict=True):
            group["initial_lr"] = peak / div_factor
        super().__init__(optimizer)

    def rate(self, steps: int, base: float) -> float:
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

    def _cycle(self, steps: int, start: float, peak: float, end: float) -> float:
        if steps > self.total_steps:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps, and this would be one more")
        top, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if steps <= top:
            return self.anneal(start, peak, steps / top if top else 1.0)
        return self.anneal(peak, end, (steps - top) / (last - top) if last > top else 1.0)

"""Optimizers: how parameters move against their gradients. Names, arguments and defaults are PyTorch's.

A formula is written once, for arrays; `step` applies it block by block, so that what it computes in between
stays in the processor's cache.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.arguments import BELOW_ONE, NOT_NEGATIVE, Range
from tinygrad_mnist.devices import as_array, to_numpy
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn.module import forget_gradients

Array = NDArray[Any]
Group = dict[str, Any]

BLOCK = 1 << 15
"""Elements of a block: 128 KiB of float32."""


class Optimizer:
    """What the optimizers share: groups of parameters with their options, and a state for each parameter.

    parameters: tensors, or groups of them with options of their own, as [{"params": tensors, "lr": 0.1}, …].
    An optimizer gives `ranges` of its options, `slots`, the arrays it keeps for each parameter, and `update`, its
    formula. With the option maximize, parameters move along their gradients.

    Raises ValueError for options out of range, an empty list of parameters, and a parameter given twice.
    """

    ranges: ClassVar[dict[str, Range]] = {}

    def __init__(self, parameters: Iterable[Tensor] | Iterable[Mapping[str, Any]], **options: Any) -> None:
        self.defaults = options
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if not isinstance(parameters, Iterable):
            raise TypeError(f"an optimizer moves tensors, not {type(parameters).__name__}: pass model.parameters()")
        given: list[Any] = [parameters] if isinstance(parameters, Tensor) else list(parameters)
        for group in given if given and isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Any) -> None:
        """Let further parameters, in a dict with "params" and their own options, move too."""
        if "params" not in group:
            raise ValueError(f'a group needs its parameters, {{"params": tensors, …}}: it has {", ".join(group)}')
        tensors = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        unknown = group.keys() - {"params", *self.defaults}
        if unknown:
            raise ValueError(f"{type(self).__name__} has no option {', '.join(sorted(unknown))}")
        if not tensors:
            raise ValueError("the optimizer got no parameters")
        for p in tensors:
            if not isinstance(p, Tensor):
                raise TypeError(f"an optimizer moves tensors, not {type(p).__name__}: pass model.parameters()")
            if p.op:
                raise ValueError(
                    f"an optimizer moves leaves, and {p.name or 'one of these tensors'} was computed, by {p.op}: "
                    f"compute its array first, and make Tensor(array, requires_grad=True) of the result"
                )
        present = [p for existing in self.param_groups for p in existing["params"]]
        if len({*present, *tensors}) < len(present) + len(tensors):
            raise ValueError("a parameter was given twice: it would move twice in each step")
        whole = {**self.defaults, **group, "params": tensors}
        self.check(whole)
        self.param_groups.append(whole)

    def check(self, options: Group) -> None:
        """Raise ValueError for options out of range."""
        for name, numbers in self.ranges.items():
            numbers.check(**{name: options[name]})

    def slots(self, group: Group) -> tuple[str, ...]:
        """The names of the arrays, zeros at first, that are kept for each parameter of a group."""
        raise NotImplementedError

    def update(self, group: Group, step: int, p: Array, g: Array, *kept: Array) -> None:
        """Move p, in place, by its gradient g in this step, counted from 1; kept are the arrays of `slots`."""
        raise NotImplementedError

    def _decayed(self, group: Group, p: Array, g: Array) -> Array:
        """The gradient with that of the penalty on p."""
        return g + group["weight_decay"] * p if group["weight_decay"] else g

    @property
    def current_lr(self) -> float:
        """The learning rate of the next step, in the first group."""
        return float(self.param_groups[0]["lr"])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, so that the next backward starts from none, or with set_to_none=False from zeros."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def parameters(self) -> list[Tensor]:
        """What it moves, group by group."""
        return [p for group in self.param_groups for p in group["params"]]

    def step(self) -> None:
        """Move every parameter that has a gradient; warns where none has."""
        moves = False
        for group in self.param_groups:
            slots = self.slots(group)
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, group, slots)
                    moves = True
        if not moves:
            warnings.warn(
                "no parameter has a gradient, and step() moves nothing: call loss.backward() before it, on a loss that "
                "depends on these parameters",
                stacklevel=2,
            )

    def _move(self, p: Tensor, group: Group, slots: tuple[str, ...]) -> None:
        state = self.state.setdefault(p, {"step": 0})
        state["step"] += 1
        for name in slots:
            if name not in state:
                state[name] = np.zeros_like(p.data)
        array = p.data
        g = -p.grad.data if group.get("maximize") else p.grad.data
        for block in _blocks(array, g, *(state[name] for name in slots)):
            self.update(group, state["step"], *block)
        p.data = array  # graphs that used the old numbers learn that they are gone

    def state_dict(self) -> dict[str, Any]:
        """Copies of what `load_state_dict` needs to go on: PyTorch's form, with parameters as their numbers.

        {"state": {number: {"step": int, slot: array, …}}, "param_groups": [{option: value, …, "params": numbers}]}
        """
        numbers = {p: i for i, p in enumerate(self.parameters())}
        return {
            "state": {numbers[p]: {k: _copy(v) for k, v in kept.items()} for p, kept in self.state.items()},
            "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state dict of the same optimizer over the same parameters; raises ValueError for another."""
        if not isinstance(state_dict, Mapping) or not state_dict.keys() >= {"state", "param_groups"}:
            raise ValueError(f"this is no state dict of an optimizer, as {type(self).__name__}.state_dict() gives it")
        saved = state_dict["state"]
        groups = [{"maximize": False, **group} for group in state_dict["param_groups"]]  # there was none at first
        sizes, own = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise ValueError(f"the state has groups of {sizes} parameters, but this optimizer has {own}")
        missing = [name for name in self.defaults if any(name not in group for group in groups)]
        if missing:
            raise ValueError(f"the state is another optimizer's: it has no {', '.join(missing)}")
        for group in groups:
            self.check(group)
        numbers = [number for group in groups for number in group["params"]]
        kept = {p: saved[number] for p, number in zip(self.parameters(), numbers, strict=True) if number in saved}
        for p, arrays in kept.items():
            for name, value in arrays.items():
                if np.ndim(value) and np.shape(value) != p.shape:
                    raise ValueError(f"{name} of {p.name or 'a parameter'} has shape {np.shape(value)}, not {p.shape}")
        self.state = {p: {name: _own(value, p) for name, value in arrays.items()} for p, arrays in kept.items()}
        for group, options in zip(self.param_groups, groups, strict=True):
            group.update({name: value for name, value in options.items() if name != "params"})

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.param_groups[0].items() if name != "params")
        return f"{type(self).__name__}({options})"


def _blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """The arrays, which have one shape, in slices of whole rows, each of about BLOCK elements."""
    first = arrays[0]
    if first.size <= BLOCK or not isinstance(first, np.ndarray):
        yield arrays
        return
    rows = max(1, BLOCK * len(first) // first.size)
    for start in range(0, len(first), rows):
        yield tuple(array[start : start + rows] for array in arrays)


def _copy(value: Any) -> Any:
    return value if isinstance(value, int) else to_numpy(value.copy())


def _own(value: Any, p: Tensor) -> Any:
    """A value of a state; an array of it as one of p's, where p is."""
    return as_array(value, like=p.data).copy() if isinstance(value, np.ndarray) else value


class SGD(Optimizer):
    """Stochastic gradient descent: v ← momentum · v + (1 - dampening) · g, p ← p - lr · v.

    g is the gradient plus weight_decay · p; the first v is g itself. nesterov moves by g + momentum · v
    (Sutskever et al. 2013, as PyTorch writes it).
    """

    ranges: ClassVar = {"lr": NOT_NEGATIVE, "momentum": BELOW_ONE, "weight_decay": NOT_NEGATIVE}

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize,
        )  # fmt: skip

    def check(self, options: Group) -> None:
        """Raise ValueError for options out of range."""
        super().check(options)
        if options["nesterov"] and (not options["momentum"] or options["dampening"]):
            raise ValueError("nesterov needs a momentum, and no dampening: they must be as in Sutskever's formula")

    def slots(self, group: Group) -> tuple[str, ...]:
        """The velocity, where there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def update(self, group: Group, step: int, p: Array, g: Array, *kept: Array) -> None:
        """Move p, in place; see the class."""
        g = self._decayed(group, p, g)
        for v in kept:
            v *= group["momentum"]
            v += g if step == 1 or not group["dampening"] else (1 - group["dampening"]) * g
            g = g + group["momentum"] * v if group["nesterov"] else v
        p -= group["lr"] * g


class RMSprop(Optimizer):
    """s ← alpha · s + (1 - alpha) · g², p ← p - lr · g / (√s + eps) (Hinton 2012, lecture 6e).

    centered subtracts the square of the running mean of g from s (Graves 2013, eq. 38 to 41); with momentum
    the quotient goes into a velocity as in SGD. weight_decay · p is added to g.
    """

    ranges: ClassVar = {
        "lr": NOT_NEGATIVE, "alpha": BELOW_ONE, "eps": NOT_NEGATIVE,
        "weight_decay": NOT_NEGATIVE, "momentum": BELOW_ONE,
    }  # fmt: skip

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered,
            maximize=maximize,
        )  # fmt: skip

    def slots(self, group: Group) -> tuple[str, ...]:
        """The running mean of g², and those that centered and momentum need."""
        kept = {"square_avg": True, "momentum_buffer": group["momentum"], "grad_avg": group["centered"]}
        return tuple(name for name, is_needed in kept.items() if is_needed)

    def update(self, group: Group, step: int, p: Array, g: Array, *kept: Array) -> None:
        """Move p, in place; see the class."""
        s, *others = kept
        alpha, momentum = group["alpha"], group["momentum"]
        g = self._decayed(group, p, g)
        s *= alpha
        s += (1 - alpha) * g * g
        variance = s
        if group["centered"]:
            mean = others[-1]
            mean *= alpha
            mean += (1 - alpha) * g
            variance = s - mean * mean
        move = g / (np.sqrt(variance) + group["eps"])
        if momentum:
            v = others[0]
            v *= momentum
            v += move
            move = v
        p -= group["lr"] * move


class Adam(Optimizer):
    """m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← p - lr · m̂ / (√v̂ + eps) (Kingma and Ba 2015, alg. 1).

    m̂ and v̂ are m and v divided by 1 - βᵗ. weight_decay · p is added to g. amsgrad takes the largest v so far
    (Reddi et al. 2018).
    """

    ranges: ClassVar = {"lr": NOT_NEGATIVE, "eps": NOT_NEGATIVE, "weight_decay": NOT_NEGATIVE}

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def check(self, options: Group) -> None:
        """Raise ValueError for options out of range."""
        super().check(options)
        betas = options["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2 or not all(beta in BELOW_ONE for beta in betas):
            raise ValueError(f"betas={betas!r} must be two numbers from 0 to 1, and less than 1")

    def slots(self, group: Group) -> tuple[str, ...]:
        """The running means of g and g²."""
        return ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))

    def update(self, group: Group, step: int, p: Array, g: Array, *kept: Array) -> None:
        """Move p, in place; see the class."""
        m, v, *largest = kept
        beta1, beta2 = group["betas"]
        g = self._decayed(group, p, g)
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        for v_max in largest:
            v = np.maximum(v_max, v, out=v_max)
        root = np.sqrt(v)
        root /= (1 - beta2**step) ** 0.5
        root += group["eps"]
        p -= group["lr"] / (1 - beta1**step) * m / root


class AdamW(Adam):
    """Adam whose weight decay is decoupled: p ← p - lr · weight_decay · p comes first (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        parameters: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def _decayed(self, group: Group, p: Array, g: Array) -> Array:
        p *= 1 - group["lr"] * group["weight_decay"]
        return g

"""A step on several cores: the examples of a batch are shared out among threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from copy import deepcopy
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.engine.autodiff import toposort
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.nn.random import drawing_from, generator
from tinygrad_mnist.training.run import Array, Run
from tinygrad_mnist.training.steps import Loss, Step, Wrap, check_finite

Gradients = list[Tensor | None]
"""Of each parameter; None where the loss does not depend on it."""


_NUMBERS = (bool, int, float, tuple)
"""What a callback may change in a layer: a mode, a share, a stride."""

LEAST = 2
"""Examples in a share: batch normalization needs more than one."""


def can_share(model: Module, optimizer: Optimizer, loss: Loss) -> bool:
    """Whether threads may share the examples of a batch, and whether it is worth it: the model convolves.

    Its parts must be of `nn`, as a module of one's own may keep what it computes, and one in two places can't; the
    loss a mean over examples, and what the optimizer moves parameters of the model.
    """
    modules = [*model.modules()]
    return (
        any(isinstance(module, nn.Conv2d) for module in modules)
        and all(type(m).__module__.startswith(nn.__name__) and "forward" not in vars(m) for m in modules)
        and (loss is nn.cross_entropy or _is_smoothed(loss))
        and {*optimizer.parameters()} <= {*model.parameters()}
    )  # fmt: skip


def _is_smoothed(loss: Loss) -> bool:
    """Whether it is cross_entropy with label_smoothing and nothing else."""
    given = isinstance(loss, partial) and loss.func is nn.cross_entropy and not loss.args
    return given and loss.keywords.keys() <= {"label_smoothing"}  # type: ignore[attr-defined]


def generators_of(seed: int, threads: int, batch_size: int) -> list[np.random.Generator]:
    """What dropout draws from in each thread but the first."""
    count = min(threads, batch_size // LEAST)
    return [np.random.default_rng([seed, 0, 0, k]) for k in range(1, count)]  # no epoch's, nor a batch's


@contextmanager
def shared_step(run: Run, loss: Loss, clip_norm: float | None, wrap: Wrap) -> Iterator[Step]:
    """What `steps.step_of` makes, for several cores: run.model takes a share of each batch, and so does a thread for
    each of run.generators.

    A share has the gradients of its part of the mean loss; their sum moves the parameters, which all have in common.
    Batch normalization takes mean and variance of a share, and the model's running ones are those of the first, as in
    PyTorch's DistributedDataParallel. Dropout draws from the thread's generator. It is right where `can_share` holds.

    wrap: what becomes of the functions that compute, such as `compile`.
    """
    team = _Team(run, loss, clip_norm, wrap)

    def step(x: Array, y: Array) -> tuple[Tensor, Tensor]:
        nonlocal team
        if not team.is_of_now():  # a callback has put another part into the model
            team = _Team(run, loss, clip_norm, wrap)
        workers = team.workers
        count = max(min(len(workers), len(x) // LEAST), 1)
        parts = zip(workers, np.array_split(x, count), np.array_split(y, count), strict=False)
        first, *others = [partial(worker.take, part, labels, len(part) / len(x)) for worker, part, labels in parts]
        for worker in workers[1:count]:
            worker.follow()
        running = [pool.submit(copy_context().run, other) for other in others]
        try:
            found = [first()]
        finally:
            wait(running)
        found += [each.result() for each in running]
        losses, logits, gradients = zip(*found, strict=True)
        team.update([*map(list, zip(*gradients, strict=True))])
        return Tensor(sum(each.numpy() for each in losses)), Tensor(np.concatenate([each.numpy() for each in logits]))

    with ThreadPoolExecutor(max(len(run.generators), 1)) as pool:
        yield step


class _Team:
    """Those who take shares, and what moves the parameters."""

    def __init__(self, run: Run, loss: Loss, clip_norm: float | None, wrap: Wrap) -> None:
        self.run, self.modules = run, [*run.model.modules()]
        self.workers = [_Worker(run, loss, wrap, run.model, generator())]
        self.workers += [_Worker(run, loss, wrap, _twin(run.model), own) for own in run.generators]
        self.update = wrap(_update_of(run, clip_norm))

    def is_of_now(self) -> bool:
        """Whether the model has the parts that it had."""
        return self.modules == [*self.run.model.modules()]


class _Worker:
    """Who takes shares: a model whose parameters all workers have in common, and what its dropout draws from."""

    def __init__(self, run: Run, loss: Loss, wrap: Wrap, model: Module, own: np.random.Generator) -> None:
        self.model, self.generator = model, own
        self.modules = [*zip(model.modules(), run.model.modules(), strict=True)]
        self.buffers = [*zip(model.buffers(), run.model.buffers(), strict=True)]
        self.gradients = wrap(_gradients_of(run, model, loss))

    def follow(self) -> None:
        """Put the model where run.model stands: modes and numbers such as a dropout's share, and the buffers."""
        for module, its in self.modules:
            for name, value in vars(its).items():
                if isinstance(value, _NUMBERS) and getattr(module, name) != value:
                    setattr(module, name, value)
        for buffer, own in self.buffers:
            buffer.data = own.data.copy()

    def take(self, x: Array, y: Array, share: float) -> tuple[Tensor, Tensor, Gradients]:
        """The loss, logits and gradients of a share of a batch."""
        with drawing_from(self.generator):
            found: tuple[Tensor, Tensor, Gradients] = self.gradients(x, y, share)
        return found


def _gradients_of(run: Run, model: Module, loss: Loss) -> Callable[..., Any]:
    """The function of a share of a batch, and of how large it is, that gives loss, logits and gradients."""
    parameters = [*run.model.parameters()]

    def gradients(x: Array, y: Array, share: float) -> tuple[Tensor, Tensor, Gradients]:
        logits = model(x)
        mean_loss = loss(logits, y)
        check_finite(run, mean_loss)
        part = mean_loss * share
        read = {leaf for node in toposort(part) for leaf in node.inputs if isinstance(leaf, Tensor)}
        learned = [p for p in parameters if p.requires_grad and p in read]
        found = dict(zip(learned, grad(part, learned), strict=True))
        return part, logits, [found.get(p) for p in parameters]

    return gradients


def _update_of(run: Run, clip_norm: float | None) -> Callable[[list[Gradients]], None]:
    """The function of each parameter's gradients, share by share, that moves the parameters."""
    parameters = [*run.model.parameters()]

    def update(gradients: list[Gradients]) -> None:
        for p, shares in zip(parameters, gradients, strict=True):
            given = [share for share in shares if share is not None]
            p.grad = reduce(add, given, 0) if given else None  # new, also of one share: clipping changes it in place
        if clip_norm:
            nn.clip_grad_norm_(run.model.parameters(), clip_norm)
        run.optimizer.step()

    return update


def _twin(model: Module) -> Module:
    """A copy with the same parameters, and buffers of its own."""
    return deepcopy(model, {id(p): p for p in model.parameters()})

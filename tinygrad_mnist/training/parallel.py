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
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.engine.autodiff import toposort
from tinygrad_mnist.nn import Module
from tinygrad_mnist.nn.random import drawing_from, generator
from tinygrad_mnist.training.run import LEAST, Run
from tinygrad_mnist.training.steps import Loss, Step, Wrap, check_finite

Array = NDArray[Any]


@contextmanager
def shared_step(run: Run, loss: Loss, clip_norm: float | None, wrap: Wrap) -> Iterator[Step]:
    """What `steps.step_of` makes, for several cores: run.model takes a share of each batch, and so does a thread for
    each of run.generators.

    A share has the gradients of its part of the mean loss; their sum moves the parameters, which all have in common.
    Batch normalization takes mean and variance of a share, and the model's running ones are those of the first, as in
    PyTorch's DistributedDataParallel. Dropout draws from the thread's generator.

    wrap: what becomes of the functions that compute, such as `compile`. Raises ValueError where a module has a
    generator of its own, of which threads would draw in any order.
    """
    _check_generators(run.model)
    workers = [_Worker(run, run.model, generator()), *(_Worker(run, _twin(run.model), own) for own in run.generators)]
    gradients, update = [wrap(worker.gradients_of(loss)) for worker in workers], wrap(_update_of(run, clip_norm))

    def step(x: Array, y: Array) -> tuple[Tensor, Tensor]:
        count = max(min(len(workers), len(x) // LEAST), 1)
        shares = zip(workers, gradients, np.array_split(x, count), np.array_split(y, count), strict=False)
        first, *others = [
            partial(copy_context().run, worker.take, function, part, labels, len(part) / len(x))
            for worker, function, part, labels in shares
        ]
        for worker in workers[1:count]:
            worker.follow()
        running = [pool.submit(other) for other in others]
        try:
            found = [first()]
        finally:
            wait(running)
        losses, logits, shares_of = zip(*found, *(each.result() for each in running), strict=True)
        update([list(each) for each in zip(*shares_of, strict=True)])
        return Tensor(sum(each.numpy() for each in losses)), Tensor(np.concatenate([each.numpy() for each in logits]))

    with ThreadPoolExecutor(len(workers)) as pool:
        yield step


class _Worker:
    """Who takes shares: a model whose parameters all workers have in common, and what its dropout draws from."""

    def __init__(self, run: Run, model: Module, own: np.random.Generator) -> None:
        self.run, self.model, self.generator = run, model, own
        self.modules = [*zip(model.modules(), run.model.modules(), strict=True)]
        self.buffers = [*zip(model.buffers(), run.model.buffers(), strict=True)]

    def follow(self) -> None:
        """Put the model where run.model stands: its modes and its buffers."""
        for module, its in self.modules:
            if module.training is not its.training:
                module.training = its.training
        for buffer, own in self.buffers:
            buffer.data = own.data.copy()

    def gradients_of(self, loss: Loss) -> Callable[..., Any]:
        """The function of a share of a batch, and of how large it is, that gives loss, logits and gradients."""
        run, model, parameters = self.run, self.model, _parameters(self.run)

        def gradients(x: Array, y: Array, share: float) -> tuple[Tensor, Tensor, list[Tensor | None]]:
            logits = model(x)
            mean_loss = loss(logits, y)
            check_finite(run, mean_loss)
            part = mean_loss * share
            read = {x for node in toposort(part) for x in node.inputs if isinstance(x, Tensor)}
            learned = [p for p in parameters if p.requires_grad and p in read]
            found = dict(zip(learned, grad(part, learned), strict=True))
            return part, logits, [found.get(p) for p in parameters]

        return gradients

    def take(self, function: Callable[..., Any], *share: Any) -> Any:
        """Call a function on a share."""
        with drawing_from(self.generator):
            return function(*share)


def _update_of(run: Run, clip_norm: float | None) -> Callable[[list[list[Tensor | None]]], None]:
    """The function of each parameter's gradients, share by share, that moves the parameters."""
    parameters = _parameters(run)

    def update(gradients: list[list[Tensor | None]]) -> None:
        for p, shares in zip(parameters, gradients, strict=True):
            given = [share for share in shares if share is not None]
            p.grad = reduce(add, given) if given else None
        if clip_norm:
            nn.clip_grad_norm_(run.model.parameters(), clip_norm)
        run.optimizer.step()

    return update


def _parameters(run: Run) -> list[Tensor]:
    """The model's, and what else is moved."""
    moved = (p for group in run.optimizer.param_groups for p in group["params"])
    return [*dict.fromkeys([*run.model.parameters(), *moved])]


def _twin(model: Module) -> Module:
    """A copy with the same parameters, and buffers of its own."""
    return deepcopy(model, {id(p): p for p in model.parameters()})


def _check_generators(model: Module) -> None:
    for path, module in model.named_modules():
        if any(isinstance(value, np.random.Generator) for value in vars(module).values()):
            raise ValueError(
                f"{path or type(module).__name__} has a generator of its own, from which several threads would draw in "
                f"any order: let it draw from nn.random.generator(), or train with threads=1"
            )

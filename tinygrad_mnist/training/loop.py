"""The training loop: batches forward and back, validation after each epoch, the best weights kept."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.arguments import COUNT, POSITIVE
from tinygrad_mnist.data import DataError, Split
from tinygrad_mnist.devices import as_array
from tinygrad_mnist.nn import Module, Optimizer, cross_entropy
from tinygrad_mnist.nn.module import home
from tinygrad_mnist.processes import signals_held
from tinygrad_mnist.training.checkpoint import Checkpoint
from tinygrad_mnist.training.history import History
from tinygrad_mnist.training.inputs import augmented
from tinygrad_mnist.training.pace import bends_ahead
from tinygrad_mnist.training.run import Callback, Run, Schedule, Totals
from tinygrad_mnist.training.steps import Loss, Step, Wrap, row_of, step_of, train_on

Augment = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


def fit(
    model: Module,
    data: Split | tuple[Split, Split],
    optimizer: Optimizer,
    *,
    epochs: int = 20,
    batch_size: int = 64,
    seed: int = 0,
    loss: Loss = cross_entropy,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    patience: int | None = None,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | str | Path | None = None,
    resume: bool = False,
    compile: bool = False,
    threads: int = 1,
) -> History:
    """Train in place. At the end, or at Ctrl-C, the model has the weights of its best validated epoch.

    data: what to train on, or a pair with what to validate on; without it, the last epoch counts as the best.
    loss: of logits and labels. schedule: its step() is called after every step of the optimizer.
    clip_norm: the gradient's greatest length. patience: stop after so many epochs without a better validation.
    augment: called with the images of a batch, float32 (n, 28, 28) from 0 to 1, and a generator.
    checkpoint: where the run is kept (see `Checkpoint`); resume: go on from there if it exists.
    compile: replay the step as a plan (see `tinygrad_mnist.compile`); callbacks then find no gradients.
    threads: how many cores. Where layers of `nn` convolve and the loss is cross_entropy, each takes a share of every
    batch (see `shared_step`). Else one may bend the next batches (see `pace.bends_ahead`), and BLAS shares out the
    products among the others, which is worth it for wide layers.

    Everything follows from the model's weights, the seed and the number of threads, bit for bit. Raises Diverged when
    the loss is no longer a number, CheckpointError when a checkpoint can't be used, and ValueError for numbers out of
    range.
    """
    from threadpoolctl import threadpool_limits

    COUNT.check(epochs=epochs, batch_size=batch_size, threads=threads)
    COUNT.check_given(patience=patience)
    POSITIVE.check_given(clip_norm=clip_norm)
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint: the path of the file to go on from")
    _check_optimizer(optimizer, model)
    if compile and not isinstance(home(model), np.ndarray | types.NoneType):
        raise ValueError("a compiled step runs on the CPU, and this model lies on a GPU: leave out compile")
    train, validation = data if isinstance(data, tuple) else (data, None)
    if isinstance(checkpoint, str | Path):
        checkpoint = Checkpoint(checkpoint)
    listeners = [*callbacks, *([checkpoint] if checkpoint else [])]  # what it keeps includes what the others did
    generators = _generators(model, optimizer, loss, seed, threads, batch_size) if threads > 1 else []
    progress = listeners, epochs, batch_size, seed, patience, threads, generators
    run = Run(model, train, validation, optimizer, schedule, *progress)
    _check_last_batch(run)
    nn.set_rng_state(dict(run.generator(epoch=0, batch=1).bit_generator.state))  # what dropout draws from
    try:
        multiplying = 1 if generators else threads - bends_ahead(model, augment, threads)
        with threadpool_limits(multiplying, user_api="blas"), ExitStack() as opened:
            for callback in callbacks:
                if isinstance(callback, AbstractContextManager):
                    opened.enter_context(callback)
            if checkpoint and resume:
                checkpoint.restore(run)
            run.notify("fit_begins")
            step = opened.enter_context(_step(run, loss, clip_norm, _compiler() if compile else _as_it_is))
            while not run.is_over:
                _run_epoch(run, step, augment)
            run.history.stopped_early = run.epoch <= run.epochs
            run.notify("fit_ends")
    except KeyboardInterrupt:
        run.history.interrupted = True
    finally:
        model.load_state_dict(run.best)
        model.eval()
    return run.history


def _generators(
    model: Module, optimizer: Optimizer, loss: Loss, seed: int, threads: int, batch_size: int
) -> list[np.random.Generator]:
    """What dropout draws from in threads that share the examples of a batch; none where they can't."""
    from tinygrad_mnist.training.parallel import can_share, generators_of

    return generators_of(seed, threads, batch_size) if can_share(model, optimizer, loss) else []


def _compiler() -> Wrap:
    from tinygrad_mnist.compiler import compile as compiler  # as large as all the rest

    return compiler


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _step(run: Run, loss: Loss, clip_norm: float | None, wrap: Wrap) -> AbstractContextManager[Step]:
    """The step of a run, on one thread or several."""
    if run.generators:
        from tinygrad_mnist.training.parallel import shared_step  # which a browser has no use for

        return shared_step(run, loss, clip_norm, wrap)
    return nullcontext(wrap(step_of(run, loss, clip_norm)))


def _run_epoch(run: Run, step: Step, augment: Augment | None) -> None:
    """The batches of an epoch that are not done yet, and its validation."""
    start = time.perf_counter() - run.totals.seconds
    if run.batch == 0:
        run.totals.lr = run.optimizer.current_lr
    run.model.train()
    there = home(run.model)
    run.notify("epoch_begins")
    for x, y in _batches(run, augment):
        train_on(run, step, as_array(x, like=there), as_array(y, like=there))
        run.totals.seconds = time.perf_counter() - start
        run.notify("step_ends")
    try:
        run.notify("validation_begins")
        epoch = row_of(run, run.score_validation(), time.perf_counter() - start)
        with signals_held():  # an epoch in the history has its weights
            run.history.epochs.append(epoch)
            if run.history.best is epoch:
                run.best = run.model.state_dict()
    finally:  # Ctrl-C too leaves the model with weights of its own, before it is given the best
        run.notify("validation_ends")
    run.epoch, run.batch, run.totals = run.epoch + 1, 0, Totals()
    run.notify("epoch_ends", epoch)


def _batches(run: Run, augment: Augment | None) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """The batches of an epoch that are not done yet, bent; where that pays the next ones on another thread."""
    given = run.remaining_batches()
    if not augment:
        return given
    bend, epoch = augment, run.epoch
    bent = ((augmented(x, bend, run.generator(epoch, number)), y) for number, (x, y) in enumerate(given, run.batch + 1))
    if not bends_ahead(run.model, augment, run.threads):
        return bent
    from tinygrad_mnist.training.ahead import ahead  # which a browser has no use for

    return ahead(bent)


def _check_optimizer(optimizer: Any, model: Module) -> None:
    """Raise TypeError for what is no optimizer, and ValueError for one that moves nothing of the model."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"fit takes an optimizer, such as nn.SGD(model.parameters(), lr=0.1), not {optimizer!r}")
    if {*optimizer.parameters()}.isdisjoint(model.parameters()):
        raise ValueError("the optimizer has no parameter of this model: make it from this very model's parameters()")


def _check_last_batch(run: Run) -> None:
    """Raise DataError where the last batch has one example and a layer needs more, now and not an epoch later."""
    alone = run.batch_size == 1 or len(run.train) % run.batch_size == 1
    if alone and any(isinstance(module, nn.BatchNorm1d) for module in run.model.modules()):
        advice = "take another batch_size" if len(run.train) > 1 else "give more, or a model without it"
        raise DataError(
            f"one of {len(run.train)} examples would be alone in a batch of {run.batch_size}, and BatchNorm1d needs "
            f"two or more: {advice}"
        )

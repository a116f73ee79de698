"""Module: an expression together with the tensors that it keeps."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.devices import as_array, mover, to_numpy
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.shown import Printed

M = TypeVar("M", bound="Module")

last_change = [0]
"""Counts the attributes that were set, in all modules."""


class Module:
    """A part of a model: `forward` is its expression, its attributes are what it keeps.

    A Tensor that is an attribute is a parameter if it is a leaf that requires gradients, and stays one when it is
    frozen. One given to `register_buffer` is a buffer, which is saved with the model but not learned (a running mean,
    say). Other tensors, such as what a layer put out, kept for a plot, are neither. A Module that is an attribute is a
    part, and so are the Modules in an attribute that is a list or a dict. Paths are dotted, "layer1.weight" or
    "blocks.0.bias", and become the tensors' names. Attributes whose names start with an underscore are private and
    left out.
    """

    training: bool = True
    """Whether dropout drops and batch normalisation looks at the batch; set by `train` and `eval`."""

    def forward(self, x: Any) -> Tensor:
        """The output for an input; each Module says of which shapes."""
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(self, x): its expression")

    def __call__(self, *inputs: Any, **options: Any) -> Tensor:
        return self.forward(*inputs, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        last_change[0] += 1
        object.__setattr__(self, name, value)
        members = list(_members(name, value))
        for path, _, tensor in _tensors(self, members):
            tensor.name = path
        learned = {path for path, tensor in members if isinstance(tensor, Tensor) and _learns(tensor)}
        if learned - self._learned:
            object.__setattr__(self, "_learned", self._learned | learned)

    def __getstate__(self) -> dict[str, Any]:
        """Its attributes, as copies and pickles have them: of tensors that were computed, the numbers alone."""
        return {name: _settled(value) for name, value in vars(self).items()}

    def register_buffer(self, name: str, array: ArrayLike) -> None:
        """Keep an array as an attribute that is saved and loaded with the model, and not learned."""
        self._buffers = {*self._buffers, name}
        setattr(self, name, Tensor(as_array(array).copy()))

    _buffers: set[str] = set()  # noqa: RUF012 (replaced, never changed)
    _learned: set[str] = set()  # noqa: RUF012

    # what it keeps

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Itself, as "", and every part of it, each once, with its path."""
        return _modules("", self, set())

    def modules(self) -> Iterator[Module]:
        """Itself and every part of it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Its immediate parts by name."""
        return ((name, value) for name, value in _members_of(self) if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """Its immediate parts."""
        return (child for _, child in self.named_children())

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Every parameter once, also one that several parts share, with its path."""
        return _once((path, tensor) for path, is_buffer, tensor in _tensors_of(self) if not is_buffer)

    def parameters(self) -> Iterator[Tensor]:
        """Every parameter once, in the order of the attributes."""
        return (tensor for _, tensor in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Every buffer once, with its path."""
        return _once((path, tensor) for path, is_buffer, tensor in _tensors_of(self) if is_buffer)

    def buffers(self) -> Iterator[Tensor]:
        """Every buffer once, in the order of the attributes."""
        return (tensor for _, tensor in self.named_buffers())

    # how it behaves

    def train(self: M, mode: bool = True) -> M:
        """Behave as in training (or not), in every part; returns itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Behave as in use: `train(False)`."""
        return self.train(False)

    def to(self: M, device: str) -> M:
        """Move every parameter and buffer, and their gradients, to "cpu" or "cuda", a GPU by CuPy; returns itself.

        They stay the same tensors. Raises ValueError for another name, and DeviceError where CuPy or a GPU is missing.
        """
        move = mover(device)
        for _, _, tensor in _tensors_of(self):
            tensor.move(move)
            if tensor.grad is not None:
                tensor.grad.move(move)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every parameter; set_to_none=False makes them zeros."""
        forget_gradients(self.parameters(), set_to_none)

    # what is saved

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """A copy of the array of every parameter and buffer, by its path: NumPy's, wherever the model is."""
        return {path: to_numpy(tensor.data.copy()) for path, _, tensor in _tensors_of(self)}

    def load_state_dict(self, state: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> None:
        """Take over the numbers of every parameter and buffer from a state dict, all of them or none.

        strict=False takes what fits by name, and leaves alone what is missing on either side. Raises
        ValueError with the list of all that is missing, unexpected, or of another shape or kind of number.
        """
        own, given = {path: tensor for path, _, tensor in _tensors_of(self)}, _arrays_in(state)
        if problems := _misfits(own, given, strict):
            raise ValueError("\n  ".join([f"the state does not fit {type(self).__name__}:", *problems]))
        for path in own.keys() & given.keys():
            own[path].data = given[path].copy()

    # how it looks

    def extra_repr(self) -> str:
        """The arguments that `repr` shows."""
        return ""

    def __repr__(self) -> str:
        parts = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        body = "".join(f"\n  {part}" for part in parts) + "\n" if parts else self.extra_repr()
        return f"{type(self).__name__}({body})"

    def _repr_html_(self) -> str:
        from tinygrad_mnist.nn.summaries import html  # which few programs ask for

        return html(self)

    def summary(self, input_shape: Sequence[int] | None = None, dtype: DTypeLike = np.float32) -> str:
        """A table of the parts: what each is, the shape it puts out, its number of parameters.

        input_shape: with the batch, as (1, 1, 28, 28); zeros of this shape are sent through to learn the shapes.
        """
        from tinygrad_mnist.nn.summaries import text

        x = None if input_shape is None else as_array(np.zeros(tuple(input_shape), dtype), like=home(self))
        return Printed(text(self, x))


def home(model: Module) -> Any:
    """An array beside which a model's inputs must lie: as_array(x, like=home(model)); None where it has none."""
    return next((parameter.data for parameter in model.parameters()), None)


def forget_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Take away the gradients, or make zeros of those that are there."""
    for parameter in parameters:
        parameter.grad = None if set_to_none or parameter.grad is None else np.zeros_like(parameter.data)


class Layer(Module):
    """A module that keeps its arguments as attributes of their names: `repr` shows them, `save_model` writes them."""

    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items()}

    def arguments(self) -> dict[str, Any]:
        """The arguments that it keeps, by name; of a parameter, whether it is there."""
        kept = {name: getattr(self, name) for name in self._defaults if hasattr(self, name)}
        return {name: value is not None if name == "bias" else value for name, value in kept.items()}

    def changed(self, *others: str) -> dict[str, Any]:
        """The arguments, but for tensors, that are not as by default; and these others."""
        return {name: value for name, value in self.arguments().items()
                if name in others or not (isinstance(value, Tensor) or value == self._defaults[name])}  # fmt: skip

    def extra_repr(self) -> str:
        """The arguments that `repr` shows."""
        return ", ".join(f"{name}={value!r}" for name, value in self.arguments().items())


def as_tensor(x: Any) -> Tensor:
    """A tensor as it is, and of anything else one."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """An attribute that is a tensor or module, or those in nested lists and dicts, with its name."""
    if name.startswith("_"):
        return
    if isinstance(value, Tensor | Module):
        yield name, value
    elif isinstance(value, list | tuple | dict):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(each, Tensor | Module | list | tuple | dict):
                yield from _members(f"{name}.{key}", each)


def _members_of(module: Module) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        yield from _members(name, value)


def _tensors(owner: Module, members: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, bool, Tensor]]:
    """The path of every parameter and buffer, whether it is one, and the tensor: a module's own before its parts'."""
    parts = []
    for name, value in members:
        if isinstance(value, Module):
            parts.append((name, value))
        elif name in owner._buffers or _learns(value) or (name in owner._learned and not value.op):
            yield name, name in owner._buffers, value
    for name, module in parts:
        yield from ((f"{name}.{path}", is_buffer, tensor) for path, is_buffer, tensor in _tensors_of(module))


def _tensors_of(module: Module) -> Iterator[tuple[str, bool, Tensor]]:
    return _tensors(module, _members_of(module))


def _learns(tensor: Tensor) -> bool:
    return tensor.requires_grad and not tensor.op


def _settled(value: Any) -> Any:
    """The value with computed tensors, also within lists and dicts, as their numbers: a graph can't be copied."""
    if isinstance(value, Tensor):
        return value.detach() if value.op else value
    if type(value) in (list, tuple):
        return type(value)(map(_settled, value))
    return {key: _settled(v) for key, v in value.items()} if type(value) is dict else value


def _modules(path: str, module: Module, seen: set[Module]) -> Iterator[tuple[str, Module]]:
    if module in seen:
        return
    seen.add(module)
    yield path, module
    for name, child in module.named_children():
        yield from _modules(f"{path}.{name}".lstrip("."), child, seen)


def _once(named: Iterator[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    seen: set[Tensor] = set()
    for path, tensor in named:
        if tensor not in seen:
            seen.add(tensor)
            yield path, tensor


def _arrays_in(state: Mapping[str, ArrayLike | Tensor]) -> dict[str, NDArray[Any]]:
    if not isinstance(state, Mapping):
        raise TypeError(f"a state dict maps paths to arrays, as state_dict() gives it; this is {type(state).__name__}")
    return {path: to_numpy(plain(value)) for path, value in state.items()}


def _misfits(own: Mapping[str, Tensor], given: Mapping[str, NDArray[Any]], strict: bool) -> list[str]:
    """What of a state does not fit, in words; strict: also what is missing, or one too many."""
    misfits = [f"{path}: {given[path].shape} {given[path].dtype}, here it is {tensor.shape} {tensor.dtype}"
               for path, tensor in own.items() if path in given and not _fits(given[path], tensor)]  # fmt: skip
    if not strict:
        return misfits
    missing = [f"{path}: missing, {tensor.shape} is expected" for path, tensor in own.items() if path not in given]
    unexpected = [f"{path}: unexpected, {array.shape}" for path, array in given.items() if path not in own]
    return missing + unexpected + misfits


def _fits(array: NDArray[Any], tensor: Tensor) -> bool:
    return array.shape == tensor.shape and np.can_cast(array.dtype, tensor.dtype, "same_kind")

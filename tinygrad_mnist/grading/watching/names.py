"""What learners call things."""

from __future__ import annotations

import re

CALLED_PARAMETER = re.compile(r"w|b|theta|syn|gamma|beta", re.IGNORECASE)
"""What the name of a parameter has in it."""

NAMED_PARAMETER = re.compile(r"(w|b|theta|syn|weights?|bias(es)?)_?\d*", re.IGNORECASE)
"""What a parameter is called where nothing else tells that it is one."""

CALLED_WEIGHTS = re.compile(r"^(self\.)?(w|weights?|theta|syn)_?\d*$", re.IGNORECASE)
"""What weights are called."""

CALLED_LOSS = re.compile(r"loss|cost|error|^(self\.)?(j|l|e|c)$", re.IGNORECASE)
"""What a loss is called."""

CALLED_ERROR = re.compile(r"delta|grad|nabla|err(or)?s?(_|\d|$)|^d_?\d+$", re.IGNORECASE)
"""What δ is called, and what is made of it."""

CALLED_RATE = re.compile(r"^(self\.)?(lr|alpha|eta|.*rate|step_?size)$", re.IGNORECASE)
"""What a learning rate is called."""

CALLED_GRADIENT = re.compile(
    r"^(self\.)?_?(d(?!ata|ot|im|el_|ict|ense|efault|nn|rop|ecay|igit)|g(rad)?_?|delta|nabla|∂)|grad|delta|nabla",
    re.IGNORECASE,
)
CALLED_OTHERWISE = re.compile(
    r"velocity|moment|^(self\.)?(v|m|s|vd|sd|md)_?[wb]?\d*$|(^|[._])(mom|rms|vel|ema|v|m|s)_|update|step|change",
    re.IGNORECASE,
)
"""What a gradient is called, and what is called otherwise though it looks like one."""


def is_called_loss(name: str) -> bool:
    """Whether a program calls a loss so."""
    return bool(CALLED_LOSS.search(name))


def is_called_gradient(name: str) -> bool:
    """Whether a program calls a gradient so."""
    return bool(CALLED_GRADIENT.search(name)) and not CALLED_OTHERWISE.search(name)

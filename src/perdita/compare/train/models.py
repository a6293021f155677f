"""Stock models for comparisons: small, deterministic, without layers that cannot be stacked (batch norm, dropout)."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float

STOCK = ("mlp", "cnn", "gru")
ModelFactory = Callable[[tuple[int, ...], int], nn.Module]


def mlp(shape: tuple[int, ...], outputs: int, hidden: tuple[int, ...] = (128,)) -> nn.Module:
    """Fully connected with ReLU: features → hidden … → outputs."""
    widths = [torch.Size(shape).numel(), *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for narrow, wide in itertools.pairwise(widths):
        layers += [nn.Linear(narrow, wide), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs))


def cnn(shape: tuple[int, ...], outputs: int, hidden: tuple[int, ...] = (128,)) -> nn.Module:
    """Two 3 x 3 convolutions, a mean pool to 4 x 4 and a fully connected head, on (h, w) or (channels, h, w) images."""
    if len(shape) not in (2, 3):
        raise InputError(
            f"model 'cnn' needs images of shape (h, w) or (channels, h, w); the features have shape {shape}"
        )
    channels = 1 if len(shape) == 2 else shape[0]
    lead = [nn.Unflatten(1, (1, shape[0]))] if len(shape) == 2 else []
    pool = max(1, min(shape[-2:]) // 4)
    body = [
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(pool),
    ]
    features = 32 * (shape[-2] // pool) * (shape[-1] // pool)
    return nn.Sequential(*lead, *body, mlp((features,), outputs, hidden))


class GRU(nn.Module):
    """A gated recurrent unit over the first axis of (time, features), written out so that it can be stacked."""

    def __init__(self, shape: tuple[int, ...], outputs: int, width: int) -> None:
        super().__init__()
        if len(shape) > 2:
            raise InputError(f"model 'gru' needs sequences of shape (time, features); the features have shape {shape}")
        self.width = width
        self.read = nn.Linear(shape[1] if len(shape) == 2 else 1, 3 * width)
        self.recall = nn.Linear(width, 3 * width)
        self.head = nn.Linear(width, outputs)

    def forward(self, sequence: Float[Tensor, "n t f"]) -> Float[Tensor, "n k"]:
        """Outputs after the last step; a flat feature vector is read as a sequence of numbers."""
        steps = self.read(sequence if sequence.ndim == 3 else sequence.unsqueeze(2))
        state = steps.new_zeros(steps.shape[0], self.width)
        for step in steps.unbind(1):
            reset, update, new = step.chunk(3, 1)
            recalled_reset, recalled_update, recalled_new = self.recall(state).chunk(3, 1)
            keep = torch.sigmoid(update + recalled_update)
            candidate = torch.tanh(new + torch.sigmoid(reset + recalled_reset) * recalled_new)
            state = keep * state + (1 - keep) * candidate
        return self.head(state)


def gru(shape: tuple[int, ...], outputs: int, hidden: tuple[int, ...] = (128,)) -> nn.Module:
    """A one-layer GRU with a linear head."""
    return GRU(shape, outputs, hidden[0])


_LOCAL: dict[str, ModelFactory] = {}  # factories of this process that no import can reach


def keep(made: ModelFactory) -> str:
    """A name for a factory: ``module:factory`` where another process can import it, else one known to this process."""
    module, name = getattr(made, "__module__", "__main__"), getattr(made, "__qualname__", "<lambda>")
    if module != "__main__" and "<" not in name and "." not in name:
        return f"{module}:{name}"
    key = f"local:{name}-{len(_LOCAL)}"
    _LOCAL[key] = made
    return key


def factory(name: str, hidden: tuple[int, ...]) -> ModelFactory:
    """A stock model by name, or the user's ``module:factory``, called as ``factory(shape, outputs)``.

    Raises:
        InputError: no such model, module or attribute.
    """
    if name in STOCK:
        stock = {"mlp": mlp, "cnn": cnn, "gru": gru}[name]
        return lambda shape, outputs: stock(shape, outputs, hidden)
    if name in _LOCAL:
        return _LOCAL[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        raise InputError(
            f"unknown model {name!r}{nearest(name, STOCK)}; give one of {', '.join(STOCK)}, or module:factory"
        )
    try:
        found: ModelFactory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"model {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise InputError(
            f"model {name!r} must be a function of the features' shape and the number of outputs, not {found!r}"
        )
    return found

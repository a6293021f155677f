"""Low-rank updates that are switched on at some tokens only, so that a model's answers at all others stay as they are.

Source: Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


@component("multi-token")
class GatedLoRALinear(nn.Module):
    r"""A frozen linear layer W with an update of low rank where the gate is open: W x + I B A x.

    Where the gate is closed the output is that of the layer itself, bit by bit. B starts at zero, so that the open gate
    changes nothing at first. The update cannot be merged into W.

    Args:
        base: the layer; its parameters are frozen.
        rank: of the update.
        alpha: the update is multiplied by alpha / rank; None leaves it as it is.

    Raises:
        InputError: a rank below 1.
    """

    def __init__(self, base: nn.Linear, rank: int = 128, alpha: float | None = None) -> None:
        super().__init__()
        if rank < 1:
            raise InputError(f"rank must be at least 1, not {rank}")
        self.base = base.requires_grad_(False)
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.down = nn.Parameter(torch.empty(rank, base.in_features, **like))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, **like))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.scale = 1.0 if alpha is None else alpha / rank
        self.gate: Bool[Tensor, "*b t"] | None = None  # set by `open_gates`; None is closed

    def forward(self, x: Float[Tensor, "*b t d"], gate: Bool[Tensor, "*b t"] | None = None) -> Float[Tensor, "*b t e"]:
        """(*b, t, out_features); gate (t,) or (*b, t) is True where the update counts, None takes `open_gates`'s."""
        plain = self.base(x)
        gate = self.gate if gate is None else gate
        if gate is None:
            return plain
        low = torch.where(gate.unsqueeze(-1), x @ self.down.T * self.scale, 0.0)  # (*b, t, rank): closed where narrow
        return plain + low @ self.up.T


@component("multi-token")
def add_gated_lora(
    model: nn.Module, rank: int = 128, *, alpha: float | None = None, targets: tuple[str, ...] = ()
) -> list[GatedLoRALinear]:
    """Put a `GatedLoRALinear` in the place of every linear layer of a decoder, and freeze everything else.

    Args:
        model: the decoder, without its output layer.
        rank, alpha: as in `GatedLoRALinear`.
        targets: last parts of the names of the layers to replace; all linear layers where it is empty.

    Returns:
        The new layers.

    Raises:
        InputError: no such layer.
    """
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Linear and (not targets or name in targets)
    ]
    if not found:
        raise InputError(f"the model has no linear layer {f'named {targets}' if targets else 'to put a LoRA around'}")
    model.requires_grad_(False)
    layers = []
    for parent, name, child in found:
        layers.append(GatedLoRALinear(child, rank, alpha))
        setattr(parent, name, layers[-1])
    return layers


@component("multi-token")
@contextmanager
def open_gates(model: nn.Module, gate: Bool[Tensor, "*b t"] | None) -> Iterator[None]:
    """Within this context every `GatedLoRALinear` of the model is open where the gate is True."""
    layers = [layer for layer in model.modules() if isinstance(layer, GatedLoRALinear)]
    before = [layer.gate for layer in layers]
    for layer in layers:
        layer.gate = gate
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.gate = own

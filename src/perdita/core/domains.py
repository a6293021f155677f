"""What the numbers in a tensor may be: one check, one fill value for masked places, one phrase for each domain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from perdita.core.errors import InputError
from perdita.core.signature import Field, Sizes


@dataclass(frozen=True)
class Domain:
    """``outside(tensor)`` gives the places that lie outside; None: every number is fine. ``inside``: a look in fewer
    passes, true only where every number is fine (a NaN makes it false)."""

    phrase: str
    outside: Callable[[Tensor], Tensor] | None = None
    fill: float = 0.0
    inside: Callable[[Tensor], Tensor | bool] = lambda x: False


def _off_simplex(probs: Tensor) -> Tensor:
    tolerance = 1e-2 if probs.dtype in (torch.float16, torch.bfloat16) else 1e-4
    total = probs.sum(1, keepdim=True, dtype=torch.promote_types(probs.dtype, torch.float32))
    return ((total - 1).abs() > tolerance) | (probs < 0)


DOMAINS: dict[str, Domain] = {
    "real": Domain("real numbers"),
    "labels": Domain("class indices from 0 to c - 1"),
    "indices": Domain("integers"),
    "lengths": Domain("integers >= 0", lambda x: x < 0, inside=lambda x: x.amin() >= 0),
    "binary": Domain("0 or 1", lambda x: (x != 0) & (x != 1) & (x == x), inside=lambda x: torch.equal(x * x, x)),
    "sign": Domain("-1 or 1", lambda x: (abs(x) != 1) & (x == x), 1.0, lambda x: all(y == 1 for y in abs(x).aminmax())),
    "unit": Domain("numbers in [0, 1]", lambda x: (x < 0) | (x > 1), 0.5, lambda x: x.amin() >= 0 and x.amax() <= 1),
    "simplex": Domain("probabilities over dimension 1 that sum to one", _off_simplex, fill=1.0),
    "log_probs": Domain("log-probabilities (<= 0)", lambda x: x > 1e-2, inside=lambda x: x.amax() <= 1e-2),
    "nonnegative": Domain("numbers >= 0", lambda x: x < 0, 1.0, lambda x: x.amin().item() >= 0),
    "positive": Domain("numbers > 0", lambda x: x <= 0, 1.0, lambda x: x.amin() > 0),
}


def check_values(field: Field, tensor: Tensor, sizes: Sizes, ignore_index: int | None) -> bool:
    """Raise `InputError` for the first number outside the field's domain; False where ignored labels are outside."""
    if tensor.dtype is torch.bool or tensor.numel() == 0:
        return True
    if field.domain == "labels" and not tensor.dtype.is_floating_point:
        low, high = torch.aminmax(tensor)
        classes = sizes["c"] if "c" in sizes else high.item() + 1
        if low.item() >= 0 and high.item() < classes:
            return True
        bad = ((tensor < 0) | (tensor >= classes)) & (True if ignore_index is None else tensor != ignore_index)
        phrase = f"class indices from 0 to {classes - 1}" if "c" in sizes else "class indices >= 0"
        phrase += " (to leave items out, pass mask or ignore_index)"
    else:
        domain = DOMAINS["simplex" if field.domain == "labels" else field.domain]  # floating labels are soft targets
        if domain.outside is None or domain.inside(tensor):
            return True
        bad, phrase = domain.outside(tensor), domain.phrase
    if not bad.any():
        return field.domain != "labels"
    index = tuple(bad.nonzero()[0].tolist())
    raise InputError(f"{field.name} must hold {phrase}; {field.name}{list(index)} = {tensor[index].item():.6g}")


def check_finite(name: str, tensor: Tensor) -> None:
    """Raise `InputError` for the first NaN or infinity."""
    bad = ~torch.isfinite(tensor)
    if bad.any():
        index = tuple(bad.nonzero()[0].tolist())
        raise InputError(f"{name} must be finite; {name}{list(index)} = {tensor[index].item()}")

"""A loss as a user names it, and how it reads what another library's model puts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.compare.arms import Linked
from perdita.core import Criterion, InputError, Sum, build

if TYPE_CHECKING:
    from jaxtyping import Float, Num
    from torch import Tensor

Loss = str | Mapping[str, Any] | Criterion | Sum


def as_criterion(loss: Any) -> Criterion | Sum:
    """The criterion that a user names.

    Args:
        loss: a name, ``module:loss``, a configuration for `perdita.build`, a loss function of the catalogue, or a
            criterion or sum of criteria; every part reduced by the mean.

    Raises:
        InputError: an unknown loss, something that is no loss, a part with another reduction.
    """
    if isinstance(loss, str | Mapping):
        criterion = build(loss)
    elif isinstance(loss, Criterion | Sum):
        criterion = loss
    elif (card := getattr(loss, "card", None)) is not None:
        criterion = card.criterion()
    else:
        raise InputError(f"loss must be a name, a configuration or a criterion of perdita, not {type(loss).__name__}")
    for part in parts_of(criterion):
        if part.reduction != "mean":
            raise InputError(f"{part.card.name} must have reduction='mean' here, not {part.reduction!r}")
    return criterion


def parts_of(criterion: Criterion | Sum) -> list[Criterion]:
    """The criteria of a sum, or the one criterion."""
    return list(criterion.criteria.values()) if isinstance(criterion, Sum) else [criterion]  # type: ignore[arg-type]


def linked(criterion: Criterion | Sum) -> Linked:
    """The criterion behind the link that fits it to a model's outputs: classes or numbers, as its first part reads.

    Raises:
        InputError: a part takes other tensors than outputs and a target.
    """
    for part in parts_of(criterion):
        needed = [item for item in part.card.signature.fields if not item.optional]
        if len(needed) != 2 or not all(item.positional for item in needed):
            names = ", ".join(item.name for item in needed)
            raise InputError(f"{part.card.name} needs {names}; here there are only a model's outputs and the target")
    classes = parts_of(criterion)[0].card.signature.fields[0].name == "logits"
    return Linked(criterion, "multiclass" if classes else "regression")


def of_one_logit(outputs: Float[Tensor, "*n 1"]) -> Float[Tensor, "*n 2"]:
    """The logit of the second class beside a zero for the first: their softmax is its sigmoid."""
    return nn.functional.pad(outputs, (1, 0))


def read(
    criterion: Linked, outputs: Float[Tensor, "n k"], target: Num[Tensor, "n *d"]
) -> tuple[Float[Tensor, "n *k"], Num[Tensor, "n *d"]]:
    """What the loss sees of outputs and target.

    Targets that are numbers, one for each output (soft labels, several labels, several numbers), are taken as they are.
    A single output of a classification is the logit of the second class.
    """
    if target.dtype.is_floating_point and target.shape == outputs.shape:
        return outputs, target
    if criterion.task != "regression" and outputs.shape[-1] == 1:
        outputs = of_one_logit(outputs)
    seen: tuple[torch.Tensor, torch.Tensor] = criterion.link(outputs, target)
    return seen

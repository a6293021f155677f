"""A row-wise loss over classes, ready to be evaluated on any block of rows."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from perdita.core.apply import gather_tensors
from perdita.core.card import Card
from perdita.core.catalogue import card
from perdita.core.combine import Sum
from perdita.core.criterion import Criterion
from perdita.core.errors import InputError
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Float


class Head(NamedTuple):
    """A linear output layer on its input: logits = softcap(hidden @ weight.T + bias), which nobody holds at once.

    Without a weight, hidden holds the logits themselves.
    """

    hidden: Float[Tensor, "*n d"]
    weight: Float[Tensor, "v d"] | None
    bias: Float[Tensor, "v"] | None = None
    softcap: float | None = None

    @property
    def classes(self) -> int:
        return (self.hidden.shape[-1:] if self.weight is None else self.weight.shape)[0]


@dataclass(frozen=True, eq=False)
class RowLoss:
    """A loss as blocks need it: fields by name in, one value for each row out."""

    card: Card
    per_example: Callable[..., Any]
    options: Mapping[str, Any]
    held: Mapping[str, Tensor]  # tensor fields that the criterion brings along
    parameters: Mapping[str, Tensor]  # learnable ones of the criterion, by name
    reduction: str
    ignore_index: int | None

    def values(
        self, fields: Mapping[str, Tensor], parameters: Mapping[str, Tensor], z_penalty: float, with_lse: bool
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Values (n,), the log-sum-exp of the logits where it is wanted, the loss's own counts where it has them."""
        wide = {name: widen(tensor) for name, tensor in fields.items()}
        if parameters:
            renamed = {f"criterion.{name}": tensor for name, tensor in parameters.items()}
            module = _PerExample(self.per_example.__self__)  # type: ignore[attr-defined]
            found = torch.func.functional_call(module, renamed, (), {**wide, **self.options})
        else:
            found = self.per_example(**wide, **self.options)
        values, counts = found if isinstance(found, tuple) else (found, None)
        lse = wide[self.card.signature.fields[0].name].logsumexp(1) if z_penalty or with_lse else None
        if z_penalty and lse is not None:
            values = values + z_penalty * lse.square()
        return values, lse if with_lse else None, counts


class _PerExample(nn.Module):
    """A criterion whose forward is its per-example values, for `torch.func.functional_call`."""

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(self, **fields: Any) -> Any:
        return self.criterion.per_example(**fields)  # type: ignore[operator]


def row_loss(loss: str | Criterion | Callable[..., Tensor], options: dict[str, Any]) -> tuple[RowLoss, dict[str, Any]]:
    """Resolve a name, a public function or a criterion; gives the loss and the tensor fields among ``options``.

    Raises:
        InputError: no such loss, no such hyper-parameter, or a loss that is not row-wise over classes.
    """
    named = dict(options)
    if isinstance(loss, Criterion):
        _check_rowwise(loss.card)
        fields = gather_tensors(loss.card, (), named)
        if named:
            raise InputError(
                f"{type(loss).__name__} has its hyper-parameters already; it takes no {', '.join(named)} here"
            )
        held = {name: tensor for name in loss._held if (tensor := getattr(loss, name)) is not None}
        parameters = {name: item for name, item in loss.named_parameters() if item.requires_grad}
        own = loss._call_options()
        return RowLoss(loss.card, loss.per_example, own, held, parameters, loss.reduction, loss.ignore_index), fields
    if isinstance(loss, Sum):
        raise InputError(
            "a sum of losses has no fused form yet; add the fused losses of its parts: "
            "fused_linear(first, ...) + 0.5 * fused_linear(second, ...)"
        )
    own = card_of_name(loss) if isinstance(loss, str) else getattr(loss, "card", None)
    if not isinstance(own, Card):
        raise InputError(f"loss must be a name, a registered function or a Criterion, not {type(loss).__name__}")
    _check_rowwise(own)
    if own.function is None:
        raise InputError(f"{own.name} has parameters of its own; pass a criterion: perdita.{own.class_name}(...)")
    fields = gather_tensors(own, (), named)
    own.check_options(named)
    return RowLoss(own, own.per_example, named, {}, {}, own.reduction, own.ignore_index), fields


def card_of_name(name: str) -> Card:
    """A card of the catalogue, which is filled first: a name speaks of all of it."""
    if not torch.compiler.is_compiling():
        importlib.import_module("perdita.losses")
    return card(name)


def _check_rowwise(card: Card) -> None:
    """A value for each row of logits (n, c), which depends on that row alone."""
    shape = card.signature.fields[0].shapes[0]
    instead = f"call perdita.functional.{card.name} on the outputs themselves"
    if card.function is None:
        instead = f"call perdita.{card.class_name} on the outputs themselves"
    if not card.rowwise or card.signature.level == "batch" or "mask" in card.signature.takes:
        reason = "is not row-wise: its values depend on other rows of the batch, so there is no block to fuse"
        if "mask" in card.signature.takes and card.rowwise:
            reason = "is not row-wise: one value covers many places"
    elif card.signature.fields[0].name != "logits" or len(shape.before) != 2 or shape.before[0] != "n":
        reason = f"is not a loss over the logits of classes, its first tensor is {card.signature.fields[0].name}"
        if card.name == "linear_cross_entropy":
            instead = 'pass "cross_entropy"'
    elif card.signature.returns.before != ("n",):
        reason = "has no value for each row"
    else:
        return
    raise InputError(f"{card.name} {reason}; {instead}")

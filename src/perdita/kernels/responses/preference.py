"""Losses of preferences between responses, from the inputs of an output layer instead of log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.apply import apply, gather_tensors
from perdita.core.card import Card
from perdita.core.criterion import Criterion
from perdita.core.errors import InputError
from perdita.kernels.responses.log_probabilities import fused_sequence_log_probability
from perdita.kernels.row_loss import Head, card_of_name

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

POLICY, REFERENCE = "policy", "reference"  # beginnings of the names of log-probabilities under either model


def card_of_responses(loss: Any) -> Card | None:
    """The card of a loss of responses' log-probabilities under a policy; None for any other loss."""
    found = card_of_name(loss) if isinstance(loss, str) else getattr(loss, "card", None)
    if isinstance(found, Card) and found.task == "preference" and found.signature.fields[0].name.startswith(POLICY):
        return found
    return None


def fused_preference(
    loss: str | Criterion | Callable[..., Tensor],
    hidden: Float[Tensor, "m t d"],
    weight: Float[Tensor, "v d"],
    target: Int[Tensor, "m t"],
    *,
    reference: Head | tuple[Tensor, ...] | Float[Tensor, "m"] | None = None,
    average: bool | None = None,
    shift: int | bool = 0,
    mask: Bool[Tensor, "m t"] | None = None,
    ignore_index: int | str | None = "default",
    example_weight: Float[Tensor, "n"] | None = None,
    reduction: str | None = None,
    normalizer: float | Tensor | None = None,
    bias: Float[Tensor, "v"] | None = None,
    softcap: float | None = None,
    block_rows: int | None = None,
    memory: int | None = None,
    accumulate: torch.dtype | None = torch.float32,
    impl: str = "auto",
    **options: Any,
) -> Float[Tensor, ""] | Float[Tensor, "n"]:
    r"""A loss of preferences between responses, without the logits of the policy or the reference in memory.

    With the states h and tokens y of a response, and W the output layer:

    .. math:: \log p(y) = \sum_i \log \mathrm{softmax}(W h_i + b)_{y_i}, \qquad
        \ell = \text{loss}(\log p(y^w), \log p(y^l), \log p_{ref}(y^w), \log p_{ref}(y^l))

    The same function as ``fused_linear(loss, ...)`` for such a loss. Gradients reach the policy alone. To log rewards,
    take `fused_sequence_log_probability` of both models and the loss's own function: the same work in two steps.

    Args:
        loss: name, public function or `Criterion` of a loss on log-probabilities under a policy: `dpo`, `ipo`, `kto`,
            `orpo`, `simpo`, `cpo`, `spo` and their relatives.
        hidden: (m, t, d) inputs of the policy's output layer. Where the loss compares two responses m is 2 n: all
            preferred ones, then all rejected ones in the same order; else m is n.
        weight: (v, d) weight of the policy's output layer.
        target: (m, t) token ids.
        reference: (hidden, weight), and bias and softcap after them, of the frozen model on these tokens, or its (m,)
            log-probabilities; for losses that have a reference.
        average: divide each log-probability by its number of tokens. False for losses that have a reference unless it
            is given; for the others it must be said: SimPO and ORPO want averages, CPO sums.
        shift: True where the state at place i speaks of token i + 1.
        mask: (m, t) False leaves a token out: padding, and the prompt.
        ignore_index: tokens with this id are left out too; -100 unless it is given.
        example_weight: (n,) of each value.
        reduction, normalizer: over the values, as in every loss.
        bias, softcap: of the policy's output layer.
        block_rows, memory, accumulate, impl: as in `fused_linear`.
        **options: hyper-parameters and further tensors of the loss, by name.

    Returns:
        The reduced loss, or (n,) values.

    Raises:
        InputError: a reference that is missing or that the loss does not take, an odd number of responses in pairs,
            average left open, and what `fused_linear` refuses.

    Example:
        >>> hidden, weight, target = torch.zeros(2, 3, 2), torch.zeros(4, 2), torch.tensor([[2, 0, 1], [3, 1, -100]])
        >>> perdita.fused_linear("dpo", hidden, weight, target, reference=(hidden, weight), shift=True).item()
        0.69314...

    Source:
        Blocks as in `fused_linear`; the losses' own sources stand on their pages.
    """
    card, per_example, own, fields, standard = _resolved(loss, options)
    policy, references = _names(card)
    average = _averages(card, average, bool(references))
    given = {
        "average": average, "shift": shift, "mask": mask, "block_rows": block_rows, "memory": memory,
        "accumulate": accumulate, "impl": impl, "ignore_index": -100 if ignore_index == "default" else ignore_index,
    }  # fmt: skip
    found = fused_sequence_log_probability(hidden, weight, target, bias=bias, softcap=softcap, **given)
    fields |= _shares(policy, found)
    if references:
        fields |= _shares(references, _of_reference(card, reference, target, given))
    elif reference is not None:
        raise InputError(f"{card.name} has no reference; its log-probabilities are those of the policy alone")
    reduction = standard if reduction is None else reduction
    return apply(card, per_example, fields, own, example_weight, None, None, reduction, normalizer)


def _resolved(
    loss: Any, options: Mapping[str, Any]
) -> tuple[Card, Callable[..., Any], Mapping[str, Any], dict[str, Any], str]:
    """Card, values, hyper-parameters, further tensors and reduction of a loss."""
    card = card_of_responses(loss)
    if card is None:
        raise InputError("loss must be one of log-probabilities under a policy, as dpo; others go to fused_linear")
    named = dict(options)
    fields = gather_tensors(card, (), named)
    if isinstance(loss, Criterion):
        if named:
            raise InputError(f"{type(loss).__name__} has its hyper-parameters already; it takes no {', '.join(named)}")
        held = {name: tensor for name in loss._held if (tensor := getattr(loss, name)) is not None}
        return card, loss.per_example, loss._call_options(), {**held, **fields}, loss.reduction
    card.check_options(named)
    return card, card.per_example, named, fields, card.reduction


def _names(card: Card) -> tuple[list[str], list[str]]:
    """The fields that hold log-probabilities under the policy, and those under the reference."""
    names = [item.name for item in card.signature.fields]
    policy = [name for name in names if name.startswith(POLICY)]
    references = {REFERENCE + name.removeprefix(POLICY) for name in policy}
    return policy, [name for name in names if name in references]


def _averages(card: Card, average: bool | None, has_reference: bool) -> bool:
    if average is None and not has_reference:
        raise InputError(
            f"average must be given: {card.name} has no reference, and such losses differ in whether they take "
            "averages over tokens (True: SimPO, ORPO) or sums (False: CPO)"
        )
    return bool(average)


def _shares(names: list[str], found: Float[Tensor, "m"]) -> dict[str, Tensor]:
    """Equal parts of all log-probabilities, one for each field."""
    if len(found) % len(names):
        raise InputError(
            f"hidden must hold {len(names)} responses for each item ({' and '.join(names)}: all of the first, then all "
            f"of the next), but holds {len(found)} in all"
        )
    return dict(zip(names, found.unflatten(0, (len(names), -1)).unbind(0), strict=True))


def _of_reference(card: Card, reference: Any, target: Tensor, given: Mapping[str, Any]) -> Float[Tensor, "m"]:
    """Log-probabilities under the frozen model, without a gradient."""
    if isinstance(reference, Tensor):
        if tuple(reference.shape) != (len(target),):
            raise InputError(
                f"reference must hold a log-probability for each response, ({len(target)},), or be (hidden, weight), "
                f"but has shape {tuple(reference.shape)}"
            )
        return reference.detach()
    if not isinstance(reference, tuple) or not 2 <= len(reference) <= 4:
        raise InputError(
            f"{card.name} needs reference: (hidden, weight) of the frozen model on the same tokens, or its "
            f"({len(target)},) log-probabilities"
        )
    head = Head(*reference)
    with torch.no_grad():
        return fused_sequence_log_probability(
            head.hidden, head.weight, target, bias=head.bias, softcap=head.softcap, **given
        )

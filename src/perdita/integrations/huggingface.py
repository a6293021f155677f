"""Any loss in Hugging Face's `Trainer`, divided as the Trainer counts: once for each item of the whole step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from perdita.core import Criterion, InputError, Sum
from perdita.integrations.criteria import Loss, as_criterion, linked, parts_of, read

if TYPE_CHECKING:
    from jaxtyping import Float, Num
    from torch import Tensor

IGNORED = -100  # the label that the Trainer does not count
SHIFTED = {"CausalLM": True, "MaskedLM": False, "TokenClassifier": False, "Seq2SeqLM": False}  # part of a type's name


def compute_loss_func(loss: Loss, *, shift: bool | None = None) -> Callable[..., Tensor]:
    r"""A loss for ``Trainer(compute_loss_func=…)``, right under gradient accumulation and on several devices.

    With the N items of all micro-batches of a step that are not labelled -100, as the Trainer counts them, each
    micro-batch contributes

    .. math:: \frac{1}{N} \sum_{i \,:\, y_i \ne -100} w_i \ell(z_i, y_i)

    so that their gradients add up to that of the whole batch. A loss with one value for a whole batch counts with its
    micro-batch's share of the items. A sum of criteria is divided part by part.

    Args:
        loss: a name, a configuration, a criterion or a sum of criteria, as in `perdita.build`.
        shift: whether the logits at a token predict the next one. None asks the outputs' type: yes for a
            causal language model, no for masked, encoder-decoder and token classification models.

    Returns:
        A function of (outputs, labels, num_items_in_batch). Logits are (n, c) or (n, tokens, c), labels (n,) or
        (n, tokens); labels of the logits' own shape are soft, several, or numbers.

    Raises:
        InputError: no labels; token outputs of an unknown type where shift is None; several GPUs in one process, where
            the Trainer's count is no divisor of one loss; a loss that needs more than outputs and labels.

    Example:
        >>> from types import SimpleNamespace
        >>> from perdita.integrations.huggingface import compute_loss_func
        >>> function = compute_loss_func("cross_entropy")
        >>> outputs = SimpleNamespace(logits=torch.zeros(4, 2))
        >>> function(outputs, torch.tensor([0, 1, 1, -100]), num_items_in_batch=6).item()  # 3 log(2) / 6
        0.34657...

    Source:
        The contract of ``compute_loss_func`` and ``num_items_in_batch``: transformers' Trainer. It counts weights of
        classes as one each, older versions count a causal model's first label too, and a mixture of experts' own
        auxiliary loss is not added.
    """
    criterion = as_criterion(loss)
    link = linked(criterion)

    def loss_of_outputs(outputs: Any, labels: Tensor | None, num_items_in_batch: Any = None) -> Tensor:
        if labels is None:
            raise InputError("the batch has no labels: the loss has nothing to compare the outputs with")
        logits = _logits(outputs)
        if logits.ndim == 3 and labels.ndim == 2 and (_shifts(outputs) if shift is None else shift):
            labels = F.pad(labels[:, 1:], (0, 1), value=IGNORED)
        if logits.ndim == 3:
            logits, labels = logits.flatten(0, 1), labels.flatten(0, 1)  # (n * tokens, c), (n * tokens,)
        return _divided(criterion, link, logits, labels, _count(num_items_in_batch))

    return loss_of_outputs


def _logits(outputs: Any) -> Tensor:
    found = outputs.get("logits") if isinstance(outputs, dict) else getattr(outputs, "logits", None)
    if found is None and isinstance(outputs, tuple):
        found = outputs[0]
    if not isinstance(found, torch.Tensor):
        raise InputError(f"the model's outputs must have logits; {type(outputs).__name__} has none")
    return found


def _shifts(outputs: Any) -> bool:
    name = type(outputs).__name__
    for part, shifts in SHIFTED.items():
        if part in name:
            return shifts
    raise InputError(
        f"outputs of the type {name} do not say whether a token's logits predict the next token; pass shift=True "
        "(causal language models) or shift=False"
    )


def _count(num_items: Any) -> Any:
    if isinstance(num_items, torch.Tensor):
        if num_items.numel() != 1:
            raise InputError("several GPUs in one process: run one process for each GPU (torchrun, accelerate launch)")
        return num_items.reshape(())
    return num_items


def _divided(
    criterion: Criterion | Sum, link: Any, logits: Float[Tensor, "n k"], labels: Num[Tensor, "n *d"], items: Any
) -> Float[Tensor, ""]:
    counted = None if labels.is_floating_point() else labels != IGNORED
    outputs, target = read(link, logits, labels if counted is None else labels.masked_fill(~counted, 0))
    weights = criterion.weights.values() if isinstance(criterion, Sum) else [1.0]
    total = outputs.new_zeros(())
    for weight, part in zip(weights, parts_of(criterion), strict=True):
        total = total + weight * _part(part, outputs, target, labels, counted, items)
    return total


def _part(
    part: Criterion,
    outputs: Float[Tensor, "n *k"],
    target: Num[Tensor, "n *d"],
    labels: Num[Tensor, "n *d"],
    counted: Tensor | None,
    items: Any,
) -> Float[Tensor, ""]:
    signature = part.card.signature
    masked: dict[str, Tensor] = {}
    if counted is not None and (signature.level == "item" or "mask" in signature.takes):
        masked["mask"] = counted
    elif counted is not None and not bool(counted.all()):
        raise InputError(f"{part.card.name} is one value for the whole batch and cannot leave out labels {IGNORED}")
    if signature.level == "batch" or items is None:
        value: Tensor = part(outputs, target, **masked)
        own = labels.shape[0] if counted is None else counted.sum()
        return value if items is None else value * (own / items)
    shape = next((shape for shape in signature.fields[1].shapes if shape.takes(target.dtype)), None)
    if shape is None:
        wanted = signature.fields[1].expected()
        raise InputError(
            f"{part.card.name} takes as its {signature.fields[1].name} {wanted}, no labels of {target.dtype}"
        )
    sizes: dict[str, Any] = {}
    shape.bind(target, sizes)
    labels_per_value = math.prod(sizes[dim] for dim in shape.before + shape.after if dim not in signature.returns.dims)
    divided: Tensor = part(outputs, target, normalizer=items / labels_per_value, **masked)
    return divided

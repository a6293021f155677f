"""Adapters for losses of tokens and sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import perdita
import perdita.functional as P
from perdita.losses.imbalance.item_overlap import faded
from perdita.losses.log_odds import class_log_odds
from perdita.losses.sequence.coverage import coverage_factor
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, as_tensor

REDUCTIONS = ("none", "mean", "sum")
NUMBER_KINDS = {
    "was": "wasserstein", "wasserstein": "wasserstein", "mse": "mse", "mse_loss": "mse", "mae": "mae", "l1": "mae",
    "l1_loss": "mae", "huber": "huber", "huber_loss": "huber",
}  # fmt: skip


@adapter("number-token-loss")
def number_token_loss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, labels = read.tensor("logits"), read.constant("labels")
    values = read.value("number_values")
    weight = read.constant("loss_weights" if read.has("loss_weights") else "weight", None)
    kind = NUMBER_KINDS[read.param("kind", "was", among=tuple(NUMBER_KINDS))]
    measure = read.param("loss_function", None, among=(None, *NUMBER_KINDS))
    if measure is not None:
        kind = NUMBER_KINDS[measure]
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    criterion = perdita.NumberToken(
        table={token: value for token, value in enumerate(values) if value is not None},
        kind=kind,
        reweigh=read.param("reweigh", False, among=(True, False)),
        squash_factor=read.param("squash_factor", None),
        label_smoothing=read.param("label_smoothing", 0.0),
        reduction=reduction,
        ignore_index=read.param("ignore_index", -100),
    ).double()
    exact = [values[token] for token in criterion.tokens.tolist()]  # they were rounded to float32 before
    criterion.values.copy_(torch.tensor(exact, dtype=torch.float64))
    read.done()
    loss = criterion(logits.movedim(-1, 1), labels, weight=weight)
    return {"loss": loss, **read.gradients(loss)}


@adapter("eisl")
def eisl(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The vectors draw noise for each order apart: the loss of each order alone, with its own noise.

    An order 0 is the length, -k is k less; those that do not fit are dropped, and where none is left it is the length.
    """
    read = Reader(inputs, params)
    logits, target = read.tensor("logits"), read.constant("target")
    asked, noises = read.param("ngrams"), read.value("gumbel_noise_per_n", None)
    weights = read.param("weights", None)
    noises = [None] * len(asked) if noises is None else noises
    length = logits.shape[1]
    resolved = [order if order > 0 else length + order for order in asked]
    fitting = [place for place, order in enumerate(resolved) if 1 <= order <= length]
    orders = [resolved[place] for place in fitting] or [length]
    noises = [noises[place] for place in fitting] or noises[:1] or [None]
    weights = [1 / len(orders)] * len(orders) if weights is None or not fitting else [weights[p] for p in fitting]
    factors = read.param("ngram_factor", 1.0), read.param("ce_factor", 0.0)
    given = {"temperature": read.param("tau", 1.0), "log_prob_floor": read.param("log_prob_floor", -20.0)}
    pad = read.param("pad_index", -100)
    lengths = {"input_lengths": read.constant("input_lengths", None)}
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    mask = None
    if (target_lengths := read.constant("target_lengths", None)) is not None:
        mask = torch.arange(target.shape[1]) < target_lengths.unsqueeze(1)
    read.done()
    loss: Tensor | float = 0.0
    for order, weight, own in zip(orders, weights, noises, strict=True):
        noise = None if own is None else whole_map(as_tensor(own), *target.shape, length)
        loss = loss + weight * P.edit_invariant(
            logits.transpose(1, 2), target, ngrams=order, noise=noise, mask=mask, ignore_index=pad, reduction=reduction,
            **lengths, **given,
        )  # fmt: skip
    loss = factors[0] * loss
    if factors[1]:
        loss = loss + factors[1] * P.cross_entropy(logits.transpose(1, 2), target, mask=mask, ignore_index=pad)
    return {"loss": loss, **read.gradients(loss)}


def whole_map(noise: Tensor, n: int, s: int, t: int) -> Tensor:
    """Noise of (n, output places, n-grams) as a map of (n, s, t), 0 where no n-gram starts."""
    padded = torch.zeros(n, s, t, dtype=torch.float64)
    padded[:, : noise.shape[2], : noise.shape[1]] = noise.double().transpose(1, 2)
    return padded


@adapter("dice-nlp")
def dice_nlp(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target = read.tensor("input"), read.constant("target")
    mask = read.constant("mask", None)
    kind = read.param("kind", among=tuple(DICE))
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    read.param("source", None)  # where a case's numbers come from
    read.param("num_classes", None, among=(None, logits.shape[1] if logits.ndim > 1 else 1))
    read.param("with_logits", True, among=(True,))
    index = read.param("index_label_position", True, among=(True, False))
    assert index == (target.ndim == 1 or logits.shape[1] == 1), "labels are indices, or one number for each class"
    mask = None if mask is None else mask.bool().flatten()
    return DICE[kind](read, logits, target, mask, reduction)


def set_level(read: Reader, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str) -> dict[str, Any]:
    ratio = read.param("ohem_ratio", 0.0)
    given = {
        "alpha": read.param("alpha", 0.0),
        "smooth": read.param("smooth", 1e-4),
        "square": read.param("square_denominator", False),
    }
    read.done()
    scores, truth = logits.flatten(), target.flatten()
    if ratio > 0:
        kept = released_selection(scores, truth, mask, ratio)
        mask = kept if mask is None else mask & kept
    loss = P.set_dice(scores, truth, mask=mask, **given)
    return {"loss": loss, **read.gradients(loss)}


def released_selection(scores: Tensor, truth: Tensor, mask: Tensor | None, ratio: float) -> Tensor:
    """The items that the released code keeps: positives, and negatives strictly above one that is off by one.

    A masked negative has the score 0 there, and stands among the others when they are sorted.
    """
    counted = torch.ones_like(truth, dtype=torch.bool) if mask is None else mask
    positive = (truth == 1) & counted
    probs = torch.where(counted, scores.detach().sigmoid(), 0.0)
    negatives = probs[truth == 0].sort().values
    keep = min(int(int(positive.sum()) * ratio), len(negatives))
    if not len(negatives):
        return torch.ones_like(positive)
    return positive | (probs > negatives[-keep + 1])


def one_versus_rest(
    read: Reader, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str
) -> dict[str, Any]:
    square = read.param("square_denominator", False, among=(True, False))
    read.param("ohem_ratio", 0.0, among=(0.0,))
    given = {"alpha": read.param("alpha", 0.0), "smooth": read.param("smooth", 1e-4)}
    read.done()
    target = target if target.ndim == 1 else target.double()
    if square:
        values = P.one_versus_rest_dice(logits, target, mask=mask, reduction="none", **given)
        return reduced(read, values, reduction)
    share = faded(class_log_odds(logits), given["alpha"])  # an item's overlap over sums of the batch, as was released
    truth = torch.nn.functional.one_hot(target, logits.shape[1]).double() if target.ndim == 1 else target
    if mask is not None:
        share, truth = share * mask.unsqueeze(1), truth * mask.unsqueeze(1)
    sizes = share.sum(0) + truth.sum(0) + given["smooth"]
    return reduced(read, (1 - (2 * share * truth + given["smooth"]) / sizes).sum(1), reduction)


def reduced(read: Reader, values: Tensor, reduction: str) -> dict[str, Any]:
    """As the released code does, whose mean counts masked items too."""
    loss = {"none": values, "mean": values.mean(), "sum": values.sum()}[reduction]
    return {"loss": loss, "loss_none": values, **read.gradients(loss)}


def gold_class(read: Reader, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str) -> dict[str, Any]:
    given = {"alpha": read.param("alpha", 1.0), "smooth": read.param("gamma", 1.0)}
    read.done()
    loss = P.self_adjusting_dice(logits, target, mask=mask, reduction=reduction, **given)
    return {"loss": loss, **read.gradients(loss)}


def item_dice(square: bool, alpha: float) -> Any:
    def run(read: Reader, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str) -> dict[str, Any]:
        given = {"alpha": read.param("alpha", alpha), "smooth": read.param("gamma", 1.0), "square": square}
        read.done()
        return both(read, P.binary_self_adjusting_dice, logits, target, mask, reduction, given)

    return run


def item_tversky(read: Reader, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str) -> dict[str, Any]:
    given = {
        "false_positive_weight": read.param("a", 0.5),
        "false_negative_weight": read.param("b", 0.5),
        "smooth": read.param("gamma", 1.0),
    }
    read.done()
    return both(read, P.example_tversky, logits, target, mask, reduction, given)


def both(
    read: Reader, function: Any, logits: Tensor, target: Tensor, mask: Tensor | None, reduction: str, given: Any
) -> dict[str, Any]:
    loss = function(logits, target, mask=mask, reduction=reduction, **given)
    values = function(logits, target, mask=mask, reduction="none", **given)
    return {"loss": loss, "loss_none": values, **read.gradients(loss)}


DICE = {
    "binary_set_level": set_level,
    "official_multiclass_per_token": one_versus_rest,
    "self_adjusting_gold_class": gold_class,
    "paper_DSC": item_dice(False, 1.0),
    "paper_DL": item_dice(True, 0.0),
    "paper_TL": item_tversky,
}


@adapter("pass-at-n")
def pass_at_n(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.has("step_log_prob"):
        return stepwise(read)
    log_prob, attempts = read.tensor("log_prob"), float(read.param("N"))
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    read.done()
    loss = P.direct_coverage_from_log_probs(log_prob, attempts=attempts, reduction=reduction)
    values = P.direct_coverage_from_log_probs(log_prob, attempts=attempts, reduction="none")
    factor = coverage_factor(log_prob, attempts)
    return {"loss": loss, "loss_none": values, "factor_F": factor, **read.gradients(loss)}


def stepwise(read: Reader) -> dict[str, Any]:
    """Proofs of different lengths, padded and masked."""
    proofs, attempts = read.value("step_log_prob"), float(read.param("N_eff"))
    read.param("reduction", "mean over proofs of the sum over steps", among=("mean over proofs of the sum over steps",))
    read.done()
    longest = max(map(len, proofs))
    padded = [steps + [0.0] * (longest - len(steps)) for steps in proofs]
    log_prob = torch.tensor(padded, dtype=torch.float64, requires_grad=True)
    mask = torch.arange(longest) < torch.tensor([len(steps) for steps in proofs]).unsqueeze(1)
    loss = P.stepwise_direct_coverage(log_prob, attempts=attempts, mask=mask)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    rows = [row[: len(steps)] for row, steps in zip(gradient.tolist(), proofs, strict=True)]
    return {"loss": loss, "grad_step_log_prob": rows}

"""Adapters for losses/distillation and the alignment of gradients."""

from __future__ import annotations

from typing import Any

import torch

import perdita.functional as P
from perdita.losses.distillation.masked_language import distillation_terms
from perdita.training.gradient_alignment import aligned_sum
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("pld")
def pld(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss, its items and its gradient; "ce" is called "first" here."""
    read = Reader(inputs, params)
    tensors = read.tensor("input"), read.constant("teacher_logits"), read.constant("target")
    weights = read.param("weights", among=("teacher", "uniform", "ce")).replace("ce", "first")
    options = {"weights": weights, "temperature": read.param("temperature")}
    reduction = read.param("reduction", among=("mean", "sum", "none"))
    read.done()
    loss = P.plackett_luce_distillation(*tensors, **options, reduction=reduction)
    items = P.plackett_luce_distillation(*tensors, **options, reduction="none")
    return {"loss": loss, "loss_none": items, **read.gradients(loss)}


@adapter("dhkd")
def dhkd(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Either logit-level loss, the loss of both heads, or the aligned gradients. The clamp at eps is not reached."""
    read = Reader(inputs, params)
    kind = read.param("kind", among=("binarykl", "binarykl_norm", "dual_head", "gradient_alignment"))
    if kind == "gradient_alignment":
        return alignment(read)
    read.param("eps", among=(1e-8,))
    temperature = read.param("temperature")
    if kind == "dual_head":
        logits, auxiliary = read.tensor("main_logits"), read.tensor("aux_logits")
        rest = read.constant("teacher_logits"), read.constant("target")
        weights = {"label_weight": read.param("gamma"), "teacher_weight": read.param("alpha")}
        read.done()
        loss = P.dual_head_distillation(logits, auxiliary, *rest, temperature=temperature, **weights)
        return {"loss": loss, **read.gradients(loss)}
    pair = read.tensor("student_logits"), read.constant("teacher_logits")
    reduction = read.param("reduction", among=("batchmean",))
    read.done()
    function = P.binary_kl if kind == "binarykl" else P.binary_kl_norm
    loss = function(*pair, temperature=temperature, reduction=reduction)
    return {"loss": loss, **read.gradients(loss)}


def alignment(read: Reader) -> dict[str, Any]:
    task = read.constant("grad_task_shared"), read.constant("grad_task_main_head")
    taught = read.constant("grad_kd_shared"), read.constant("grad_kd_aux_head")
    read.done()
    merged = aligned_sum([
        (*task, torch.zeros_like(taught[1])),
        (taught[0], torch.zeros_like(task[1]), taught[1]),
    ])  # fmt: skip
    return dict(zip(("merged_shared", "merged_main_head", "merged_aux_head"), merged, strict=True))


@adapter("distilbert")
def distilbert(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The sum, and each of its terms before its weight."""
    read = Reader(inputs, params)
    logits, teacher = read.tensor("student_logits"), read.constant("teacher_logits")
    hidden, teacher_hidden = read.tensor("student_hidden"), read.constant("teacher_hidden")
    labels, mask = read.constant("labels"), read.constant("attention_mask").bool()
    weights = {"teacher": "ce", "label": "mlm", "next": "clm", "square": "mse", "cosine": "cos"}
    given = {f"{name}_weight": read.param(f"alpha_{short}") for name, short in weights.items()}
    options = {"temperature": read.param("temperature"), "labelled_only": read.param("restrict_ce_to_mask")}
    read.done()
    tensors = (logits, teacher, labels, hidden, teacher_hidden)
    loss = P.masked_language_distillation(*tensors, mask=mask, **given, **options)
    terms = distillation_terms(*tensors, mask=mask, **options)
    return {"loss": loss, **{f"loss_{weights[name]}": term for name, term in terms.items()}, **read.gradients(loss)}


@adapter("cprd")
def cprd(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss, its gradient, and how many ranks were trained."""
    read = Reader(inputs, params)
    scores, teacher, valid = read.tensor("student_scores"), read.constant("teacher_scores"), read.constant("num_valid")
    temperature = read.param("tau")
    read.param("order", among=("teacher descending",))
    read.param("reduction", among=("sum over ranks, mean over queries; the last rank contributes 0",))
    read.done()
    loss = P.partial_ranking_distillation(scores, teacher, valid, temperature=temperature)
    return {"loss": loss, "terms": int(valid.sum()), **read.gradients(loss)}

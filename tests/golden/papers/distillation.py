"""Adapters for losses/distillation and the alignment of gradients."""

from __future__ import annotations

import math
from typing import Any

import torch

import perdita.functional as P
from perdita.losses.distillation.masked_language import distillation_terms
from perdita.training.gradient_alignment import aligned_sum
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError


@adapter("pld")
def pld(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss, its items and its gradient; "ce" is called "first" here."""
    read = Reader(inputs, params)
    tensors = read.tensor("input"), read.constant("teacher_logits"), read.constant("target")
    weights = {"teacher": "teacher", "uniform": "uniform", "ce": "first"}
    options = {"temperature": read.param("temperature", 1.0)}
    if isinstance(chosen := read.option("weights", "teacher"), list):
        options["step_weights"] = torch.tensor(chosen, dtype=torch.float64)
    elif chosen in weights:
        options["weights"] = weights[chosen]
    else:
        raise UnreadError(f"param weights is {chosen!r}; known are {', '.join(weights)} and a list")
    if read.has("ignore_index"):
        options["ignore_index"] = read.param("ignore_index")
    reduction = read.param("reduction", "mean", among=("mean", "sum", "none"))
    read.done()
    loss = P.plackett_luce_distillation(*tensors, **options, reduction=reduction)
    items = P.plackett_luce_distillation(*tensors, **options, reduction="none")
    return {"loss": loss, "loss_none": items, **read.gradients(loss)}


@adapter("dhkd")
def dhkd(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Either logit-level loss, the loss of both heads, or the aligned gradients.

    The released code clamps probabilities to [eps, 1 - eps]: so clamped, the logits give its values and gradients.
    """
    read = Reader(inputs, params)
    kind = read.param("kind", among=("binarykl", "binarykl_norm", "dual_head", "gradient_alignment"))
    if kind == "gradient_alignment":
        return alignment(read)
    temperature, eps = read.param("temperature", 2.0), read.param("eps", 1e-8)
    bound = temperature * math.log((1 - eps) / eps)
    if kind == "dual_head":
        logits, auxiliary = read.tensor("main_logits"), read.tensor("aux_logits")
        teacher, target = read.constant("teacher_logits").double(), read.constant("target")
        weights = {"label_weight": read.param("gamma", 1.0), "teacher_weight": read.param("alpha", 1.0)}
        read.done()
        near = auxiliary.clamp(teacher - bound, teacher + bound)
        loss = P.dual_head_distillation(logits, near, teacher, target, temperature=temperature, **weights)
        return {"loss": loss, **read.gradients(loss)}
    logits, teacher = read.tensor("student_logits"), read.constant("teacher_logits").double()
    reduction = read.param("reduction", "batchmean", among=("batchmean",))
    read.done()
    if kind == "binarykl":
        pair = logits.clamp(-bound, bound), teacher.clamp(-bound, bound)
        loss = P.binary_kl(*pair, temperature=temperature, reduction=reduction)
    else:
        near = logits.clamp(teacher - bound, teacher + bound)
        loss = P.binary_kl_norm(near, teacher, temperature=temperature, reduction=reduction)
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
    """The sum, and each of its terms before its weight.

    In the released code the labels alone say what is predicted: one on padding counts, which the loss leaves out.
    """
    read = Reader(inputs, params)
    logits, teacher = read.tensor("student_logits"), read.constant("teacher_logits")
    hidden, teacher_hidden = read.tensor("student_hidden"), read.constant("teacher_hidden")
    labels, mask = read.constant("labels"), read.constant("attention_mask").bool()
    recipe = {"teacher": ("ce", 5.0), "label": ("mlm", 2.0), "next": ("clm", 0.0), "square": ("mse", 0.0)}
    recipe["cosine"] = ("cos", 1.0)
    weights = {name: read.param(f"alpha_{short}", value) for name, (short, value) in recipe.items()}
    options = {
        "temperature": read.param("temperature", 2.0),
        "labelled_only": read.param("restrict_ce_to_mask", False, among=(True, False)),
    }
    read.done()
    tensors = (logits, teacher, labels, hidden, teacher_hidden)
    terms = distillation_terms(*tensors, mask=mask, **options)
    free = distillation_terms(*tensors, **options)  # no token is padding
    by_label = ("label", "next", "teacher", "square") if options["labelled_only"] else ("label", "next")
    if not bool(((labels >= 0) & ~mask).any()):
        given = {f"{name}_weight": weight for name, weight in weights.items()}
        loss = P.masked_language_distillation(*tensors, mask=mask, **given, **options)
        torch.testing.assert_close(loss, sum(weight * terms[name] for name, weight in weights.items()))
    terms |= {name: free[name] for name in by_label}
    loss = torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()
    return {"loss": loss, **{f"loss_{recipe[name][0]}": term for name, term in terms.items()}, **read.gradients(loss)}


@adapter("cprd")
def cprd(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The loss, its gradient, and how many ranks were trained."""
    read = Reader(inputs, params)
    scores, teacher = read.tensor("student_scores"), read.constant("teacher_scores")
    valid, threshold = read.constant("num_valid", None), read.param("valid_threshold", 0.5)
    options = {"temperature": read.param("tau", 0.07), "ties": read.param("ties", "stable", among=("stable", "joint"))}
    read.param("order", "teacher descending", among=("teacher descending",))
    rule = "sum over ranks, mean over queries; the last rank contributes 0"
    read.param("reduction", rule, among=(rule,))
    read.done()
    loss = P.partial_ranking_distillation(scores, teacher, valid, valid_threshold=threshold, **options)
    counted = (teacher > threshold).sum(1) if valid is None else valid
    return {"loss": loss, "terms": int(counted.clamp(max=scores.shape[1]).sum()), **read.gradients(loss)}

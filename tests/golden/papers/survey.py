"""Adapter of the survey of losses and metrics: what its checklist names, each at the survey's own numbers.

Where the survey prints a formula that is not the canonical one, perdita has the canonical one; the printed form is
written out here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import perdita.functional as P
from perdita.catalogue.survey import resolve
from perdita.judge.answers import context_precision, rouge_ngram, rouge_weighted
from perdita.judge.depth import depth_errors, threshold_accuracy
from tests.golden.adapters import adapter
from tests.golden.reader import Reader


@adapter("loss-metric-survey")
def survey(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    if read.has("hypothesis"):
        return texts(read)
    input, target = read.tensor("input"), read.constant("target")
    case = next(found for key, found in CASES.items() if read.has(key))
    losses, measures = case(read, input, target)
    read.done()
    gradients = {f"grad_input_{name}": read.gradients(value)["grad_input"] for name, value in losses.items()}
    return {**losses, **gradients, **measures}


Found = tuple[dict[str, Tensor], dict[str, Any]]


def regression(read: Reader, input: Tensor, target: Tensor) -> Found:
    edge, libra = read.param("beta_or_delta"), read.param("libra")
    size = (input - target).abs()
    printed = torch.where(size >= edge, edge * (size / edge + 1).log(), (size.square() + edge**2) / (2 * edge))
    losses = {
        "smooth_l1": P.smooth_l1(input, target, beta=edge),
        "huber": P.huber(input, target, delta=edge),
        "log_cosh": P.log_cosh(input, target),
        "quantile": P.quantile(input, target, level=read.param("q")),
        "balanced_l1_survey": printed.mean(),
        "balanced_l1_libra": P.balanced_l1(input, target, **libra),
        "wing": P.wing(input, target, width=read.param("wing_omega"), curvature=read.param("wing_epsilon")),
        "berhu": P.berhu(input, target, threshold=edge),
        "smape_percent": 100 * resolve("torchmetrics.functional.symmetric_mean_absolute_percentage_error")(
            input, target
        ),
        "r2": resolve("torchmetrics.functional.r2_score")(input, target),
    }  # fmt: skip
    if (target >= 0).all():  # perdita refuses counts below 0
        losses["poisson_log_input"] = P.poisson_nll(input, target)
    return losses, {}


def classification(read: Reader, input: Tensor, target: Tensor) -> Found:
    weight, smoothing = read.constant("class_weight").double(), read.param("label_smoothing")
    losses = {
        "cross_entropy": P.cross_entropy(input, target),
        "weighted_cross_entropy_mean_by_weight": P.cross_entropy(input, target, class_weight=weight),
        "label_smoothing": P.cross_entropy(input, target, label_smoothing=smoothing),
        "focal": P.focal(input, target, gamma=read.param("gamma")),
        "poly1": P.poly_cross_entropy(input, target, epsilon=read.param("poly_epsilon")),
        "multiclass_hinge": P.multi_margin(input, target),
    }
    return losses, {}


def boxes(read: Reader, input: Tensor, target: Tensor) -> Found:
    read.param("box_format", among=("xyxy",))
    read.param("ciou_alpha", among=("treated as a constant in the gradient",))
    losses = {
        "iou": P.box_iou(input, target),
        "giou": P.generalized_box_iou(input, target),
        "diou": P.distance_box_iou(input, target),
        "ciou": P.complete_box_iou(input, target),
    }
    return losses, {}


def segmentation(read: Reader, input: Tensor, target: Tensor) -> Found:
    smooth = read.param("smooth")
    prices = {"false_alarms": read.param("tversky_alpha_fp"), "misses": read.param("tversky_beta_fn")}
    read.param("average", among=("per image, then mean",))
    losses = {
        "dice": P.binary_dice(input, target, smooth=smooth),
        "soft_iou": P.binary_jaccard(input, target, smooth=smooth),
        "tversky": P.binary_tversky(input, target, smooth=smooth, **prices),
        "lovasz_hinge": P.lovasz_hinge(input, target),
    }
    return losses, {}


def depth(read: Reader, input: Tensor, target: Tensor) -> Found:
    share = read.param("lam")
    one, wanted = input.unsqueeze(0), target.unsqueeze(0)  # one image
    ratio, errors = input.log() - target.log(), depth_errors(input, target)
    losses = {
        "silog_survey_eq139": ratio.square().sum() / 2 - share / ratio.numel() ** 2 * ratio.sum().square(),
        "silog_eigen": P.scale_invariant_depth(one, wanted, variance_share=share),
        "ssi_mse": P.scale_shift_invariant_depth(one, wanted),
        "abs_rel": errors["abs_rel"],
        "rmse_log": errors["rmse_log"],
        "mean_log10": errors["log10"],
    }
    given = input.detach()
    return losses, {f"delta{power}": threshold_accuracy(given, target, power=power) for power in (1, 2, 3)}


def texts(read: Reader) -> dict[str, Any]:
    said, meant = read.value("hypothesis"), read.value("reference")
    relevant, scores = read.value("relevant"), read.constant("ap_scores")
    log_probs = read.constant("log_probs")
    read.done()
    rate = resolve("torchmetrics.functional.text.word_error_rate")([" ".join(said)], [" ".join(meant)]).item()
    found = [bool(relevant[place]) for place in scores.argsort(descending=True, stable=True, dim=0).tolist()]
    return {
        "wer": round(rate * len(meant)) / len(meant),  # torchmetrics has it in 32 bits; errors are whole
        f"context_precision_at_{len(found)}": context_precision(found),
        "perplexity": (-log_probs.mean()).exp(),
        "rouge1_recall": rouge_ngram(said, meant),
        "rouge_l_recall": rouge_weighted(said, meant, power=1.0),
    }


CASES = {  # a param of each case
    "beta_or_delta": regression,
    "gamma": classification,
    "box_format": boxes,
    "tversky_alpha_fp": segmentation,
    "lam": depth,
}
